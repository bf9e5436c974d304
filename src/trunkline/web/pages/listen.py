"""I/O. Listening in to a call that runs: for those who may, as long as they may, written down."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncGenerator
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from trunkline.clock import monotonic_ns
from trunkline.live.listening import Listener, TooManyListen
from trunkline.live.running import LISTEN_RATE_HZ
from trunkline.store.control.database import ControlUnavailable
from trunkline.web.auth import (
    Deps,
    Viewer,
    current_user,
    require_own_page,
    require_role,
    verify_csrf,
)
from trunkline.web.deps import Dependencies, deps_of
from trunkline.web.pages.call import KEEPERS, Keeper, find
from trunkline.web.refusals import NotAllowed, Over, TooBusy
from trunkline.web.stream import CHECK_S, Stream

router = APIRouter()
Owner = Annotated[Viewer, Depends(require_role("owner"))]

_CHANNELS, _SAMPLE_BYTES, _ENDLESS = 2, 2, 0xFFFF_FFFF
WAV_HEADER: Final = struct.pack(
    "<4sI4s4sIHHIIHH4sI",
    b"RIFF", _ENDLESS, b"WAVE", b"fmt ", 16, 1, _CHANNELS, LISTEN_RATE_HZ,
    LISTEN_RATE_HZ * _CHANNELS * _SAMPLE_BYTES, _CHANNELS * _SAMPLE_BYTES, _SAMPLE_BYTES * 8,
    b"data", _ENDLESS,
)  # fmt: skip
"""Of sound whose length nobody knows yet."""

log = structlog.get_logger("trunkline.web.listen")


def may_listen(viewer: Viewer) -> bool:
    """Return whether `viewer` may listen in to calls of their organisation."""
    return viewer.role in KEEPERS and viewer.org.may_listen


@router.post("/calls/live/listening", dependencies=[Depends(verify_csrf)])
async def allow(deps: Deps, viewer: Owner, allowed: Annotated[bool, Form()]) -> Response:
    """Let owners and admins listen in, or forbid it: who does is cut off."""
    await deps.control.allow_listening(viewer.org.id, allowed=allowed, by=viewer.user.id)
    return RedirectResponse("/calls/live", 303)


@router.get("/calls/{call_id}/listen", dependencies=[Depends(require_own_page)])
async def listen(request: Request, deps: Deps, viewer: Keeper, call_id: str) -> Response:
    """Give the sound of a call that runs, a second or two behind: WAV without an end.

    24 kHz, 16 bit, caller left, assistant right. It ends with the call, and when `viewer` may
    not listen any more. Nothing is heard unless it is in the audit log.
    """
    if not may_listen(viewer):
        raise NotAllowed("Listening in is forbidden here. An owner may allow it, on the Live page.")
    call = await find(deps, viewer.org.id, call_id)
    if call.status != "live":
        raise Over("This call is over. Its recording is on its page.")
    if call.direct:
        raise Over("The sound of this call goes past the gateway.")
    stack = contextlib.ExitStack()
    try:
        listener = stack.enter_context(deps.board.listeners.listening(viewer.org.id, call_id))
    except TooManyListen as exc:
        raise TooBusy(str(exc), headers={"Retry-After": "10"}) from exc
    try:
        await deps.control.note(viewer.org.id, "call.listening_began", call_id, by=viewer.user.id)
    except BaseException:
        stack.close()
        raise
    log.warning("somebody listens in", call=call_id, org=viewer.org.id, by=viewer.user.id)
    return Stream(_sound(request, viewer, listener), "audio/wav", stack.close)


async def _sound(request: Request, viewer: Viewer, listener: Listener) -> AsyncGenerator[bytes]:
    began_ns = checked_ns = monotonic_ns()
    try:
        yield WAV_HEADER
        while True:
            block = await listener.sound(CHECK_S)
            now_ns = monotonic_ns()
            if now_ns - checked_ns >= CHECK_S * 1e9:
                if not await _may_go_on(request, viewer):
                    return
                checked_ns = now_ns
            if block:
                yield block
            if listener.over:
                return
    finally:
        seconds = (monotonic_ns() - began_ns) // 10**9
        # Whoever leaves cancels us: it is written down all the same.
        await asyncio.shield(_note_end(deps_of(request), viewer, listener.call_id, seconds))


async def _may_go_on(request: Request, viewer: Viewer) -> bool:
    try:
        now = await current_user(request, deps_of(request))
    except ControlUnavailable:
        return False
    return now is not None and now.org.id == viewer.org.id and may_listen(now)


async def _note_end(deps: Dependencies, viewer: Viewer, call_id: str, seconds: int) -> None:
    log.warning("nobody listens in any more", call=call_id, by=viewer.user.id, seconds=seconds)
    org_id, action = viewer.org.id, "call.listening_ended"
    try:
        await deps.control.note(org_id, action, call_id, f"{seconds} s", by=viewer.user.id)
    except ControlUnavailable as exc:
        log.error("not in the audit log", action=action, call=call_id, error=str(exc))
