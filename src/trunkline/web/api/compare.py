"""I/O. `/v1/compare`: two cohorts by distribution; `/v1/calls/…/compare/…`: two calls by turn."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from trunkline.store.facts import attention
from trunkline.store.facts import queries_call as one
from trunkline.store.facts.conditions import AllOf
from trunkline.store.facts.measure import BadQuestion
from trunkline.store.facts.queries_calls import CallFilters
from trunkline.store.thresholds import Thresholds
from trunkline.web.api import models, shape
from trunkline.web.api.calls import CallId, FilterQuery, WhoReads, filters_of, find_call
from trunkline.web.api.metrics import condition_of, last_week
from trunkline.web.api.money import plain
from trunkline.web.auth import Deps
from trunkline.web.comparing import (
    METRICS,
    MOST_METRICS,
    Compared,
    Difference,
    Number,
    Says,
    Side,
    compare,
    measures_of,
    split,
)
from trunkline.web.pairing import Pair, pairs

router = APIRouter(tags=["Metrics"])

_NANO = Decimal("0.000000001")


class CohortBody(FilterQuery):
    """What only the calls of one cohort are."""

    where: Any = None


class CompareBody(FilterQuery):
    """Which calls. What stands beside `a` and `b` holds for both, unless one says otherwise."""

    where: Any = Field(None, description="As in `/v1/metrics/query`.")
    a: CohortBody = CohortBody()  # pyright: ignore[reportCallIssue] (all have defaults)
    b: CohortBody = CohortBody()  # pyright: ignore[reportCallIssue]
    by: str = Field("", description="A dimension of calls, whose two `values` are compared.")
    values: list[str] = Field([], max_length=2)
    metrics: list[str] = Field(list(METRICS), min_length=1, max_length=MOST_METRICS)


class CohortNumbers(BaseModel):
    """One cohort's numbers of a metric."""

    n: int = Field(description="Rows that have it.")
    values: dict[str, float | str | None] = Field(description="`p50` and `p95`, or `ratio`.")
    calls: int = Field(description="Of how many calls the rows below are.")
    rows: int = Field(description="From which the interval and the distribution are.")
    whole: bool = Field(description="They are all there are, and no sample.")


class DifferenceModel(BaseModel):
    """B's number less A's."""

    aggregate: str
    value: float | str | None
    low: float | str | None = Field(description="Of the interval, with a confidence of 95 %.")
    high: float | str | None
    says: Says = Field(
        description="`higher`, `lower`: B's is, zero is outside of the interval. `not_shown`: it is"
        " within, which does not show that there is no difference. `too_few`: fewer than 10 calls"
        " on a side, or for p95 fewer than 100 rows."
    )


class DistributionModel(BaseModel):
    """Shares of the rows by the same bins."""

    edges: list[float] = Field(description="Where each bin begins. The last one has no end.")
    a: list[float]
    b: list[float]


class ComparedModel(BaseModel):
    """One metric of two cohorts."""

    metric: str
    unit: str
    of: str
    means: str
    a: CohortNumbers
    b: CohortNumbers
    differences: list[DifferenceModel]
    shared_calls: int = Field(
        description="Calls in both, of those looked at. Intervals take them for different ones."
    )
    superiority: float | None = Field(
        description="How often a row of B is greater than one of A, ties by half: Mann and"
        " Whitney's U by the number of pairs. null for ratios."
    )
    distribution: DistributionModel | None


class Cohort(BaseModel):
    """When its calls were opened."""

    model_config = ConfigDict(populate_by_name=True)

    from_: datetime | None = Field(serialization_alias="from")
    to: datetime | None


class Comparison(BaseModel):
    """Two cohorts."""

    a: Cohort
    b: Cohort
    data: list[ComparedModel]


class PairModel(BaseModel):
    """The turns of one number."""

    turn: int
    a: models.Turn | None
    b: models.Turn | None
    differences: dict[str, float | str | None] = Field(description="B's less A's.")


class Pairs(BaseModel):
    """Two calls by turn."""

    a: models.Call
    b: models.Call
    data: list[PairModel]


