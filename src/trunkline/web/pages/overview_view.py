"""Pure. The tiles above the calls: all that fit the filter, in six numbers."""

from __future__ import annotations

from trunkline.store.facts.queries_overview import Overview
from trunkline.web.pages import text
from trunkline.web.pages.call_view import Fact

_MANY_FAILED = 0.05


def tiles(numbers: Overview) -> tuple[Fact, ...]:
    """Return the tiles. All of them are about the same calls."""
    calls, turns = numbers.calls, numbers.turns
    return (
        Fact("calls", "Calls", text.count(calls), f"{text.count(numbers.live)} live now"),
        Fact(
            "wait_p50", "Caller waited, p50", text.wait(numbers.wait_p50_us), f"n = {turns:,} turns"
        ),
        Fact(
            "wait",
            "p95",
            text.wait(numbers.wait_p95_us),
            "from true end of speech",
            text.wait_tone(numbers.wait_p95_us),
        ),
        Fact(
            "barge_in_rate",
            "Barge-in rate",
            text.rate(numbers.barge_ins, turns),
            f"{text.count(numbers.barge_ins)} in {text.plural(turns, 'turn')}",
        ),
        Fact(
            "failed",
            "Failed calls",
            text.rate(numbers.failed, calls),
            f"{text.count(numbers.failed)} of {text.count(calls)}",
            "bad" if numbers.failed > calls * _MANY_FAILED else "none",
        ),
        _cost(numbers),
    )


def _cost(numbers: Overview) -> Fact:
    cost_usd, duration_us = numbers.cost_usd, numbers.duration_us
    if numbers.unpriced_calls:
        detail = f"{text.plural(numbers.unpriced_calls, 'call')} with an unpriced model"
        return Fact("cost", "Cost", text.money(cost_usd), detail, "warn")
    if cost_usd is None:
        return Fact("cost", "Cost", text.UNKNOWN, "nothing billed" if numbers.calls else "")
    minute = text.money(cost_usd * 60_000_000 / duration_us) if duration_us else text.UNKNOWN
    return Fact("cost", "Cost", text.money(cost_usd), f"{minute} a minute")
