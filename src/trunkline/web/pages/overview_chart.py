"""Pure. The drawing of the Overview: waits over volume, by time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from trunkline.store.facts.measure import BUCKET_SECONDS
from trunkline.store.facts.queries_overview import Overview, Trend
from trunkline.store.thresholds import DEFAULT, Thresholds, seconds
from trunkline.web.pages import text
from trunkline.web.pages.filters import Filters


def all_times(trend: Trend) -> list[Overview | None]:
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


def lines(
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
    "Need attention",
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


def chart(trend: Trend, filters: Filters, own: Thresholds = DEFAULT) -> Chart:
    """Return how waits and volume were over time."""
    times = all_times(trend)
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
            lines([None if of is None else number(of) for of in times], WIDTH, HEIGHT, top_us),
        )
        for name, number in _CURVES
    )
    most = max((of.calls for of in waits), default=0)
    rules = tuple(
        Rule(f"{seconds(us)} s", round(HEIGHT - (HEIGHT - 2) * us / top_us - 1, 1), tone)
        for us, tone in ((own.fair_wait_us, "warn"), (own.long_wait_us, "bad"))
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
        stretches=_stretches(trend, most, WIDTH / max(1, len(times)), filters),
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


def _stretches(trend: Trend, most: int, wide: float, filters: Filters) -> tuple[Stretch, ...]:
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
            text.rate(of.attention, of.calls),
            text.count(of.failed),
            text.count(of.turns),
            text.wait(of.wait_p50_us),
            text.wait(of.wait_p95_us),
            text.wait(of.wait_p99_us),
            text.rate(of.barge_ins, of.turns),
            text.UNKNOWN if of.unheard_share is None else text.rate(of.unheard_share, 1),
            text.money(of.cost_usd)
            if of.unpriced_calls or of.cost_usd is not None
            else text.UNKNOWN,
        ),
    )
