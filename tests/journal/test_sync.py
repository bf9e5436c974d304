"""What was written is synced, once, and a failure is told."""

import os
from pathlib import Path

import pytest

from trunkline import clock
from trunkline.journal import sync as sync_module
from trunkline.journal.sync import Syncer


def open_file(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)


async def test_the_directory_of_a_new_segment_is_synced_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(
        sync_module.os, "fdatasync", lambda fd: synced.append(os.readlink(f"/proc/self/fd/{fd}"))
    )
    errors: list[OSError] = []
    syncer = Syncer(tmp_path, "always", 100, errors.append)
    first, second = open_file(tmp_path / "1"), open_file(tmp_path / "2")
    syncer.written(first, (), any_bytes=True)
    syncer.written(second, (first,), any_bytes=True)
    await syncer.close()
    assert synced.count(str(tmp_path)) == 2
    assert {str(tmp_path / "1"), str(tmp_path / "2")} <= set(synced)
    assert errors == []


async def test_a_directory_that_cannot_be_synced_is_an_error(tmp_path: Path) -> None:
    errors: list[OSError] = []
    syncer = Syncer(tmp_path / "gone", "always", 100, errors.append)
    syncer.written(open_file(tmp_path / "1"), (), any_bytes=True)
    await syncer.close()
    assert [type(error) for error in errors] == [FileNotFoundError]


async def test_the_age_is_that_of_the_oldest_byte_not_yet_synced(tmp_path: Path) -> None:
    syncer = Syncer(tmp_path, "interval", 100, lambda error: None)
    assert syncer.age_ns(clock.monotonic_ns()) == 0
    before_ns = clock.monotonic_ns()
    fd = open_file(tmp_path / "1")
    syncer.written(fd, (), any_bytes=True)
    syncer.written(fd, (), any_bytes=True)
    after_ns = clock.monotonic_ns()
    assert 0 <= syncer.age_ns(after_ns) <= after_ns - before_ns
    assert syncer.age_ns(after_ns + 1_000_000) >= 1_000_000
    await syncer.close()
    assert syncer.age_ns(clock.monotonic_ns()) == 0
