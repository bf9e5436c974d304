"""Pure. The numbers above the report of costs: what these calls cost, and how the month goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from trunkline.web.pages import text
from trunkline.web.pages.call_facts import Fact
from trunkline.web.pages.filters import USUAL_SPAN, Filters
from trunkline.web.spend import MonthsSpend

BUDGET: Final = "/keys#budget-cap"
"""Where a budget is seen and set."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One number."""

    fact: Fact
    href: str
    """What it is made of."""


def tiles(sums: Mapping[str, Any], spend: MonthsSpend, filters: Filters) -> tuple[Tile, ...]:
    """Return the tiles. `sums` are those of `/v1/costs`: of the calls that `filters` leave."""
    calls = filters.timed(USUAL_SPAN)
    unheard = calls.address(unheard_usd=filters.unheard_usd or ">0", sort="unheard_ms")
    month, forecast = spend.of_all(), spend.forecast_usd()
    budget = spend.organisation.max_usd_per_month
    found = [
        Tile(_cost(sums), f"/calls?{calls.address(sort='cost_usd')}"),
        Tile(_again(sums), f"/costs?{filters.address(sort='again_usd')}"),
        Tile(_unheard(sums), f"/calls?{unheard}"),
        Tile(_month(month.usd, month.unpriced, budget), BUDGET),
    ]
    if forecast is not None:
        found.append(Tile(_forecast(forecast, budget), BUDGET))
    return tuple(found)


def _cost(sums: Mapping[str, Any]) -> Fact:
    usd, unpriced, n = sums["cost_usd"], sums["unpriced"], sums["n"]["cost_usd"]
    value = text.money(usd) if usd is not None or unpriced else text.UNKNOWN
    more = f"; {text.count(unpriced)} unpriced" if unpriced else ""
    detail = f"n = {text.count(n)} billed{more}"
    return Fact("cost", "Cost of these calls", value, detail, "warn" if unpriced else "none")


def _again(sums: Mapping[str, Any]) -> Fact:
    label, n = "Of it, context billed again", f"n = {text.count(sums['n']['again_usd'])} responses"
    if sums["again_usd"] is None:
        return Fact("again", label, text.UNKNOWN, n)
    share = text.rate(sums["again_share"], 1) if sums["again_share"] is not None else text.UNKNOWN
    return Fact("again", label, text.money(sums["again_usd"]), f"{share} of input’s cost, {n}")


def _unheard(sums: Mapping[str, Any]) -> Fact:
    usd, n = sums["unheard_usd"], f"n = {text.plural(sums['n']['unheard_usd'], 'call')}"
    if usd is None:
        return Fact("unheard_cost", "Of it, never heard", text.UNKNOWN, n)
    share = text.rate(float(usd), float(sums["cost_usd"] or 0))
    sound = text.length(_us(sums["unheard_ms"]))
    return Fact(
        "unheard_cost", "Of it, never heard", text.money(usd), f"{share}; {sound} of sound, {n}"
    )


def _us(milliseconds: float | None) -> int | None:
    return None if milliseconds is None else round(milliseconds * 1000)


def _month(usd: Decimal, unpriced: tuple[str, ...], budget: Decimal | None) -> Fact:
    more = "; and unpriced use" if unpriced else ""
    if budget is None:
        return Fact("month", "All keys, this month", text.money(usd), f"no budget is set{more}")
    of = f"{text.rate(float(usd), float(budget))} of a budget of {text.money(budget)}"
    tone = "bad" if usd >= budget else "none"
    return Fact("month", "All keys, this month", text.money(usd), f"{of}{more}", tone)


def _forecast(usd: Decimal, budget: Decimal | None) -> Fact:
    if budget is None:
        return Fact("forecast", "Forecast for the month", text.money(usd), "at the pace so far")
    of = f"{text.rate(float(usd), float(budget))} of the budget, at the pace so far"
    tone = "warn" if usd > budget else "none"
    return Fact("forecast", "Forecast for the month", text.money(usd), of, tone)
