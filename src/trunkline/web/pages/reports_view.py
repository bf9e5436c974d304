"""Pure. A report as a table for reading, and a chart of it over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from trunkline.store.facts.catalogue import METRIC_OF
from trunkline.store.facts.measure import Measure, Question, Row, measure
from trunkline.store.facts.metric import PERCENTILES
from trunkline.store.facts.queries_calls import CallFilters
from trunkline.store.thresholds import DEFAULT, Thresholds
from trunkline.web import reports
from trunkline.web.api.shape import microseconds
from trunkline.web.narrowing import NONE
from trunkline.web.pages import text
from trunkline.web.pages.buckets import bucket_end, bucket_for
from trunkline.web.pages.filters import SPANS, USUAL_SPAN, Filters
from trunkline.web.pages.heads import Head
from trunkline.web.reports import Column, Report


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one page shows of a report."""

    name: str
    """Of the page, and of its address."""
    title: str
    group: str
    """Heading of the first column."""
    report: Report
    shown: Mapping[str, str]
    """Columns of the report by name, each with its heading."""
    chart: tuple[str, str]
    """Metric and aggregate over time."""
    empty: str
    """What to say when there is nothing."""


_OF_CALLS: Final = {
    "calls": "Calls",
    "failed": "Failed",
    "turns": "Turns",
    "wait_p50_ms": "Wait p50",
    "wait_p95_ms": "Wait p95",
    "barge_in_share": "Barge-ins",
    "duration_ms": "Talked",
    "cost_usd": "Cost",
    "last_at": "Last call",
}

USERS: Final = Sheet(
    name="users",
    title="Users",
    group="User",
    report=reports.USERS,
    shown=_OF_CALLS,
    chart=("users", "distinct"),
    empty="Calls that carry a Helicone-User-Id are counted here, by user.",
)
PROPERTIES: Final = Sheet(
    name="properties",
    title="Properties",
    group="Property",
    report=reports.PROPERTIES,
    shown=_OF_CALLS,
    chart=("calls", "sum"),
    empty="Send Helicone-Property-<Name> with a call, and compare calls by its values here.",
)
VALUES: Final = Sheet(
    name="properties",
    title="Properties",
    group="Value",
    report=reports.VALUES,
    shown=_OF_CALLS,
    chart=("calls", "sum"),
    empty="No call of this time carries the property.",
)
COSTS: Final = Sheet(
    name="costs",
    title="Costs",
    group="",
    report=reports.COSTS,
    shown={
        "cost_usd": "Cost",
        "billed": "Billed",
        "unpriced": "Unpriced",
        "input_text": "Text in",
        "cached_text": "Cached",
        "input_audio": "Audio in",
        "cached_audio": "Cached",
        "output_text": "Text out",
        "output_audio": "Audio out",
        "again_usd": "Billed again",
        "again_share": "Of input",
        "billed_ms": "By time",
    },
    chart=("usage.cost", "sum"),
    empty="Nothing was billed.",
)
TOOLS: Final = Sheet(
    name="tools",
    title="Tools",
    group="Tool",
    report=reports.TOOLS,
    shown={
        "tool_calls": "Called",
        "calls": "In calls",
        "unanswered_share": "Unanswered",
        "failed_share": "Failed",
        "no_json": "Not JSON",
        "misfits": "Not per schema",
        "latency_p50_ms": "Latency p50",
        "latency_p95_ms": "p95",
        "latency_p99_ms": "p99",
        "latency_max_ms": "Longest",
        "dead_air_p95_ms": "Dead air p95",
        "dead_air_ms": "Dead air, all",
    },
    chart=("tool.latency", "p95"),
    empty="No model called a tool.",
)
ARGUMENTS: Final = Sheet(
    name="tools",
    title="Argument errors",
    group="What is wrong",
    report=reports.ARGUMENTS,
    shown={"tool": "Tool", "tool_calls": "Times", "calls": "In calls"},
    chart=("tools", "sum"),
    empty="",
)
ERRORS: Final = Sheet(
    name="errors",
    title="Errors",
    group="Error",
    report=reports.ERRORS,
    shown={
        "errors": "Times",
        "calls": "In calls",
        "source": "From",
        "phase": "While",
        "close_code": "Closed with",
        "first_at": "First",
        "last_at": "Last",
    },
    chart=("errors", "sum"),
    empty="No errors. Long may it stay so.",
)

