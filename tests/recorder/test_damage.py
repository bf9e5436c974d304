"""Damaged bytes: all of them are noticed, each costs what it hit, and the call says so."""

import itertools
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from tests.recorder.journals import Journal, MemoryFacts, a_call, instance, recording
from tests.support import golden

from trunkline import ids
from trunkline.journal.reader import JournalReader
from trunkline.journal.record import SEGMENT_HEADER_BYTES, Kind, Record, encode
from trunkline.journal.segments import segment_path
from trunkline.protocol import prices
from trunkline.protocol.call import Gap
from trunkline.recorder.fold import call_row, finish, fold
from trunkline.recorder.seal import sealed_row
from trunkline.recorder.state import State
from trunkline.store.facts.rows import CallRow
from trunkline.store.holes import missed
from trunkline.store.spool import scan, spool_path

FLIPS = 1_000
CALLS = [a_call(number, frames=12, size=300) for number in range(4)]


def interleaved() -> list[Record]:
    """Return the records of four calls, as they ran side by side."""
    return [record for records in zip(*CALLS, strict=True) for record in records]


def row_of(records: Iterable[Record]) -> CallRow:
    state = State.new()
    for record in records:
        state, _ = fold(state, record, prices.shipped())
    return call_row(finish(state)[0])


def positions(size_bytes: int) -> list[tuple[int, int]]:
    """Return a thousand bytes spread over a file, and of each one bit."""
    return [(size_bytes * n // FLIPS, n % 8) for n in range(FLIPS)]


@pytest.mark.guarantee("D3")
def test_every_flipped_bit_of_a_journal_is_noticed_and_told_with_the_call(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin(instance(1))
    records = interleaved()
    journal.write(records)
    journal.begin(instance(2))
    journal.die()
    path = segment_path(journal.directory, 1)
    whole = path.read_bytes()
    hit = told = 0
    for at, bit in positions(len(whole)):
        data = bytearray(whole)
        data[at] ^= 1 << bit
        path.write_bytes(data)
        batches = list(JournalReader(journal.directory).batches())
        found = [record for batch in batches for record, _ in batch.records]
        assert sum(damage.bytes for batch in batches for damage in batch.damage) > 0
        assert len(found) == len(records) - (at >= SEGMENT_HEADER_BYTES)
        assert found == [record for record in records if record in found]
        lost = [record for record in records if record not in found]
        for call in CALLS:
            row = row_of(record for record in found if record.call == call[0].call)
            last = [record for record in lost if record is call[-1]]
            assert row.damaged_records == sum(r.call == call[0].call for r in lost) - len(last)
            assert row.status == ("recovered" if last else "completed")
            told += row.damaged_records + len(last)
        hit += len(lost)
    assert told == hit > FLIPS * 0.9


@pytest.mark.guarantee("D3")
def test_every_flipped_bit_of_a_spool_costs_one_record(tmp_path: Path) -> None:
    call = a_call(1, frames=12, size=300)
    path = spool_path(tmp_path, ids.call_id(call[0].call))
    whole = b"".join(encode(record) for record in call)
    for at, bit in positions(len(whole)):
        data = bytearray(whole)
        data[at] ^= 1 << bit
        path.write_bytes(data)
        found = [item.record for item in scan(path)]
        assert len(found) == len(call) - 1
        assert found == [record for record in call if record in found]


@pytest.mark.guarantee("D3")
async def test_a_spool_that_is_damaged_before_it_is_sealed_is_told_with_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = a_call(1, frames=20)
    facts = MemoryFacts()
    journal = Journal(tmp_path)
    journal.begin(instance(1))
    async with recording(tmp_path, facts) as recorder:
        journal.write(call[:-1])
        await recorder.caught_up()
        path = spool_path(tmp_path / "spool", ids.call_id(call[0].call))
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        journal.write(call[-1:])
        await recorder.caught_up()
    row = facts.call(ids.call_id(call[0].call))
    assert (row.damaged_records, row.status) == (1, "completed")


def test_a_gap_is_no_damage_and_damage_beside_it_is() -> None:
    call = a_call(1, frames=20)
    gap = Gap(first_seq=5, last_seq=8, frames=4, bytes=9, why="disk_full")
    told = Record(Kind.GAP, call[0].call, 8, payload=msgspec.json.encode(gap))
    assert row_of([*call[:5], told, *call[9:]]).damaged_records == 0
    assert row_of([*call[:3], told, *call[9:]]).damaged_records == 2
    assert row_of([*call[:5], told, *call[12:]]).damaged_records == 3
    unreadable = msgspec.structs.replace(told, payload=b"{")
    assert missed(4, unreadable) == 3


@pytest.mark.parametrize("name", golden.names())
def test_a_whole_call_has_no_damage(name: str) -> None:
    records = list(golden.records(name))
    assert row_of(records).damaged_records == 0
    seqs = [record.seq for record in records]
    assert all(b == a + 1 for a, b in itertools.pairwise(seqs))


def test_the_sealed_row_replaces_the_one_before_it_only_if_it_differs() -> None:
    row = row_of(a_call(1))
    assert sealed_row(row, has_audio=False) is row
    worse = sealed_row(row, has_audio=False, damaged_records=2)
    assert (worse.damaged_records, worse.version) == (2, row.version + 1)
