"""I/O. How much passed on each leg of a call, slice by slice: added up in the store."""

from __future__ import annotations

from typing import Final

import msgspec

from trunkline.store.facts.parts import about_call
from trunkline.store.facts.query import Query
from trunkline.store.facts.rows import CallRow
from trunkline.store.facts.store import FactsStore

SECOND_US: Final = 1_000_000
MAX_SLICES: Final = 1800
"""A second each for half an hour; slices of longer calls are whole seconds, and more of them."""


class _Sum(msgspec.Struct, frozen=True):
    slice: int
    leg: str
    frames: int
    bytes: int


_SUMS: Final = Query(
    "SELECT least(intDiv(at_us, {slice_us:Int64}), {last:Int64}) AS slice, leg,"
    " count() AS frames, sum(size_bytes) AS bytes"
    " FROM events FINAL WHERE org_id = {org_id:String} AND hour = toDateTime({hour:UInt32}, 'UTC')"
    " AND call_id = {call_id:String} AND record = 'frame'"
    " GROUP BY slice, leg",
    _Sum,
)


class LegTraffic(msgspec.Struct, frozen=True):
    """What was received on one leg: in each slice so many frames, and bytes of payload."""

    frames: list[int]
    bytes: list[int]


class CallTraffic(msgspec.Struct, frozen=True):
    """Both legs of a call, in slices of the same length from its opening to its end."""

    slice_ms: int
    caller: LegTraffic
    provider: LegTraffic


async def traffic_of_call(facts: FactsStore, call: CallRow, *, now_us: int) -> CallTraffic:
    """Return what passed on `call`. `now_us` is wall time: how long a live one is.

    What came behind the end of the call is of the last slice.
    """
    age_us = max(0, now_us - call.opened_at_us)
    slice_us, slices = slices_of(age_us if call.duration_us is None else call.duration_us)
    legs = {leg: LegTraffic([0] * slices, [0] * slices) for leg in ("caller", "provider")}
    asked = about_call(call.call_id)
    for found in await facts.ask(_SUMS, call.org_id, **asked, slice_us=slice_us, last=slices - 1):
        if (leg := legs.get(found.leg)) is not None:
            leg.frames[found.slice], leg.bytes[found.slice] = found.frames, found.bytes
    return CallTraffic(slice_us // 1000, legs["caller"], legs["provider"])


def slices_of(duration_us: int) -> tuple[int, int]:
    """Return how long the slices of a call are, µs, and how many there are."""
    seconds = max(1, -(-duration_us // (MAX_SLICES * SECOND_US)))
    return seconds * SECOND_US, max(1, -(-duration_us // (seconds * SECOND_US)))
