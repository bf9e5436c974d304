"""I/O. Questions about an organisation's calls as a whole: numbers over all that fit a filter."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from trunkline.store.facts.queries_calls import CallFilters, where
from trunkline.store.facts.query import Query
from trunkline.store.facts.store import FactsStore


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All calls that fit a filter."""

    calls: int
    live: int
    """Of them, running now."""
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


_CALLS: Final = (
    "SELECT count() AS calls, countIf(status = 'live') AS live,"
    " countIf(status IN ('failed', 'refused', 'recovered')) AS failed,"
    " sum(ifNull(calls.duration_us, 0)) AS duration_us,"
    " sumOrNull(calls.cost_usd) AS cost_usd,"
    " countIf(notEmpty(unpriced)) AS unpriced_calls"
    " FROM calls FINAL WHERE "
)
_WAITS: Final = (
    "SELECT count() AS turns, countIf(barge_in) AS barge_ins,"
    " toInt64(quantileExactOrNull(0.5)(wait_us)) AS wait_p50_us,"
    " toInt64(quantileExactOrNull(0.95)(wait_us)) AS wait_p95_us"
    " FROM turns FINAL WHERE org_id = {org_id:String} AND call_id IN"
    " (SELECT call_id FROM calls FINAL WHERE "
)


async def overview(facts: FactsStore, org_id: str, filters: CallFilters) -> Overview:
    """Return the numbers over the calls that `calls_page` would show, all pages of them."""
    predicates, parameters = where(filters)
    calls = await facts.ask(Query(_CALLS + predicates, Overview), org_id, **parameters)
    waits = await facts.ask(Query(f"{_WAITS}{predicates})", _Waits), org_id, **parameters)
    return msgspec.structs.replace(calls[0], **msgspec.structs.asdict(waits[0]))
