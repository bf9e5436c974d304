"""I/O. `POST /v1/session/query`, as Helicone's clients ask for sessions.

In its envelope, `{"data", "error"}`. What it got wrong is right here: the cost is what
was billed, audio tokens are counted, and the latency is how long people waited.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from trunkline.store.facts import queries_sessions as queries
from trunkline.store.facts.queries_calls import MAX_PAGE, CallFilters
from trunkline.web.api import shape
from trunkline.web.auth import Deps, Reader, require_reader
from trunkline.web.helicone_filter import read_filter

router = APIRouter(tags=["Helicone"])

_MS = 1000


class TimeFilter(BaseModel):
    """From and to, ms since 1970 UTC."""

    startTimeUnixMs: Annotated[int, Field(ge=0, le=10**14)]  # noqa: N815 (Helicone's name)
    endTimeUnixMs: Annotated[int, Field(ge=0, le=10**14)]  # noqa: N815 (Helicone's name)


class SessionQuery(BaseModel):
    """What Helicone's clients send."""

    model_config = ConfigDict(extra="forbid")

    search: str = ""
    timeFilter: TimeFilter  # noqa: N815 (Helicone's name)
    nameEquals: str | None = None  # noqa: N815 (Helicone's name)
    timezoneDifference: float = 0  # noqa: N815 (Helicone's name)
    filter: Any = Field("all", description="Helicone's filter tree, over calls.")


class HeliconeSession(BaseModel):
    """One session, with Helicone's names."""

    created_at: datetime
    latest_request_created_at: datetime
    session_id: str
    session_name: str
    total_cost: float = Field(description="US dollars.")
    total_requests: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    avg_latency: float | None = Field(description="ms from the end of speech to first audio.")


class HeliconeAnswer(BaseModel):
    """Helicone's envelope."""

    data: list[HeliconeSession] | None
    error: Literal[None] = None


@router.post("/v1/session/query")
async def query_sessions(
    reader: Annotated[Reader, Depends(require_reader)], deps: Deps, query: SessionQuery
) -> HeliconeAnswer:
    """The latest 200 sessions that match, in Helicone's envelope."""
    filters = queries.SessionFilters(
        calls=CallFilters(
            from_us=query.timeFilter.startTimeUnixMs * _MS,
            to_us=query.timeFilter.endTimeUnixMs * _MS + _MS,
        ),
        search=_text(query.search),
        name=None if query.nameEquals is None else _text(query.nameEquals),
        condition=read_filter(query.filter),
    )
    page = await queries.sessions_page(deps.facts, reader.org_id, filters, limit=MAX_PAGE)
    return HeliconeAnswer(data=[_session(row) for row in page.sessions])


def _session(row: queries.SessionRow) -> HeliconeSession:
    return HeliconeSession(
        created_at=shape.moment(row.first_at_us),
        latest_request_created_at=shape.moment(row.last_at_us),
        session_id=row.session_id,
        session_name=row.name,
        total_cost=float(row.cost_usd or 0),
        total_requests=row.calls,
        prompt_tokens=row.input_tokens,
        completion_tokens=row.output_tokens,
        total_tokens=row.input_tokens + row.output_tokens,
        avg_latency=None if row.latency_us is None else row.latency_us / _MS,
    )


def _text(text: str) -> str:
    """Return text that the store can compare with: JSON may hold half a surrogate pair."""
    return text.encode("utf-8", "replace").decode()
