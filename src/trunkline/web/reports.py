"""Pure. The questions that pages and API both ask about many calls: one definition each.

A report groups calls, or what belongs to them, and has a column for each number. Whoever
shows it decides only what it looks like.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from trunkline.store.facts.catalogue import METRIC_OF, PROPERTY
from trunkline.store.facts.measure import (
    BadQuestion,
    Bucket,
    Measure,
    Order,
    Question,
    Row,
    measure,
)
from trunkline.store.facts.queries_calls import CallFilters
from trunkline.web.api.shape import moment


class Column(msgspec.Struct, frozen=True):
    """One number of a report."""

    name: str
    """In the API, with its unit."""
    metric: str
    aggregate: str

    @property
    def means(self) -> str:
        """Return what the number is."""
        metric = METRIC_OF[self.metric]
        made = _TIMES if metric.unit == "at" else _MADE
        return f"{metric.means.rstrip('.')}{made.get(self.aggregate, f', {self.aggregate}')}."


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A table: a row for each group."""

    by: str
    """The dimension; empty when the reader chooses it."""
    key: str
    """What the group is called in the API."""
    columns: tuple[Column, ...]
    sort: str
    """By which column, unless the reader says otherwise."""
    named: bool = False
    choices: tuple[str, ...] = ()
    """Dimensions that the reader may choose from."""


_MADE: Final = {"sum": "", "ratio": "", "distinct": "", "any": "", "max": ", the most"}
_TIMES: Final = {"min": ": the first time", "max": ": the last time"}

_WAITS: Final = (
    Column("turns", "turns", "sum"),
    Column("wait_p50_ms", "turn.wait", "p50"),
    Column("wait_p95_ms", "turn.wait", "p95"),
    Column("barge_in_share", "turn.barge_in_share", "ratio"),
)
_OF_CALLS: Final = (
    Column("calls", "calls", "sum"),
    Column("live", "calls.live", "sum"),
    Column("failed", "calls.failed", "sum"),
    Column("first_at", "calls.opened_at", "min"),
    Column("last_at", "calls.opened_at", "max"),
    Column("duration_ms", "call.duration", "sum"),
    Column("cost_usd", "call.cost", "sum"),
    Column("unpriced_calls", "call.unpriced", "sum"),
    *_WAITS,
)
_TOKENS: Final = (
    "input_text",
    "cached_text",
    "input_audio",
    "cached_audio",
    "input_image",
    "cached_image",
    "output_text",
    "output_audio",
)
_AGAIN: Final = (
    Column("new_usd", "usage.input_new_cost", "sum"),
    Column("again_usd", "usage.input_again_cost", "sum"),
    Column("again_share", "usage.input_again_share", "ratio"),
)
"""Of input: what its turn brought, and what is billed again."""

USERS: Final = Report(by="user", key="user", columns=_OF_CALLS, sort="calls", named=True)
PROPERTIES: Final = Report(by="property_name", key="property", columns=_OF_CALLS, sort="calls")
VALUES: Final = Report(by="", key="value", columns=_OF_CALLS, sort="calls", named=True)
"""Of one property; `by` is its name behind `property:`."""
COSTS: Final = Report(
    by="",
    key="group",
    columns=(
        Column("cost_usd", "usage.cost", "sum"),
        Column("billed", "usage", "sum"),
        Column("unpriced", "usage.unpriced", "sum"),
        *(Column(name, f"usage.{name}", "sum") for name in _TOKENS),
        Column("new_tokens", "usage.input_new", "sum"),
        Column("again_tokens", "usage.input_again", "sum"),
        *_AGAIN,
        Column("billed_ms", "usage.seconds", "sum"),
    ),
    sort="cost_usd",
    choices=(
        "billed_model",
        "billed_kind",
        "billed_day",
        "user",
        "session",
        "key_name",
        "provider",
    ),
)
COST_SUMS: Final = (
    Column("cost_usd", "usage.cost", "sum"),
    Column("unpriced", "usage.unpriced", "sum"),
    *_AGAIN,
    Column("unheard_usd", "call.unheard_cost", "sum"),
    Column("unheard_ms", "audio.unheard", "sum"),
)
"""What all groups of `COSTS` are together."""
TOOLS: Final = Report(
    by="tool",
    key="tool",
    columns=(
        Column("tool_calls", "tools", "sum"),
        Column("calls", "tool.calls_with", "distinct"),
        Column("unanswered", "tool.unanswered", "sum"),
        Column("unanswered_share", "tool.unanswered_share", "ratio"),
        Column("failed_share", "tool.failed_share", "ratio"),
        Column("no_json", "tool.no_json", "sum"),
        Column("no_json_share", "tool.no_json_share", "ratio"),
        Column("misfits", "tool.misfits", "sum"),
        Column("misfit_share", "tool.misfit_share", "ratio"),
        Column("latency_p50_ms", "tool.latency", "p50"),
        Column("latency_p95_ms", "tool.latency", "p95"),
        Column("latency_p99_ms", "tool.latency", "p99"),
        Column("latency_max_ms", "tool.latency", "max"),
        Column("dead_air_ms", "tool.dead_air", "sum"),
        Column("dead_air_p50_ms", "tool.dead_air", "p50"),
        Column("dead_air_p95_ms", "tool.dead_air", "p95"),
    ),
    sort="tool_calls",
)
ARGUMENTS: Final = Report(
    by="argument_error",
    key="argument_error",
    columns=(
        Column("tool", "tool.name", "any"),
        Column("error", "tool.argument_error", "any"),
        Column("tool_calls", "tools", "sum"),
        Column("calls", "tool.calls_with", "distinct"),
    ),
    sort="tool_calls",
    named=True,
)
"""What models do wrong when they call tools."""
ERRORS: Final = Report(
    by="error",
    key="fingerprint",
    columns=(
        Column("errors", "errors", "sum"),
        Column("calls", "error.calls", "distinct"),
        Column("source", "error.source", "any"),
        Column("type", "error.type", "any"),
        Column("code", "error.code", "any"),
        Column("phase", "error.phase", "any"),
        Column("close_code", "error.close_code", "any"),
        Column("message", "error.message", "any"),
        Column("first_at", "error.at", "min"),
        Column("last_at", "error.at", "max"),
    ),
    sort="errors",
)


