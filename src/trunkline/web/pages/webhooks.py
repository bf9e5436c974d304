"""I/O. Webhooks of calls by telephone: add, replace the secret, redirect, delete."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from trunkline.store.control.accounts import BadAccountDetail
from trunkline.store.control.webhooks import NewWebhook
from trunkline.web.auth import Deps, RequiredUser, Viewer, verify_csrf
from trunkline.web.deps import public_url
from trunkline.web.pages import webhooks_view
from trunkline.web.pages.keys import KEEPERS, KeyKeeper, Typed
from trunkline.web.pages.problems import PageMissing
from trunkline.web.pages.render import page

router = APIRouter()
checked = [Depends(verify_csrf)]
WHOLE = "whole"
"""How numbers are recorded that are not to be hidden."""
_GONE = "There is no such webhook."


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
    try:
        await deps.control.webhooks.add(viewer.org.id, new, by=viewer.user.id)
    except BadAccountDetail as exc:
        typed = {"name": name, "url": url, "numbers": numbers}
        return await _page(request, deps, viewer, typed, exc)
    return RedirectResponse("/webhooks", 303)


@router.post("/webhooks/{webhook_id}/secret", dependencies=checked)
async def replace(
    request: Request, deps: Deps, viewer: KeyKeeper, webhook_id: str, secret: Typed = ""
) -> Response:
    """Replace a secret."""
    try:
        changed = await deps.control.webhooks.replace(
            viewer.org.id, webhook_id, secret, by=viewer.user.id
        )
    except BadAccountDetail as exc:
        return await _page(request, deps, viewer, {}, exc, of=webhook_id)
    if changed is None:
        raise PageMissing(_GONE)
    return RedirectResponse("/webhooks", 303)


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
    try:
        changed = await deps.control.webhooks.redirect(
            viewer.org.id, webhook_id, url, show_numbers=numbers == WHOLE, by=viewer.user.id
        )
    except BadAccountDetail as exc:
        return await _page(request, deps, viewer, {}, exc, of=webhook_id)
    if changed is None:
        raise PageMissing(_GONE)
    return RedirectResponse("/webhooks", 303)


@router.post("/webhooks/{webhook_id}/delete", dependencies=checked)
async def delete(deps: Deps, viewer: KeyKeeper, webhook_id: str) -> Response:
    """Forget a webhook. Gateways hear of it before this returns."""
    if not await deps.control.webhooks.delete(viewer.org.id, webhook_id, by=viewer.user.id):
        raise PageMissing(_GONE)
    return RedirectResponse("/webhooks", 303)


async def _page(
    request: Request,
    deps: Deps,
    viewer: Viewer,
    typed: dict[str, str],
    problem: BadAccountDetail | None = None,
    *,
    of: str = "",
) -> Response:
    """Return the page; `of`: the problem is with a change of this webhook."""
    stored = await deps.control.webhooks.of(viewer.org.id)
    return page(
        request,
        "webhooks.html",
        viewer,
        status_code=422 if problem else 200,
        nav="webhooks",
        webhooks=webhooks_view.rows(stored, public_url(request)),
        fields=webhooks_view.fields(typed, None if of else problem),
        hides=typed.get("numbers", WHOLE) != WHOLE,
        problem=str(problem) if problem and of else "",
        keeps=viewer.role in KEEPERS,
    )
