"""Pure. What all calls of a time have in common, as the Overview and the table of calls show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from trunkline.store.facts.attention import REASON_OF
from trunkline.store.facts.queries_attention import Attention
from trunkline.store.facts.queries_overview import Overview, Trend
from trunkline.store.thresholds import DEFAULT, Thresholds
from trunkline.web.pages import calls_view, text
from trunkline.web.pages.call_facts import Fact
from trunkline.web.pages.filters import Filters
from trunkline.web.pages.overview_chart import all_times, lines

_MANY_FAILED: Final = 0.05

Number = Callable[[Overview], float | None]


def tiles(numbers: Overview, own: Thresholds = DEFAULT) -> tuple[Fact, ...]:
    """Return the tiles above the table of calls. All of them are about the same calls."""
    return tuple(_fact(tile, numbers, own) for tile in _TILES if tile.above_calls)


def _calls(numbers: Overview) -> Fact:
    return Fact("calls", "Calls", text.count(numbers.calls), f"{text.count(numbers.live)} live now")


def _wait_p50(numbers: Overview) -> Fact:
    p50 = text.wait(numbers.wait_p50_us)
    return Fact("wait_p50_all", "Caller waited, p50", p50, _anchored(numbers))


def _wait_p95(numbers: Overview) -> Fact:
    p95 = text.wait(numbers.wait_p95_us)
    return Fact("wait", "Caller waited, p95", p95, _anchored(numbers))


def _anchored(numbers: Overview) -> str:
    return f"from true end of speech, n = {text.count(numbers.waits)}"


def _barge_ins(numbers: Overview) -> Fact:
    detail = f"{text.count(numbers.barge_ins)} in {text.plural(numbers.turns, 'turn')}"
    rate = text.rate(numbers.barge_ins, numbers.turns)
    return Fact("barge_in_rate", "Barge-in rate", rate, detail)


def _failed(numbers: Overview) -> Fact:
    return Fact(
        "failed",
        "Failed calls",
        text.rate(numbers.failed, numbers.calls),
        f"{text.count(numbers.failed)} of {text.count(numbers.calls)}",
        "bad" if numbers.failed > numbers.calls * _MANY_FAILED else "none",
    )


def _cost(numbers: Overview) -> Fact:
    minute = numbers.usd_per_minute
    rate = "so far" if minute is None else f"{text.money(minute)} a minute"
    if numbers.unpriced_calls:
        unpriced = f"{text.plural(numbers.unpriced_calls, 'call')} with an unpriced model"
        told = unpriced if minute is None else f"{rate}; {unpriced}"
        return Fact("cost", "Cost", text.money(numbers.cost_usd), told, "warn")
    if numbers.cost_usd is None:
        return Fact("cost", "Cost", text.UNKNOWN, "nothing billed" if numbers.calls else "")
    return Fact("cost", "Cost", text.money(numbers.cost_usd), rate)


def _unheard(numbers: Overview) -> Fact:
    share = numbers.unheard_share
    paid = numbers.unheard_usd
    detail = text.length(numbers.unheard_us) if share is not None else ""
    if paid is not None:
        detail += f", {text.money(paid)}"
    return Fact(
        "unheard", "Never heard", text.UNKNOWN if share is None else text.rate(share, 1), detail
    )


def _attention(numbers: Overview) -> Fact:
    return Fact(
        "attention",
        "Need attention",
        text.count(numbers.attention),
        f"{text.rate(numbers.attention, numbers.calls)} of calls",
    )


def _share(part: float | None, whole: float) -> float | None:
    return None if part is None or not whole else part / whole


@dataclass(frozen=True, slots=True)
class _Tile:
    """One tile: what it says, over time, and where the calls behind it are."""

    fact: Callable[[Overview], Fact]
    number: Number
    """What is drawn, and compared with the time before."""
    behind: Mapping[str, str]
    """Of the address of the calls."""
    worse: int = 0
    """1: more is worse; 0: it is neither."""
    counted: bool = False
    """Nothing in a stretch of time is zero, and no gap."""
    above_calls: bool = True
    waited: bool = False
    """It is toned as a wait."""


_TILES: Final = (
    _Tile(_calls, lambda of: of.calls, {}, counted=True),
    _Tile(
        _attention,
        lambda of: _share(of.attention, of.calls),
        {"attention": "any", "sort": "attention"},
        worse=1,
        above_calls=False,
    ),
    _Tile(_wait_p50, lambda of: of.wait_p50_us, {"sort": "wait_p50_ms"}, worse=1),
    _Tile(
        _wait_p95,
        lambda of: of.wait_p95_us,
        {"attention": "slow", "sort": "attention"},
        worse=1,
        waited=True,
    ),
    _Tile(_barge_ins, lambda of: _share(of.barge_ins, of.turns), {"sort": "barge_ins"}),
    _Tile(_failed, lambda of: _share(of.failed, of.calls), {"attention": "failed"}, worse=1),
    _Tile(
        _unheard, lambda of: of.unheard_share, {"sort": "unheard_ms"}, worse=1, above_calls=False
    ),
    _Tile(
        _cost,
        lambda of: None if of.cost_usd is None else float(of.cost_usd),
        {"sort": "cost_usd"},
        counted=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Tile:
    """One number of the Overview."""

    fact: Fact
    href: str
    """The calls behind it, those that make it first."""
    change: str
    """Against the time before; empty where there is nothing to compare with."""
    change_tone: str
    lines: tuple[str, ...]
    """Over time, as points of lines in a box of 100 by 24; gaps are between them."""


def overview_tiles(
    now: Trend, before: Overview, filters: Filters, own: Thresholds = DEFAULT
) -> tuple[Tile, ...]:
    """Return the tiles of the Overview. `filters` are those of the calls behind them."""
    times = all_times(now)
    return tuple(
        Tile(
            _fact(tile, now.total, own),
            f"/calls?{filters.address(**tile.behind)}",
            *_change(tile, now.total, before),
            lines([_at(tile, of) for of in times], 100, 24),
        )
        for tile in _TILES
    )


def _fact(tile: _Tile, numbers: Overview, own: Thresholds) -> Fact:
    fact = tile.fact(numbers)
    if not tile.waited:
        return fact
    return replace(fact, tone=text.wait_tone(tile.number(numbers), own))


def _at(tile: _Tile, numbers: Overview | None) -> float | None:
    if numbers is None:
        return 0.0 if tile.counted else None
    return tile.number(numbers)


def _change(tile: _Tile, now: Overview, before: Overview) -> tuple[str, str]:
    new, old = tile.number(now), tile.number(before)
    if not new or not old:
        return "", "none"
    part = new / old - 1
    words = "the same" if abs(part) < 0.005 else f"{'↑' if part > 0 else '↓'} {abs(part):.0%}"
    if not tile.worse or abs(part) < 0.05:
        return words, "none"
    return words, "bad" if part > 0 else "good"


@dataclass(frozen=True, slots=True)
class ReasonChip:
    """A reason, how many calls give it, and where they are."""

    words: str
    means: str
    calls: str
    href: str
    grave: bool


@dataclass(frozen=True, slots=True)
class Worst:
    """A call that should be looked at."""

    row: calls_view.Row
    longest_wait: str
    reasons: tuple[ReasonChip, ...]


def reason_chips(
    found: Attention, filters: Filters, own: Thresholds = DEFAULT
) -> tuple[ReasonChip, ...]:
    """Return the reasons that occur."""
    return tuple(
        _chip(reason, text.count(calls), filters, own) for reason, calls in found.of_reason
    )


def worst(
    found: Attention, filters: Filters, *, now_us: int, own: Thresholds = DEFAULT
) -> tuple[Worst, ...]:
    """Return the calls that should be looked at first."""
    rows = calls_view.rows([one.call for one in found.calls], now_us=now_us, own=own)
    return tuple(
        Worst(
            row,
            text.wait(one.call.wait_max_us),
            tuple(_chip(reason, "", filters, own) for reason in one.reasons),
        )
        for row, one in zip(rows, found.calls, strict=True)
    )


def _chip(reason: str, calls: str, filters: Filters, own: Thresholds) -> ReasonChip:
    one = REASON_OF[reason]
    href = f"/calls?{filters.address(attention=reason, sort='attention')}"
    return ReasonChip(one.words, one.told(own), calls, href, one.grave)
