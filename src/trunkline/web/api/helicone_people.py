"""I/O. `POST /v1/user/query`, `/user/metrics/query`, `/property/query`, in Helicone's envelope."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from trunkline.store.facts.conditions import AllOf, Condition, Is
from trunkline.store.facts.measure import Order, Question, Row, measure
from trunkline.store.facts.queries_calls import CallFilters
from trunkline.store.facts.queries_measure import measured
from trunkline.web.api import shape
from trunkline.web.auth import Deps, Reader, require_reader
from trunkline.web.helicone_filter import read_filter

router = APIRouter(tags=["Helicone"])

Who = Annotated[Reader, Depends(require_reader)]
T = TypeVar("T")

_S_US: Final = 1_000_000
_DAY_US: Final = 86_400 * _S_US
_MEASURES: Final = (
    measure("calls"),
    measure("tokens.input"),
    measure("tokens.output"),
    measure("call.cost"),
    measure("calls.opened_at", "min", "max"),
)


class TimeSpan(BaseModel):
    """From and to, seconds since 1970 UTC."""

    startTimeUnixSeconds: Annotated[int, Field(ge=0, le=10**10)]  # noqa: N815 (Helicone's name)
    endTimeUnixSeconds: Annotated[int, Field(ge=0, le=10**10)]  # noqa: N815 (Helicone's name)


class UserQuery(BaseModel):
    """Which users."""

    model_config = ConfigDict(extra="forbid")

    userIds: list[str] = Field([], max_length=100)  # noqa: N815 (Helicone's name)
    timeFilter: TimeSpan | None = None  # noqa: N815 (Helicone's name)


class UserMetricsQuery(BaseModel):
    """Which users, and how many of them."""

    model_config = ConfigDict(extra="forbid")

    filter: Any = Field("all", description="Helicone's filter tree.")
    offset: int = Field(0, ge=0, le=1_000_000)
    limit: int = Field(100, ge=1, le=1000)
    timeFilter: TimeSpan | None = None  # noqa: N815 (Helicone's name)
    timeZoneDifferenceMinutes: float = 0  # noqa: N815 (Helicone's name)
    sort: Any = None


class PropertyQuery(BaseModel):
    """Nothing is asked of it."""


class HeliconeUser(BaseModel):
    """A user's sums."""

    user_id: str
    count: int
    prompt_tokens: int
    completion_tokens: int
    cost: float


class UserMetrics(BaseModel):
    """A user's numbers."""

    user_id: str
    active_for: int = Field(description="Days, from the first call's to the last one's.")
    first_active: datetime
    last_active: datetime
    total_requests: int
    average_requests_per_day_active: float
    average_tokens_per_request: float
    total_completion_tokens: int
    total_prompt_tokens: int
    cost: float


class UserPage(BaseModel):
    """Users, the busiest first."""

    users: list[UserMetrics]
    count: int = Field(description="Of all users that fit.")
    hasUsers: bool  # noqa: N815 (Helicone's name)


class PropertyName(BaseModel):
    """A property that calls carry."""

    property: str


class Envelope(BaseModel, Generic[T]):
    """Helicone's."""

    data: T | None
    error: Literal[None] = None


@router.post("/v1/user/query")
async def query_users(reader: Who, deps: Deps, query: UserQuery) -> Envelope[list[HeliconeUser]]:
    """Users with their sums; at most 1000."""
    wanted = AllOf((Is("user", "in", tuple(query.userIds)),)) if query.userIds else AllOf()
    filters = _filters(wanted, query.timeFilter)
    found = await measured(deps.facts, reader.org_id, _by_user(filters, 1000, 0))
    return Envelope(data=[_user(row) for row in found.rows])


@router.post("/v1/user/metrics/query")
async def query_user_metrics(
    reader: Who, deps: Deps, query: UserMetricsQuery
) -> Envelope[UserPage]:
    """Users with their numbers, those with the most calls first."""
    filters = _filters(read_filter(query.filter), query.timeFilter)
    found = await measured(deps.facts, reader.org_id, _by_user(filters, query.limit, query.offset))
    counting = Question(measures=(measure("users"),), filters=filters)
    (total,) = (await measured(deps.facts, reader.org_id, counting)).rows
    count = int(total.numbers[0]["distinct"] or 0)
    users = [_metrics(row) for row in found.rows]
    return Envelope(data=UserPage(users=users, count=count, hasUsers=count > 0))


@router.post("/v1/property/query")
async def query_properties(
    reader: Who, deps: Deps, query: PropertyQuery
) -> Envelope[list[PropertyName]]:
    """Names of all properties that calls carry; at most 1000."""
    question = Question(
        measures=(measure("calls"),),
        group_by=("property_name",),
        order=Order(by_name=True, descending=False),
        limit=1000,
    )
    found = await measured(deps.facts, reader.org_id, question)
    return Envelope(data=[PropertyName(property=row.group[0]) for row in found.rows])


def _filters(condition: Condition, span: TimeSpan | None) -> CallFilters:
    return CallFilters(
        condition=condition,
        from_us=None if span is None else span.startTimeUnixSeconds * _S_US,
        to_us=None if span is None else (span.endTimeUnixSeconds + 1) * _S_US,
    )


def _by_user(filters: CallFilters, limit: int, offset: int) -> Question:
    return Question(
        measures=_MEASURES,
        group_by=("user",),
        filters=filters,
        named=True,
        limit=limit,
        offset=offset,
    )


def _user(row: Row) -> HeliconeUser:
    calls, prompt, completion, cost, _ = row.numbers
    return HeliconeUser(
        user_id=row.group[0],
        count=calls["sum"],
        prompt_tokens=prompt["sum"],
        completion_tokens=completion["sum"],
        cost=float(cost["sum"] or 0),
    )


def _metrics(row: Row) -> UserMetrics:
    user, opened = _user(row), row.numbers[4]
    days = 1 + opened["max"] // _DAY_US - opened["min"] // _DAY_US
    return UserMetrics(
        user_id=user.user_id,
        active_for=days,
        first_active=shape.moment(opened["min"]),
        last_active=shape.moment(opened["max"]),
        total_requests=user.count,
        average_requests_per_day_active=user.count / days,
        average_tokens_per_request=(user.prompt_tokens + user.completion_tokens) / user.count,
        total_completion_tokens=user.completion_tokens,
        total_prompt_tokens=user.prompt_tokens,
        cost=user.cost,
    )
