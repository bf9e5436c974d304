"""One writer per directory, and readers that look without being in the way."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from trunkline.errors import OperatorError
from trunkline.journal import lock


def test_the_lock_holds_the_pid_and_ends_with_its_descriptor(tmp_path: Path) -> None:
    fd = lock.hold(tmp_path)
    assert (tmp_path / lock.LOCK_FILE).read_text() == f"{os.getpid()}\n"
    assert lock.is_held(tmp_path)
    with pytest.raises(OperatorError, match=f"in use by process {os.getpid()}"):
        lock.hold(tmp_path)
    os.close(fd)
    assert not lock.is_held(tmp_path)


def test_a_stale_lock_file_is_nobodys(tmp_path: Path) -> None:
    (tmp_path / lock.LOCK_FILE).write_text("1\n" * 100)
    assert not lock.is_held(tmp_path)
    os.close(lock.hold(tmp_path))
    assert (tmp_path / lock.LOCK_FILE).read_text() == f"{os.getpid()}\n"


def test_a_directory_without_a_lock_is_not_held(tmp_path: Path) -> None:
    assert not lock.is_held(tmp_path)
    assert not lock.is_held(tmp_path / "missing")


def test_a_pid_that_cannot_be_written_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int, data: bytes, offset: int) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lock.os, "pwrite", refuse)
    fd = lock.hold(tmp_path)
    assert lock.is_held(tmp_path)
    with pytest.raises(OperatorError, match="process \\(unknown\\)"):
        lock.hold(tmp_path)
    os.close(fd)


def test_readers_that_look_do_not_keep_a_writer_out(tmp_path: Path) -> None:
    os.close(lock.hold(tmp_path))
    done = False

    def look() -> None:
        while not done:
            lock.is_held(tmp_path)

    with ThreadPoolExecutor(3) as pool:
        lookers = [pool.submit(look) for _ in range(3)]
        try:
            for _ in range(50):
                os.close(lock.hold(tmp_path))
        finally:
            done = True
        for looker in lookers:
            looker.result()
