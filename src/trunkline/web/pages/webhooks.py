"""I/O. Webhooks of calls by telephone: add, replace the secret, redirect, delete."""

from __future__ import annotations

from functools import partial
from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from trunkline.store.control.accounts import BadAccountDetail
from trunkline.store.control.webhooks import NewWebhook
from trunkline.web.auth import Deps, RequiredUser, Viewer, verify_csrf
from trunkline.web.deps import public_url
from trunkline.web.pages import webhooks_view
from trunkline.web.pages.keys import KEEPERS, KeyKeeper, Typed
from trunkline.web.pages.render import page
from trunkline.web.pages.stored import changed

router = APIRouter()
checked = [Depends(verify_csrf)]
WHOLE = "whole"
"""How numbers are recorded that are not to be hidden."""
PATH: Final = "/webhooks"


@router.get("/webhooks")
async def show(request: Request, deps: Deps, viewer: RequiredUser) -> Response:
    """Show the organisation's webhooks."""
    return await _page(request, deps, viewer, {})


@router.post("/webhooks", dependencies=checked)
async def add(
    request: Request,
    deps: Deps,
    viewer: KeyKeeper,
    name: Typed = "",
    url: Typed = "",
    secret: Typed = "",
    numbers: Typed = WHOLE,
) -> Response:
    """Store a webhook. What was typed wrong is shown again, but for the secret."""
    new = NewWebhook(name=name, url=url, secret=secret, show_numbers=numbers == WHOLE)
    typed = {"name": name, "url": url, "numbers": numbers}
    adding = deps.control.webhooks.add(viewer.org.id, new, by=viewer.user.id)
    return await changed(adding, PATH, partial(_page, request, deps, viewer, typed))


@router.post("/webhooks/{webhook_id}/secret", dependencies=checked)
async def replace(
    request: Request, deps: Deps, viewer: KeyKeeper, webhook_id: str, secret: Typed = ""
) -> Response:
    """Replace a secret."""
    replacing = deps.control.webhooks.replace(viewer.org.id, webhook_id, secret, by=viewer.user.id)
    return await changed(replacing, PATH, partial(_page, request, deps, viewer, None))


@router.post("/webhooks/{webhook_id}/target", dependencies=checked)
async def redirect(
    request: Request,
    deps: Deps,
    viewer: KeyKeeper,
    webhook_id: str,
    url: Typed = "",
    numbers: Typed = WHOLE,
) -> Response:
    """Forward elsewhere."""
    redirecting = deps.control.webhooks.redirect(
        viewer.org.id, webhook_id, url, show_numbers=numbers == WHOLE, by=viewer.user.id
    )
    return await changed(redirecting, PATH, partial(_page, request, deps, viewer, None))


@router.post("/webhooks/{webhook_id}/delete", dependencies=checked)
async def delete(request: Request, deps: Deps, viewer: KeyKeeper, webhook_id: str) -> Response:
    """Forget a webhook. Gateways hear of it before this returns."""
    deleting = deps.control.webhooks.delete(viewer.org.id, webhook_id, by=viewer.user.id)
    return await changed(deleting, PATH, partial(_page, request, deps, viewer, None))


async def _page(
    request: Request,
    deps: Deps,
    viewer: Viewer,
    typed: dict[str, str] | None,
    problem: BadAccountDetail | None = None,
) -> Response:
    """Return the page. `typed`: in the form for a new one; None: the problem is a change's."""
    stored = await deps.control.webhooks.of(viewer.org.id)
    return page(
        request,
        "webhooks.html",
        viewer,
        status_code=422 if problem else 200,
        nav="webhooks",
        webhooks=webhooks_view.rows(stored, public_url(request)),
        fields=webhooks_view.fields(typed or {}, problem if typed else None),
        hides=(typed or {}).get("numbers", WHOLE) != WHOLE,
        problem=str(problem) if problem and typed is None else "",
        keeps=viewer.role in KEEPERS,
    )
