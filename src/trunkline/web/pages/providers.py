"""I/O. Stored providers: add, replace the credential, choose models, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from trunkline.store.control.accounts import BadAccountDetail
from trunkline.web.auth import Deps, RequiredUser, Viewer, verify_csrf
from trunkline.web.pages import providers_view
from trunkline.web.pages.keys import KEEPERS, KeyKeeper, Typed
from trunkline.web.pages.problems import PageMissing
from trunkline.web.pages.render import page

router = APIRouter()
checked = [Depends(verify_csrf)]
_GONE = "There is no such provider."


def provider_typed(
    name: Typed = "",
    profile: Typed = "",
    url: Typed = "",
    resource: Typed = "",
    models: Typed = "",
) -> dict[str, str]:
    """Return what the form says, as it was typed; the credential is not among it."""
    return {"name": name, "profile": profile, "url": url, "resource": resource, "models": models}


ProviderTyped = Annotated[dict[str, str], Depends(provider_typed)]


@router.get("/providers")
async def show(request: Request, deps: Deps, viewer: RequiredUser) -> Response:
    """Show the organisation's stored providers."""
    return await _page(request, deps, viewer, {})


@router.post("/providers", dependencies=checked)
async def add(
    request: Request, deps: Deps, viewer: KeyKeeper, typed: ProviderTyped, credential: Typed = ""
) -> Response:
    """Store a provider. What was typed wrong is shown again, but for the credential."""
    try:
        new = providers_view.read(typed, credential)
        await deps.control.providers.add(viewer.org.id, new, by=viewer.user.id)
    except BadAccountDetail as exc:
        return await _page(request, deps, viewer, typed, exc)
    return RedirectResponse("/providers", 303)


@router.post("/providers/{provider_id}/credential", dependencies=checked)
async def replace(
    request: Request, deps: Deps, viewer: KeyKeeper, provider_id: str, credential: Typed = ""
) -> Response:
    """Replace a credential."""
    try:
        changed = await deps.control.providers.replace(
            viewer.org.id, provider_id, credential, by=viewer.user.id
        )
    except BadAccountDetail as exc:
        return await _page(request, deps, viewer, {}, exc, of=provider_id)
    if changed is None:
        raise PageMissing(_GONE)
    return RedirectResponse("/providers", 303)


@router.post("/providers/{provider_id}/models", dependencies=checked)
async def choose_models(
    request: Request, deps: Deps, viewer: KeyKeeper, provider_id: str, models: Typed = ""
) -> Response:
    """Choose other models."""
    try:
        changed = await deps.control.providers.choose_models(
            viewer.org.id, provider_id, providers_view.read_models(models), by=viewer.user.id
        )
    except BadAccountDetail as exc:
        return await _page(request, deps, viewer, {}, exc, of=provider_id)
    if changed is None:
        raise PageMissing(_GONE)
    return RedirectResponse("/providers", 303)


@router.post("/providers/{provider_id}/delete", dependencies=checked)
async def delete(deps: Deps, viewer: KeyKeeper, provider_id: str) -> Response:
    """Forget a provider. Gateways hear of it before this returns."""
    if not await deps.control.providers.delete(viewer.org.id, provider_id, by=viewer.user.id):
        raise PageMissing(_GONE)
    return RedirectResponse("/providers", 303)


async def _page(
    request: Request,
    deps: Deps,
    viewer: Viewer,
    typed: dict[str, str],
    problem: BadAccountDetail | None = None,
    *,
    of: str = "",
) -> Response:
    """Return the page; `of`: the problem is with a change of this stored provider."""
    stored = await deps.control.providers.of(viewer.org.id)
    return page(
        request,
        "providers.html",
        viewer,
        status_code=422 if problem else 200,
        nav="providers",
        providers=providers_view.rows(stored),
        profiles=providers_view.CHOICES,
        chosen=typed.get("profile", ""),
        fields=providers_view.fields(
            typed, None if of else problem, with_url=viewer.org.is_operator
        ),
        problem=str(problem) if problem and (of or problem.field == "profile") else "",
        keeps=viewer.role in KEEPERS,
    )
