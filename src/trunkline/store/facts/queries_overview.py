"""I/O. Questions about an organisation as a whole: numbers over a span of time."""

# ruff: noqa: S608 (what is put into SQL here are constants of this package)

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from trunkline.store.facts.query import Query
from trunkline.store.facts.store import FactsStore


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """An organisation's calls since a moment."""

    calls: int
    live: int
    """Running now, whenever they began."""
    failed: int
    """Failed, refused, or cut off by the death of their gateway."""
    duration_us: int
    """Of the calls that are over, summed."""
    cost_usd: Decimal | None
    """Sum of what is priced; None when nothing is."""
    unpriced_calls: int
    """Calls that used a model without a price."""
    turns: int = 0
    barge_ins: int = 0
    wait_p50_us: int | None = None
    """Over all turns that have one; see `TurnRow.wait_us`."""
    wait_p95_us: int | None = None


class _Waits(msgspec.Struct, frozen=True, kw_only=True):
    turns: int
    barge_ins: int
    wait_p50_us: int | None
    wait_p95_us: int | None


_SINCE: Final = (
    "opened_at_us >= {since_us:Int64}"
    " AND hour >= toStartOfHour(toDateTime(intDiv({since_us:Int64}, 1000000), 'UTC'))"
)
_CALLS: Final = Query(
    "SELECT countIf(recent) AS calls, countIf(status = 'live') AS live,"
    " countIf(recent AND status IN ('failed', 'refused', 'recovered')) AS failed,"
    " sumIf(ifNull(duration_us, 0), recent) AS duration_us,"
    " sumOrNullIf(cost_usd, recent) AS cost_usd,"
    " countIf(recent AND notEmpty(unpriced)) AS unpriced_calls"
    " FROM (SELECT status, duration_us, cost_usd, unpriced,"
    " opened_at_us >= {since_us:Int64} AS recent"
    " FROM calls FINAL WHERE org_id = {org_id:String}"
    f" AND (status = 'live' OR ({_SINCE})))",
    Overview,
)
_WAITS: Final = Query(
    "SELECT count() AS turns, countIf(barge_in) AS barge_ins,"
    " toInt64(quantileExactOrNull(0.5)(wait_us)) AS wait_p50_us,"
    " toInt64(quantileExactOrNull(0.95)(wait_us)) AS wait_p95_us"
    " FROM turns FINAL WHERE org_id = {org_id:String} AND call_id IN"
    f" (SELECT call_id FROM calls FINAL WHERE org_id = {{org_id:String}} AND {_SINCE})",
    _Waits,
)


async def overview(facts: FactsStore, org_id: str, since_us: int) -> Overview:
    """Return the numbers over the calls that were opened at `since_us` (wall time) or later."""
    calls = (await facts.ask(_CALLS, org_id, since_us=since_us))[0]
    waits = (await facts.ask(_WAITS, org_id, since_us=since_us))[0]
    return msgspec.structs.replace(calls, **msgspec.structs.asdict(waits))
