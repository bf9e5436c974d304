"""I/O. `/v1/views`: saved views of the table of calls, those that are shared."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from trunkline.store.control import views
from trunkline.web.api import shape
from trunkline.web.api.calls import WhoReads
from trunkline.web.api.keys import WhoManages
from trunkline.web.auth import Deps
from trunkline.web.pages.filters import clean_query
from trunkline.web.refusals import NotFound

router = APIRouter(tags=["Calls"])


class View(BaseModel):
    """One saved view."""

    id: str
    name: str
    query: str = Field(description="As in the address of `/calls`: filters and columns.")
    created_at: datetime


class ViewList(BaseModel):
    """The views that are shared, by name."""

    data: list[View]


class NewView(BaseModel):
    """What to save."""

    model_config = ConfigDict(extra="forbid")

    name: str
    query: str = Field(description="Like `status=failed&span=24h&column=cost`.")


@router.get("/v1/views")
async def list_views(reader: WhoReads, deps: Deps) -> ViewList:
    """The saved views that are shared; people's own are theirs."""
    return ViewList(data=[_shown(view) for view in await deps.control.views.of(reader.org_id)])


@router.post("/v1/views", status_code=201)
async def save_view(manager: WhoManages, deps: Deps, new: NewView) -> View:
    """Save a view for the organisation, in place of a shared one of that name."""
    query = clean_query(new.query)
    saved = await deps.control.views.save(
        manager.org_id, new.name, query, shared=True, by=manager.key_id
    )
    return _shown(saved)


@router.delete("/v1/views/{view_id}", status_code=204)
async def delete_view(
    manager: WhoManages, deps: Deps, view_id: Annotated[str, Path(max_length=255)]
) -> None:
    """Delete a shared view."""
    if not await deps.control.views.delete(manager.org_id, view_id, keeper=True, by=manager.key_id):
        raise NotFound("There is no such view.")


def _shown(view: views.View) -> View:
    return View(
        id=view.id,
        name=view.name,
        query=view.query,
        created_at=shape.moment(view.created_at_us),
    )
