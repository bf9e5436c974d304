"""The sentences of the contract in `journal/record.py`, each a test. Real files throughout.

Damage starts from valid journals: random bytes would hardly ever look like one.
"""

import asyncio
import errno
import itertools
import os
import subprocess
import sys
import tempfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.journal import children
from tests.support.patience import PATIENCE_S

from trunkline.errors import OperatorError
from trunkline.journal import writer as writer_module
from trunkline.journal.reader import START, Batch, JournalReader, Position
from trunkline.journal.record import (
    CRC,
    SEGMENT_HEADER_BYTES,
    VERSION,
    Damaged,
    Flag,
    Kind,
    Leg,
    Record,
    SegmentHeader,
    TooNew,
    decode,
    encode,
    encode_segment_header,
)
from trunkline.journal.writer import JournalWriter
from trunkline.protocol.call import Gap
from trunkline.settings import Settings

INSTANCE = b"instance-0123456"
CALLS = children.CALLS

payloads = st.one_of(
    st.binary(max_size=60),
    st.just(b'{"type":"input_audio_buffer.append","audio":"' + b"QUJD" * 200 + b'"}'),
    st.binary(max_size=40).map(
        lambda inner: encode(Record(Kind.FRAME, CALLS[0], 1, payload=inner))
    ),
)
"""Frames, among them such as hold what looks like a record."""


@st.composite
def conversations(draw: st.DrawFn, min_size: int = 1) -> list[Record]:
    """Records of up to three calls at once, numbered as the gateway does."""
    drawn = draw(
        st.lists(
            st.tuples(st.sampled_from(CALLS), st.sampled_from(list(Kind)), payloads),
            min_size=min_size,
            max_size=25,
        )
    )
    numbers: defaultdict[bytes, Iterator[int]] = defaultdict(itertools.count)
    return [
        Record(kind, call, next(numbers[call]), Leg.CALLER, Flag.BINARY, at, at + 1, payload)
        for at, (call, kind, payload) in enumerate(drawn)
    ]


@contextmanager
def journal(*segments: bytes, instance: bytes = INSTANCE) -> Iterator[Path]:
    """A directory whose writer is dead, with these segment bodies."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for number, body in enumerate(segments, 1):
            header = encode_segment_header(SegmentHeader(instance, number, 0))
            (directory / f"{number:08d}.journal").write_bytes(header + body)
        yield directory


def body_of(records: list[Record]) -> bytes:
    return b"".join(map(encode, records))


def read_all(directory: Path, max_bytes: int = 1_000_000) -> list[Batch]:
    return list(JournalReader(directory).batches(max_bytes=max_bytes))


def records_of(batches: list[Batch]) -> list[Record]:
    return [record for batch in batches for record, _ in batch.records]


def damaged_bytes(batches: list[Batch]) -> int:
    return sum(damage.bytes for batch in batches for damage in batch.damage)


async def write(directory: Path, records: list[Record]) -> None:
    writer = JournalWriter(directory, INSTANCE, Settings(fsync="never"), segment_bytes=2_000)
    writer.start()
    for at, record in enumerate(records):
        writer.append(*msgspec.structs.astuple(record))
        if at % 5 == 4:
            await writer.flush()
    await writer.close()


@settings(max_examples=40)
@given(conversations(), st.integers(1, 3_000))
def test_records_of_one_call_are_read_in_the_order_in_which_they_were_appended(
    records: list[Record], max_bytes: int
) -> None:
    """Through the writer, over several segments, in batches of any size; other calls' too."""
    with journal() as directory:
        asyncio.run(write(directory, records))
        assert records_of(read_all(directory, max_bytes)) == records


@settings(max_examples=60)
@given(conversations(min_size=5), st.lists(st.booleans(), min_size=25, max_size=25))
def test_sequence_numbers_of_a_call_start_at_0_and_rise_by_exactly_one(
    records: list[Record], disk_is_full: list[bool]
) -> None:
    """A gap has the number of the last record that it stands for, lost or not."""
    with journal() as directory:
        asyncio.run(write_to_a_disk_that_fails(directory, records, disk_is_full))
        found = records_of(read_all(directory))
    expected = Counter[bytes]()
    for record in found:
        first = gap_of(record).first_seq if is_gap(record) else record.seq
        assert first == expected[record.call]
        expected[record.call] = record.seq + 1
    assert expected == Counter(record.call for record in records)


