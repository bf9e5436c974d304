"""I/O. One call: the page, and what its timeline draws."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from trunkline.ids import parse_call_id
from trunkline.store.blobs import BlobMissing
from trunkline.store.facts import queries_call as queries
from trunkline.store.facts.flame import flame
from trunkline.store.facts.queries_traffic import traffic_of_call
from trunkline.store.facts.rows import CallRow, EventRow
from trunkline.store.recordings import MEDIA_TYPE
from trunkline.store.thresholds import Thresholds, told
from trunkline.web.auth import Deps, RequiredUser, Viewer, require_role, verify_csrf
from trunkline.web.deps import Dependencies
from trunkline.web.erasing import erase
from trunkline.web.files import file_response
from trunkline.web.hanging_up import hang_up
from trunkline.web.lint import lint_of
from trunkline.web.pages import events_view, live_view
from trunkline.web.pages.audit_view import deeds
from trunkline.web.pages.call_facts import Facts
from trunkline.web.pages.call_view import call_view
from trunkline.web.pages.flame_view import dearest, flame_views
from trunkline.web.pages.marks_view import marks_view
from trunkline.web.pages.moments import start_ms
from trunkline.web.pages.problems import PageMissing
from trunkline.web.pages.render import page, templates
from trunkline.web.pages.static import DIGEST
from trunkline.web.refusals import Over
from trunkline.web.vad import detected

router = APIRouter()
KEEPERS = ("owner", "admin")
Keeper = Annotated[Viewer, Depends(require_role(*KEEPERS))]
"""Who may end a call, and erase it."""

PAGE_EVENTS = 200
SCAN_ROWS = 2000
SCANS = 10
"""Parts of the index looked through for one answer: a filter may leave nearly all of it out."""

MOST_MS = 10**9
"""Longer than any call: eleven days."""

MISSING = "There is no such call. It may have been deleted, or belong to another organisation."


@router.get("/calls/{call_id}")
async def show(request: Request, deps: Deps, viewer: RequiredUser, call_id: str) -> Response:
    """Show one call, live or over."""
    call = await find(deps, viewer.org.id, call_id)
    marks = await queries.marks_of_call(deps.facts, call.org_id, call.call_id)
    said = f"{len(marks)}.{max((mark.version for mark in marks), default=0)}"
    own = viewer.org.thresholds
    tag = (
        f'W/"{DIGEST}-{call.version}-{call.status}-{int(call.has_audio)}-{said}'
        f'-{",".join(told(own).split())}"'
    )
    if request.headers.get("if-none-match") == tag:
        # Only our own script asks so, once a second while the call is live.
        return Response(status_code=304, headers={"ETag": tag})
    facts = await facts_of(deps, call, own)
    view = call_view(facts, now_us=deps.now_us())
    return page(
        request,
        "call.html",
        viewer,
        headers={"ETag": tag},
        nav="calls",
        call=view,
        held=None,
        keeps=viewer.role in KEEPERS,
        marks=marks_view(marks, facts),
        may_mark=viewer.role != "viewer",
        words=live_view.WORDS,
        deeds=deeds(await deps.control.audit_of(viewer.org.id, call_id)),
        may_listen=viewer.role in KEEPERS and viewer.org.may_listen,
    )


@router.get("/calls/{call_id}/flame")
async def flame_panel(deps: Deps, viewer: RequiredUser, call_id: str) -> Response:
    """Show what each turn was billed again: a part of the page, when somebody comes near it."""
    call = await find(deps, viewer.org.id, call_id)
    asked = deps.facts, call.org_id, call.call_id
    turns, responses, usage = await asyncio.gather(
        queries.turns_of_call(*asked),
        queries.responses_of_call(*asked),
        queries.usage_of_call(*asked),
    )
    costs = flame(turns, responses, usage)
    rows = flame_views(costs, {turn.turn: start_ms(turn) for turn in turns})
    html = templates.get_template("parts/flame.html").render(flames=rows, dearest=dearest(costs))
    return HTMLResponse(html)


@router.post("/calls/{call_id}/erase", dependencies=[Depends(verify_csrf)])
async def erase_call(deps: Deps, viewer: Keeper, call_id: str) -> Response:
    """Erase a call that is over, for good."""
    call = await find(deps, viewer.org.id, call_id)
    await erase(deps, call, by=viewer.user.id)
    return RedirectResponse("/calls", 303)


@router.post("/calls/{call_id}/hang-up", dependencies=[Depends(verify_csrf)])
async def hang_up_call(deps: Deps, viewer: Keeper, call_id: str) -> Response:
    """End a call that runs."""
    with contextlib.suppress(Over):
        # It has ended by itself: what its page shows is what was wanted.
        await hang_up(deps, await find(deps, viewer.org.id, call_id), by=viewer.user.id)
    return RedirectResponse(f"/calls/{call_id}", 303)


@router.get("/calls/{call_id}/events")
async def events(
    deps: Deps,
    viewer: RequiredUser,
    call_id: str,
    after: int = -1,
    contains: str = "",
    leg: Literal["", "caller", "provider"] = "",
    audio: bool = False,
    from_ms: Annotated[int, Query(ge=0, le=MOST_MS)] = 0,
) -> Response:
    """Return the next part of the index of raw events: what they are, without their content.

    The content of one is `/v1/calls/{id}/events?after=<its seq - 1>&limit=1`.
    """
    call = await find(deps, viewer.org.id, call_id)
    wanted = events_view.Wanted(contains=contains.strip().lower(), audio=audio)
    found: list[EventRow] = []
    more = True
    for _ in range(SCANS):
        rows = await queries.events_of_call(
            deps.facts,
            call.org_id,
            call.call_id,
            after=after,
            limit=SCAN_ROWS,
            leg=leg,
            from_us=from_ms * 1000,
        )
        found += [row for row in rows if wanted.fits(row)]
        after = rows[-1].seq if rows else after
        more = len(rows) == SCAN_ROWS
        if not more or len(found) >= PAGE_EVENTS:
            break
    part = events_view.part(found, PAGE_EVENTS, after, more=more)
    return Response(msgspec.json.encode(part), media_type="application/json")


@router.get("/calls/{call_id}/traffic")
async def traffic(deps: Deps, viewer: RequiredUser, call_id: str) -> Response:
    """Return what passed on a call over time, `queries_traffic.CallTraffic` as JSON."""
    call = await find(deps, viewer.org.id, call_id)
    found = await traffic_of_call(deps.facts, call, now_us=deps.now_us())
    return Response(msgspec.json.encode(found), media_type="application/json")


@router.get("/calls/{call_id}/audio")
async def audio(
    request: Request,
    deps: Deps,
    viewer: RequiredUser,
    call_id: str,
    track: Literal["mix", "caller", "assistant"] = "mix",
) -> Response:
    """Return the recording of a sealed call, to be listened to now: Opus, or WAV until then."""
    call = await find(deps, viewer.org.id, call_id)
    try:
        path, form = await deps.recordings.playable(call.org_id, call.call_id, track)
        name = f"{call_id}-{track}.{form}"
        return await file_response(request, path, MEDIA_TYPE[form], name)
    except (BlobMissing, FileNotFoundError) as exc:
        raise PageMissing("This call has no recording.") from exc


@router.get("/calls/{call_id}/peaks")
async def peaks(deps: Deps, viewer: RequiredUser, call_id: str) -> Response:
    """Return the waveform of a sealed call, `recorder.peaks.Peaks` as JSON."""
    call = await find(deps, viewer.org.id, call_id)
    try:
        found = await deps.recordings.peaks(call.org_id, call.call_id)
    except BlobMissing as exc:
        raise PageMissing("This call has no recording.") from exc
    return Response(found, media_type="application/json")


async def find(deps: Dependencies, org_id: str, call_id: str) -> CallRow:
    """Return the call. Raises `PageMissing`: there is none, or it is another organisation's."""
    try:
        parse_call_id(call_id)
    except ValueError as exc:
        raise PageMissing(MISSING) from exc
    call = await queries.call_by_id(deps.facts, org_id, call_id)
    if call is None:
        raise PageMissing(MISSING)
    return call


async def facts_of(deps: Dependencies, call: CallRow, own: Thresholds) -> Facts:
    """Return all rows of a call; `own` are its organisation's thresholds."""
    asked = deps.facts, call.org_id, call.call_id
    # At once: the engine answers several at a time, and planning each takes longer than reading.
    said = asyncio.gather(
        queries.turns_of_call(*asked),
        queries.responses_of_call(*asked),
        queries.items_of_call(*asked),
        queries.tool_calls_of_call(*asked),
    )
    beside = asyncio.gather(
        lint_of(deps, call),
        queries.errors_of_call(*asked),
        queries.usage_of_call(*asked),
        queries.vad_events_of_call(*asked),
    )
    found = await asyncio.gather(said, beside)
    (turns, responses, items, tool_calls), (lint, errors, usage, vad) = found
    return Facts(
        call=call,
        lint=lint,
        turns=turns,
        responses=responses,
        items=items,
        tool_calls=tool_calls,
        errors=errors,
        usage=usage,
        vad=detected(vad),
        own=own,
    )
