"""I/O. `/v1/calls/{id}/audio`, `/peaks` and `/traffic`: the recording, and what is drawn."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response

from trunkline.store.blobs import BlobMissing
from trunkline.store.facts.queries_traffic import traffic_of_call
from trunkline.store.recordings import MEDIA_TYPE
from trunkline.web.api import models
from trunkline.web.api.calls import CallId, WhoReads, find_call
from trunkline.web.auth import Deps
from trunkline.web.files import file_response
from trunkline.web.refusals import NotFound

router = APIRouter(tags=["Calls"])

_NOTHING = "This call has no recording, or it is not finished yet."


@router.head("/v1/calls/{call_id}/audio", include_in_schema=False)
@router.get(
    "/v1/calls/{call_id}/audio",
    response_class=Response,
    responses={
        200: {"content": {"audio/ogg": {}, "audio/wav": {}}},
        206: {"description": "The range that was asked for."},
        416: {"model": models.ErrorAnswer},
    },
)
async def get_audio(
    request: Request,
    reader: WhoReads,
    deps: Deps,
    call_id: CallId,
    track: Annotated[Literal["mix", "caller", "assistant"], Query()] = "mix",
    form: Annotated[Literal["opus", "wav"], Query(alias="format")] = "opus",
) -> Response:
    """The recording. `mix` is stereo: caller left, assistant right; a single track is mono.

    Takes one `Range`; answers `If-None-Match`.
    """
    await find_call(deps, reader, call_id)
    try:
        path = await deps.recordings.audio(reader.org_id, call_id, track, form)
        return await file_response(request, path, MEDIA_TYPE[form], f"{call_id}-{track}.{form}")
    except (BlobMissing, FileNotFoundError) as exc:
        raise NotFound(_NOTHING) from exc


@router.get("/v1/calls/{call_id}/traffic", response_model=models.CallTraffic)
async def get_traffic(reader: WhoReads, deps: Deps, call_id: CallId) -> Response:
    """Frames and bytes received on each leg over time. Works while the call is live."""
    call = await find_call(deps, reader, call_id)
    found = await traffic_of_call(deps.facts, call, now_us=deps.now_us())
    return Response(msgspec.json.encode(found), media_type="application/json")


@router.get("/v1/calls/{call_id}/peaks", response_model=models.Peaks)
async def get_peaks(reader: WhoReads, deps: Deps, call_id: CallId) -> Response:
    """The recording's waveform, ready to be drawn."""
    await find_call(deps, reader, call_id)
    try:
        content = await deps.recordings.peaks(reader.org_id, call_id)
    except BlobMissing as exc:
        raise NotFound(_NOTHING) from exc
    return Response(content, media_type="application/json")