@router.post("/v1/compare")
async def compare_cohorts(reader: WhoReads, deps: Deps, body: CompareBody) -> Comparison:
    """Two cohorts of calls, metric by metric: medians, p95, how they are spread, and whether
    they differ. Without times, each is about the last seven days."""
    a, b = _sides(body, deps.now_us())
    found = await compare(deps.facts, reader.org_id, a, b, measures_of(body.metrics))
    own = await deps.control.thresholds(reader.org_id)
    return Comparison(a=_cohort(a), b=_cohort(b), data=[compared(one, own) for one in found])


@router.get("/v1/calls/{call_id}/compare/{other_id}")
async def compare_calls(reader: WhoReads, deps: Deps, call_id: CallId, other_id: CallId) -> Pairs:
    """Two calls, turn by turn."""
    a, b = await find_call(deps, reader, call_id), await find_call(deps, reader, other_id)
    turns = [await one.turns_of_call(deps.facts, reader.org_id, call.call_id) for call in (a, b)]
    found = [_pair(pair) for pair in pairs(*turns)]
    return Pairs(a=shape.call(a), b=shape.call(b), data=found)


def _sides(body: CompareBody, now_us: int) -> tuple[CallFilters, CallFilters]:
    if bool(body.by) != (len(body.values) == 2):
        raise BadQuestion("by: name a dimension and two values, or neither")
    a, b = (last_week(_filters(body, side), now_us) for side in (body.a, body.b))
    if not body.by:
        return a, b
    return split(a, body.by, body.values[0]), split(b, body.by, body.values[1])


def _filters(body: CompareBody, side: CohortBody) -> CallFilters:
    """Return what both say, and where they say the same thing, what the side says."""
    own = {name: getattr(side, name) for name in side.model_fields_set}
    both = {name: getattr(body, name) for name in FilterQuery.model_fields} | own
    both["property"] = [*body.property, *side.property]
    filters = filters_of(FilterQuery.model_construct(**both))
    condition = AllOf((condition_of(body.where), condition_of(side.where)))
    return msgspec.structs.replace(filters, condition=condition)


def _cohort(filters: CallFilters) -> Cohort:
    return Cohort(
        from_=None if filters.from_us is None else shape.moment(filters.from_us),
        to=None if filters.to_us is None else shape.moment(filters.to_us),
    )


def compared(found: Compared, own: Thresholds) -> ComparedModel:
    """Return a comparison as the API tells it."""
    metric = found.metric
    spread = found.distribution
    return ComparedModel(
        metric=metric.id,
        unit=metric.unit,
        of=metric.table,
        means=attention.means(metric.id, metric.means, own),
        a=_side(found.a),
        b=_side(found.b),
        differences=[_difference(metric.unit, one) for one in found.differences],
        shared_calls=found.shared_calls,
        superiority=found.superiority,
        distribution=None
        if spread is None
        else DistributionModel(edges=list(spread.edges), a=list(spread.a), b=list(spread.b)),
    )


def _side(side: Side) -> CohortNumbers:
    return CohortNumbers(
        n=side.n,
        values={name: _number(value) for name, value in side.numbers.items()},
        calls=side.calls,
        rows=side.rows,
        whole=side.whole,
    )


def _difference(unit: str, found: Difference) -> DifferenceModel:
    low, high = found.low, found.high
    if unit == "usd" and low is not None and high is not None:
        low, high = (Decimal(repr(end)).quantize(_NANO) for end in (low, high))
    return DifferenceModel(
        aggregate=found.aggregate,
        value=_number(found.value),
        low=_number(low),
        high=_number(high),
        says=found.says,
    )


def _number(value: Number) -> float | str | None:
    return plain(value) if isinstance(value, Decimal) else value


def _pair(pair: Pair) -> PairModel:
    a, b = (None if turn is None else shape.shaped(models.Turn, turn) for turn in (pair.a, pair.b))
    return PairModel(
        turn=pair.turn,
        a=a,
        b=b,
        differences={name: _number(value) for name, value in pair.differences.items()},
    )
