"""The recorder's end of the journal: where it goes on, what it waits for, what it deletes."""

import os
from pathlib import Path

import pytest

from trunkline.journal import lock
from trunkline.journal.reader import START, JournalReader, Position
from trunkline.journal.record import (
    SEGMENT_HEADER_BYTES,
    Flag,
    Kind,
    Leg,
    Record,
    SegmentHeader,
    encode,
    encode_segment_header,
)
from trunkline.journal.segments import segment_path

CALL = b"call-a-012345678"
DEAD = b"dead-instance-01"
LIVE = b"live-instance-01"


def frame(seq: int, payload: bytes = b"{}") -> Record:
    return Record(Kind.FRAME, CALL, seq, Leg.CALLER, Flag(0), seq, seq, payload)


def lay(directory: Path, number: int, instance: bytes, *records: Record, tail: bytes = b"") -> Path:
    path = directory / f"{number:08d}.journal"
    body = b"".join(map(encode, records))
    path.write_bytes(encode_segment_header(SegmentHeader(instance, number, number)) + body + tail)
    return path


def numbers(records: list[tuple[Record, memoryview | bytes]]) -> list[int]:
    return [record.seq for record, _ in records]


def test_a_directory_that_is_not_there_is_idle_and_ended(tmp_path: Path) -> None:
    batch = JournalReader(tmp_path / "missing").read(START)
    assert (batch.records, batch.position, batch.idle, batch.ended) == ([], START, True, True)


def test_a_batch_is_of_one_segment_and_says_who_wrote_it(tmp_path: Path) -> None:
    lay(tmp_path, 3, DEAD, frame(0), frame(1))
    lay(tmp_path, 4, LIVE)
    lay(tmp_path, 7, LIVE, frame(2))
    batches = list(JournalReader(tmp_path).batches())
    assert [(batch.instance, numbers(batch.records)) for batch in batches] == [
        (DEAD, [0, 1]),
        (LIVE, [2]),
        (LIVE, []),
    ]
    assert [batch.idle for batch in batches] == [False, False, True]


def test_a_new_process_that_wrote_nothing_yet_is_seen(tmp_path: Path) -> None:
    lay(tmp_path, 1, DEAD, frame(0))
    lay(tmp_path, 2, LIVE)
    last = list(JournalReader(tmp_path).batches())[-1]
    assert (last.instance, last.idle) == (LIVE, True)


def test_reading_goes_on_behind_any_record(tmp_path: Path) -> None:
    lay(tmp_path, 1, DEAD, frame(0), frame(1))
    lay(tmp_path, 2, DEAD, frame(2), frame(3))
    reader = JournalReader(tmp_path)
    places = [batch.position for batch in reader.batches(max_bytes=1) if batch.records]
    assert len(places) == 4
    for seq, place in enumerate(places):
        rest = [record.seq for batch in reader.batches(place) for record, _ in batch.records]
        assert rest == list(range(seq + 1, 4))


def test_a_record_larger_than_a_batch_is_read_whole(tmp_path: Path) -> None:
    lay(tmp_path, 1, DEAD, frame(0, bytes(50_000)), frame(1))
    batches = list(JournalReader(tmp_path).batches(max_bytes=100))
    assert [numbers(batch.records) for batch in batches] == [[0], [1], []]


def test_a_torn_end_is_waited_for_while_its_writer_lives(tmp_path: Path) -> None:
    whole = encode(frame(1, bytes(1_000)))
    path = lay(tmp_path, 1, LIVE, frame(0), tail=whole[:500])
    reader = JournalReader(tmp_path)
    holder = lock.hold(tmp_path)
    try:
        first = reader.read(START)
        assert numbers(first.records) == [0]
        waiting = reader.read(first.position)
        assert (waiting.position, waiting.damage) == (first.position, ())
        assert (waiting.idle, waiting.ended) == (True, False)
        with path.open("ab") as file:
            file.write(whole[500:])
        assert numbers(reader.read(waiting.position).records) == [1]
    finally:
        lock.os.close(holder)


def test_a_torn_end_of_a_dead_writer_is_reported_once(tmp_path: Path) -> None:
    lay(tmp_path, 1, DEAD, frame(0), tail=encode(frame(1))[:20])
    batches = list(JournalReader(tmp_path).batches())
    assert [damage.bytes for batch in batches for damage in batch.damage] == [20]
    assert batches[-1].ended
    assert JournalReader(tmp_path).read(batches[-1].position).damage == ()


