"""I/O. `/v1/calls/{id}/marks`: what was said of a call afterwards, and saying it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt

from trunkline.store.facts import queries_call as one
from trunkline.store.facts.rows import MarkRow
from trunkline.store.marks import Said
from trunkline.web import marking
from trunkline.web.api import shape
from trunkline.web.api.calls import CallId, WhoReads, find_call
from trunkline.web.auth import Deps, Reader, require_marker
from trunkline.web.refusals import BadRequest

router = APIRouter(tags=["Calls"])

WhoMarks = Annotated[Reader, Depends(require_marker)]
ScoreValue = StrictBool | StrictInt | StrictFloat
MAX_AT_ONCE = 100


class Mark(BaseModel):
    """One thing that was said."""

    part: str = Field(
        description="`turn_<n>`, or the id of a response or an item; empty: the call."
    )
    kind: str = Field(description="feedback, comment, score, tag or property.")
    name: str = Field(description="Of a score or a property; a tag itself.")
    value: bool | float | str = Field(
        description="true: thumbs up; a score's number, or truth; text of a comment or property."
    )
    said_at: datetime
    by: str = Field(description="Id of the user or the key.")


class MarkList(BaseModel):
    """All that was said of a call and its parts."""

    data: list[Mark]


class MarksBody(BaseModel):
    """What to say. What is left out stays as it is; null takes back."""

    model_config = ConfigDict(extra="forbid")

    part: str = Field("", max_length=200, description="As in the answer; empty: the call.")
    feedback: StrictBool | None = Field(None, description="true: thumbs up.")
    comment: str | None = None
    scores: dict[str, ScoreValue | None] = Field({}, max_length=MAX_AT_ONCE)
    add_tags: list[str] = Field([], max_length=MAX_AT_ONCE)
    remove_tags: list[str] = Field([], max_length=MAX_AT_ONCE)
    properties: dict[str, str] = Field(
        {}, max_length=MAX_AT_ONCE, description="Of the call alone. They replace those it has."
    )


@router.get("/v1/calls/{call_id}/marks")
async def get_marks(reader: WhoReads, deps: Deps, call_id: CallId) -> MarkList:
    """What people and programs said of a call and its parts."""
    await find_call(deps, reader, call_id)
    rows = await one.marks_of_call(deps.facts, reader.org_id, call_id)
    return MarkList(data=[_mark(row) for row in rows])


@router.patch("/v1/calls/{call_id}/marks", status_code=204)
async def say_marks(marker: WhoMarks, deps: Deps, call_id: CallId, body: MarksBody) -> None:
    """Say something of a call or a part of it: feedback, a comment, scores, tags, properties.

    All of it, or nothing. Takes a key that may call.
    """
    call = await find_call(deps, marker, call_id)
    said = _said(body)
    if not said:
        raise BadRequest("Say something: feedback, comment, scores, add_tags, properties …")
    await marking.say(deps, call, said, by=marker.key_id)


def _said(body: MarksBody) -> list[Said]:
    if body.part and body.properties:
        raise BadRequest("properties: a call has them, its parts have none.")
    said = marking.scores(body.scores, body.part)
    said += [marking.tag(name, body.part) for name in body.add_tags]
    said += [marking.tag(name, body.part, gone=True) for name in body.remove_tags]
    said += [marking.property_of_call(name, text) for name, text in body.properties.items()]
    if "feedback" in body.model_fields_set:
        said.append(marking.feedback(body.feedback, body.part))
    if "comment" in body.model_fields_set:
        said.append(marking.comment(body.comment, body.part))
    return said


def _mark(row: MarkRow) -> Mark:
    return Mark(
        part=row.part,
        kind=row.kind,
        name=row.name,
        value=value_of(row),
        said_at=shape.moment(row.version),
        by=row.by,
    )


def value_of(row: MarkRow) -> bool | float | str:
    """Return what a mark says, apart from its name."""
    if row.kind in ("feedback", "tag"):
        return row.kind == "tag" or bool(row.number)
    if row.kind == "score":
        return bool(row.number) if row.truth else row.number or 0.0
    return row.text
