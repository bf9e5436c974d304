"""Pure. One journal record as bytes, and the contract of the journal.

Contract, between the gateway that writes and the recorder that reads. Each
sentence is the name of a property test.

- Records of one call are read in the order in which they were appended.
- Sequence numbers of a call start at 0 and rise by exactly one.
- A record is delivered at least once; a reader drops what it has by sequence.
- A missing number is a loss, and a `gap` record says how much and why.
- A torn tail is ignored, and what was lost of it is counted.
- A flipped bit is detected, and costs at most the records it hit.
- A record of the previous version is read as if it were of this one.
- A record of a later version stops the reader with a clear error.
- Only one writer holds a journal directory.
- A full disk stops the record, not the call.
- After `kill -9` everything that was written is read.

On disk: a directory per gateway worker holds segments `NNNNNNNN.journal` of at
most 64 MiB (a larger record has one to itself), each begun by a segment header that
names the process instance that wrote it. A process never appends to a segment that
it did not begin. Little endian.

    segment header   magic 8s, instance 16s, number u32, wall_ns i64, crc u32
    record           length u32, version u8, kind u8, leg u8, flags u8,
                     call 16s, seq u32, received_ns i64, handed_ns i64,
                     payload, crc u32

`length` is that of the whole record. `crc` is CRC-32 (zlib) of all that precedes
it in the record. `call` is the ULID of the call itself rather than a number that an
`opened` record would explain, so that no damaged record can orphan others.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from enum import IntEnum, IntFlag

import msgspec
from isal import isal_zlib

from trunkline.errors import TrunklineError
from trunkline.journal.upgrade import UPGRADES, Step, upgrade

VERSION = 1
VERSION_AT = 4
"""Where in a record its version stands."""
KIND_AT = 5
"""Where its kind stands."""
MAGIC = b"TRUNKJN1"
SEGMENT_BYTES = 64 * 1024 * 1024
MAX_PAYLOAD_BYTES = 64 * 1024 * 1024

HEADER = struct.Struct("<IBBBB16sIqq")
CRC = struct.Struct("<I")
SEGMENT = struct.Struct("<8s16sIq")
SEGMENT_HEADER_BYTES = SEGMENT.size + CRC.size
OVERHEAD_BYTES = HEADER.size + CRC.size

_HEADER_BYTES = HEADER.size
_CRC_BYTES = CRC.size
_pack_header = HEADER.pack_into
_pack_crc = CRC.pack_into
_unpack_header = HEADER.unpack_from
_unpack_crc = CRC.unpack_from
_crc32 = isal_zlib.crc32


class Kind(IntEnum):
    """What a record is about."""

    OPENED = 1
    """Payload: `protocol.call.Opened` as JSON. Sequence 0."""
    FRAME = 2
    """Payload: the frame as received on `leg`."""
    BRIDGED = 3
    """Payload: what was sent in place of, or beside, a frame of `leg`: to the other leg."""
    GAP = 4
    """Payload: `protocol.call.Gap` as JSON. Sequence `last_seq`: it stands in the place of
    the records that it tells of, so that the next one has the next number."""
    NOTE = 5
    """Payload: `protocol.call.Note` as JSON."""
    CLOSED = 6
    """Payload: `protocol.call.Closed` as JSON. Always the last of its call."""


class Leg(IntEnum):
    """Where a frame came from."""

    NONE = 0
    CALLER = 1
    PROVIDER = 2

    @property
    def other(self) -> Leg:
        """The leg that a frame of this one is handed to."""
        return _OTHER[self]


_OTHER = {Leg.NONE: Leg.NONE, Leg.CALLER: Leg.PROVIDER, Leg.PROVIDER: Leg.CALLER}


class Flag(IntFlag):
    """Properties of a frame."""

    BINARY = 1
    """A binary WebSocket message; text otherwise."""
    ALTERED = 2
    """Not handed on as received: the `bridged` records that follow were, if any."""
    OURS = 4
    """Originated by the gateway: an error event before a close, a synthesised event."""


# Looking a member up in a table costs a tenth of calling its class.
_KINDS = {int(kind): kind for kind in Kind}
_LEGS = {int(leg): leg for leg in Leg}
_FLAGS = tuple(Flag(flags) for flags in range(256))


class Record(msgspec.Struct, frozen=True, gc=False):
    """One thing that happened in one call."""

    kind: Kind
    call: bytes
    """ULID of the call, 16 bytes."""
    seq: int
    leg: Leg = Leg.NONE
    flags: Flag = Flag(0)
    received_ns: int = 0
    """Gateway monotonic clock, ns: when it was read, or when it happened."""
    handed_ns: int = 0
    """Gateway monotonic clock, ns: when it was written to the other leg; 0 if it never was."""
    payload: bytes = b""


class SegmentHeader(msgspec.Struct, frozen=True):
    """Who wrote a segment, and when it was begun."""

    instance: bytes
    """ULID of the gateway process, 16 bytes."""
    number: int
    wall_ns: int


class Damaged(TrunklineError):
    """The bytes at this place are not a whole record: torn, overwritten or flipped."""


class TooNew(TrunklineError):
    """Written by a later release: upgrade Trunkline before reading this journal."""


def encode(record: Record) -> bytes:
    """Return `record` as bytes, in the current version."""
    data = bytearray(OVERHEAD_BYTES + len(record.payload))
    encode_into(
        memoryview(data),
        0,
        record.kind,
        record.call,
        record.seq,
        record.leg,
        record.flags,
        record.received_ns,
        record.handed_ns,
        record.payload,
    )
    return bytes(data)


def encode_into(
    view: memoryview,
    start: int,
    kind: int,
    call: bytes,
    seq: int,
    leg: int,
    flags: int,
    received_ns: int,
    handed_ns: int,
    payload: bytes | bytearray | memoryview,
) -> int:
    """Write a record of the current version at `start` of `view`; return the offset after it.

    The gateway's hot path: no object that outlives the call. `view` must have
    `OVERHEAD_BYTES` more than the payload from `start` on.
    """
    payload_at = start + _HEADER_BYTES
    crc_at = payload_at + len(payload)
    end = crc_at + _CRC_BYTES
    _pack_header(
        view, start, end - start, VERSION, kind, leg, flags, call, seq, received_ns, handed_ns
    )
    view[payload_at:crc_at] = payload
    _pack_crc(view, crc_at, _crc32(view[start:crc_at]))
    return end


def decode(
    data: bytes | bytearray | memoryview,
    offset: int = 0,
    current: int = VERSION,
    steps: Mapping[int, Step] = UPGRADES,
) -> tuple[Record, int]:
    """Return the record at `offset`, and the offset after it.

    A record older than version `current` goes through `steps` first.

    Raises:
        Damaged: what is there is not a whole, intact record.
        TooNew: it is intact, and of a later version.
    """
    if offset + OVERHEAD_BYTES > len(data):
        raise Damaged(f"record at byte {offset} is torn: {len(data) - offset} bytes are left")
    length, version, kind, leg, flags, call, seq, received_ns, handed_ns = _unpack_header(
        data, offset
    )
    end = offset + length
    crc_at = end - _CRC_BYTES
    if not OVERHEAD_BYTES <= length <= OVERHEAD_BYTES + MAX_PAYLOAD_BYTES:
        raise Damaged(f"record at byte {offset} claims {length} bytes")
    if end > len(data):
        raise Damaged(f"record at byte {offset} is torn: it has {length} bytes")
    if _unpack_crc(data, crc_at)[0] != _crc32(memoryview(data)[offset:crc_at]):
        raise Damaged(f"checksum of the record at byte {offset} does not match")
    if version != current:
        body = bytes(data[offset:crc_at])
        return _decode_other_version(body, version, current, steps, offset), end
    try:
        kind, leg = _KINDS[kind], _LEGS[leg]
    except KeyError as exc:
        raise Damaged(f"record at byte {offset}: {exc!r}") from exc
    payload = bytes(data[offset + _HEADER_BYTES : crc_at])
    return Record(kind, call, seq, leg, _FLAGS[flags], received_ns, handed_ns, payload), end


def _decode_other_version(
    body: bytes, version: int, current: int, steps: Mapping[int, Step], offset: int
) -> Record:
    if version > current:
        raise TooNew(
            f"record version {version}, this release reads up to {current}: upgrade Trunkline"
        )
    try:
        body = upgrade(body, version, current, steps)
        _, _, kind, leg, flags, call, seq, received_ns, handed_ns = HEADER.unpack_from(body)
        return Record(
            Kind(kind),
            call,
            seq,
            Leg(leg),
            Flag(flags),
            received_ns,
            handed_ns,
            body[_HEADER_BYTES:],
        )
    except (ValueError, KeyError, struct.error) as exc:
        raise Damaged(f"record at byte {offset}: {exc!r}") from exc


def encode_segment_header(header: SegmentHeader) -> bytes:
    """Return the bytes that a segment begins with."""
    body = SEGMENT.pack(MAGIC, header.instance, header.number, header.wall_ns)
    return body + CRC.pack(_crc32(body))


def decode_segment_header(data: bytes | bytearray | memoryview) -> SegmentHeader:
    """Return the header that `data` begins with. Raises `Damaged` when it has none."""
    if len(data) < SEGMENT_HEADER_BYTES:
        raise Damaged(f"segment header is torn: {len(data)} bytes")
    magic, instance, number, wall_ns = SEGMENT.unpack_from(data, 0)
    crc = CRC.unpack_from(data, SEGMENT.size)[0]
    if magic != MAGIC or crc != _crc32(memoryview(data)[: SEGMENT.size]):
        raise Damaged("segment header does not match its checksum")
    return SegmentHeader(instance, number, wall_ns)
