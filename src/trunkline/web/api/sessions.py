"""I/O. `/v1/sessions`: calls that belong together."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from trunkline.store.facts import queries_sessions as queries
from trunkline.store.facts.queries_calls import MAX_PAGE
from trunkline.store.facts.sorting_sessions import SessionCursor, SessionSort, SessionSorting
from trunkline.web.api import cursors, models, shape
from trunkline.web.api.calls import FilterQuery, WhoReads, filters_of
from trunkline.web.api.session_tree import tree
from trunkline.web.auth import Deps
from trunkline.web.export import Form, exported_sessions
from trunkline.web.narrowing import of_sessions
from trunkline.web.refusals import NotFound

router = APIRouter(tags=["Sessions"])


class SessionsQuery(FilterQuery):
    """Which sessions: one call of theirs fits all filters, and numbers are the session's own."""

    search: str = Field("", description="Part of the id or the name.")
    name: str | None = Field(None, description="Exactly this name.")
    sort: SessionSort = Field("last_at", description="What has no value comes last, both ways.")
    direction: Literal["asc", "desc"] = "desc"
    format: Form | None = Field(None, description="All that fit, as a file.")
    cursor: str = Field("", description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=MAX_PAGE)


@router.get(
    "/v1/sessions",
    response_model=models.SessionPage,
    responses={200: {"content": {"text/csv": {}, "application/x-ndjson": {}}}},
)
async def list_sessions(
    reader: WhoReads, deps: Deps, query: Annotated[SessionsQuery, Query()]
) -> models.SessionPage | Response:
    """Sessions, the latest first unless the query says otherwise."""
    filters = queries.SessionFilters(
        calls=of_sessions(filters_of(query)), search=query.search, name=query.name
    )
    sorting = SessionSorting(query.sort, query.direction == "desc")
    if query.format:
        return exported_sessions(deps.facts, reader.org_id, filters, sorting, query.format)
    page = await queries.sessions_page(
        deps.facts,
        reader.org_id,
        filters,
        limit=query.limit,
        before=cursors.read(query.cursor, SessionCursor),
        sorting=sorting,
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
