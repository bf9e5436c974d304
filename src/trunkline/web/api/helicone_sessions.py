"""I/O. `POST /v1/session/name/query`, `/v1/session/metrics/query`, in Helicone's envelope.

What it got wrong is right here: a session lasts to the end of its last call, the latency is how
long people waited, and `nameContains` finds what contains it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from trunkline.store.facts import queries_session_sizes as queries
from trunkline.store.facts.conditions import whole
from trunkline.web.api import shape
from trunkline.web.api.helicone import TimeFilter
from trunkline.web.auth import Deps, Reader, require_reader
from trunkline.web.helicone_filter import read_filter

router = APIRouter(tags=["Helicone"])

Who = Annotated[Reader, Depends(require_reader)]

_MS = 1000


class SessionNameQuery(BaseModel):
    """What Helicone's clients send. The last two matter to the metrics alone."""

    model_config = ConfigDict(extra="forbid")

    nameContains: str = ""  # noqa: N815 (Helicone's name)
    timezoneDifference: float = 0  # noqa: N815 (Helicone's name)
    timeFilter: TimeFilter | None = None  # noqa: N815 (Helicone's name)
    filter: Any = Field("all", description="Helicone's filter tree, over calls.")
    pSize: queries.Level = Field(  # noqa: N815 (Helicone's name)
        "p75", description="Histograms leave out what is larger than this percentile."
    )
    useInterquartile: bool = Field(  # noqa: N815 (Helicone's name)
        False, description="And as many of the smallest."
    )


class SessionName(BaseModel):
    """Sessions of one name."""

    name: str
    created_at: datetime = Field(description="The first call of any of them, as `first_used`.")
    first_used: datetime
    last_used: datetime = Field(description="The latest call of any of them.")
    session_count: int
    avg_latency: float | None = Field(description="ms from the end of speech to first audio.")


class NamesAnswer(BaseModel):
    """Helicone's envelope."""

    data: list[SessionName] | None
    error: Literal[None] = None


class Bar(BaseModel):
    """One bar of a histogram; they are of different width."""

    range_start: str
    range_end: str
    value: float


class Average(BaseModel):
    """A mean."""

    average: float


class Averages(BaseModel):
    """Means over all sessions; empty when there are none."""

    session_count: list[Average]
    session_duration: list[Average]
    session_cost: list[Average]


class SessionMetrics(BaseModel):
    """How large sessions are."""

    session_count: list[Bar] = Field(description="Calls of a session.")
    session_duration: list[Bar] = Field(
        description="Seconds, from the opening of the first call to the end of the last."
    )
    session_cost: list[Bar] = Field(description="US dollars, of what is priced.")
    average: Averages


class SizesAnswer(BaseModel):
    """Helicone's envelope."""

    data: SessionMetrics | None
    error: Literal[None] = None


@router.post("/v1/session/name/query")
async def query_session_names(reader: Who, deps: Deps, query: SessionNameQuery) -> NamesAnswer:
    """The names of sessions, the latest used first, 200 at most."""
    found = await queries.session_names(deps.facts, reader.org_id, _calls_of(query))
    return NamesAnswer(data=[_name(row) for row in found])


@router.post("/v1/session/metrics/query")
async def query_session_metrics(reader: Who, deps: Deps, query: SessionNameQuery) -> SizesAnswer:
    """How many calls, seconds and dollars sessions have: histograms, and means."""
    sizes = await queries.session_sizes(
        deps.facts,
        reader.org_id,
        _calls_of(query),
        query.pSize,
        both_ends=query.useInterquartile,
    )
    return SizesAnswer(
        data=SessionMetrics(
            session_count=_bars(sizes.calls),
            session_duration=_bars(sizes.seconds),
            session_cost=_bars(sizes.usd),
            average=Averages(
                session_count=_average(sizes.calls),
                session_duration=_average(sizes.seconds),
                session_cost=_average(sizes.usd),
            ),
        )
    )


def _calls_of(query: SessionNameQuery) -> queries.CallsOf:
    span = query.timeFilter
    return queries.CallsOf(
        from_us=span.startTimeUnixMs * _MS if span else None,
        to_us=span.endTimeUnixMs * _MS + _MS if span else None,
        name_contains=whole(query.nameContains),
        condition=read_filter(query.filter),
    )


def _name(row: queries.NamedSessions) -> SessionName:
    return SessionName(
        name=row.name,
        created_at=shape.moment(row.first_at_us),
        first_used=shape.moment(row.first_at_us),
        last_used=shape.moment(row.last_at_us),
        session_count=row.sessions,
        avg_latency=None if row.wait_us is None else row.wait_us / _MS,
    )


def _bars(sizes: queries.Distribution) -> list[Bar]:
    bars = zip(sizes.starts, sizes.ends, sizes.heights, strict=True)
    return [
        Bar(range_start=f"{start:.12g}", range_end=f"{end:.12g}", value=height)
        for start, end, height in bars
    ]


def _average(sizes: queries.Distribution) -> list[Average]:
    return [] if sizes.mean is None else [Average(average=sizes.mean)]
