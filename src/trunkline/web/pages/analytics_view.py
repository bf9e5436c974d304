"""Pure. Any metric by anything, over time and by the hours of the week: as tables and drawings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from trunkline.store.facts.measure import BUCKET_SECONDS, Bucket, Order, Question, Row, measure
from trunkline.store.facts.queries_calls import CallFilters
from trunkline.web.narrowing import NONE
from trunkline.web.pages import text
from trunkline.web.pages.analytics_choice import AGGREGATES, Choice, said
from trunkline.web.pages.buckets import bucket_end
from trunkline.web.pages.filters import USUAL_SPAN, Filters
from trunkline.web.pages.heads import Head

MOST_CURVES: Final = 5
"""More lines than that nobody can tell apart; the table has all groups."""
PAGE_GROUPS: Final = 50
WIDTH: Final = 1000.0
HEIGHT: Final = 180.0
DAYS: Final = tuple(text.WEEKDAYS.values())
HOURS: Final = 24
CELL: Final = (40.0, 20.0)
"""Width and height of one hour of the week."""
SHADES: Final = 5
WEEK: Final = ("weekday", "hour")
WEEKWISE: Final = Order(by_name=True, descending=False)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The questions of one page."""

    groups: Question
    over_time: Question
    by_hour: Question


def questions(choice: Choice, filters: CallFilters, offset: int) -> Asked:
    """Return what the page asks of the calls that fit."""
    groups = Question(
        measures=(measure(choice.metric.id, choice.aggregate),),
        group_by=(choice.by,) if choice.by else (),
        filters=filters,
        order=Order(aggregate=choice.sort, descending=not choice.ascending)
        if choice.sort != "name"
        else Order(by_name=True, descending=not choice.ascending),
        limit=PAGE_GROUPS,
        offset=offset,
    )
    other = msgspec.structs.replace
    return Asked(
        groups=groups,
        over_time=other(groups, bucket=choice.bucket, limit=MOST_CURVES),
        by_hour=other(groups, group_by=WEEK, order=WEEKWISE, limit=200, offset=0),
    )


@dataclass(frozen=True, slots=True)
class Group:
    """One row of the table."""

    name: str
    href: str
    """Its calls; empty when nothing there leads to them."""
    n: str
    value: str
    curve: int
    """Which line of the drawing it is, from 1; 0: none."""


def groups(choice: Choice, rows: Sequence[Row], filters: Filters) -> list[Group]:
    """Return the rows of the table. The first ones are drawn over time."""
    found: list[Group] = []
    for place, row in enumerate(rows, start=1):
        name = row.group[0] if row.group else ""
        numbers = row.numbers[0]
        found.append(
            Group(
                name=named(choice, row.group),
                href=_calls(choice, name, filters),
                n=text.count(numbers["n"]),
                value=words(choice, numbers[choice.aggregate]),
                curve=place if place <= MOST_CURVES else 0,
            )
        )
    return found


def named(choice: Choice, group: Sequence[str]) -> str:
    """Return what a group is called."""
    if not group:
        return "All calls"
    if choice.by == "weekday":
        return text.WEEKDAYS[group[0]]
    return f"{group[0]}:00" if choice.by == "hour" else group[0] or NONE


def _calls(choice: Choice, group: str, filters: Filters) -> str:
    """Return the address of a group's calls."""
    if not choice.by:
        return f"/calls?{filters.timed(USUAL_SPAN).address()}"
    of_group = filters.timed(USUAL_SPAN).of_group(choice.by, group, choice.zone)
    return f"/calls?{of_group.address()}" if of_group else ""


def heads(choice: Choice, filters: Filters) -> list[Head]:
    """Return the headings of the table; each sorts by its column."""
    columns = (
        ("name", choice.by_words.capitalize(), "", False),
        ("n", "n", f"How many {said(choice.metric)} there are with a value.", True),
        (choice.aggregate, AGGREGATES[choice.aggregate], choice.metric.means, True),
    )
    return [
        Head(
            name,
            label,
            means,
            f"/analytics?{filters.address(**choice.sorted(name).pairs())}" if choice.by else "",
            "" if name != choice.sort else "ascending" if choice.ascending else "descending",
            number,
        )
        for name, label, means, number in columns
    ]


@dataclass(frozen=True, slots=True)
class Curve:
    """One group over time."""

    name: str
    place: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """One bucket of time."""

    iso: str
    at: str
    href: str
    """Its calls."""
    title: str
    x: float
    width: float
    cells: tuple[str, ...]
    """Of each curve."""


@dataclass(frozen=True, slots=True)
class Chart:
    """The first groups over time: drawn, and as a table."""

    title: str
    summary: str
    most: str
    curves: tuple[Curve, ...]
    stretches: tuple[Stretch, ...]
    starts: tuple[str, str]
    """ISO, and in words."""
    ends: tuple[str, str]


