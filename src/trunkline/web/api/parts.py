"""I/O. Parts of one call alone: `/turns`, and `/bundle` with everything in one file."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import IO

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from trunkline.store.archive import ArchiveDamaged
from trunkline.store.blobs import BlobMissing
from trunkline.store.facts import queries_call as one
from trunkline.web.api import models, shape
from trunkline.web.api.calls import CallId, WhoReads, find_call, get_call
from trunkline.web.api.events import all_lines
from trunkline.web.auth import Deps, Reader
from trunkline.web.deps import Dependencies

router = APIRouter(tags=["Calls"])

_CHUNK_BYTES = 256 * 1024
_IN_MEMORY_BYTES = 8 * 1024 * 1024


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
async def get_bundle(reader: WhoReads, deps: Deps, call_id: CallId) -> StreamingResponse:
    """All of a call as a ZIP: `call.json`, `events.ndjson`, and of a recording that is
    sealed `audio.opus` and `peaks.json`."""
    call = await get_call(reader, deps, call_id)
    packed = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 (closed by _chunks)
    try:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bundle:
            bundle.writestr("call.json", call.model_dump_json(indent=1))
            await _pack_events(bundle, deps, reader, call_id)
            await _pack_recording(bundle, deps, reader, call_id)
        size = packed.tell()
        packed.seek(0)
    except BaseException:
        packed.close()
        raise
    headers = {
        "Content-Disposition": f'attachment; filename="{call_id}.zip"',
        "Content-Length": str(size),
    }
    return StreamingResponse(_chunks(packed), media_type="application/zip", headers=headers)


async def _pack_events(
    bundle: zipfile.ZipFile, deps: Dependencies, reader: Reader, call_id: str
) -> None:
    try:
        lines = await all_lines(deps, reader.org_id, call_id)
    except (BlobMissing, ArchiveDamaged) as exc:
        bundle.writestr("events.missing.txt", f"The frames cannot be read: {type(exc).__name__}.\n")
        return
    with bundle.open("events.ndjson", "w", force_zip64=True) as out:
        async for line in lines:
            await run_in_threadpool(out.write, line)


async def _pack_recording(
    bundle: zipfile.ZipFile, deps: Dependencies, reader: Reader, call_id: str
) -> None:
    try:
        path = await deps.recordings.audio(reader.org_id, call_id)
        await run_in_threadpool(bundle.write, path, "audio.opus", zipfile.ZIP_STORED)
        bundle.writestr("peaks.json", await deps.recordings.peaks(reader.org_id, call_id))
    except (BlobMissing, FileNotFoundError):
        return


async def _chunks(file: IO[bytes]) -> AsyncGenerator[bytes]:
    try:
        while chunk := await run_in_threadpool(file.read, _CHUNK_BYTES):
            yield chunk
    finally:
        file.close()