async def write_to_a_disk_that_fails(
    directory: Path, records: list[Record], disk_is_full: list[bool]
) -> None:
    """With a buffer of few records and no room beyond it; the disk has space in the end."""
    pwrite = os.pwrite
    full = False

    def pwrite_if_there_is_room(fd: int, data: memoryview, offset: int) -> int:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return pwrite(fd, data, offset)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwrite", pwrite_if_there_is_room)
        patch.setattr(writer_module, "BUFFER_BYTES", 300)
        writer = JournalWriter(directory, INSTANCE, Settings(fsync="never"), max_backlog_bytes=400)
        writer.start()
        for record, full in zip(records, disk_is_full, strict=False):  # noqa: B007
            writer.append(*msgspec.structs.astuple(record))
            await writer.flush()
        full = False
        await writer.close()


def is_gap(record: Record) -> bool:
    return record.kind == Kind.GAP and record.payload.startswith(b'{"first_seq"')


def gap_of(record: Record) -> Gap:
    return msgspec.json.decode(record.payload, type=Gap)


@settings(max_examples=40)
@given(conversations(), st.data())
def test_a_record_is_delivered_at_least_once_a_reader_drops_what_it_has_by_sequence(
    records: list[Record], data: st.DataObject
) -> None:
    """A reader that dies goes on from what it saved last: an older place, nothing missing."""
    with journal(body_of(records), body_of(records[:3])) as directory:
        reader = JournalReader(directory)
        single = list(reader.batches(max_bytes=1))
        whole = [(record, batch.position) for batch in single for record, _ in batch.records]
        saved = data.draw(st.sampled_from([START, *(place for _, place in whole)]))
        again = records_of(list(reader.batches(saved, max_bytes=500)))
    before = [record for record, place in whole if place <= saved]
    had: dict[bytes, int] = {}
    distinct: list[Record] = []
    for record in [*before, *again]:
        if record.seq > had.get(record.call, -1):
            had[record.call] = record.seq
            distinct.append(record)
    assert distinct == records


class Starved(NamedTuple):
    """What a child that met a full disk left behind, and what it says was lost."""

    directory: Path
    frames: int
    bytes: int
    gaps: int


@pytest.fixture(scope="module")
def starved(tmp_path_factory: pytest.TempPathFactory) -> Starved:
    directory = tmp_path_factory.mktemp("starved")
    done = subprocess.run(
        [sys.executable, children.__file__, "starve", str(directory)],
        capture_output=True,
        check=True,
        timeout=PATIENCE_S,
    )
    frames, payload_bytes, gaps = done.stdout.split()[-3:]
    return Starved(directory, int(frames), int(payload_bytes), int(gaps))


@pytest.mark.guarantee("D4")
def test_a_missing_number_is_a_loss_and_a_gap_record_says_how_much_and_why(
    starved: Starved,
) -> None:
    seen: defaultdict[bytes, list[int]] = defaultdict(list)
    gaps: list[Gap] = []
    for record in records_of(read_all(starved.directory)):
        if record.kind == Kind.GAP:
            gap = gap_of(record)
            gaps.append(gap)
            numbers = range(gap.first_seq, gap.last_seq + 1)
            assert gap.frames == len(numbers)
            assert gap.bytes == sum(len(children.payload_of(seq)) for seq in numbers)
            seen[record.call] += numbers
        else:
            assert record.payload == children.payload_of(record.seq)
            seen[record.call].append(record.seq)
    assert seen == {call: list(range(1_010)) for call in CALLS}
    assert {gap.why for gap in gaps} == {"disk_full"}
    assert sum(gap.frames for gap in gaps) == starved.frames > 100
    assert sum(gap.bytes for gap in gaps) == starved.bytes
    assert len(gaps) == starved.gaps


