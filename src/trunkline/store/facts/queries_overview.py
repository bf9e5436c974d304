"""I/O. Questions about an organisation's calls as a whole: numbers over all that fit a filter."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec
from msgspec.structs import replace

from trunkline.store.facts.measure import Bucket, Question, Row, measure
from trunkline.store.facts.measure import nothing as nothing_of
from trunkline.store.facts.queries_calls import CallFilters
from trunkline.store.facts.queries_measure import measured
from trunkline.store.facts.store import FactsStore


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All calls that fit a filter, or those of them that were opened in one stretch of time."""

    calls: int
    live: int
    """Of them, running now."""
    failed: int
    """Failed, refused, or cut off by the death of their gateway."""
    attention: int
    """Calls that should be looked at, see `attention`."""
    cost_usd: Decimal | None
    """Sum of what is priced; None when nothing is."""
    usd_per_minute: Decimal | None
    """Of calls that are over, and cost something."""
    unpriced_calls: int
    """Calls that used a model without a price."""
    unheard_us: int
    """Generated, and never played."""
    unheard_share: float | None
    """Of all that was generated."""
    unheard_usd: Decimal | None
    turns: int
    barge_ins: int
    waits: int
    """Turns that have a wait."""
    wait_p50_us: int | None
    """Over all of them; see `TurnRow.wait_us`."""
    wait_p95_us: int | None
    wait_p99_us: int | None
    """None with fewer than a hundred."""


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """All calls together, and by when they were opened."""

    total: Overview
    from_us: int
    """What was asked about, wall time."""
    to_us: int
    bucket: Bucket
    by_time: tuple[tuple[int, Overview], ...]
    """Beginnings of buckets, wall time. One that has no calls is left out."""


_ASKED: Final = Question(
    measures=(
        measure("calls", "sum"),
        measure("calls.live", "sum"),
        measure("calls.failed", "sum"),
        measure("calls.attention", "sum"),
        measure("call.cost", "sum"),
        measure("call.cost_per_minute"),
        measure("call.unpriced", "sum"),
        measure("audio.unheard", "sum"),
        measure("audio.unheard_share"),
        measure("call.unheard_cost", "sum"),
        measure("turns", "sum"),
        measure("turn.barge_ins", "sum"),
        measure("turn.wait", "p50", "p95", "p99"),
    )
)


async def overview(facts: FactsStore, org_id: str, filters: CallFilters) -> Overview:
    """Return the numbers over the calls that `calls_page` would show, all pages of them."""
    (row,) = (await measured(facts, org_id, replace(_ASKED, filters=filters))).rows
    return _numbers(row)


async def trend(facts: FactsStore, org_id: str, filters: CallFilters, bucket: Bucket) -> Trend:
    """Return the same by time, and all together: one pass over the rows makes both.

    Raises:
        BadQuestion: the filters have no beginning or no end.
    """
    asked = replace(_ASKED, filters=filters, bucket=bucket, totals=True)
    rows = (await measured(facts, org_id, asked)).rows
    total = [_numbers(row) for row in rows if row.at_us is None]
    by_time = tuple((row.at_us, _numbers(row)) for row in rows if row.at_us is not None)
    nothing = Row(group=(), numbers=tuple(nothing_of(one) for one in asked.measures))
    return Trend(
        total=total[0] if total else _numbers(nothing),
        from_us=filters.from_us or 0,
        to_us=filters.to_us or 0,
        bucket=bucket,
        by_time=by_time,
    )


def _numbers(row: Row) -> Overview:
    (
        calls,
        live,
        failed,
        attention,
        cost,
        per_minute,
        unpriced,
        unheard,
        unheard_share,
        unheard_cost,
        turns,
        barge_ins,
        wait,
    ) = row.numbers
    return Overview(
        calls=calls["sum"] or 0,
        live=live["sum"] or 0,
        failed=failed["sum"] or 0,
        attention=attention["sum"] or 0,
        cost_usd=cost["sum"],
        usd_per_minute=per_minute["ratio"],
        unpriced_calls=unpriced["sum"] or 0,
        unheard_us=_us(unheard["sum"]) or 0,
        unheard_share=unheard_share["ratio"],
        unheard_usd=unheard_cost["sum"],
        turns=turns["sum"] or 0,
        barge_ins=barge_ins["sum"] or 0,
        waits=wait["n"],
        wait_p50_us=_us(wait["p50"]),
        wait_p95_us=_us(wait["p95"]),
        wait_p99_us=_us(wait["p99"]),
    )


def _us(milliseconds: float | None) -> int | None:
    return None if milliseconds is None else round(milliseconds * 1000)
