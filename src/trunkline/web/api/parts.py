"""I/O. Parts of one call alone: `/turns`, and `/bundle` with everything in one file."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from trunkline.store.facts import queries_call as one
from trunkline.web.api import models, shape
from trunkline.web.api.calls import CallId, WhoReads, find_call
from trunkline.web.auth import Deps
from trunkline.web.bundle import bundle

router = APIRouter(tags=["Calls"])


class Turns(BaseModel):
    """The turns of a call that are over."""

    data: list[models.Turn]


@router.get("/v1/calls/{call_id}/turns")
async def get_turns(reader: WhoReads, deps: Deps, call_id: CallId) -> Turns:
    """The turns of a call that are over, in order."""
    await find_call(deps, reader, call_id)
    rows = await one.turns_of_call(deps.facts, reader.org_id, call_id)
    return Turns(data=[shape.shaped(models.Turn, row) for row in rows])


class AuditLine(BaseModel):
    """Something that a person or a program did with a call."""

    at: datetime
    action: str = Field(description="call.hung_up, call.listening_began, call.listening_ended, …")
    detail: str
    by_id: str = Field(description="Of a user or a key; empty: the command line.")
    by: str = Field(description="Their address, or the key's name.")


class Audit(BaseModel):
    """What was done with a call."""

    data: list[AuditLine]


@router.get("/v1/calls/{call_id}/audit")
async def get_audit(reader: WhoReads, deps: Deps, call_id: CallId) -> Audit:
    """Who did what with a call, the latest last: hung up, listened in, said something of it."""
    await find_call(deps, reader, call_id)
    lines = await deps.control.audit_of(reader.org_id, call_id)
    return Audit(
        data=[shape.shaped(AuditLine, line, at=shape.moment(line.at_us)) for line in lines]
    )


@router.get(
    "/v1/calls/{call_id}/bundle",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}}},
)
async def get_bundle(
    reader: WhoReads,
    deps: Deps,
    call_id: CallId,
    scrub: Annotated[
        bool, Query(description="Without sound, and without what people said or are called.")
    ] = False,
) -> StreamingResponse:
    """All of a call as a ZIP: `index.html`, which shows it without a server, `call.json`,
    `events.ndjson`, and of a recording that is sealed `audio.opus` and `peaks.json`."""
    call = await find_call(deps, reader, call_id)
    chunks, size_bytes = await bundle(deps, call, scrub=scrub)
    name = f"{call_id}-scrubbed.zip" if scrub else f"{call_id}.zip"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Length": str(size_bytes),
    }
    return StreamingResponse(chunks, media_type="application/zip", headers=headers)
