"""I/O. `POST /v1/request/query`, `/query-clickhouse`: calls, as Helicone's clients ask for them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from trunkline.store.facts.conditions import AllOf, Is
from trunkline.store.facts.queries_calls import CallFilters, sorted_calls
from trunkline.store.facts.rows import CallRow
from trunkline.store.facts.sorting import Sort, Sorting
from trunkline.web.api import shape
from trunkline.web.auth import Deps, Reader, require_reader
from trunkline.web.helicone_filter import read_filter
from trunkline.web.refusals import BadRequest

router = APIRouter(tags=["Helicone"])

MAX_REQUESTS: Final = 1000

_SORTS: Final[dict[str, Sort]] = {
    "created_at": "opened_at",
    "latency": "wait_p50_ms",
    "time_to_first_token": "wait_p50_ms",
    "total_tokens": "total_tokens",
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "cost": "cost_usd",
    "user_id": "user",
    "body_model": "model",
    "request_model": "model",
}


class RequestQuery(BaseModel):
    """What Helicone's clients send."""

    model_config = ConfigDict(extra="forbid")

    filter: Any = Field("all", description="Helicone's filter tree.")
    offset: int = Field(0, ge=0, le=1_000_000)
    limit: int = Field(25, ge=0, le=MAX_REQUESTS)
    sort: dict[str, Literal["asc", "desc"]] = Field({}, max_length=1)
    isCached: bool = False  # noqa: N815 (Helicone's name)
    includeInputs: bool = False  # noqa: N815 (Helicone's name)
    isPartOfExperiment: bool = False  # noqa: N815 (Helicone's name)
    isScored: bool = False  # noqa: N815 (Helicone's name)


class HeliconeRequest(BaseModel):
    """One call, with Helicone's names."""

    request_id: str
    response_id: str
    request_created_at: datetime
    response_created_at: datetime | None
    request_path: str
    request_body: dict[str, Any] = Field(
        description="Empty: frames are in `/v1/calls/{id}/events`."
    )
    response_body: dict[str, Any]
    request_user_id: str | None
    request_properties: dict[str, str]
    properties: dict[str, str]
    request_model: str
    response_model: str
    provider: str
    target_url: str
    response_status: int = Field(description="200 when all went well.")
    delay_ms: float | None = Field(description="Median wait, from the end of speech.")
    time_to_first_token: float | None
    total_tokens: int
    prompt_tokens: int
    completion_tokens: int
    prompt_cache_read_tokens: int
    prompt_audio_tokens: int
    completion_audio_tokens: int
    cost: float | None = Field(description="US dollars; null: nothing could be priced.")
    costUSD: float | None  # noqa: N815 (Helicone's name)
    feedback_rating: bool | None
    scores: dict[str, float] | None
    tags: list[str]


class RequestAnswer(BaseModel):
    """Helicone's envelope."""

    data: list[HeliconeRequest] | None
    error: Literal[None] = None


@router.post("/v1/request/query")
@router.post("/v1/request/query-clickhouse")
async def query_requests(
    reader: Annotated[Reader, Depends(require_reader)], deps: Deps, query: RequestQuery
) -> RequestAnswer:
    """Calls that fit a filter tree, in Helicone's envelope."""
    condition = read_filter(query.filter)
    name, way = next(iter(query.sort.items()), ("created_at", "desc"))
    if name not in _SORTS:
        raise BadRequest(f"sort: one of {', '.join(_SORTS)}.")
    if query.isCached or query.isPartOfExperiment:
        # No call is either.
        return RequestAnswer(data=[])
    if query.isScored:
        condition = AllOf((condition, Is("scores", "like", "%")))
    rows = await sorted_calls(
        deps.facts,
        reader.org_id,
        CallFilters(condition=condition),
        Sorting(_SORTS[name], way == "desc"),
        limit=query.limit,
        offset=query.offset,
    )
    return RequestAnswer(data=[_request(row) for row in rows])


def _request(row: CallRow) -> HeliconeRequest:
    tokens = row.tokens
    prompt, completion = tokens.input, tokens.output
    wait_ms = None if row.wait_p50_us is None else row.wait_p50_us / 1000
    cost = None if row.cost_usd is None else float(row.cost_usd)
    session = {
        "Helicone-Session-Id": row.session_id,
        "Helicone-Session-Name": row.session_name,
        "Helicone-Session-Path": row.session_path,
    }
    properties = row.properties | {name: value for name, value in session.items() if value}
    return HeliconeRequest(
        request_id=row.call_id,
        response_id=row.call_id,
        request_created_at=shape.moment(row.opened_at_us),
        response_created_at=None if row.ended_at_us is None else shape.moment(row.ended_at_us),
        request_path="/v1/realtime",
        request_body={},
        response_body={},
        request_user_id=row.user_id or None,
        request_properties=properties,
        properties=properties,
        request_model=row.model_asked,
        response_model=row.model_used,
        provider=row.provider.upper(),
        target_url=row.provider_url,
        response_status=_status(row),
        delay_ms=wait_ms,
        time_to_first_token=wait_ms,
        total_tokens=prompt + completion,
        prompt_tokens=prompt,
        completion_tokens=completion,
        prompt_cache_read_tokens=tokens.cached_text + tokens.cached_audio + tokens.cached_image,
        prompt_audio_tokens=tokens.input_audio,
        completion_audio_tokens=tokens.output_audio,
        cost=cost,
        costUSD=cost,
        feedback_rating=row.feedback,
        scores=row.scores or None,
        tags=list(row.tags),
    )


def _status(row: CallRow) -> int:
    """Return what `conditions.FIELDS["helicone_status"]` does."""
    if row.status in ("live", "completed"):
        return 200
    return row.http_status if row.http_status is not None and row.http_status >= 400 else 500
