"""I/O. Sessions, and one session as a tree."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from trunkline.store.facts.queries_sessions import (
    MAX_CALLS,
    SessionFilters,
    calls_of_session,
    session_by_id,
    sessions_page,
)
from trunkline.store.facts.sorting_sessions import LATEST_FIRST, SessionCursor
from trunkline.web.api import cursors
from trunkline.web.auth import Deps, RequiredUser
from trunkline.web.export import Form, exported_sessions
from trunkline.web.narrowing import of_sessions
from trunkline.web.pages import heads, sessions_view
from trunkline.web.pages.calls import Summaries, call_filters, summaries_of
from trunkline.web.pages.filter_form import OF_SESSIONS, filter_form
from trunkline.web.pages.filters import read_filters
from trunkline.web.pages.problems import PageMissing
from trunkline.web.pages.render import page

router = APIRouter()

PAGE_SESSIONS = 50


@router.get("/sessions")
async def show_all(
    request: Request,
    deps: Deps,
    viewer: RequiredUser,
    summaries: Annotated[Summaries, Depends(summaries_of)],
    search: str = "",
    cursor: str = "",
    form: Annotated[Form | None, Query(alias="format")] = None,
) -> Response:
    """Show the sessions of which a call fits the filters in the address, in the order that it
    asks for; or give all of them as a file."""
    now_us, org_id, search = deps.now_us(), viewer.org.id, search.strip()[:300]
    filters = read_filters(request.query_params)
    sorting = heads.read_sorting(request.query_params, LATEST_FIRST)
    wanted = SessionFilters(calls=of_sessions(call_filters(filters, now_us)), search=search)
    if form:
        return exported_sessions(deps.facts, org_id, wanted, sorting, form)
    before = cursors.read(cursor, SessionCursor)
    found, choices = await asyncio.gather(
        sessions_page(
            deps.facts, org_id, wanted, limit=PAGE_SESSIONS, before=before, sorting=sorting
        ),
        summaries.choices(deps, org_id, now_us),
    )
    kept = {"search": search, **heads.in_address(sorting)}
    return page(
        request,
        "sessions.html",
        viewer,
        nav="sessions",
        rows=sessions_view.rows(found.sessions, viewer.org.thresholds),
        heads=heads.heads(
            sessions_view.COLUMNS,
            sorting,
            lambda more: f"/sessions?{filters.address(search=search, **more)}",
        ),
        **filter_form(filters, choices, usual="", labels=OF_SESSIONS),
        search=search,
        kept=kept,
        here=filters.address(**kept),
        path="/sessions",
        cursor=cursor,
        next=cursors.write(found.next_cursor),
    )


@router.get("/sessions/{session_id:path}")
async def show(request: Request, deps: Deps, viewer: RequiredUser, session_id: str) -> Response:
    """Show one session. Its id is the caller's own text and may hold slashes."""
    session = await session_by_id(deps.facts, viewer.org.id, session_id)
    if session is None:
        raise PageMissing("There is no such session.")
    calls = await calls_of_session(deps.facts, viewer.org.id, session_id)
    return page(
        request,
        "session.html",
        viewer,
        nav="sessions",
        session=session,
        facts=sessions_view.facts(session, viewer.org.thresholds),
        lines=sessions_view.tree(calls, now_us=deps.now_us(), own=viewer.org.thresholds),
        more=MAX_CALLS if session.calls > len(calls) else 0,
    )
