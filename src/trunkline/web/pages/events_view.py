"""Pure. The index of a call's raw events, in parts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from trunkline.store.facts.rows import EventRow

_AUDIO = re.compile(r"audio(_buffer)?\.(append|delta)$")
"""Frames that are nothing but sound: most of a call, and seldom looked at."""


class Entry(msgspec.Struct, frozen=True):
    """One event."""

    seq: int
    at_ms: int
    leg: str
    record: str
    type: str
    size_bytes: int


class Part(msgspec.Struct, frozen=True):
    """Some events in order."""

    events: list[Entry]
    after: int
    """To go on: everything up to here has been looked at."""
    more: bool
    """There is more behind `after` already."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events to show."""

    contains: str = ""
    """Part of the type, in lower case."""
    audio: bool = False
    """Sound too. A filter by type finds it anyway."""

    def fits(self, row: EventRow) -> bool:
        """Return whether to show `row`."""
        if self.contains:
            return self.contains in row.type.lower()
        return self.audio or not _AUDIO.search(row.type)


def part(rows: Sequence[EventRow], limit: int, after: int, *, more: bool) -> Part:
    """Return the first `limit` of `rows`, and where to go on."""
    if len(rows) > limit:
        rows, more = rows[:limit], True
        after = rows[-1].seq
    entries = [
        Entry(row.seq, row.at_us // 1000, row.leg, row.record, row.type, row.size_bytes)
        for row in rows
    ]
    return Part(entries, after, more)
