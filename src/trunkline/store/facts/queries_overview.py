"""I/O. Questions about an organisation's calls as a whole: numbers over all that fit a filter."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from trunkline.store.facts.measure import Question, measure
from trunkline.store.facts.queries_calls import CallFilters
from trunkline.store.facts.queries_measure import measured
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
    turns: int
    barge_ins: int
    wait_p50_us: int | None
    """Over all turns that have one; see `TurnRow.wait_us`."""
    wait_p95_us: int | None


_ASKED: Final = Question(
    measures=(
        measure("calls", "sum"),
        measure("calls.live", "sum"),
        measure("calls.failed", "sum"),
        measure("call.duration", "sum"),
        measure("call.cost", "sum"),
        measure("call.unpriced", "sum"),
        measure("turns", "sum"),
        measure("turn.barge_ins", "sum"),
        measure("turn.wait", "p50", "p95"),
    )
)


async def overview(facts: FactsStore, org_id: str, filters: CallFilters) -> Overview:
    """Return the numbers over the calls that `calls_page` would show, all pages of them."""
    question = msgspec.structs.replace(_ASKED, filters=filters)
    (row,) = (await measured(facts, org_id, question)).rows
    calls, live, failed, duration, cost, unpriced, turns, barge_ins, wait = row.numbers
    return Overview(
        calls=calls["sum"] or 0,
        live=live["sum"] or 0,
        failed=failed["sum"] or 0,
        duration_us=_us(duration["sum"]) or 0,
        cost_usd=cost["sum"],
        unpriced_calls=unpriced["sum"] or 0,
        turns=turns["sum"] or 0,
        barge_ins=barge_ins["sum"] or 0,
        wait_p50_us=_us(wait["p50"]),
        wait_p95_us=_us(wait["p95"]),
    )


def _us(milliseconds: float | None) -> int | None:
    return None if milliseconds is None else round(milliseconds * 1000)
