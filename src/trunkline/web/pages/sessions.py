"""I/O. Sessions, and one session as a tree."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from trunkline.store.facts.queries_sessions import (
    MAX_CALLS,
    SessionCursor,
    SessionFilters,
    calls_of_session,
    session_by_id,
    sessions_page,
)
from trunkline.web.api import cursors
from trunkline.web.auth import Deps, RequiredUser
from trunkline.web.pages import sessions_view
from trunkline.web.pages.problems import PageMissing
from trunkline.web.pages.render import page

router = APIRouter()

PAGE_SESSIONS = 50


@router.get("/sessions")
async def show_all(
    request: Request, deps: Deps, viewer: RequiredUser, search: str = "", cursor: str = ""
) -> Response:
    """Show the sessions, the latest first."""
    search = search.strip()[:300]
    found = await sessions_page(
        deps.facts,
        viewer.org.id,
        SessionFilters(search=search),
        limit=PAGE_SESSIONS,
        before=cursors.read(cursor, SessionCursor),
    )
    return page(
        request,
        "sessions.html",
        viewer,
        nav="sessions",
        rows=sessions_view.rows(found.sessions),
        search=search,
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
