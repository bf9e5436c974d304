"""I/O. Talk: speak with a model through this gateway, from the browser's microphone.

The page holds neither a gateway's key nor a provider's. For each call the server seals a
token for whoever is signed in: for a page from this origin, once, for a minute.
"""

from __future__ import annotations

import os
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse

from trunkline.errors import OperatorError
from trunkline.ids import RANDOM_BYTES, ulid_bytes, ulid_text
from trunkline.protocol.token import written
from trunkline.store.facts.queries_calls import CallFilters, calls_page
from trunkline.store.facts.rows import CallRow
from trunkline.web import talk
from trunkline.web.asgi import POLICY, security_policy
from trunkline.web.auth import Deps, RequiredUser, Viewer, verify_csrf
from trunkline.web.pages.keys import KeyMaker, Typed
from trunkline.web.pages.render import page

router = APIRouter()

TalkId = Annotated[str, Path(pattern=r"^talk_[0-9A-HJKMNP-TV-Z]{26}$")]
_MAKERS: Final = ("owner", "admin", "member")


@router.get("/talk")
async def show(request: Request, deps: Deps, viewer: RequiredUser) -> Response:
    """Show whom one may speak with."""
    host = request.headers.get("host", "")
    gateway = talk.gateway_elsewhere(deps.settings.public_url, host)
    policy = security_policy(*talk.connecting_to(gateway, host))
    return page(
        request,
        "talk.html",
        viewer,
        headers={POLICY.decode(): policy},
        nav="talk",
        gateway=gateway,
        offers=await _offers(deps, viewer),
        may=viewer.role in _MAKERS,
    )


@router.post("/talk/token", dependencies=[Depends(verify_csrf)])
async def make_token(
    request: Request, deps: Deps, viewer: KeyMaker, provider: Typed = "", model: Typed = ""
) -> Response:
    """Seal a token for one call of the page that asks."""
    offer = next((one for one in await _offers(deps, viewer) if one.name == provider), None)
    if offer is None:
        return _no(400, "unknown_provider", "This provider is not stored here any more.")
    if problem := talk.problem_with(model.strip(), offer):
        return _no(400, "bad_model", problem)
    origin = request.headers.get("origin", "")
    if not origin.startswith(("http://", "https://")):
        return _no(400, "no_origin", "Your browser does not say which page asks.")
    if not deps.talks.admits(viewer.user.id, deps.now_us()):
        return _no(429, "too_many_talks", "That was often. Wait a minute, and try again.")
    return await _sealed(deps, viewer, offer, model.strip(), origin)


async def _sealed(
    deps: Deps, viewer: Viewer, offer: talk.Offer, model: str, origin: str
) -> Response:
    key = await deps.control.key_named(
        viewer.org.id, talk.KEY_NAME, talk.KEY_LIMITS, by=viewer.user.id
    )
    now_ns = deps.wall_ns()
    talk_id = f"talk_{ulid_text(ulid_bytes(now_ns, os.urandom(RANDOM_BYTES)))}"
    token = talk.token_for(
        talk_id, offer, model, key_id=key.id, user=viewer.user.email, origin=origin,
        now_s=now_ns // 10**9,
    )  # fmt: skip
    try:
        text = written(token, deps.seal) if deps.seal else ""
    except OperatorError:
        text = ""
    if not text:
        return _no(503, "no_tokens", "This server has no master key, so it can make no tokens.")
    detail = f"{offer.name or 'simulator'} {model}"
    await deps.control.note(viewer.org.id, "talk.begun", talk_id, detail, by=viewer.user.id)
    return JSONResponse({"token": text, "talk_id": talk_id, "seconds": talk.SECONDS})


@router.get("/talk/calls/{talk_id}")
async def find(deps: Deps, viewer: RequiredUser, talk_id: TalkId) -> Response:
    """Say what has become of a call: nothing yet, or how it is, and where."""
    found = await calls_page(deps.facts, viewer.org.id, CallFilters(session_id=talk_id), limit=1)
    return JSONResponse({"call": _told(found.calls[0]) if found.calls else None})


def _told(call: CallRow) -> dict[str, object]:
    return {
        "url": f"/calls/{call.call_id}",
        "status": call.status,
        "playable": call.has_audio,
        "silent": not (call.caller_audio_us or call.assistant_audio_us),
        "code": call.error_code or call.end_reason,
        "message": call.error_message,
    }


async def _offers(deps: Deps, viewer: Viewer) -> tuple[talk.Offer, ...]:
    stored = await deps.control.providers.of(viewer.org.id)
    return talk.offers(stored, simulated=deps.settings.simulator)


def _no(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status)