@pytest.mark.guarantee("D2")
@settings(max_examples=80)
@given(conversations(), st.data())
def test_a_torn_tail_is_ignored_and_what_was_lost_of_it_is_counted(
    records: list[Record], data: st.DataObject
) -> None:
    """Cut at any byte; what a dead writer left, and what the next one began after it."""
    body = body_of(records)
    cut = data.draw(st.integers(0, len(body)))
    ends = list(itertools.accumulate(len(encode(record)) for record in records))
    whole = sum(end <= cut for end in ends)
    with journal(body[:cut], body_of(records[:2])) as directory:
        batches = read_all(directory)
    assert records_of(batches)[:whole] == records[:whole]
    torn = cut - ([0, *ends][whole])
    inside = embedded(records[whole].payload) if whole < len(records) else []
    extra = [record for record in records_of(batches)[whole:] if record in inside]
    assert damaged_bytes(batches) == torn - len(body_of(extra))
    assert records_of(batches)[whole + len(extra) :] == records[:2]


@pytest.mark.guarantee("D2")
@settings(max_examples=80)
@given(conversations(), st.data(), st.booleans())
def test_a_zeroed_tail_is_ignored_and_what_was_lost_of_it_is_counted(
    records: list[Record], data: st.DataObject, longer: bool
) -> None:
    """What a file system leaves that knew a file's new size and lost its new bytes."""
    body = body_of(records)
    cut = max(0, len(body) - 4096) if longer else data.draw(st.integers(0, len(body)))
    zeroed = body[:cut] + bytes(len(body) - cut)
    ends = list(itertools.accumulate(len(encode(record)) for record in records))
    whole = sum(end <= cut for end in ends)
    # A payload that ends in zeros may be whole all the same: then its record is.
    whole += whole < len(records) and zeroed[: ends[whole]] == body[: ends[whole]]
    with journal(zeroed, body_of(records[:2])) as directory:
        batches = read_all(directory)
    found = records_of(batches)
    inside = embedded(records[whole].payload) if whole < len(records) else []
    extra = [record for record in found[whole:] if record in inside]
    assert found[:whole] == records[:whole]
    assert found[whole + len(extra) :] == records[:2]
    lost = len(body) - ([0, *ends][whole])
    assert damaged_bytes(batches) == lost - len(body_of(extra))


@pytest.mark.guarantee("D2")
@pytest.mark.parametrize("end", ["torn", "zeroed", "garbage"])
async def test_after_a_power_cut_the_next_process_begins_another_segment(
    tmp_path: Path, end: str
) -> None:
    records = [Record(Kind.FRAME, CALLS[0], seq, payload=b"x" * 500) for seq in range(20)]
    await write(tmp_path, records)
    torn = max(tmp_path.glob("*.journal"))
    data = torn.read_bytes()
    kept = len(data) - 700
    torn.write_bytes(
        data[:kept] + {"torn": b"", "zeroed": bytes(700), "garbage": os.urandom(700)}[end]
    )
    after = torn.read_bytes()
    await write(tmp_path, records[:1])
    assert torn.read_bytes() == after
    batches = read_all(tmp_path)
    assert records_of(batches) == [*records[:-2], records[0]]
    assert damaged_bytes(batches) == len(after) - kept + (2 * 548 - 700)


def embedded(payload: bytes) -> list[Record]:
    """A frame that is itself a record: after damage it cannot be told from one."""
    try:
        return [decode(payload)[0]]
    except (Damaged, TooNew):
        return []


@settings(max_examples=150)
@given(conversations(), st.data())
def test_a_flipped_bit_is_detected_and_costs_at_most_the_records_it_hit(
    records: list[Record], data: st.DataObject
) -> None:
    body = bytearray(body_of(records))
    position = data.draw(st.integers(0, len(body) - 1))
    body[position] ^= 1 << data.draw(st.integers(0, 7))
    ends = list(itertools.accumulate(len(encode(record)) for record in records))
    hit = next(index for index, end in enumerate(ends) if position < end)
    with journal(bytes(body)) as directory:
        batches = read_all(directory, data.draw(st.sampled_from([100, 1_000_000])))
    inside = embedded(records[hit].payload)
    found = [record for record in records_of(batches) if record not in inside]
    expected = [record for record in (*records[:hit], *records[hit + 1 :]) if record not in inside]
    assert found == expected
    assert damaged_bytes(batches) > 0


