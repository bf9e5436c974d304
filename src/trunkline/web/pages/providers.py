"""I/O. Stored providers: add, replace the credential, choose models, delete."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from trunkline.store.control.accounts import BadAccountDetail
from trunkline.web.auth import Deps, RequiredUser, Viewer, verify_csrf
from trunkline.web.pages import providers_view
from trunkline.web.pages.keys import KEEPERS, KeyKeeper, Typed
from trunkline.web.pages.render import page
from trunkline.web.pages.stored import changed

router = APIRouter()
checked = [Depends(verify_csrf)]
PATH: Final = "/providers"


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
    new = providers_view.read(typed, credential)
    adding = deps.control.providers.add(viewer.org.id, new, by=viewer.user.id)
    return await changed(adding, PATH, partial(_page, request, deps, viewer, typed))


@router.post("/providers/{provider_id}/credential", dependencies=checked)
async def replace(
    request: Request, deps: Deps, viewer: KeyKeeper, provider_id: str, credential: Typed = ""
) -> Response:
    """Replace a credential."""
    replacing = deps.control.providers.replace(
        viewer.org.id, provider_id, credential, by=viewer.user.id
    )
    return await changed(replacing, PATH, partial(_page, request, deps, viewer, None))


@router.post("/providers/{provider_id}/models", dependencies=checked)
async def choose_models(
    request: Request, deps: Deps, viewer: KeyKeeper, provider_id: str, models: Typed = ""
) -> Response:
    """Choose other models."""
    choosing = deps.control.providers.choose_models(
        viewer.org.id, provider_id, providers_view.read_models(models), by=viewer.user.id
    )
    return await changed(choosing, PATH, partial(_page, request, deps, viewer, None))


@router.post("/providers/{provider_id}/delete", dependencies=checked)
async def delete(request: Request, deps: Deps, viewer: KeyKeeper, provider_id: str) -> Response:
    """Forget a provider. Gateways hear of it before this returns."""
    deleting = deps.control.providers.delete(viewer.org.id, provider_id, by=viewer.user.id)
    return await changed(deleting, PATH, partial(_page, request, deps, viewer, None))


async def _page(
    request: Request,
    deps: Deps,
    viewer: Viewer,
    typed: dict[str, str] | None,
    problem: BadAccountDetail | None = None,
) -> Response:
    """Return the page. `typed`: in the form for a new one; None: the problem is a change's."""
    stored = await deps.control.providers.of(viewer.org.id)
    known = problem is None or (typed is not None and problem.field != "profile")
    return page(
        request,
        "providers.html",
        viewer,
        status_code=422 if problem else 200,
        nav="providers",
        providers=providers_view.rows(stored),
        profiles=providers_view.CHOICES,
        chosen=(typed or {}).get("profile", ""),
        fields=providers_view.fields(
            typed or {}, problem if typed else None, with_url=viewer.org.is_operator
        ),
        problem="" if known else str(problem),
        keeps=viewer.role in KEEPERS,
    )
