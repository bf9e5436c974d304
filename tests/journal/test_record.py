import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.journal import record
from trunkline.journal.record import Damaged, Flag, Kind, Leg, Record, SegmentHeader, TooNew

RECORDS = st.builds(
    Record,
    st.sampled_from(Kind),
    st.binary(min_size=16, max_size=16),
    st.integers(0, 2**32 - 1),
    st.sampled_from(Leg),
    st.sampled_from([Flag(0), Flag.BINARY, Flag.ALTERED | Flag.OURS]),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**63), 2**63 - 1),
    st.binary(max_size=300),
)


@given(RECORDS)
def test_a_record_is_read_as_it_was_written(written: Record) -> None:
    data = record.encode(written)
    assert record.decode(data) == (written, len(data))


@given(RECORDS, st.data())
def test_a_flipped_bit_is_detected(written: Record, data: st.DataObject) -> None:
    damaged = bytearray(record.encode(written))
    bit = data.draw(st.integers(0, len(damaged) * 8 - 1))
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Damaged):
        record.decode(damaged)


@given(RECORDS, st.data())
def test_a_torn_record_is_detected(written: Record, data: st.DataObject) -> None:
    whole = record.encode(written)
    with pytest.raises(Damaged):
        record.decode(whole[: data.draw(st.integers(0, len(whole) - 1))])


def test_a_record_of_a_later_version_is_refused_with_a_clear_error() -> None:
    whole = bytearray(record.encode(Record(Kind.NOTE, bytes(16), 0)))
    whole[4] = record.VERSION + 1
    body = bytes(whole[: -record.CRC.size])
    with pytest.raises(TooNew, match="version 2, this release reads up to 1"):
        record.decode(body + record.CRC.pack(__import__("zlib").crc32(body)))


def test_a_segment_header_is_read_as_it_was_written() -> None:
    header = SegmentHeader(bytes(range(16)), 7, 1_700_000_000_000_000_000)
    assert record.decode_segment_header(record.encode_segment_header(header)) == header


def test_a_damaged_segment_header_is_detected() -> None:
    data = bytearray(record.encode_segment_header(SegmentHeader(bytes(16), 1, 2)))
    data[9] ^= 1
    with pytest.raises(Damaged):
        record.decode_segment_header(data)
    with pytest.raises(Damaged, match="torn"):
        record.decode_segment_header(b"TRUNK")