def question(
    report: Report,
    filters: CallFilters,
    *,
    by: str = "",
    sort: str = "",
    ascending: bool = False,
    limit: int = 50,
    offset: int = 0,
    bucket: Bucket | None = None,
) -> Question:
    """Return what `report` asks about the calls that fit `filters`.

    Raises:
        BadQuestion: there is no such column to sort by, or nothing such to group by.
    """
    by = report.by or by
    if report.choices and by not in report.choices and not by.startswith(PROPERTY):
        raise BadQuestion(f"by: one of {', '.join(report.choices)}, or {PROPERTY}<name>")
    measures = _measures(report.columns)
    return Question(
        measures=measures,
        group_by=(by,),
        filters=filters,
        order=_order(report, measures, sort or report.sort, ascending=ascending),
        limit=limit,
        offset=offset,
        named=report.named,
        bucket=bucket,
    )


def sums_question(columns: Sequence[Column], filters: CallFilters) -> Question:
    """Return what asks for `columns` of all calls that fit, in one row."""
    return Question(measures=_measures(columns), filters=filters)


def _measures(columns: Sequence[Column]) -> tuple[Measure, ...]:
    """Return each metric of the columns once, with all that is asked of it."""
    asked: dict[str, list[str]] = {}
    for column in columns:
        asked.setdefault(column.metric, []).append(column.aggregate)
    return tuple(measure(metric, *aggregates) for metric, aggregates in asked.items())


def _order(report: Report, measures: tuple[Measure, ...], sort: str, *, ascending: bool) -> Order:
    if sort == report.key:
        return Order(by_name=True, descending=not ascending)
    for column in report.columns:
        if column.name == sort:
            place = [asked.metric.id for asked in measures].index(column.metric)
            return Order(place, column.aggregate, not ascending)
    names = ", ".join(column.name for column in report.columns)
    raise BadQuestion(f"sort: one of {report.key}, {names}")


def values(report: Report, asked: Question, row: Row) -> dict[str, Any]:
    """Return one row of the answer by the names of the columns, and its group."""
    return {report.key: row.group[0], **_numbers(report.columns, asked, row)}


def sizes(columns: Sequence[Column], asked: Question, row: Row) -> dict[str, int]:
    """Return for each column how many rows its number is made of."""
    of = _by_metric(asked, row)
    return {column.name: of[column.metric]["n"] for column in columns}


def _numbers(columns: Sequence[Column], asked: Question, row: Row) -> dict[str, Any]:
    of = _by_metric(asked, row)
    return {column.name: _value(column, of[column.metric][column.aggregate]) for column in columns}


def _by_metric(asked: Question, row: Row) -> dict[str, Mapping[str, Any]]:
    return {
        one.metric.id: numbers for one, numbers in zip(asked.measures, row.numbers, strict=True)
    }


def told(report: Report, asked: Question, row: Row) -> dict[str, Any]:
    """Return one row of the answer as the API tells it."""
    return {**values(report, asked, row), "n": sizes(report.columns, asked, row)}


def sums(columns: Sequence[Column], asked: Question, row: Row) -> dict[str, Any]:
    """Return the one row of `sums_question` as the API tells it."""
    return {**_numbers(columns, asked, row), "n": sizes(columns, asked, row)}


def _value(column: Column, value: Any) -> Any:
    unit = METRIC_OF[column.metric].unit
    if unit == "at":
        return None if value is None else moment(value)
    if value is None and unit == "count":
        return 0
    return value


def kind_of(column: Column) -> type:
    """Return the type of a column's values, None left aside."""
    unit = METRIC_OF[column.metric].unit
    return {
        "ms": float,
        "usd": Decimal,
        "share": float,
        "number": float,
        "at": datetime,
        "text": str,
    }.get(unit, int)
