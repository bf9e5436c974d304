"""I/O. `/v1/metrics`: what can be measured, and any of it by anything."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from trunkline.store.facts import attention
from trunkline.store.facts.catalogue import METRIC_OF, METRICS
from trunkline.store.facts.conditions import (
    FIELDS,
    OPERATORS,
    AllOf,
    AnyOf,
    BadCondition,
    Condition,
    Is,
    Value,
)
from trunkline.store.facts.dimensions import DIMENSIONS
from trunkline.store.facts.measure import (
    MAX_LIMIT,
    MAX_MEASURES,
    BadQuestion,
    Bucket,
    Measure,
    Order,
    Question,
    Row,
    measure,
)
from trunkline.store.facts.queries_calls import CallFilters
from trunkline.store.facts.queries_measure import measured
from trunkline.web.api import shape
from trunkline.web.api.calls import FilterQuery, WhoReads, filters_of
from trunkline.web.api.money import plain
from trunkline.web.auth import Deps

router = APIRouter(tags=["Metrics"])

WEEK_US: Final = 7 * 86_400 * 1_000_000
_DEEP: Final = 40


class MetricModel(BaseModel):
    """One metric."""

    id: str
    unit: str = Field(description="ms, usd (decimal text), count, share (0 to 1), at, or text.")
    of: str = Field(description="What has it: each call, turn, response, tool call …")
    aggregates: list[str]
    means: str


class DimensionModel(BaseModel):
    """Something to group by."""

    id: str
    of: str
    means: str


class FieldModel(BaseModel):
    """Something to filter calls by."""

    id: str
    operators: list[str]


class Catalogue(BaseModel):
    """What can be measured."""

    metrics: list[MetricModel]
    dimensions: list[DimensionModel] = Field(
        description="And `property:<name>`. Those of calls fit every metric, others their own."
    )
    fields: list[FieldModel] = Field(description="And `property:<name>`, which is text.")


class MeasureBody(BaseModel):
    """One metric, and what to make of its rows."""

    model_config = ConfigDict(extra="forbid")

    metric: str
    aggregates: list[str] = Field([], max_length=20, description="Empty: the metric's first.")


class OrderBody(BaseModel):
    """By what groups are sorted."""

    model_config = ConfigDict(extra="forbid")

    by: str = Field(description="One of the metrics that are asked for, or `name`.")
    aggregate: str = ""
    direction: Literal["asc", "desc"] = "desc"


class MetricsBody(FilterQuery):
    """What to measure. The filters are those of `GET /v1/calls`, and `where`."""

    metrics: list[MeasureBody | str] = Field(min_length=1, max_length=MAX_MEASURES)
    group_by: list[str] = Field([], max_length=10)
    bucket: Bucket | None = Field(None, description="By when calls were opened.")
    where: Any = Field(
        None,
        description='`{"field", "operator", "value"}`, `{"all": […]}` or `{"any": […]}`.',
    )
    order: OrderBody | None = None
    limit: int = Field(100, ge=1, le=MAX_LIMIT, description="Of groups.")
    offset: int = Field(0, ge=0, le=1_000_000)


class MetricsRow(BaseModel):
    """One group, in one bucket of time if there are such."""

    group: dict[str, str]
    at: datetime | None = Field(description="Beginning of the bucket.")
    values: dict[str, dict[str, Any]] = Field(
        description="By metric: `n`, the rows that have it, and each aggregate. null: nothing"
        " has it; p99 also where n is below 100."
    )


class MetricsAnswer(BaseModel):
    """What was asked for."""

    from_: datetime | None = Field(serialization_alias="from")
    to: datetime | None
    units: dict[str, str]
    data: list[MetricsRow]
    more: bool = Field(description="There are groups behind these: go on with `offset`.")


@router.get("/v1/metrics")
async def get_metrics(reader: WhoReads, deps: Deps) -> Catalogue:
    """What can be measured, grouped by, and filtered by."""
    own = await deps.control.thresholds(reader.org_id)
    return Catalogue(
        metrics=[
            MetricModel(
                id=metric.id,
                unit=metric.unit,
                of=metric.table,
                aggregates=list(metric.aggregates),
                means=attention.means(metric.id, metric.means, own),
            )
            for metric in METRICS
        ],
        dimensions=[DimensionModel(id=at.id, of=at.table, means=at.means) for at in DIMENSIONS],
        fields=[
            FieldModel(id=name, operators=list(OPERATORS[kind]))
            for name, (_, kind) in FIELDS.items()
        ],
    )


@router.post("/v1/metrics/query")
async def query_metrics(reader: WhoReads, deps: Deps, body: MetricsBody) -> MetricsAnswer:
    """Any metrics over the calls that fit, by anything, over time.

    Without `from` it is about the seven days before `to`; without `to` that is now.
    """
    question = question_of(body, deps.now_us())
    answer = await measured(deps.facts, reader.org_id, question)
    filters = question.filters
    return MetricsAnswer(
        from_=None if filters.from_us is None else shape.moment(filters.from_us),
        to=None if filters.to_us is None else shape.moment(filters.to_us),
        units={asked.metric.id: asked.metric.unit for asked in question.measures},
        data=[metrics_row(question, row) for row in answer.rows],
        more=answer.more,
    )


def question_of(body: MetricsBody, now_us: int) -> Question:
    """Return what `body` asks. Raises `BadQuestion`, `BadCondition` or `BadRequest`."""
    measures = tuple(_measure(asked) for asked in body.metrics)
    if len({asked.metric.id for asked in measures}) < len(measures):
        raise BadQuestion("metrics: name each one once, with all its aggregates")
    return Question(
        measures=measures,
        group_by=tuple(body.group_by),
        bucket=body.bucket,
        filters=_filters(body, now_us),
        order=_order(body.order, measures),
        limit=body.limit,
        offset=body.offset,
    )


def last_week(filters: CallFilters, now_us: int) -> CallFilters:
    """Return `filters` with ends: what has none is about the last seven days."""
    to_us = filters.to_us if filters.to_us is not None else now_us + 1
    from_us = filters.from_us if filters.from_us is not None else to_us - WEEK_US
    return msgspec.structs.replace(filters, from_us=from_us, to_us=to_us)


def _measure(asked: MeasureBody | str) -> Measure:
    if isinstance(asked, str):
        return measure(asked)
    return measure(asked.metric, *dict.fromkeys(asked.aggregates))


def _filters(body: MetricsBody, now_us: int) -> CallFilters:
    filters = last_week(filters_of(body), now_us)
    return msgspec.structs.replace(filters, condition=condition_of(body.where))


def condition_of(raw: Any, depth: int = 0) -> Condition:
    """Return the condition that `where` says. Raises `BadCondition`."""
    if raw is None:
        return AllOf()
    if depth > _DEEP:
        raise BadCondition("where: nested too deep")
    match raw:
        case {"all": list(parts), **rest} if not rest:
            return AllOf(tuple(condition_of(part, depth + 1) for part in _parts(parts)))
        case {"any": list(parts), **rest} if not rest:
            return AnyOf(tuple(condition_of(part, depth + 1) for part in _parts(parts)))
        case {"field": str(field), "operator": str(operator), "value": value, **rest} if not rest:
            return Is(field, operator, _value(value))
        case _:
            raise BadCondition(
                'where: write {"field", "operator", "value"}, {"all": […]} or {"any": […]}'
            )


def _parts(parts: list[Any]) -> list[Any]:
    if None in parts:
        raise BadCondition("where: null is no condition")
    return parts


def _value(value: Any) -> Value:
    match value:
        case str() | int() | float():
            return value
        case list() if all(isinstance(one, str) for one in _anything(value)):
            return tuple(_anything(value))
        case _:
            raise BadCondition("where: a value is text, a number, true, false, or a list of text")


def _anything(values: Any) -> list[Any]:
    return values


def _order(order: OrderBody | None, measures: tuple[Measure, ...]) -> Order:
    if order is None:
        return Order()
    descending = order.direction == "desc"
    if order.by == "name":
        return Order(by_name=True, descending=descending)
    names = [asked.metric.id for asked in measures]
    if order.by not in names:
        raise BadQuestion("order.by: one of the metrics that are asked for, or `name`")
    return Order(names.index(order.by), order.aggregate, descending)


def metrics_row(question: Question, row: Row) -> MetricsRow:
    """Return one row of the answer to `question` as the API tells it."""
    return MetricsRow(
        group=dict(zip(question.group_by, row.group, strict=True)),
        at=None
        if row.at_us is None
        else shape.moment(row.at_us).astimezone(ZoneInfo(question.filters.zone)),
        values={
            asked.metric.id: {name: _shown(asked.metric.id, value) for name, value in one.items()}
            for asked, one in zip(question.measures, row.numbers, strict=True)
        },
    )


def _shown(metric: str, value: Any) -> Any:
    unit = METRIC_OF[metric].unit
    if value is None or isinstance(value, str):
        return value
    if unit == "usd" and not isinstance(value, int):
        return plain(value)
    return value
