"""What a process publishes, others read: whole, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from msgspec import structs
from tests.vitals.of import NOW_NS, gateway, server

from trunkline.vitals import files
from trunkline.vitals.figures import Gateway, Journal
from trunkline.vitals.files import VitalsFile, clear, read


def test_what_was_written_is_read_with_its_age(tmp_path: Path) -> None:
    here = os.getpid()
    told = structs.replace(gateway(journal=Journal(lost_frames=7), refused={"full": 2}), pid=here)
    VitalsFile(tmp_path, "gateway-0").write(told)
    VitalsFile(tmp_path, "server").write(structs.replace(server(), pid=here))
    first, second = read(tmp_path, NOW_NS + 3).seen
    assert (first.name, first.figures, first.age_ns, first.state) == (
        "gateway-0",
        told,
        3,
        "running",
    )
    assert second.name == "server"


def test_a_shorter_word_after_a_longer_one_is_whole(tmp_path: Path) -> None:
    file = VitalsFile(tmp_path, "gateway-0")
    file.write(gateway(refused={str(number): number for number in range(100)}))
    file.write(gateway())
    (seen,) = read(tmp_path, NOW_NS).seen
    assert seen.figures == gateway()


def test_a_process_that_is_gone_is_told_from_one_that_is_stuck(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    VitalsFile(tmp_path, "a").write(structs.replace(gateway(), pid=child.pid))
    VitalsFile(tmp_path, "b").write(structs.replace(gateway(), pid=os.getpid()))
    later = read(tmp_path, NOW_NS + 6 * 10**9)
    assert [seen.state for seen in later.seen] == ["gone", "stuck"]
    before = read(tmp_path, NOW_NS - 10**9)
    assert before.seen[1].state == "stuck", "its clock is that of another start of the machine"


def test_what_is_no_vitals_file_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.vitals").write_bytes(b"")
    (tmp_path / "b.vitals").write_bytes(b"\0" * 40_000)
    (tmp_path / "c.vitals").write_bytes(b"d87f7e0c\ntest")
    (tmp_path / "snapshot.json").write_bytes(b"{}")
    assert read(tmp_path, 0).seen == ()


def test_a_file_is_removed_by_its_process_and_stays_removed(tmp_path: Path) -> None:
    file = VitalsFile(tmp_path, "gateway-0")
    file.write(gateway())
    file.remove()
    file.write(gateway())
    assert list(tmp_path.iterdir()) == []
    VitalsFile(tmp_path, "gateway-1").write(gateway())
    clear(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_a_successor_stays(tmp_path: Path) -> None:
    before, after = VitalsFile(tmp_path, "gateway-0"), VitalsFile(tmp_path, "gateway-0")
    before.write(gateway())
    after.write(gateway(attempts=2))
    before.write(gateway(attempts=1))
    before.remove()
    (seen,) = read(tmp_path, NOW_NS).seen
    assert seen.figures == gateway(attempts=2)


def test_a_full_disk_does_not_stop_it(tmp_path: Path) -> None:
    """After the first write no block is asked for: the file neither grows nor changes place."""
    file = VitalsFile(tmp_path, "gateway-0")
    file.write(gateway())
    before = (tmp_path / "gateway-0.vitals").stat()
    file.write(gateway(refused={str(number): number for number in range(500)}))
    after = (tmp_path / "gateway-0.vitals").stat()
    assert (after.st_ino, after.st_size, after.st_blocks) == (
        before.st_ino,
        before.st_size,
        before.st_blocks,
    )
    assert after.st_size == files.FILE_BYTES


def test_a_reader_never_sees_half_a_word(tmp_path: Path) -> None:
    file = VitalsFile(tmp_path, "gateway-0")
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            file.write(gateway(attempts=number, ended={"x" * (number % 5000): number}))

    file.write(gateway())
    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = 0
        for _ in range(2000):
            for one in read(tmp_path, NOW_NS).seen:
                assert isinstance(one.figures, Gateway)
                assert set(one.figures.ended.values()) <= {one.figures.attempts}
                seen += 1
    finally:
        done.set()
        writer.join()
    assert seen > 1000
