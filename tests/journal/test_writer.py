"""The gateway's end of the journal, on real files."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from trunkline.errors import OperatorError
from trunkline.journal import segments as segments_module
from trunkline.journal import sync as sync_module
from trunkline.journal import writer as writer_module
from trunkline.journal.reader import START, JournalReader
from trunkline.journal.record import MAX_PAYLOAD_BYTES, OVERHEAD_BYTES, Flag, Kind, Leg, Record
from trunkline.journal.writer import BUFFER_BYTES, JournalWriter
from trunkline.protocol.call import Gap
from trunkline.settings import Settings

INSTANCE = b"instance-0123456"
CALL = b"call-a-012345678"
OTHER = b"call-b-012345678"


@asynccontextmanager
async def started(
    directory: Path, settings: Settings | None = None, **bounds: int
) -> AsyncIterator[JournalWriter]:
    """A writer that nobody but the test flushes, unless `settings` say otherwise."""
    settings = settings or Settings(flush_interval_ms=3_600_000)
    writer = JournalWriter(directory, INSTANCE, settings, **bounds)
    writer.start()
    try:
        yield writer
    finally:
        await writer.close()


def frame(seq: int, payload: bytes = b"{}", call: bytes = CALL) -> Record:
    return Record(Kind.FRAME, call, seq, Leg.CALLER, Flag(0), 1_000 + seq, 2_000 + seq, payload)


def append(writer: JournalWriter, record: Record) -> None:
    writer.append(
        record.kind,
        record.call,
        record.seq,
        record.leg,
        record.flags,
        record.received_ns,
        record.handed_ns,
        record.payload,
    )


def read_all(directory: Path) -> list[Record]:
    batches = list(JournalReader(directory).batches())
    assert not [damage for batch in batches for damage in batch.damage]
    return [record for batch in batches for record, _ in batch.records]


def gaps_of(records: list[Record]) -> list[Gap]:
    return [
        msgspec.json.decode(record.payload, type=Gap)
        for record in records
        if record.kind == Kind.GAP
    ]


class Disk:
    """Refuses writes when told to, half-way through; else is the real one."""

    def __init__(self) -> None:
        self.error: int | None = None
        self._pwrite = os.pwrite

    def pwrite(self, fd: int, data: memoryview, offset: int) -> int:
        if self.error is None:
            return self._pwrite(fd, data, offset)
        if len(data) > 1 and offset == os.fstat(fd).st_size:
            return self._pwrite(fd, data[: len(data) // 2], offset)
        raise OSError(self.error, os.strerror(self.error))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    fake = Disk()
    monkeypatch.setattr(segments_module.os, "pwrite", fake.pwrite)
    return fake


async def test_what_is_appended_is_read_as_it_was(tmp_path: Path) -> None:
    records = [frame(seq, os.urandom(seq * 7)) for seq in range(200)]
    async with started(tmp_path) as writer:
        for record in records:
            append(writer, record)
        await writer.flush()
        assert read_all(tmp_path) == records
        assert writer.records == 200
        assert writer.lag_bytes == 0
        assert writer.bytes_written == sum(48 + len(record.payload) for record in records)


async def test_a_payload_may_be_a_view_of_memory_that_is_used_again(tmp_path: Path) -> None:
    memory = bytearray(b"first")
    async with started(tmp_path) as writer:
        writer.append(Kind.FRAME, CALL, 0, Leg.CALLER, Flag(0), 1, 2, memoryview(memory))
        memory[:] = b"later"
        await writer.flush()
    assert read_all(tmp_path)[0].payload == b"first"


async def test_the_timer_writes_without_being_asked(tmp_path: Path) -> None:
    async with started(tmp_path, Settings(flush_interval_ms=1)) as writer:
        append(writer, frame(0))
        while not read_all(tmp_path):
            await asyncio.sleep(0.001)


async def test_a_full_buffer_is_written_before_the_timer(tmp_path: Path) -> None:
    async with started(tmp_path) as writer:
        for seq in range(3):
            append(writer, frame(seq, bytes(BUFFER_BYTES // 2)))
        while not read_all(tmp_path):
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("size", [BUFFER_BYTES, 32 * 1024 * 1024, MAX_PAYLOAD_BYTES])
async def test_a_frame_larger_than_the_buffer_keeps_its_place(tmp_path: Path, size: int) -> None:
    async with started(tmp_path, Settings(flush_interval_ms=3_600_000, fsync="never")) as writer:
        append(writer, frame(0))
        append(writer, frame(1, bytes(size)))
        append(writer, frame(2))
        await writer.flush()
        found = read_all(tmp_path)
    assert [(record.seq, len(record.payload)) for record in found] == [(0, 2), (1, size), (2, 2)]


async def test_a_frame_larger_than_any_record_is_a_gap(tmp_path: Path) -> None:
    async with started(tmp_path, Settings(flush_interval_ms=1)) as writer:
        append(writer, frame(0))
        append(writer, frame(1, bytes(MAX_PAYLOAD_BYTES + 1)))
        while not writer.gaps:
            await asyncio.sleep(0.001)
        append(writer, frame(2))
        await writer.flush()
    found = read_all(tmp_path)
    assert [(record.kind, record.seq) for record in found] == [
        (Kind.FRAME, 0),
        (Kind.GAP, 1),
        (Kind.FRAME, 2),
    ]
    assert gaps_of(found) == [
        Gap(first_seq=1, last_seq=1, frames=1, bytes=MAX_PAYLOAD_BYTES + 1, why="overrun")
    ]


async def test_a_segment_is_followed_by_the_next_when_it_is_full(tmp_path: Path) -> None:
    records = [frame(seq, bytes(1_000)) for seq in range(50)]
    async with started(tmp_path, segment_bytes=4_096) as writer:
        for record in records:
            append(writer, record)
            if record.seq % 3 == 2:
                await writer.flush()
    assert read_all(tmp_path) == records
    sizes = [path.stat().st_size for path in tmp_path.glob("*.journal")]
    assert len(sizes) > 10
    assert max(sizes) <= 4_096


async def test_a_process_never_appends_to_a_segment_that_it_did_not_begin(tmp_path: Path) -> None:
    for seq in range(3):
        async with started(tmp_path) as writer:
            append(writer, frame(seq))
    assert JournalReader(tmp_path).segments() == [1, 2, 3]
    assert [record.seq for record in read_all(tmp_path)] == [0, 1, 2]


async def test_a_directory_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for directory in (tmp_path / "file", tmp_path / "file" / "journal"):
        with pytest.raises(OperatorError, match=f"cannot write the journal in {directory}: "):
            JournalWriter(directory, INSTANCE, Settings()).start()


async def test_a_directory_that_refuses_new_files_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(segments_module.Segments, "begin", refuse)
    with pytest.raises(OperatorError, match="Read-only file system"):
        JournalWriter(tmp_path, INSTANCE, Settings()).start()
    assert not JournalReader(tmp_path).writer_alive()


async def test_a_disk_that_is_full_at_the_start_is_waited_for(tmp_path: Path, disk: Disk) -> None:
    disk.error = 28
    async with started(tmp_path) as writer:
        assert writer.failing == "disk_full"
        append(writer, frame(0))
        disk.error = None
        await writer.flush()
        assert writer.failing == ""
        assert read_all(tmp_path) == [frame(0)]


@pytest.mark.parametrize(("error", "why"), [(28, "disk_full"), (5, "io_error")])
async def test_what_waits_for_the_disk_is_not_lost(
    tmp_path: Path, disk: Disk, error: int, why: str
) -> None:
    async with started(tmp_path) as writer:
        append(writer, frame(0))
        await writer.flush()
        disk.error = error
        append(writer, frame(1))
        await writer.flush()
        assert writer.failing == why
        disk.error = None
        append(writer, frame(2))
        await writer.flush()
        assert writer.suspect_segments == (why == "io_error")
    assert read_all(tmp_path) == [frame(0), frame(1), frame(2)]
    assert len(JournalReader(tmp_path).segments()) == (2 if why == "io_error" else 1)


async def test_a_failed_write_leaves_no_torn_record_behind(tmp_path: Path, disk: Disk) -> None:
    async with started(tmp_path) as writer:
        append(writer, frame(0))
        await writer.flush()
        whole = (tmp_path / "00000001.journal").stat().st_size
        disk.error = 28
        append(writer, frame(1, bytes(100_000)))
        await writer.flush()
        assert (tmp_path / "00000001.journal").stat().st_size == whole


async def test_a_segment_that_cannot_be_cut_is_left_and_its_torn_end_is_skipped(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int, length: int) -> None:
        raise OSError(5, "Input/output error")

    async with started(tmp_path) as writer:
        append(writer, frame(0))
        await writer.flush()
        disk.error = 28
        monkeypatch.setattr(segments_module.os, "ftruncate", refuse)
        append(writer, frame(1, bytes(1_000)))
        await writer.flush()
        disk.error = None
        await writer.flush()
    batches = list(JournalReader(tmp_path).batches())
    assert [record.seq for batch in batches for record, _ in batch.records] == [0, 1]
    assert [damage.segment for batch in batches for damage in batch.damage] == [1]


async def test_a_segment_that_cannot_be_begun_leaves_no_file(tmp_path: Path, disk: Disk) -> None:
    async with started(tmp_path, segment_bytes=2_000) as writer:
        append(writer, frame(0, bytes(1_500)))
        await writer.flush()
        disk.error = 28
        append(writer, frame(1, bytes(1_500)))
        await writer.flush()
        assert JournalReader(tmp_path).segments() == [1]
        disk.error = None
        await writer.flush()
    assert [record.seq for record in read_all(tmp_path)] == [0, 1]


async def test_a_writer_that_could_not_start_leaves_the_directory_alone(tmp_path: Path) -> None:
    async with started(tmp_path):
        second = JournalWriter(tmp_path, INSTANCE, Settings())
        append(second, frame(0))
        with pytest.raises(OperatorError, match="in use by process"):
            second.start()
        await second.close()
    assert JournalReader(tmp_path).segments() == [1]


async def test_what_does_not_fit_is_counted_and_told_before_what_follows(
    tmp_path: Path, disk: Disk
) -> None:
    payload = bytes(BUFFER_BYTES * 2 // 5)
    async with started(tmp_path, max_backlog_bytes=BUFFER_BYTES) as writer:
        disk.error = 28
        for seq in range(8):
            append(writer, frame(seq, payload))
            append(writer, frame(seq, b"{}", OTHER))
            await writer.flush()
        disk.error = None
        await writer.flush()
        append(writer, frame(8))
        append(writer, frame(8, b"{}", OTHER))
        await writer.flush()
        lost_frames, lost_bytes = writer.lost_frames, writer.lost_bytes
    found = read_all(tmp_path)
    mine = [record for record in found if record.call == CALL]
    (gap,) = gaps_of(mine)
    assert gap.why == "disk_full"
    assert gap.frames == gap.last_seq - gap.first_seq + 1
    assert gap.bytes == gap.frames * len(payload)
    kept = list(range(gap.first_seq))
    assert [record.seq for record in mine] == [*kept, gap.last_seq, 8]
    assert lost_frames == sum(gap.frames for gap in gaps_of(found))
    assert lost_bytes == sum(gap.bytes for gap in gaps_of(found))


async def test_how_a_call_began_and_ended_outlives_a_full_disk(tmp_path: Path, disk: Disk) -> None:
    ends = {0: Kind.OPENED, 5: Kind.NOTE, 9: Kind.CLOSED}
    async with started(tmp_path, max_backlog_bytes=1_000) as writer:
        disk.error = 28
        append(writer, frame(0, bytes(1_000), OTHER))
        await writer.flush()
        append(writer, frame(1, bytes(BUFFER_BYTES - OVERHEAD_BYTES), OTHER))
        for seq in range(10):
            kind = ends.get(seq, Kind.FRAME)
            append(writer, msgspec.structs.replace(frame(seq), kind=kind))
        assert writer.lost_frames == 7
        disk.error = None
        await writer.flush()
    mine = [(record.kind, record.seq) for record in read_all(tmp_path) if record.call == CALL]
    assert mine == [
        (Kind.OPENED, 0),
        (Kind.GAP, 4),
        (Kind.NOTE, 5),
        (Kind.GAP, 8),
        (Kind.CLOSED, 9),
    ]


@pytest.mark.guarantee("D4")
async def test_more_than_fits_a_buffer_is_told_once_and_in_order(
    tmp_path: Path, disk: Disk
) -> None:
    """Thousands of calls came and went while the disk was full."""
    calls = [number.to_bytes(16, "big") for number in range(1_000)]
    async with started(tmp_path, max_backlog_bytes=1_000) as writer:
        disk.error = 28
        append(writer, frame(0, bytes(1_000), OTHER))
        await writer.flush()
        append(writer, frame(1, bytes(BUFFER_BYTES - OVERHEAD_BYTES), OTHER))
        for call in calls:
            opened = frame(0, bytes(7_000), call)
            append(writer, msgspec.structs.replace(opened, kind=Kind.OPENED))
            append(writer, frame(1, b"{}", call))
        disk.error = None
        write_at_once(writer)
        await writer.flush()
        await writer.flush()
        append(writer, frame(2, b"{}", calls[0]))
        assert writer.failing == ""
    told = [record for record in read_all(tmp_path) if record.call != OTHER]
    assert [record.seq for record in told if record.call == calls[0]] == [0, 1, 2]
    lost = [record for record in told if record.kind != Kind.FRAME]
    assert [(record.kind, record.call) for record in lost] == [
        (kind, call) for call in calls for kind in (Kind.OPENED, Kind.GAP)
    ]


@pytest.mark.guarantee("D4")
async def test_a_large_frame_that_comes_as_the_disk_recovers_keeps_its_place(
    tmp_path: Path, disk: Disk
) -> None:
    """Gaps that are to be told take no room from it."""
    async with started(tmp_path, max_backlog_bytes=6 * BUFFER_BYTES) as writer:
        disk.error = 28
        append(writer, frame(0, bytes(2 * BUFFER_BYTES), OTHER))
        append(writer, frame(0, bytes(2 * BUFFER_BYTES)))
        await writer.flush()
        append(writer, frame(1, bytes(3 * BUFFER_BYTES)))
        assert writer.lost_frames == 1
        disk.error = None
        await until_written(writer)
        append(writer, frame(1, bytes(BUFFER_BYTES * 3 // 2), OTHER))
    found = read_all(tmp_path)
    assert [(record.kind, record.seq) for record in found if record.call == OTHER] == [
        (Kind.FRAME, 0),
        (Kind.FRAME, 1),
    ]
    assert [gap.frames for gap in gaps_of(found)] == [1]


def write_at_once(writer: JournalWriter) -> None:
    """Have each write be done when the writer looks next, as on a disk that is quick."""
    worker = writer._worker

    def give(write: Callable[[], segments_module.Outcome]) -> None:
        worker.busy = True
        worker._done.put(write())

    worker.give = give


async def until_written(writer: JournalWriter) -> None:
    """Have it write once more, and wait until that is done and nobody has looked yet."""
    writer._retry_ns = 0
    writer._write()
    async with asyncio.timeout(10):
        while not writer._worker.is_done():
            await asyncio.sleep(0.001)


@pytest.mark.guarantee("D5")
async def test_a_failed_sync_begins_a_new_segment_and_is_never_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures, asked = [OSError(5, "Input/output error")], list[str]()

    def fdatasync(fd: int) -> None:
        asked.append(os.readlink(f"/proc/self/fd/{fd}"))
        if asked[-1].endswith(".journal") and failures:
            raise failures.pop()

    async with started(tmp_path, Settings(flush_interval_ms=1, fsync="always")) as writer:
        monkeypatch.setattr(sync_module.os, "fdatasync", fdatasync)
        append(writer, frame(0))
        while not writer.suspect_segments:
            await asyncio.sleep(0.001)
        append(writer, frame(1))
        await writer.flush()
    assert read_all(tmp_path) == [frame(0), frame(1)]
    assert JournalReader(tmp_path).segments() == [1, 2]
    assert asked.count(str(tmp_path / "00000001.journal")) == 1
    assert asked.count(str(tmp_path / "00000002.journal")) > 0


@pytest.mark.parametrize(
    ("mode", "synced"),
    [
        ("interval", lambda count: count >= 1),
        ("always", lambda count: count >= 5),
        ("never", lambda count: count == 0),
    ],
)
async def test_each_mode_syncs_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, synced: Callable[[int], bool]
) -> None:
    calls: list[int] = []
    monkeypatch.setattr(sync_module.os, "fdatasync", calls.append)
    settings = Settings(flush_interval_ms=1, fsync=mode)
    async with started(tmp_path, settings) as writer:
        for seq in range(5):
            append(writer, frame(seq))
            await writer.flush()
            while mode == "always" and writer.fsync_age_ns:
                await asyncio.sleep(0)
    assert synced(len(calls))
    assert writer.fsync_age_ns == 0


async def test_nothing_is_synced_when_nothing_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    async with started(tmp_path, Settings(flush_interval_ms=1, fsync_interval_ms=1)) as writer:
        append(writer, frame(0))
        await writer.flush()
        while writer.fsync_age_ns:
            await asyncio.sleep(0.001)
        monkeypatch.setattr(sync_module.os, "fdatasync", calls.append)
        await asyncio.sleep(0.02)
        assert calls == []


async def test_closing_twice_or_before_the_start_does_nothing(tmp_path: Path) -> None:
    await JournalWriter(tmp_path, INSTANCE, Settings()).close()
    async with started(tmp_path) as writer:
        append(writer, frame(0))
        await writer.close()
    assert read_all(tmp_path) == [frame(0)]
    assert JournalReader(tmp_path).read(START).ended is False


async def test_how_long_the_oldest_record_waits_is_told(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns = 1_000
    monkeypatch.setattr(writer_module.clock, "monotonic_ns", lambda: now_ns)
    async with started(tmp_path) as writer:
        assert writer.tell().unwritten_age_ns == 0
        disk.error = errno.ENOSPC
        for seq in range(3):
            append(writer, frame(seq, bytes(BUFFER_BYTES - OVERHEAD_BYTES)))
            now_ns += 1_000_000
        await writer.flush()
        told = writer.tell()
        assert (told.failing, told.unwritten_age_ns) == ("disk_full", 3_000_000)
        assert told.backlog_bytes == 3 * BUFFER_BYTES
        disk.error = None
        await writer.flush()
        append(writer, frame(3))
        now_ns += 7
        assert 0 < writer.tell().unwritten_age_ns <= 1_000_007, "the last buffer's, not the first's"
        await writer.flush()
        assert writer.tell().unwritten_age_ns == 0


async def test_a_journal_that_was_idle_has_no_old_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is appended after an idle minute has not waited for a minute."""
    now_ns = 1_000
    monkeypatch.setattr(writer_module.clock, "monotonic_ns", lambda: now_ns)
    async with started(tmp_path, Settings(flush_interval_ms=5)) as writer:
        now_ns += 60_000_000_000
        await asyncio.sleep(0.05)
        append(writer, frame(0))
        now_ns += 7
        assert writer.tell().unwritten_age_ns == 7


