"""I/O. `/v1/sessions`: calls that belong together."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from trunkline.store.facts import queries_sessions as queries
from trunkline.store.facts.queries_calls import MAX_PAGE
from trunkline.web.api import cursors, models, shape
from trunkline.web.api.calls import WhoReads
from trunkline.web.api.session_tree import tree
from trunkline.web.auth import Deps
from trunkline.web.refusals import NotFound

router = APIRouter(tags=["Sessions"])


class SessionsQuery(BaseModel):
    """Filters of the list."""

    model_config = ConfigDict(extra="forbid")

    from_: datetime | None = Field(None, alias="from", description="A call opened then or later.")
    to: datetime | None = Field(None, description="A call opened before then.")
    search: str = Field("", description="Part of the id or the name.")
    name: str | None = Field(None, description="Exactly this name.")
    user: str = ""
    cursor: str = ""
    limit: int = Field(50, ge=1, le=MAX_PAGE)


@router.get("/v1/sessions")
async def list_sessions(
    reader: WhoReads, deps: Deps, query: Annotated[SessionsQuery, Query()]
) -> models.SessionPage:
    """Sessions, the latest first."""
    filters = queries.SessionFilters(
        from_us=shape.microseconds(query.from_) if query.from_ else None,
        to_us=shape.microseconds(query.to) if query.to else None,
        search=query.search,
        name=query.name,
        user_id=query.user,
    )
    before = cursors.read(query.cursor, queries.SessionCursor)
    page = await queries.sessions_page(
        deps.facts, reader.org_id, filters, limit=query.limit, before=before
    )
    return models.SessionPage(
        data=[shape.session(row) for row in page.sessions],
        next_cursor=cursors.write(page.next_cursor),
    )


@router.get("/v1/sessions/{session_id:path}")
async def get_session(reader: WhoReads, deps: Deps, session_id: str) -> models.SessionDetail:
    """One session: its totals, and its calls as a tree by path."""
    row = await queries.session_by_id(deps.facts, reader.org_id, session_id)
    if row is None:
        raise NotFound("There is no such session.")
    calls = await queries.calls_of_session(deps.facts, reader.org_id, session_id)
    return shape.shaped(models.SessionDetail, row, id=row.session_id, tree=tree(calls))
