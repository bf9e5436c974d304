"""I/O. `/v1/calls`: the list, and one call with everything."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from trunkline.store.facts import queries_call as one
from trunkline.store.facts.dimensions import DIMENSION_OF
from trunkline.store.facts.queries_calls import MAX_PAGE, CallFilters, calls_page
from trunkline.store.facts.rows import CallRow
from trunkline.store.facts.sorting import Cursor, Sort, Sorting
from trunkline.web.api import cursors, models, shape
from trunkline.web.auth import Deps, Reader, require_eraser, require_reader
from trunkline.web.deps import Dependencies
from trunkline.web.erasing import erase
from trunkline.web.export import Form, exported
from trunkline.web.narrowing import NARROWING, narrowed, own, read_zone
from trunkline.web.pages.call_facts import Facts
from trunkline.web.refusals import BadRequest, NotFound
from trunkline.web.vad import detected

router = APIRouter(tags=["Calls"])

WhoReads = Annotated[Reader, Depends(require_reader)]
WhoErases = Annotated[Reader, Depends(require_eraser)]
CallId = Annotated[str, Path(pattern=models.CALL_ID, description="`call_<ULID>`")]

MAX_PROPERTIES = 20
Attention = Literal[
    "",
    "any",
    "failed",
    "lost",
    "thumbs_down",
    "errors",
    "unanswered",
    "slow",
    "tool_dead_air",
    "dead_air",
    "talked_over",
    "unheard",
    "unpriced",
]
"""`any`, and the ids of `REASONS`: a test compares them."""
CallsOf = Literal["realtime", "transcription", "translation", "live", "webrtc", "sip"]


def _dimension(name: str) -> Any:
    return Field("", description=DIMENSION_OF[name].means)


class FilterQuery(BaseModel):
    """Which calls. Several are all to hold; a repeated `status` is any of them.

    A text that is exact may be `(none)`: there is none.
    """

    model_config = ConfigDict(extra="forbid")

    from_: datetime | None = Field(None, alias="from", description="Opened then or later.")
    to: datetime | None = Field(None, description="Opened before then.")
    status: list[str] = Field([], description="live, completed, failed, refused, recovered.")
    kind: list[CallsOf] = Field(
        [],
        description="realtime, transcription, translation, live; webrtc or sip: sound went past"
        " the gateway. Any of them.",
    )
    model: str = Field("", description="Asked for, or used.")
    user: str = ""
    session: str = Field("", description="Session id.")
    session_path: str = Field("", description="At this path of its session, or below it.")
    key: str = Field("", description="Key id.")
    provider: str = ""
    said: str = Field("", description="Part of what anybody said, in any language.")
    tool: str = Field("", description="Name of a tool that was called.")
    error: str = Field("", description="Fingerprint of an error, see `/v1/errors`.")
    tag: str = Field("", description="One of its tags.")
    feedback: Literal["", "up", "down", "none"] = ""
    attention: Attention = Field("", description="A reason to look at it, or `any`.")
    score: str = Field(
        "", description="A score: `accuracy`, or `accuracy<0.5` (also <=, >, >=, =, !=)."
    )
    end_reason: str = _dimension("end_reason")
    duration_s: str = Field("", description="Its length, seconds: `>60`, `>60 <300`.")
    wait_max_s: str = Field("", description="Its longest wait, seconds: `>3.5`.")
    cost_usd: str = Field("", description="What of it is priced: `>=0.5`.")
    unheard_usd: str = Field("", description="Of that, for sound that nobody heard: `>0`.")
    language: str = _dimension("language")
    has_audio: Literal["", "true", "false"] = Field(
        "", description="A recording can be played, or cannot."
    )
    hour: str = _dimension("hour")
    weekday: str = _dimension("weekday")
    zone: str = Field("UTC", description="Where hours and days begin, like Europe/Berlin.")
    model_is: str = Field(
        "", description="Used, or asked for where none was used: the dimension `model`, exactly."
    )
    voice: str = _dimension("voice")
    prompt: str = _dimension("prompt")
    spoken: str = _dimension("spoken")
    spoken_by: str = _dimension("spoken_by")
    gateway: str = _dimension("gateway")
    transport: str = _dimension("transport")
    trace_id: str = _dimension("trace_id")
    workflow: str = _dimension("workflow")
    trace_group: str = _dimension("trace_group")
    dialect: str = _dimension("dialect")
    user_agent: str = _dimension("user_agent")
    vad: str = _dimension("vad")
    key_name: str = _dimension("key_name")
    session_name: str = _dimension("session_name")
    property_name: str = _dimension("property_name")
    turn_kind: str = _dimension("turn_kind")
    turn_status: str = _dimension("turn_status")
    speech_end_by: str = _dimension("speech_end_by")
    barge_in_kind: str = _dimension("barge_in_kind")
    response_status: str = _dimension("response_status")
    after_tool: str = _dimension("after_tool")
    tool_arguments: str = _dimension("tool_arguments")
    argument_error: str = _dimension("argument_error")
    error_source: str = _dimension("error_source")
    error_type: str = _dimension("error_type")
    error_code: str = _dimension("error_code")
    error_phase: str = _dimension("error_phase")
    error_close_code: str = _dimension("error_close_code")
    billed_model: str = _dimension("billed_model")
    billed_kind: str = _dimension("billed_kind")
    billed_day: str = _dimension("billed_day")
    property: list[str] = Field(
        [], description="`name=value`, as sent in `Helicone-Property-<name>`."
    )


class CallsQuery(FilterQuery):
    """Filters and order of the list."""

    sort: Sort = Field("opened_at", description="What has no value comes last, both ways.")
    direction: Literal["asc", "desc"] = "desc"
    cursor: str = Field("", description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=MAX_PAGE)


class ExportQuery(FilterQuery):
    """Which calls, and in which form."""

    format: Form = "ndjson"


@router.get("/v1/calls")
async def list_calls(
    reader: WhoReads, deps: Deps, query: Annotated[CallsQuery, Query()]
) -> models.CallPage:
    """Calls, the latest first unless the query says otherwise."""
    page = await calls_page(
        deps.facts,
        reader.org_id,
        filters_of(query),
        limit=query.limit,
        before=cursors.read(query.cursor, Cursor),
        sorting=Sorting(query.sort, query.direction == "desc"),
    )
    return models.CallPage(
        data=[shape.call(row) for row in page.calls], next_cursor=cursors.write(page.next_cursor)
    )


@router.get(
    "/v1/calls/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}, "application/x-ndjson": {}}}},
)
async def export_calls(
    reader: WhoReads, deps: Deps, query: Annotated[ExportQuery, Query()]
) -> StreamingResponse:
    """All calls that fit, the latest first: lines of JSON as in the list, or CSV."""
    return exported(deps.facts, reader.org_id, filters_of(query), query.format)


@router.get("/v1/calls/{call_id}")
async def get_call(reader: WhoReads, deps: Deps, call_id: CallId) -> models.CallDetail:
    """One call: its turns, responses, transcript, tool calls, errors and usage."""
    row = await find_call(deps, reader, call_id)
    facts, where = deps.facts, (reader.org_id, call_id)
    return detail_of(
        Facts(
            row,
            turns=await one.turns_of_call(facts, *where),
            responses=await one.responses_of_call(facts, *where),
            items=await one.items_of_call(facts, *where),
            tool_calls=await one.tool_calls_of_call(facts, *where),
            errors=await one.errors_of_call(facts, *where),
            usage=await one.usage_of_call(facts, *where),
            vad=detected(await one.vad_events_of_call(facts, *where)),
        ),
    )


@router.delete(
    "/v1/calls/{call_id}",
    status_code=204,
    responses={409: {"model": models.ErrorAnswer, "description": "The call is going on."}},
)
async def erase_call(eraser: WhoErases, deps: Deps, call_id: CallId) -> None:
    """Erase a call that is over: facts, transcript, recording, frames. For good.

    It is in no answer any more; within some minutes nothing of it is left on the disk.
    """
    call = await find_call(deps, eraser, call_id)
    await erase(deps, call, by=eraser.key_id)


async def find_call(deps: Dependencies, reader: Reader, call_id: str) -> CallRow:
    """Return the call.

    Raises:
        NotFound: there is none, or it is another organisation's.
    """
    row = await one.call_by_id(deps.facts, reader.org_id, call_id)
    if row is None:
        raise NotFound("There is no such call.")
    return row


def detail_of(facts: Facts) -> models.CallDetail:
    """Return a call with all its parts, as the API tells it."""
    shaped = shape.shaped
    return shape.call_detail(
        facts.call,
        turns=[shaped(models.Turn, turn) for turn in facts.turns],
        responses=[shaped(models.ModelResponse, response) for response in facts.responses],
        transcript=[shaped(models.Item, item) for item in facts.items],
        tool_calls=[shaped(models.ToolCall, tool) for tool in facts.tool_calls],
        errors=[shaped(models.CallErrorEvent, error) for error in facts.errors],
        usage=[shaped(models.Usage, usage) for usage in facts.usage],
        detected=[shaped(models.Detected, speech) for speech in facts.vad],
    )


def filters_of(query: FilterQuery) -> CallFilters:
    """Return the filters that `query` asks for. Raises `BadRequest` or `BadCondition`."""
    return CallFilters(
        from_us=shape.microseconds(query.from_) if query.from_ else None,
        to_us=shape.microseconds(query.to) if query.to else None,
        status=tuple(query.status),
        kind=tuple(query.kind),
        model=query.model,
        user_id=own(query.user),
        session_id=own(query.session),
        session_path=query.session_path,
        key_id=own(query.key),
        provider=own(query.provider),
        said=query.said,
        tool=query.tool,
        error=query.error,
        tag=own(query.tag),
        feedback=query.feedback,
        attention=query.attention,
        also=narrowed({name: getattr(query, name) for name in NARROWING}),
        properties=_properties(query.property),
        zone=read_zone(query.zone),
    )


def _properties(pairs: list[str]) -> dict[str, str]:
    if len(pairs) > MAX_PROPERTIES:
        raise BadRequest(f"property: at most {MAX_PROPERTIES} at once.")
    found: dict[str, str] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise BadRequest("property: write name=value, like property=Environment=production.")
        found[name] = value
    return found