async def test_a_segment_that_holds_something_is_followed_by_another_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that what is recorded can be deleted, also while nobody calls."""
    monkeypatch.setattr(segments_module, "MAX_AGE_NS", 0)
    async with started(tmp_path, Settings(flush_interval_ms=1)) as writer:
        await asyncio.sleep(0.02)
        assert JournalReader(tmp_path).segments() == [1]
        append(writer, frame(0))
        while JournalReader(tmp_path).segments() != [1, 2]:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        assert JournalReader(tmp_path).segments() == [1, 2]
        append(writer, frame(1))
    assert read_all(tmp_path) == [frame(0), frame(1)]


@pytest.mark.guarantee("D4")
async def test_a_disk_that_is_nearly_full_counts_as_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of `min_free_bytes` is left for the databases."""
    free = [1_000]
    monkeypatch.setattr(segments_module, "free_bytes", lambda _: free[0])
    settings = Settings(flush_interval_ms=1, min_free_bytes=2_000)
    async with started(tmp_path, settings, max_backlog_bytes=BUFFER_BYTES) as writer:
        append(writer, frame(0))
        while not read_all(tmp_path):
            await asyncio.sleep(0.001)
        free[0] = 999
        for seq in range(1, 5):
            append(writer, frame(seq, bytes(BUFFER_BYTES * 2 // 3)))
            await writer.flush()
        assert writer.failing == "disk_full"
        assert read_all(tmp_path) == [frame(0)]
        free[0] = 1_000
        while writer.failing:
            await asyncio.sleep(0.001)
        append(writer, frame(5))
        await writer.flush()
    found = read_all(tmp_path)
    assert [record.seq for record in found] == [0, 1, 2, 4, 5]
    assert gaps_of(found) == [
        Gap(first_seq=3, last_seq=4, frames=2, bytes=2 * (BUFFER_BYTES * 2 // 3), why="disk_full")
    ]


async def test_a_segment_is_left_after_a_failed_sync_even_if_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [1_000]
    monkeypatch.setattr(segments_module, "free_bytes", lambda _: free[0])
    async with started(tmp_path, Settings(flush_interval_ms=1, min_free_bytes=2_000)) as writer:
        append(writer, frame(0))
        await writer.flush()
        free[0] = 0
        writer._on_sync_error(OSError(5, "Input/output error"))
        append(writer, frame(1))
        while not writer.failing:
            await asyncio.sleep(0.001)
        free[0] = 1_000
        while writer.lag_bytes:
            await asyncio.sleep(0.001)
    assert JournalReader(tmp_path).segments() == [1, 2]
    assert read_all(tmp_path) == [frame(0), frame(1)]
