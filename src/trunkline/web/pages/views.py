"""I/O. Saving and deleting views of the table of calls."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Response
from fastapi.responses import RedirectResponse

from trunkline.store.control.accounts import BadAccountDetail
from trunkline.web.auth import Deps, RequiredUser, Viewer, require_role, verify_csrf
from trunkline.web.pages.filters import clean_query
from trunkline.web.pages.problems import PageMissing
from trunkline.web.refusals import BadRequest, NotAllowed

router = APIRouter()
checked = [Depends(verify_csrf)]
Saver = Annotated[Viewer, Depends(require_role("owner", "admin", "member", "viewer"))]
Typed = Annotated[str, Form()]


@router.post("/calls/views", dependencies=checked)
async def save(
    deps: Deps, viewer: Saver, name: Typed = "", query: Typed = "", shared: Typed = ""
) -> Response:
    """Save what an address shows under a name, and lead back there."""
    if shared and viewer.role == "viewer":
        raise NotAllowed("Your role does not allow this. Ask an owner of the organisation.")
    query = clean_query(query)
    try:
        await deps.control.views.save(
            viewer.org.id,
            name,
            query,
            shared=bool(shared),
            user_id=viewer.user.id,
            by=viewer.user.id,
        )
    except BadAccountDetail as exc:
        raise BadRequest(str(exc)) from exc
    return RedirectResponse(f"/calls?{query}" if query else "/calls", 303)


@router.post("/calls/views/{view_id}/delete", dependencies=checked)
async def delete(deps: Deps, viewer: RequiredUser, view_id: str, query: Typed = "") -> Response:
    """Delete a view that is one's own, or, as an owner or admin, a shared one."""
    gone = await deps.control.views.delete(
        viewer.org.id,
        view_id,
        user_id=viewer.user.id,
        keeper=viewer.role in ("owner", "admin"),
        by=viewer.user.id,
    )
    if not gone:
        raise PageMissing("There is no such view, or it is another's.")
    query = clean_query(query)
    return RedirectResponse(f"/calls?{query}" if query else "/calls", 303)