BY_WORDS: Final = {
    "billed_model": "Model",
    "billed_kind": "Kind",
    "billed_day": "Day",
    "user": "User",
    "session": "Session",
    "key_name": "Key",
    "provider": "Provider",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One number, or text."""

    name: str
    words: str
    tone: str = ""
    title: str = ""
    iso: str = ""
    """Of a time."""
    number: bool = True
    href: str = ""
    """The calls that it counts, where they are not all of the line's."""
    n: str = ""
    """How many it is made of, where it is a percentile or a share."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table."""

    name: str
    href: str
    detail: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bucket of time in the chart."""

    iso: str
    at: str
    words: str
    x: float
    width: float
    y: float
    height: float
    href: str
    """The calls that were opened in it."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A number over time: drawn, and as a table."""

    title: str
    bars: tuple[Bar, ...]
    most: str
    """The highest bar, in words."""
    summary: str
    starts: tuple[str, str]
    """ISO, and in words."""
    ends: tuple[str, str]


WIDTH: Final = 1000
HEIGHT: Final = 120


def heads(sheet: Sheet, filters: Filters, sort: str, *, ascending: bool, **more: str) -> list[Head]:
    """Return the headings, the group's first."""
    columns = {column.name: column for column in sheet.report.columns}
    names = [sheet.report.key, *sheet.shown]
    return [
        _head(
            name,
            sheet.shown.get(name) or sheet.group or BY_WORDS.get(more.get("by", ""), "Value"),
            columns.get(name),
            f"/{_address(sheet, more)}?{_sorted(filters, name, sort, ascending, more)}",
            "" if name != sort else "ascending" if ascending else "descending",
        )
        for name in names
    ]


def _address(sheet: Sheet, more: Mapping[str, str]) -> str:
    name = more.get("property", "")
    return f"{sheet.name}/{quote(name, safe='')}" if name else sheet.name


def _sorted(
    filters: Filters, name: str, sort: str, ascending: bool, more: Mapping[str, str]
) -> str:
    turned = name == sort and not ascending
    kept = {key: value for key, value in more.items() if key != "property"}
    return filters.address(**kept, sort=name, direction="asc" if turned else "desc")


def plain_heads(sheet: Sheet) -> list[Head]:
    """Return the headings of a table that is not sorted by its reader."""
    columns = {column.name: column for column in sheet.report.columns}
    first = Head(sheet.report.key, sheet.group, "", "", "", number=False)
    return [
        first,
        *(_head(name, words, columns[name], "", "") for name, words in sheet.shown.items()),
    ]


def _head(name: str, words: str, column: Column | None, href: str, order: str) -> Head:
    number = column is not None and reports.kind_of(column) is not str
    return Head(name, words, column.means if column else "", href, order, number)


def lines(
    sheet: Sheet,
    asked: Question,
    rows: Sequence[Row],
    filters: Filters,
    by: str = "",
    own: Thresholds = DEFAULT,
) -> list[Line]:
    """Return the rows of the table."""
    columns = {column.name: column for column in sheet.report.columns}
    found: list[Line] = []
    for row in rows:
        values = reports.values(sheet.report, asked, row)
        sizes = reports.sizes(sheet.report.columns, asked, row)
        name, detail = _name(sheet, row.group[0], values)
        calls = _calls(sheet, row.group[0], filters, by)
        cells = tuple(
            replace(
                _cell(columns[name], values[name], sizes[name], values, own),
                href=_counted(sheet, name, row.group[0], filters, by) if values[name] else "",
            )
            for name in sheet.shown
        )
        found.append(Line(name, calls, detail, cells))
    return found


_COUNTED: Final[Mapping[str, tuple[str, str]]] = {
    "failed": ("attention", "failed"),
    "unpriced": ("attention", "unpriced"),
    "no_json": ("tool_arguments", "{} no_json"),
    "misfits": ("tool_arguments", "{} misfit"),
}
"""Columns that count some of the line's calls, and the filter that leaves those."""


def _counted(sheet: Sheet, column: str, group: str, filters: Filters, by: str) -> str:
    """Return where the calls are that a column counts, if not all of the line's are."""
    if column not in _COUNTED:
        return ""
    name, value = _COUNTED[column]
    of_line = _of_line(sheet, group, filters, by)
    counted = of_line and of_line.of_group(name, value.format(group))
    return f"/calls?{counted.address()}" if counted else ""


def _name(sheet: Sheet, group: str, values: Mapping[str, Any]) -> tuple[str, str]:
    if sheet is ERRORS:
        code = values["code"] or values["type"] or "error"
        return str(code), text.shorten(str(values["message"] or ""), 160)
    if sheet is ARGUMENTS:
        return str(values["error"] or ""), ""
    return group or NONE, ""


def _calls(sheet: Sheet, group: str, filters: Filters, by: str) -> str:
    """Return where the calls of a group are, empty when nothing there leads to them."""
    if sheet is PROPERTIES:
        return f"/properties/{quote(group, safe='')}?{filters.address()}"
    of_line = _of_line(sheet, group, filters, by)
    return f"/calls?{of_line.address()}" if of_line else ""


def _of_line(sheet: Sheet, group: str, filters: Filters, by: str) -> Filters | None:
    """Return the filters of the calls of a line. None: an address cannot say them."""
    return filters.timed(USUAL_SPAN).of_group(by or sheet.report.by, group)


def _cell(column: Column, value: Any, n: int, values: Mapping[str, Any], own: Thresholds) -> Cell:
    unit = METRIC_OF[column.metric].unit
    title = f"n = {n:,}"
    match unit:
        case "at":
            at_us = microseconds(value) if isinstance(value, datetime) else None
            if at_us is None:
                return Cell(column.name, text.UNKNOWN)
            return Cell(column.name, text.when(at_us), iso=text.iso(at_us))
        case "usd":
            words = text.money(value) if value is not None else _no_cost(values)
            return Cell(column.name, words, title=title)
        case "ms":
            words, tone = _milliseconds(column, value), _tone(column, value, own)
            if column.aggregate in PERCENTILES and value is not None:
                return Cell(column.name, words, tone, n=text.count(n))
            return Cell(column.name, words, tone, title)
        case "share":
            if value is None:
                return Cell(column.name, text.UNKNOWN, "", title)
            return Cell(column.name, text.rate(value, 1), n=text.count(n))
        case "text":
            return Cell(column.name, str(value or ""), number=False)
        case _:
            words = text.count(value)
            bad = column.name in ("failed", "unpriced", "no_json", "misfits") and value
            return Cell(column.name, words, "bad" if bad else "", title)


def _no_cost(values: Mapping[str, Any]) -> str:
    unpriced = values.get("unpriced_calls") or values.get("unpriced")
    return text.UNPRICED if unpriced else text.UNKNOWN


def _milliseconds(column: Column, value: float | None) -> str:
    us = None if value is None else round(value * 1000)
    if column.aggregate == "sum":
        return text.length(us)
    # What takes some milliseconds took no time, in seconds.
    return text.millis(us) if us is not None and us < _SHORT_US else text.wait(us)


_SHORT_US: Final = 10_000


def _tone(column: Column, value: float | None, own: Thresholds) -> str:
    if value is None:
        return ""
    if column.metric == "tool.dead_air" and column.aggregate != "sum":
        return "warn" if value * 1000 > own.tool_dead_air_us else ""
    if not column.name.startswith("wait"):
        return ""
    tone = text.wait_tone(round(value * 1000), own)
    return tone if tone in ("bad", "warn") else ""


def chart_question(sheet: Sheet, filters: CallFilters) -> Question:
    """Return what the chart asks: the sheet's number over time, about all groups together."""
    metric, aggregate = sheet.chart
    return Question(
        measures=(measure(metric, aggregate),), filters=filters, bucket=bucket_for(filters)
    )


def chart(asked: Question, rows: Sequence[Row], filters: Filters) -> Chart:
    """Return the chart. A bucket that nothing has is a gap."""
    (one,) = asked.measures
    bucket = asked.bucket or "day"
    ends = asked.filters.from_us or 0, asked.filters.to_us or 1
    from_us, to_us = ends
    # The first bucket begins before the time does, and the last one ends after it.
    starts = [row.at_us for row in rows if row.at_us is not None]
    from_us = min([from_us, *starts])
    to_us = max([to_us, *(bucket_end(bucket, at_us) for at_us in starts)])
    scale = WIDTH / max(1, to_us - from_us)
    known = [
        (row.at_us, value, row.numbers[0]["n"])
        for row in rows
        if row.at_us is not None and (value := row.numbers[0][one.aggregates[0]]) is not None
    ]
    most = max((float(value) for _, value, _ in known), default=0)
    bars: list[Bar] = []
    for at_us, value, n in known:
        ends_us = bucket_end(bucket, at_us)
        of_bar = filters.between(max(at_us, ends[0]), min(ends_us, ends[1]))
        place = (at_us - from_us) * scale, (ends_us - at_us) * scale
        counted = f", n = {text.count(n)}" if one.aggregates[0] in PERCENTILES else ""
        words = f"{_words(one, value)}{counted}"
        bars.append(_bar(words, at_us, value, most, place, of_bar))
    name = f"{METRIC_OF[one.metric.id].means.rstrip('.')}{_AGGREGATE.get(one.aggregates[0], '')}"
    title = f"{name}, by {asked.bucket}"
    highest = _words(one, max((value for _, value, _ in known), default=None))
    return Chart(
        title=title,
        bars=tuple(bars),
        most=highest,
        summary=f"{title}: {len(bars)} values, at most {highest}",
        starts=(text.iso(from_us), text.when(from_us)),
        ends=(text.iso(to_us), text.when(to_us)),
    )


_AGGREGATE: Final = {"p95": ", p95"}


def _bar(
    words: str, at_us: int, value: Any, most: float, place: tuple[float, float], filters: Filters
) -> Bar:
    x, width = place
    height = HEIGHT * float(value) / most if most else 0
    wide = max(2.0, width - 1)
    return Bar(
        text.iso(at_us),
        text.when(at_us),
        words,
        round(x, 2),
        round(wide, 2),
        round(HEIGHT - height, 2),
        round(height, 2),
        f"/calls?{filters.address()}",
    )


def _words(one: Measure, value: Any) -> str:
    if value is None:
        return text.UNKNOWN
    match one.metric.unit:
        case "usd":
            return text.money(value)
        case "ms":
            return text.wait(round(value * 1000))
        case _:
            return text.count(value)


def pages(filters: Filters, offset: int, size: int, *, more: bool, **kept: str) -> dict[str, str]:
    """Return the addresses of the pages before and after, where there are such."""
    found: dict[str, str] = {}
    if offset:
        back = max(0, offset - size)
        found["before"] = filters.address(**kept, offset=str(back) if back else "")
    if more:
        found["after"] = filters.address(**kept, offset=str(offset + size))
    return found


def covers(filters: Filters) -> str:
    """Return which time a page is about."""
    return SPANS.get(filters.span, "time chosen" if filters.custom() else SPANS[USUAL_SPAN])
