"""Pure. The tiles above the calls: all that fit the filter, in six numbers."""

from __future__ import annotations

from decimal import Decimal

from trunkline.web.pages import text
from trunkline.web.pages.call_view import Fact

_MANY_FAILED = 0.05


def tiles(
    *,
    calls: int,
    live: int,
    failed: int,
    turns: int,
    barge_ins: int,
    wait_p50_us: int | None,
    wait_p95_us: int | None,
    duration_us: int,
    cost_usd: Decimal | None,
    unpriced_calls: int,
) -> tuple[Fact, ...]:
    """Return the tiles. All of them are about the same calls."""
    return (
        Fact("calls", "Calls", text.count(calls), f"{text.count(live)} live now"),
        Fact("wait_p50", "Caller waited, p50", text.wait(wait_p50_us), f"n = {turns:,} turns"),
        Fact(
            "wait",
            "p95",
            text.wait(wait_p95_us),
            "from true end of speech",
            text.wait_tone(wait_p95_us),
        ),
        Fact(
            "barge_in_rate",
            "Barge-in rate",
            text.rate(barge_ins, turns),
            f"{text.count(barge_ins)} in {text.plural(turns, 'turn')}",
        ),
        Fact(
            "failed",
            "Failed calls",
            text.rate(failed, calls),
            f"{text.count(failed)} of {text.count(calls)}",
            "bad" if failed > calls * _MANY_FAILED else "none",
        ),
        _cost(calls, duration_us, cost_usd, unpriced_calls),
    )


def _cost(calls: int, duration_us: int, cost_usd: Decimal | None, unpriced_calls: int) -> Fact:
    if unpriced_calls:
        detail = f"{text.plural(unpriced_calls, 'call')} with an unpriced model"
        return Fact("cost", "Cost", text.money(cost_usd), detail, "warn")
    if cost_usd is None:
        return Fact("cost", "Cost", text.UNKNOWN, "nothing billed" if calls else "")
    minute = text.money(cost_usd * 60_000_000 / duration_us) if duration_us else text.UNKNOWN
    return Fact("cost", "Cost", text.money(cost_usd), f"{minute} a minute")