def test_a_segment_that_a_living_writer_left_is_torn_for_good(tmp_path: Path) -> None:
    lay(tmp_path, 1, LIVE, frame(0), tail=encode(frame(1))[:20])
    lay(tmp_path, 2, LIVE, frame(1))
    holder = lock.hold(tmp_path)
    try:
        batches = list(JournalReader(tmp_path).batches())
    finally:
        lock.os.close(holder)
    assert [numbers(batch.records) for batch in batches] == [[0], [1], []]
    assert [damage.bytes for batch in batches for damage in batch.damage] == [20]


@pytest.mark.parametrize("size", range(0, SEGMENT_HEADER_BYTES, 7))
def test_a_segment_cut_off_in_its_head_is_passed_over(tmp_path: Path, size: int) -> None:
    path = lay(tmp_path, 1, DEAD)
    path.write_bytes(path.read_bytes()[:size])
    lay(tmp_path, 2, LIVE, frame(0))
    batches = list(JournalReader(tmp_path).batches())
    assert numbers([pair for batch in batches for pair in batch.records]) == [0]
    assert sum(damage.bytes for batch in batches for damage in batch.damage) == size


def test_the_head_of_a_new_segment_is_waited_for(tmp_path: Path) -> None:
    path = lay(tmp_path, 1, LIVE, frame(0))
    data = path.read_bytes()
    path.write_bytes(data[:10])
    holder = lock.hold(tmp_path)
    try:
        reader = JournalReader(tmp_path)
        early = reader.read(START)
        assert (early.damage, early.idle) == ((), True)
        path.write_bytes(data)
        assert numbers(reader.read(early.position).records) == [0]
    finally:
        lock.os.close(holder)


def test_a_place_in_a_segment_that_was_deleted_leads_to_the_next(tmp_path: Path) -> None:
    lay(tmp_path, 5, DEAD, frame(9))
    assert numbers(JournalReader(tmp_path).read(Position(2, 400)).records) == [9]


def test_a_place_beyond_the_newest_segment_leads_to_the_beginning(tmp_path: Path) -> None:
    """The directory was deleted and begun anew; nobody told the checkpoint."""
    lay(tmp_path, 1, DEAD, frame(0))
    assert numbers(JournalReader(tmp_path).read(Position(57, 400)).records) == [0]


def test_other_files_are_none_of_ours(tmp_path: Path) -> None:
    lay(tmp_path, 1, DEAD, frame(0))
    for name in ("lock", "x.journal", "00000002.journal.bak", "-1.journal"):
        (tmp_path / name).write_bytes(b"noise")
    assert JournalReader(tmp_path).segments() == [1]


def test_what_was_read_may_be_deleted_but_never_the_newest(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        lay(tmp_path, number, DEAD, frame(number))
    reader = JournalReader(tmp_path)
    assert reader.delete_before(START) == 0
    assert reader.delete_before(Position(3, 60)) == 2
    assert reader.segments() == [3]
    assert reader.delete_before(Position(9, 0)) == 0
    assert reader.segments() == [3]


def test_the_end_of_a_dead_writers_journal_can_be_emptied_and_places_in_it_stay(
    tmp_path: Path,
) -> None:
    for number in (1, 2):
        lay(tmp_path, number, DEAD, frame(number))
    reader = JournalReader(tmp_path)
    end = list(reader.batches())[-1].position
    assert not reader.is_spent(Position(2, end.offset - 1))
    assert not reader.is_spent(Position(1, end.offset))
    assert reader.is_spent(end)
    reader.empty_spent(end)
    assert not reader.is_spent(end)
    assert segment_path(tmp_path, 2).stat().st_size == SEGMENT_HEADER_BYTES
    assert reader.unread_bytes(end) == 0
    lay(tmp_path, 3, LIVE, frame(3))
    assert [record for record, _ in reader.read(end).records] == [frame(3)]


def test_the_journal_of_a_living_writer_is_never_emptied(tmp_path: Path) -> None:
    lay(tmp_path, 1, LIVE, frame(1))
    held = lock.hold(tmp_path)
    reader = JournalReader(tmp_path)
    end = list(reader.batches())[-1].position
    assert not reader.is_spent(end)
    reader.empty_spent(end)
    os.close(held)
    assert [record for record, _ in reader.read(START).records] == [frame(1)]


def test_the_head_of_a_segment_says_who_began_it_and_when(tmp_path: Path) -> None:
    lay(tmp_path, 1, DEAD).write_bytes(b"short")
    lay(tmp_path, 2, LIVE)
    reader = JournalReader(tmp_path)
    assert reader.header(1) is None
    assert reader.header(2) == SegmentHeader(LIVE, 2, 2)
    assert reader.header(3) is None
