"""Pure. Records out of bytes that may be damaged: what is intact is found again.

Damage is skipped only where it is certain. The end of a segment that still grows
is not damaged, it is incomplete: a record that is cut off there is waited for, and
nothing is looked for inside it, since its payload is a caller's to choose and could
hold what looks like records.
"""

from __future__ import annotations

import re

import msgspec

from trunkline.journal.record import (
    HEADER,
    MAX_PAYLOAD_BYTES,
    OVERHEAD_BYTES,
    VERSION,
    VERSION_AT,
    Damaged,
    Kind,
    Leg,
    Record,
    TooNew,
    decode,
    encode,
)

_PLAUSIBLE = re.compile(rb"(?s)(?=....[\x01-\x7f][\x01-\x06][\x00-\x02][\x00-\x0f])")
"""What the first eight bytes of a record look like: length, version, kind, leg, flags."""
MAX_CHECKED_BYTES = 256 * 1024 * 1024
"""Checksummed in search of one intact record; then the rest is given up. About 0.1 s."""


class Damage(msgspec.Struct, frozen=True):
    """Bytes of a segment that are no record, and are skipped."""

    segment: int
    offset: int
    bytes: int
    why: str


class Scan(msgspec.Struct, frozen=True):
    """What was found in a run of bytes that begins where a record should."""

    records: list[tuple[Record, memoryview | bytes]]
    """Each with its bytes, as `record.encode` writes them."""
    used: int
    """Bytes that need not be looked at again."""
    damage: list[tuple[int, int, str]]
    """From, to, why."""


def scan(data: bytes, limit_bytes: int, complete: bool, final: bool) -> Scan:
    """Return the intact records of `data`, which begins at a record boundary.

    Stops after `limit_bytes`. `complete`: `data` reaches to the present end of the
    segment; else damage is left for a second look with more bytes. `final`: the
    segment will not grow, so that a torn end is lost.

    Raises:
        TooNew: the first record is of a later version.
    """
    records: list[tuple[Record, memoryview | bytes]] = []
    damage: list[tuple[int, int, str]] = []
    offset, end_bytes = 0, min(len(data), limit_bytes)
    view = memoryview(data)
    while offset < end_bytes:
        try:
            record, end = decode(data, offset)
            current = data[offset + VERSION_AT] == VERSION
            records.append((record, view[offset:end] if current else encode(record)))
            offset = end
        except TooNew:
            if records or damage:
                break
            raise
        except Damaged as exc:
            after = _after_damage(data, offset, complete, final)
            if after is None:
                break
            damage.append((offset, after, str(exc)))
            offset = after
    return Scan(records, offset, damage)


def _after_damage(data: bytes, offset: int, complete: bool, final: bool) -> int | None:
    """Return where to go on after what is at `offset`; None to wait for more bytes."""
    if not final and _may_be_incomplete(data, offset):
        return None
    if not complete:
        return None
    found = _next_intact(data, offset)
    if found is None and final:
        return len(data)
    return found


def _may_be_incomplete(data: bytes, offset: int) -> bool:
    """Return whether this could be the beginning of a record that is still being written."""
    if len(data) - offset < HEADER.size:
        return True
    length, version, kind, leg = HEADER.unpack_from(data, offset)[:4]
    plausible = OVERHEAD_BYTES <= length <= OVERHEAD_BYTES + MAX_PAYLOAD_BYTES
    known = version > 0 and kind <= max(Kind) and leg <= max(Leg)
    return plausible and known and offset + length > len(data)


def _next_intact(data: bytes, offset: int) -> int | None:
    """Return where the next intact record begins after a damaged one at `offset`.

    If only what follows the length is damaged, that is where the length says.
    """
    budget_bytes = MAX_CHECKED_BYTES
    claimed = offset + int.from_bytes(data[offset : offset + 4], "little")
    if claimed > offset and _is_intact(data, claimed):
        return claimed
    for match in _PLAUSIBLE.finditer(data, offset + 1):
        at = match.start()
        length = int.from_bytes(data[at : at + 4], "little")
        if at + length > len(data):
            continue
        budget_bytes -= length
        if budget_bytes < 0:
            return None
        if _is_intact(data, at):
            return at
    return None


def _is_intact(data: bytes, offset: int) -> bool:
    try:
        decode(data, offset)
    except Damaged:
        return False
    except TooNew:
        return True
    return True
