"""I/O. API keys: create, list, revoke."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from trunkline.store.control.accounts import BadAccountDetail, NewKey
from trunkline.store.facts.queries_calls import key_use
from trunkline.web.auth import Deps, RequiredUser, Viewer, require_role, verify_csrf
from trunkline.web.pages import keys_view
from trunkline.web.pages.problems import PageMissing
from trunkline.web.pages.render import page

router = APIRouter()
checked = [Depends(verify_csrf)]
KeyMaker = Annotated[Viewer, Depends(require_role("owner", "admin", "member"))]
KeyKeeper = Annotated[Viewer, Depends(require_role("owner", "admin"))]


@router.get("/keys")
async def show(request: Request, deps: Deps, viewer: RequiredUser) -> Response:
    """Show the organisation's keys."""
    return await _page(request, deps, viewer)


@router.post("/keys", dependencies=checked)
async def create(
    request: Request,
    deps: Deps,
    viewer: KeyMaker,
    name: Annotated[str, Form()] = "",
    may: Annotated[str, Form()] = "both",
) -> Response:
    """Make a key. Its text is in this answer and nowhere else, so there is no redirect."""
    scopes = keys_view.MAY.get(may, ())
    try:
        made = await deps.control.create_key(viewer.org.id, name, scopes, by=viewer.user.id)
    except BadAccountDetail as exc:
        return await _page(request, deps, viewer, name=name, problem=str(exc))
    return await _page(request, deps, viewer, created=made)


@router.post("/keys/{key_id}/revoke", dependencies=checked)
async def revoke(deps: Deps, viewer: KeyKeeper, key_id: str) -> Response:
    """Revoke a key. Gateways hear of it before this returns, and close its calls."""
    if not await deps.control.revoke_key(viewer.org.id, key_id, by=viewer.user.id):
        raise PageMissing("There is no such key, or it was revoked already.")
    return RedirectResponse("/keys", 303)


async def _page(
    request: Request,
    deps: Deps,
    viewer: Viewer,
    *,
    created: NewKey | None = None,
    name: str = "",
    problem: str = "",
) -> Response:
    keys = await deps.control.list_keys(viewer.org.id)
    use = await key_use(deps.facts, viewer.org.id)
    return page(
        request,
        "keys.html",
        viewer,
        status_code=422 if problem else 200,
        nav="keys",
        keys=keys_view.rows(keys, {key: used.last_used_at_us for key, used in use.items()}),
        created=created,
        name=name,
        problem=problem,
    )
