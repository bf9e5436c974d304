"""I/O. What a person says of a call or a part of it, by the forms of its page."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict

from trunkline.store.marks import Said
from trunkline.web import marking
from trunkline.web.auth import Deps, Viewer, require_role, verify_csrf
from trunkline.web.pages.call import find
from trunkline.web.refusals import BadRequest

MARKERS: Final = ("owner", "admin", "member")

router = APIRouter()
Marker = Annotated[Viewer, Depends(require_role(*MARKERS))]


class Written(BaseModel):
    """What a form says. One of one thing has `what` and `text`; that of a part has the others."""

    model_config = ConfigDict(extra="forbid")

    csrf_token: str = ""
    what: str = ""
    text: str = ""
    part: str = ""
    """`turn_<n>`, or the id of a response or an item; empty: the call."""
    up: str = ""
    tag: str = ""
    score: str = ""
    value: str = ""
    comment: str = ""


@router.post("/calls/{call_id}/marks", dependencies=[Depends(verify_csrf)])
async def say(
    deps: Deps, viewer: Marker, call_id: str, written: Annotated[Written, Form()]
) -> Response:
    """Take note of what a form says, and lead back to the call."""
    call = await find(deps, viewer.org.id, call_id)
    await marking.say(deps, call, _said(written), by=viewer.user.id)
    return RedirectResponse(f"/calls/{call.call_id}", 303)


def _said(written: Written) -> list[Said]:
    text, part = written.text, written.part
    match written.what:
        case "feedback":
            return [marking.feedback(_UP.get(text), part)]
        case "comment":
            return [marking.comment(text, part)]
        case "tag":
            return [marking.tag(text, part)]
        case "untag":
            return [marking.tag(text, part, gone=True)]
        case "unscore":
            return [marking.score(text, None, part)]
        case "part":
            return _of_part(written)
        case _:
            raise BadRequest("The page was out of date. Reload it and try again.")


_UP: Final = {"up": True, "down": False}
_TRUTHS: Final = {"yes": True, "no": False}


def _of_part(written: Written) -> list[Said]:
    """Return all that is filled in. Raises `BadRequest`: nothing is, or a score is no number."""
    part = written.part
    said: list[Said] = []
    if written.up in _UP:
        said.append(marking.feedback(_UP[written.up], part))
    if written.tag.strip():
        said.append(marking.tag(written.tag, part))
    if written.score.strip() or written.value.strip():
        said.append(marking.score(written.score, _number(written.value), part))
    if written.comment.strip():
        said.append(marking.comment(written.comment, part))
    if not said:
        raise BadRequest("Fill in one of them: thumbs, a tag, a score or a comment.")
    return said


def _number(value: str) -> float | bool:
    value = value.strip().lower()
    if value in _TRUTHS:
        return _TRUTHS[value]
    try:
        return float(value)
    except ValueError as exc:
        raise BadRequest("score: write a number, yes or no.") from exc
