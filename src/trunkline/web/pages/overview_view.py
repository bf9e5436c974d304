"""Pure. What all calls of a time have in common, as the Overview and the table of calls show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from trunkline.store.facts.attention import REASON_OF
from trunkline.store.facts.measure import BUCKET_SECONDS
from trunkline.store.facts.queries_attention import Attention
from trunkline.store.facts.queries_overview import Overview, Trend
from trunkline.web.pages import calls_view, text
from trunkline.web.pages.call_view import Fact
from trunkline.web.pages.calls_view import Filters

_MANY_FAILED: Final = 0.05

Number = Callable[[Overview], float | None]


def tiles(numbers: Overview) -> tuple[Fact, ...]:
    """Return the tiles above the table of calls. All of them are about the same calls."""
    return tuple(tile.fact(numbers) for tile in _TILES if tile.above_calls)


def _calls(numbers: Overview) -> Fact:
    return Fact("calls", "Calls", text.count(numbers.calls), f"{text.count(numbers.live)} live now")


def _wait_p50(numbers: Overview) -> Fact:
    n = f"n = {text.plural(numbers.waits, 'turn')}"
    return Fact("wait_p50_all", "Caller waited, p50", text.wait(numbers.wait_p50_us), n)


def _wait_p95(numbers: Overview) -> Fact:
    p95_us = numbers.wait_p95_us
    told = "from true end of speech"
    return Fact("wait", "p95", text.wait(p95_us), told, text.wait_tone(p95_us))


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
    if numbers.unpriced_calls:
        detail = f"{text.plural(numbers.unpriced_calls, 'call')} with an unpriced model"
        return Fact("cost", "Cost", text.money(numbers.cost_usd), detail, "warn")
    if numbers.cost_usd is None:
        return Fact("cost", "Cost", text.UNKNOWN, "nothing billed" if numbers.calls else "")
    minutes = numbers.cost_usd * 60_000_000
    rate = text.money(minutes / numbers.duration_us) if numbers.duration_us else text.UNKNOWN
    return Fact("cost", "Cost", text.money(numbers.cost_usd), f"{rate} a minute")


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
        _wait_p95, lambda of: of.wait_p95_us, {"attention": "slow", "sort": "attention"}, worse=1
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


def overview_tiles(now: Trend, before: Overview, filters: Filters) -> tuple[Tile, ...]:
    """Return the tiles of the Overview. `filters` are those of the calls behind them."""
    return tuple(
        Tile(
            tile.fact(now.total),
            f"/calls?{filters.address(**tile.behind)}",
            *_change(tile, now.total, before),
            _lines([_at(tile, of) for of in _all_times(now)], 100, 24),
        )
        for tile in _TILES
    )


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


def _all_times(trend: Trend) -> list[Overview | None]:
    """Return the numbers of every stretch of the time asked about; None: no call."""
    if not trend.by_time:
        return []
    if trend.bucket == "month":
        # They are not all of one length: those without a call are left out.
        return [of for _, of in trend.by_time]
    places = _places(trend)
    behind = max(0, (trend.to_us - 1 - trend.by_time[-1][0]) // _step_us(trend))
    found: list[Overview | None] = [None] * (places[-1] + 1 + behind)
    for place, (_, of) in zip(places, trend.by_time, strict=True):
        found[place] = of
    return found


def _places(trend: Trend) -> list[int]:
    """Return which stretch of the time asked about each of those with calls is."""
    if trend.bucket == "month" or not trend.by_time:
        return list(range(len(trend.by_time)))
    first_us, step_us = trend.by_time[0][0], _step_us(trend)
    before = max(0, -((trend.from_us - first_us) // step_us))
    return [before + (at_us - first_us) // step_us for at_us, _ in trend.by_time]


def _step_us(trend: Trend) -> int:
    return BUCKET_SECONDS[trend.bucket] * 1_000_000


def _lines(
    values: Sequence[float | None], width: float, height: float, top: float | None = None
) -> tuple[str, ...]:
    """Return values as points of lines, from left to right, `top` at the upper edge."""
    most = top or max((value for value in values if value is not None), default=0) or 1
    step = width / max(1, len(values))
    lines: list[list[str]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            lines.append([])
            continue
        y = height - (height - 2) * min(1.0, value / most) - 1
        # A lone point is drawn as a short dash.
        ends = (step * (place + 0.2), step * (place + 0.8))
        lines[-1] += [f"{x:.1f},{y:.1f}" for x in (ends if step > 2 else (sum(ends) / 2,))]
    return tuple(" ".join(line) for line in lines if len(line) > 1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """The numbers of one stretch of time."""

    iso: str
    at: str
    href: str
    """Its calls."""
    x: float
    width: float
    height: float
    failed_height: float
    title: str
    cells: tuple[str, ...]
    """As `COLUMNS`."""


COLUMNS: Final = (
    "Calls",
    "Failed",
    "Turns",
    "Wait p50",
    "p95",
    "p99",
    "Barge-ins",
    "Never heard",
    "Cost",
)


@dataclass(frozen=True, slots=True)
class Curve:
    """One percentile over time."""

    name: str
    value: str
    """Over all."""
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across the drawing of waits."""

    words: str
    y: float
    """From the top, in a box of `HEIGHT`."""
    tone: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Waits over volume, in two boxes of the same width."""

    bucket: str
    stretches: tuple[Stretch, ...]
    curves: tuple[Curve, ...]
    rules: tuple[Rule, ...]
    starts: tuple[str, str]
    """ISO, and in words."""
    ends: tuple[str, str]
    most_calls: str
    """In one stretch of time, in words."""
    summary: str


WIDTH: Final = 1000.0
HEIGHT: Final = 150.0
VOLUME: Final = 56.0
_LIMITS: Final = ((1_500_000, "warn"), (3_500_000, "bad"))


def chart(trend: Trend, filters: Filters) -> Chart:
    """Return how waits and volume were over time."""
    times = _all_times(trend)
    waits = [of for of in times if of is not None]
    highest = max(
        (us for of in waits for us in (of.wait_p95_us, of.wait_p99_us) if us is not None),
        default=0,
    )
    top_us = highest * 1.08 or 1.0
    curves = tuple(
        Curve(
            name,
            text.wait(number(trend.total)),
            _lines([None if of is None else number(of) for of in times], WIDTH, HEIGHT, top_us),
        )
        for name, number in _CURVES
    )
    most = max((of.calls for of in waits), default=0)
    rules = tuple(
        Rule(f"{us / 1e6:g} s", round(HEIGHT - (HEIGHT - 2) * us / top_us - 1, 1), tone)
        for us, tone in _LIMITS
        if us < top_us
    )
    article = "an" if trend.bucket == "hour" else "a"
    most_calls = f"{text.plural(most, 'call')} {article} {trend.bucket}"
    summary = (
        f"Waits by {trend.bucket}: p50 {curves[0].value}, p95 {curves[1].value} over all;"
        f" at most {most_calls}"
    )
    return Chart(
        bucket=trend.bucket,
        stretches=_stretches(trend, most, filters),
        curves=curves,
        rules=rules,
        starts=(text.iso(trend.from_us), text.when(trend.from_us)),
        ends=(text.iso(trend.to_us), text.when(trend.to_us)),
        most_calls=most_calls,
        summary=summary,
    )


_CURVES: Final[tuple[tuple[str, Callable[[Overview], int | None]], ...]] = (
    ("p50", lambda of: of.wait_p50_us),
    ("p95", lambda of: of.wait_p95_us),
    ("p99", lambda of: of.wait_p99_us),
)


def _stretches(trend: Trend, most: int, filters: Filters) -> tuple[Stretch, ...]:
    wide = WIDTH / max(1, len(_all_times(trend)))
    long_us = 31 * 86_400_000_000 if trend.bucket == "month" else _step_us(trend)
    found: list[Stretch] = []
    for place, (at_us, of) in zip(_places(trend), trend.by_time, strict=True):
        bar = _Bar(
            round(place * wide, 2), round(max(1.0, wide - 1), 2), (VOLUME - 2) / max(1, most)
        )
        # The first and the last one reach beyond the time asked about.
        ends = max(at_us, trend.from_us), min(at_us + long_us, trend.to_us)
        found.append(_stretch(at_us, of, bar, filters.between(*ends)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Bar:
    x: float
    width: float
    scale: float
    """Height of a call."""


def _stretch(at_us: int, of: Overview, bar: _Bar, filters: Filters) -> Stretch:
    words = f"{text.when(at_us)} UTC: {text.plural(of.calls, 'call')}, {of.failed} failed"
    return Stretch(
        iso=text.iso(at_us),
        at=text.when(at_us),
        href=f"/calls?{filters.address()}",
        x=bar.x,
        width=bar.width,
        height=round(of.calls * bar.scale, 2),
        failed_height=round(of.failed * bar.scale, 2),
        title=f"{words}, wait p50 {text.wait(of.wait_p50_us)}, p95 {text.wait(of.wait_p95_us)}",
        cells=(
            text.count(of.calls),
            text.count(of.failed),
            text.count(of.turns),
            text.wait(of.wait_p50_us),
            text.wait(of.wait_p95_us),
            text.wait(of.wait_p99_us),
            text.rate(of.barge_ins, of.turns),
            text.UNKNOWN if of.unheard_share is None else text.rate(of.unheard_share, 1),
            _cost(of).value,
        ),
    )


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


def reason_chips(found: Attention, filters: Filters) -> tuple[ReasonChip, ...]:
    """Return the reasons that occur."""
    return tuple(_chip(reason, text.count(calls), filters) for reason, calls in found.of_reason)


def worst(found: Attention, filters: Filters, *, now_us: int) -> tuple[Worst, ...]:
    """Return the calls that should be looked at first."""
    rows = calls_view.rows([one.call for one in found.calls], now_us=now_us)
    return tuple(
        Worst(
            row,
            text.wait(one.call.wait_max_us),
            tuple(_chip(reason, "", filters) for reason in one.reasons),
        )
        for row, one in zip(rows, found.calls, strict=True)
    )


def _chip(reason: str, calls: str, filters: Filters) -> ReasonChip:
    one = REASON_OF[reason]
    href = f"/calls?{filters.address(attention=reason, sort='attention')}"
    return ReasonChip(one.words, one.means, calls, href, one.grave)
