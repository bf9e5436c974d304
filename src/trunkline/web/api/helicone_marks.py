"""I/O. Feedback, scores, properties and tags, as Helicone's clients send them."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from trunkline.store.facts.queries_sessions import calls_of_session
from trunkline.store.facts.rows import CallRow
from trunkline.store.marks import Said
from trunkline.web import marking
from trunkline.web.api.calls import WhoReads, find_call
from trunkline.web.api.marks import MAX_AT_ONCE, CallId, ScoreValue, WhoMarks
from trunkline.web.auth import Deps, Reader
from trunkline.web.deps import Dependencies
from trunkline.web.refusals import NotFound

router = APIRouter(tags=["Helicone"])

SessionId = Annotated[str, Path(max_length=1000)]

SESSION_FEEDBACK: Final = "Helicone-Session-Feedback"
SESSION_TAG: Final = "Helicone-Session-Tag"
"""Properties of a session's first call: a session has no row of its own."""


class Rating(BaseModel):
    """Thumbs up, or down."""

    model_config = ConfigDict(extra="forbid")

    rating: StrictBool


class Scores(BaseModel):
    """Numbers, or truths, by name."""

    model_config = ConfigDict(extra="forbid")

    scores: dict[str, ScoreValue] = Field(max_length=MAX_AT_ONCE)


class PropertyBody(BaseModel):
    """One property."""

    model_config = ConfigDict(extra="forbid")

    key: str
    value: str


class TagBody(BaseModel):
    """One tag."""

    model_config = ConfigDict(extra="forbid")

    tag: str


class Done(BaseModel):
    """Helicone's envelope, with nothing in it."""

    data: Literal[None] = None
    error: Literal[None] = None


class TagAnswer(BaseModel):
    """Helicone's envelope."""

    data: str | None
    error: Literal[None] = None


@router.post("/v1/request/{call_id}/feedback")
async def rate_request(marker: WhoMarks, deps: Deps, call_id: CallId, body: Rating) -> Done:
    """Thumbs up or down for a call, in place of what was said before."""
    return await _say(deps, marker, call_id, [marking.feedback(body.rating)])


@router.post("/v1/request/{call_id}/score", status_code=201)
async def score_request(marker: WhoMarks, deps: Deps, call_id: CallId, body: Scores) -> Done:
    """Scores of a call, numbers or truths. Others that it has stay."""
    return await _say(deps, marker, call_id, marking.scores(body.scores))


@router.put("/v1/request/{call_id}/property")
async def put_property(marker: WhoMarks, deps: Deps, call_id: CallId, body: PropertyBody) -> Done:
    """A property of a call, in place of one of that name."""
    return await _say(deps, marker, call_id, [marking.property_of_call(body.key, body.value)])


@router.post("/v1/session/{session_id}/feedback")
async def rate_session(marker: WhoMarks, deps: Deps, session_id: SessionId, body: Rating) -> Done:
    """Thumbs up or down for a session: the property `Helicone-Session-Feedback` of its first
    call, `1` or `0`."""
    call = await _first_call(deps, marker, session_id)
    said = marking.property_of_call(SESSION_FEEDBACK, "1" if body.rating else "0")
    await marking.say(deps, call, [said], by=marker.key_id)
    return Done()


@router.get("/v1/session/{session_id}/tag")
async def get_session_tag(reader: WhoReads, deps: Deps, session_id: SessionId) -> TagAnswer:
    """The tag of a session; null when it has none."""
    call = await _first_call(deps, reader, session_id)
    return TagAnswer(data=call.properties.get(SESSION_TAG) or None)


@router.post("/v1/session/{session_id}/tag")
async def tag_session(marker: WhoMarks, deps: Deps, session_id: SessionId, body: TagBody) -> Done:
    """The tag of a session, in place of the one it has: the property `Helicone-Session-Tag` of
    its first call."""
    call = await _first_call(deps, marker, session_id)
    said = marking.property_of_call(SESSION_TAG, marking.tag(body.tag).name)
    await marking.say(deps, call, [said], by=marker.key_id)
    return Done()


async def _say(deps: Dependencies, marker: Reader, call_id: str, said: list[Said]) -> Done:
    call = await find_call(deps, marker, call_id)
    if said:
        await marking.say(deps, call, said, by=marker.key_id)
    return Done()


async def _first_call(deps: Dependencies, reader: Reader, session_id: str) -> CallRow:
    calls = await calls_of_session(deps.facts, reader.org_id, session_id) if session_id else []
    if not calls:
        raise NotFound("There is no such session.")
    return calls[0]
