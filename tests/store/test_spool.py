from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.store.records import CALL, calls, frames

from trunkline.journal import record
from trunkline.journal.record import Record
from trunkline.store.spool import SpoolWriter, scan, spool_path, spooled_calls


def spooled(directory: Path, data: bytes) -> Path:
    path = spool_path(directory, CALL)
    path.write_bytes(data)
    return path


def joined(records: list[Record]) -> bytes:
    return b"".join(record.encode(item) for item in records)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spool")


@settings(max_examples=30)
@given(records=calls())
def test_a_spool_is_read_as_it_was_written(directory: Path, records: list[Record]) -> None:
    path = spooled(directory, joined(records))
    found = list(scan(path))
    assert [item.record for item in found] == records
    for place, item in enumerate(found):
        assert [later.record for later in scan(path, item.end)] == records[place + 1 :]


@settings(max_examples=60)
@given(data=st.data())
def test_a_torn_tail_is_not_there_yet(directory: Path, data: st.DataObject) -> None:
    records = frames(6, 200)
    whole = joined(records)
    size = data.draw(st.integers(0, len(whole)))
    path = spooled(directory, whole[:size])
    length = len(whole) // 6
    assert [item.record for item in scan(path)] == records[: size // length]


@settings(max_examples=100)
@given(data=st.data())
def test_a_flipped_bit_costs_the_record_it_hit(directory: Path, data: st.DataObject) -> None:
    records = frames(6, 200)
    whole = bytearray(joined(records))
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << bit % 8
    hit = bit // 8 // (len(whole) // 6)
    path = spooled(directory, bytes(whole))
    assert [item.record for item in scan(path)] == records[:hit] + records[hit + 1 :]


def test_damage_longer_than_a_block_is_stepped_over(directory: Path) -> None:
    records = frames(40, 100_000)
    whole = bytearray(joined(records))
    length = len(whole) // 40
    whole[length : 39 * length] = bytes(38 * length)
    path = spooled(directory, bytes(whole))
    assert [item.record for item in scan(path)] == [records[0], records[39]]


def test_a_record_that_was_written_twice_is_read_once(directory: Path) -> None:
    records = frames(3)
    path = spooled(directory, joined([records[0], records[1], records[1], records[0], records[2]]))
    assert [item.record for item in scan(path)] == records


def test_a_writer_goes_on_after_what_was_checkpointed(tmp_path: Path) -> None:
    path = spool_path(tmp_path, CALL)
    data = [record.encode(item) for item in frames(4)]
    first = SpoolWriter(path)
    for item in data[:3]:
        first.append(item)
    assert (path.stat().st_size, first.pending_bytes) == (0, sum(map(len, data[:3])))
    first.flush()
    first.sync()
    assert (path.stat().st_size, first.pending_bytes) == (first.length_bytes, 0)
    again = SpoolWriter(path, len(data[0]))
    again.append(data[3])
    again.flush()
    again.flush()
    assert path.read_bytes() == data[0] + data[3]
    assert spooled_calls(tmp_path) == [CALL]


def test_a_spool_that_lost_what_was_checkpointed_is_refused(tmp_path: Path) -> None:
    path = spool_path(tmp_path, CALL)
    path.write_bytes(b"short")
    with pytest.raises(OSError, match="is shorter than 6 bytes"):
        SpoolWriter(path, 6)
    assert path.read_bytes() == b"short"


@pytest.mark.parametrize("call_id", ["", "call_", "../call_x", "call_" + "U" * 26])
def test_a_path_is_made_only_of_a_call_id(tmp_path: Path, call_id: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        spool_path(tmp_path, call_id)
