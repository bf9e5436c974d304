"""What is intact is found again, and nothing is looked for where it might be made up."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.journal import scan as scan_module
from trunkline.journal.record import VERSION, Flag, Kind, Leg, Record, encode
from trunkline.journal.scan import scan

CALL = b"call-a-012345678"
BIG = 1_000_000


def frame(seq: int, payload: bytes = b"{}") -> Record:
    return Record(Kind.FRAME, CALL, seq, Leg.CALLER, Flag(0), seq, seq, payload)


def damaged(record: Record, at: int) -> bytes:
    data = bytearray(encode(record))
    data[at] ^= 0xFF
    return bytes(data)


def numbers(
    data: bytes, limit_bytes: int = BIG, complete: bool = True, final: bool = True
) -> list[int]:
    return [record.seq for record, _ in scan(data, limit_bytes, complete, final).records]


@given(st.binary(max_size=400), st.booleans(), st.booleans())
def test_any_bytes_are_read_without_an_exception(data: bytes, complete: bool, final: bool) -> None:
    found = scan(data, BIG, complete, final)
    assert 0 <= found.used <= len(data)
    if complete and final:
        assert found.used == len(data)


def test_at_least_one_record_is_read_however_small_the_limit() -> None:
    data = encode(frame(0)) + encode(frame(1))
    found = scan(data, 1, True, True)
    assert [record.seq for record, _ in found.records] == [0]
    assert found.used == len(encode(frame(0)))


@pytest.mark.parametrize("at", [0, 1, 2, 3], ids=lambda at: f"length byte {at}")
def test_a_damaged_length_costs_its_own_record_only(at: int) -> None:
    data = encode(frame(0)) + damaged(frame(1), at) + encode(frame(2)) + encode(frame(3))
    found = scan(data, BIG, True, True)
    assert [record.seq for record, _ in found.records] == [0, 2, 3]
    size = len(encode(frame(1)))
    assert [(start, end) for start, end, _ in found.damage] == [(size, 2 * size)]


def test_damage_is_left_until_all_that_there_is_can_be_seen() -> None:
    data = encode(frame(0)) + damaged(frame(1), 30) + encode(frame(2))
    found = scan(data, BIG, False, False)
    assert [record.seq for record, _ in found.records] == [0]
    assert found.used == len(encode(frame(0)))
    assert found.damage == []


def test_damage_in_a_segment_that_grows_is_skipped_when_an_intact_record_follows() -> None:
    data = damaged(frame(1), 30) + encode(frame(2))
    assert numbers(data, final=False) == [2]
    assert scan(damaged(frame(1), 30), BIG, True, False).used == 0


def test_nothing_is_looked_for_in_a_frame_that_is_still_being_written() -> None:
    """Its payload is the caller's: it may hold records that never were."""
    forged = frame(5, b'{"org_id":"someone else"}')
    data = encode(frame(1, encode(forged) * 3 + bytes(100)))[:-50]
    found = scan(data, BIG, True, False)
    assert found.records == []
    assert found.used == 0


def test_nothing_is_found_in_a_damaged_frame_whose_length_is_right() -> None:
    outer = encode(frame(1, bytes(20) + encode(frame(5)) + bytes(20)))
    data = bytearray(outer + encode(frame(2)))
    data[50] ^= 1
    assert numbers(bytes(data)) == [2]


def test_a_later_version_ends_the_search_and_the_batch() -> None:
    newer = bytearray(encode(frame(1)))
    newer[4] = VERSION + 1
    newer[-4:] = zlib.crc32(newer[:-4]).to_bytes(4, "little")
    found = scan(encode(frame(0)) + damaged(frame(3), 0) + bytes(newer), BIG, True, True)
    assert [record.seq for record, _ in found.records] == [0]
    assert found.used == 2 * len(newer)


def test_the_search_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A payload full of promising beginnings costs a bounded number of checksums."""
    monkeypatch.setattr(scan_module, "MAX_CHECKED_BYTES", 10_000)
    bait = (5_000).to_bytes(4, "little") + b"\x01\x02\x01\x00"
    data = damaged(frame(0, bait * 2_000), 1) + encode(frame(1))
    found = scan(data, BIG, True, True)
    assert found.records == []
    assert found.used == len(data)
