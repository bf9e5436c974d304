"""Journals of every version that was ever released are read by this one."""

import struct
import zlib
from pathlib import Path

import pytest

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
    decode,
    decode_segment_header,
    encode,
    encode_segment_header,
)
from trunkline.journal.upgrade import UPGRADES, Step, upgrade

GOLDEN = Path(__file__).parent.parent / "golden"
CALL = bytes(range(16))
HEADER = SegmentHeader(bytes(range(100, 116)), 7, 1_763_500_000_000_000_000)
RECORDS = [
    Record(Kind.OPENED, CALL, 0, received_ns=10, payload=b'{"call_id":"call_x"}'),
    Record(Kind.FRAME, CALL, 1, Leg.CALLER, Flag.ALTERED, 20, 25, b'{"type":"session.update"}'),
    Record(Kind.BRIDGED, CALL, 2, Leg.CALLER, Flag(0), 20, 26, b'{"type":"session.update","x":1}'),
    Record(Kind.FRAME, CALL, 3, Leg.PROVIDER, Flag.BINARY | Flag.OURS, 30, 0, b"\x00\xff"),
    Record(Kind.NOTE, CALL, 4, received_ns=31, payload=b'{"kind":"connected"}'),
    Record(Kind.GAP, CALL, 9, received_ns=40, payload=b'{"first_seq":5,"last_seq":9}'),
    Record(Kind.CLOSED, CALL, 10, received_ns=2**62, payload=b""),
]
"""What `journal-v1.bin` holds. Never edited: a later version reads it as its own records."""


def test_every_version_before_this_one_has_its_step() -> None:
    assert set(UPGRADES) == set(range(1, VERSION))


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_a_journal_of_every_version_is_read(version: int) -> None:
    data = (GOLDEN / f"journal-v{version}.bin").read_bytes()
    assert decode_segment_header(data) == HEADER
    offset = SEGMENT_HEADER_BYTES
    found: list[Record] = []
    while offset < len(data):
        record, offset = decode(data, offset)
        found.append(record)
    assert found == RECORDS


def test_the_current_version_is_written_as_its_golden_file_says() -> None:
    written = encode_segment_header(HEADER) + b"".join(map(encode, RECORDS))
    assert written == (GOLDEN / f"journal-v{VERSION}.bin").read_bytes()


def test_steps_are_taken_one_after_the_other() -> None:
    steps = {1: lambda body: body + b"a", 2: lambda body: body + b"b", 3: lambda body: body + b"c"}
    assert upgrade(b"-", 1, 4, steps) == b"-abc"
    assert upgrade(b"-", 3, 4, steps) == b"-c"
    assert upgrade(b"-", 4, 4, steps) == b"-"


STEPS: dict[str, Step] = {
    "its head is cut": lambda body: body[:10],
    "its kind is none": lambda body: body[:5] + b"\xee" + body[6:],
}


@pytest.mark.parametrize("name", STEPS)
def test_an_old_record_of_which_a_step_makes_none_is_damage(name: str) -> None:
    with pytest.raises(Damaged):
        decode(encode(RECORDS[1]), 0, VERSION + 1, {VERSION: STEPS[name]})


def test_a_version_that_never_was_is_damage() -> None:
    body = bytearray(encode(RECORDS[1])[: -CRC.size])
    struct.pack_into("<B", body, 4, 0)
    with pytest.raises(Damaged):
        decode(bytes(body) + CRC.pack(zlib.crc32(body)))