def test_a_flipped_bit_in_the_head_of_a_segment_costs_no_record() -> None:
    record = Record(Kind.FRAME, CALLS[0], 0, payload=b"{}")
    with journal(encode(record)) as directory:
        path = directory / "00000001.journal"
        data = bytearray(path.read_bytes())
        data[9] ^= 1
        path.write_bytes(data)
        batches = read_all(directory)
    assert records_of(batches) == [record]
    assert batches[0].instance == b""
    assert damaged_bytes(batches) == SEGMENT_HEADER_BYTES


@pytest.mark.guarantee("D11")
@given(conversations())
def test_a_record_of_the_previous_version_is_read_as_if_it_were_of_this_one(
    records: list[Record],
) -> None:
    """With a step that only this test has: the next version marks old frames as text."""

    def step(body: bytes) -> bytes:
        return body[:7] + b"\0" + body[8:]

    for record in records:
        read, end = decode(encode(record), 0, VERSION + 1, {VERSION: step})
        assert read == msgspec.structs.replace(record, flags=Flag(0))
        assert end == len(encode(record))


@pytest.mark.guarantee("D11")
@settings(max_examples=20)
@given(conversations(), st.data())
def test_a_record_of_a_later_version_stops_the_reader_with_a_clear_error(
    records: list[Record], data: st.DataObject
) -> None:
    """What comes before it is still delivered; nothing that comes after is."""
    newer = data.draw(st.integers(0, len(records) - 1))
    parts = [encode(record) for record in records]
    parts[newer] = as_version(parts[newer], VERSION + 1)
    with journal(b"".join(parts)) as directory:
        reader = JournalReader(directory)
        found: list[Record] = []
        position = START
        if newer:
            batch = reader.read(START)
            found, position = records_of([batch]), batch.position
        with pytest.raises(TooNew, match=f"segment 1, byte .* version {VERSION + 1}.* upgrade"):
            reader.read(position)
    assert found == records[:newer]


def as_version(encoded: bytes, version: int) -> bytes:
    body = encoded[:4] + bytes([version]) + encoded[5 : -CRC.size]
    return body + CRC.pack(zlib.crc32(body))


@pytest.mark.guarantee("D7")
async def test_only_one_writer_holds_a_journal_directory(tmp_path: Path) -> None:
    first = JournalWriter(tmp_path, INSTANCE, Settings())
    first.start()
    second = JournalWriter(tmp_path, INSTANCE, Settings())
    with pytest.raises(OperatorError, match=f"in use by process {os.getpid()}: stop it"):
        second.start()
    assert JournalReader(tmp_path).writer_alive()
    await first.close()
    assert not JournalReader(tmp_path).writer_alive()
    second.start()
    await second.close()


@pytest.mark.guarantee("D4")
def test_a_full_disk_stops_the_record_not_the_call(starved: Starved) -> None:
    """Every append of the child returned, and what came after the disk had room is there."""
    found = {(record.call, record.seq) for record in records_of(read_all(starved.directory))}
    assert found >= {(call, seq) for call in CALLS for seq in range(1_000, 1_010)}


@pytest.mark.parametrize("wait_lines", [1, 2, 3, 4, 5, 8, 13, 21])
def test_after_kill_9_everything_that_was_written_is_read(tmp_path: Path, wait_lines: int) -> None:
    with subprocess.Popen(
        [sys.executable, children.__file__, "write", str(tmp_path)], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        for _ in range(wait_lines):
            child.stdout.readline()
        child.kill()
        said = child.stdout.read().split()
    batches = read_all(tmp_path)
    assert batches[-1].ended
    by_call: defaultdict[bytes, list[int]] = defaultdict(list)
    for record in records_of(batches):
        assert record.payload == children.payload_of(record.seq)
        by_call[record.call].append(record.seq)
    least = max([wait_lines * 20, *(int(line) + 1 for line in said)])
    for call in CALLS:
        assert len(by_call[call]) >= least
        assert by_call[call] == list(range(len(by_call[call])))
    assert batches[-1].position == Position(1, (tmp_path / "00000001.journal").stat().st_size)
