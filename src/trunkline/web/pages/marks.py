"""I/O. What a person says of a call, by the forms of its page."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Response
from fastapi.responses import RedirectResponse

from trunkline.store.marks import Said
from trunkline.web import marking
from trunkline.web.auth import Deps, Viewer, require_role, verify_csrf
from trunkline.web.pages.call import find
from trunkline.web.refusals import BadRequest

MARKERS: Final = ("owner", "admin", "member")

router = APIRouter()
Marker = Annotated[Viewer, Depends(require_role(*MARKERS))]
Typed = Annotated[str, Form()]


@router.post("/calls/{call_id}/marks", dependencies=[Depends(verify_csrf)])
async def say(
    deps: Deps, viewer: Marker, call_id: str, what: Typed = "", text: Typed = ""
) -> Response:
    """Take note of one thing, and lead back to the call."""
    call = await find(deps, viewer.org.id, call_id)
    await marking.say(deps, call, [_said(what, text)], by=viewer.user.id)
    return RedirectResponse(f"/calls/{call.call_id}", 303)


def _said(what: str, text: str) -> Said:
    match what:
        case "feedback":
            return marking.feedback({"up": True, "down": False}.get(text))
        case "comment":
            return marking.comment(text)
        case "tag":
            return marking.tag(text)
        case "untag":
            return marking.tag(text, gone=True)
        case _:
            raise BadRequest("The page was out of date. Reload it and try again.")