def chart(
    choice: Choice,
    asked: Question,
    rows: Sequence[Row],
    order: Sequence[tuple[str, ...]],
    filters: Filters,
) -> Chart:
    """Return the drawing over time of the groups in `order`. Where there is nothing is a gap."""
    bucket = asked.bucket or "day"
    values: dict[int, dict[tuple[str, ...], Any]] = {}
    for row in rows:
        values.setdefault(row.at_us or 0, {})[row.group] = row.numbers[0][choice.aggregate]
    from_us, to_us = asked.filters.from_us or 0, asked.filters.to_us or 1
    highest = max(
        (of for at in values.values() for of in at.values() if of is not None), default=None
    )
    span = _Span(
        min([from_us, *values]),
        max([to_us, *(bucket_end(bucket, at_us, choice.zone) for at_us in values)]),
        float(highest or 0),
    )
    curves = tuple(
        Curve(named(choice, group), place, tuple(_lines(span, bucket, values, group)))
        for place, group in enumerate(order, start=1)
    )
    title = f"{said(choice.metric, choice.aggregate)}, by {bucket}"
    most = words(choice, highest)
    return Chart(
        title=title,
        summary=f"{title}: {text.plural(len(curves), 'line')}, at most {most}",
        most=most,
        curves=curves,
        stretches=tuple(
            _stretch(choice, span, at_us, ends_us, [of.get(group) for group in order], curves,
                     filters.between(max(at_us, from_us), min(ends_us, to_us)))
            for at_us, of in sorted(values.items())
            for ends_us in (bucket_end(bucket, at_us, choice.zone),)
        ),
        starts=(text.iso(span.from_us), text.when(span.from_us)),
        ends=(text.iso(span.to_us), text.when(span.to_us)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Span:
    """What a drawing reaches over."""

    from_us: int
    to_us: int
    top: float

    def x(self, at_us: int) -> float:
        return WIDTH * (at_us - self.from_us) / max(1, self.to_us - self.from_us)

    def y(self, value: float) -> float:
        return HEIGHT - 1 - (HEIGHT - 4) * max(0.0, value) / (self.top or 1)


def _bucket_us(bucket: Bucket) -> int:
    return (31 * 86_400 if bucket == "month" else BUCKET_SECONDS[bucket]) * 1_000_000


def _lines(
    span: _Span,
    bucket: Bucket,
    values: Mapping[int, Mapping[tuple[str, ...], Any]],
    group: tuple[str, ...],
) -> Iterator[str]:
    """Yield the unbroken stretches of a curve, as points."""
    wide_us = _bucket_us(bucket)
    line: list[str] = []
    last_us = 0
    for at_us, of in sorted(values.items()):
        value = of.get(group)
        # A day of summer time is an hour longer, and no gap.
        if line and (value is None or at_us - last_us > 1.5 * wide_us):
            yield _dash(line)
            line = []
        if value is not None:
            line.append(f"{span.x(at_us + wide_us // 2):.1f},{span.y(float(value)):.1f}")
            last_us = at_us
    if line:
        yield _dash(line)


def _dash(line: list[str]) -> str:
    """Return points of a line; a lone one is a short dash."""
    if len(line) > 1:
        return " ".join(line)
    x, _, y = line[0].partition(",")
    return f"{float(x) - 3:.1f},{y} {float(x) + 3:.1f},{y}"


def _stretch(
    choice: Choice,
    span: _Span,
    at_us: int,
    ends_us: int,
    values: Sequence[Any],
    curves: Sequence[Curve],
    filters: Filters,
) -> Stretch:
    cells = tuple(words(choice, value) for value in values)
    # Names first, so that what is told behind them is numbers alone.
    of = f", {', '.join(curve.name for curve in curves)}" if choice.by else ""
    return Stretch(
        iso=text.iso(at_us),
        at=text.when(at_us),
        href=f"/calls?{filters.address()}",
        title=f"{text.when(at_us)} UTC{of}: {', '.join(cells)}",
        x=round(span.x(at_us), 2),
        width=round(span.x(ends_us) - span.x(at_us), 2),
        cells=cells,
    )


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of the week."""

    at: str
    x: float
    y: float
    shade: int
    """1 to `SHADES`: darker is more."""
    value: str
    n: str
    title: str
    href: str
    """Its calls."""


@dataclass(frozen=True, slots=True)
class Heat:
    """The hours of the week: drawn, and as a table."""

    hours: tuple[Hour, ...]
    least: str
    most: str
    summary: str


def heat(choice: Choice, rows: Sequence[Row], filters: Filters) -> Heat:
    """Return what each hour of the week is like. Those that no call was opened in are left out."""
    zone = "" if choice.zone == "UTC" else choice.zone
    timed = filters.timed(USUAL_SPAN)
    known = [
        (int(row.group[0]), int(row.group[1]), numbers["n"], value)
        for row in rows
        if (value := (numbers := row.numbers[0])[choice.aggregate]) is not None
    ]
    least = min((value for *_, value in known), default=0)
    most = max((value for *_, value in known), default=0)
    wide, tall = CELL
    hours: list[Hour] = []
    for day, hour, n, value in sorted(known, key=lambda one: one[:2]):
        at, told = f"{DAYS[day - 1]} {hour:02d}:00", words(choice, value)
        share = float((value - least) / (most - least)) if most > least else 0.5
        shade = min(SHADES, 1 + int(share * SHADES))
        counted = text.count(n)
        title = f"{at}: {told}, n {counted}"
        of_hour = replace(timed, hour=f"{hour:02d}", weekday=str(day), zone=zone)
        href = f"/calls?{of_hour.address()}"
        hours.append(Hour(at, hour * wide, (day - 1) * tall, shade, told, counted, title, href))
    ends = words(choice, least), words(choice, most)
    summary = f"By hour of the week, {choice.zone}: from {ends[0]} to {ends[1]}"
    return Heat(tuple(hours), *ends, summary)


def words(choice: Choice, value: Any) -> str:
    """Return a number as people read it, by its metric's unit."""
    if value is None:
        return text.UNKNOWN
    match choice.metric.unit:
        case "usd":
            return text.money(value)
        case "ms":
            return _time(round(value * 1000))
        case "share":
            return text.rate(float(value), 1)
        case _:
            return f"{value:,.2f}".rstrip("0").rstrip(".") if value % 1 else f"{int(value):,}"


def _time(us: int) -> str:
    """Return a time as long ones and short ones show best."""
    if abs(us) < _SHORT_US:
        return text.millis(us)
    return text.wait(us) if abs(us) < _LONG_US else text.length(us)


_SHORT_US: Final = 10_000
_LONG_US: Final = 100_000_000
