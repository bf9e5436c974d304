"""I/O. The System page: how the installation is, for whoever runs it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from trunkline.web.auth import Deps, RequiredUser
from trunkline.web.pages import system_view
from trunkline.web.pages.problems import PageMissing
from trunkline.web.pages.render import page

router = APIRouter()


@router.get("/system")
async def show(request: Request, deps: Deps, viewer: RequiredUser) -> Response:
    """Show it to members of the operator's organisation. To others there is no such page."""
    if not viewer.org.is_operator:
        raise PageMissing("There is nothing at this address.")
    found = system_view.view(await deps.desk.summary())
    return page(request, "system.html", viewer, nav="system", system=found)
