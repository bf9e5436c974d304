"""I/O. `/calls/live`: the calls that run now."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from trunkline.live.board import NobodyLooks
from trunkline.store.facts.queries_calls import CallFilters, calls_page
from trunkline.web.auth import Deps, RequiredUser
from trunkline.web.pages import live_view, text
from trunkline.web.pages.call import KEEPERS
from trunkline.web.pages.render import page

router = APIRouter()


@router.get("/calls/live")
async def show(request: Request, deps: Deps, viewer: RequiredUser) -> Response:
    """Show what runs."""
    try:
        seen, known = await deps.board.present(viewer.org.id), True
    except NobodyLooks:
        seen, known = [], False
    never = False
    if known and not seen:
        found = await calls_page(deps.facts, viewer.org.id, CallFilters(), limit=1)
        never = not found.calls
    return page(
        request,
        "live.html",
        viewer,
        nav="live",
        cards=live_view.cards(seen, deps.now_us()),
        count_words=text.plural(len(seen), "call"),
        keeps=viewer.role in KEEPERS,
        known=known,
        never=never,
        words=live_view.WORDS,
    )
