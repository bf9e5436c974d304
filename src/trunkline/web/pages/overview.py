"""I/O. The front page: how calls went in a time, and which of them to look at."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from trunkline.store.facts.measure import Question
from trunkline.store.facts.queries_attention import Attention, attention
from trunkline.store.facts.queries_calls import CallFilters, calls_page
from trunkline.store.facts.queries_measure import Answer, measured
from trunkline.store.facts.queries_overview import Overview, Trend, overview, trend
from trunkline.store.facts.store import FactsStore
from trunkline.store.thresholds import told
from trunkline.web import reports
from trunkline.web.api.metrics import last_week
from trunkline.web.auth import Deps, RequiredUser, Viewer
from trunkline.web.deps import Dependencies, public_url
from trunkline.web.pages import overview_chart, overview_view, reports_view
from trunkline.web.pages.calls import Summaries, call_filters, summaries_of
from trunkline.web.pages.filter_form import filter_form
from trunkline.web.pages.filters import read_filters
from trunkline.web.pages.render import page
from trunkline.web.pages.snippets import snippets
from trunkline.web.recent import Recent

router = APIRouter()

TOP_ERRORS = 5
WORST_CALLS = 10


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the page asks of the facts."""

    now: Trend
    before: Overview
    """As long a time, before."""
    attention: Attention
    errors: Answer


class Overviews:
    """What was asked, some seconds old."""

    def __init__(self) -> None:
        self.now: Recent[Trend] = Recent(5)
        self.before: Recent[Overview] = Recent(60)
        self.attention: Recent[Attention] = Recent(10)
        self.errors: Recent[Answer] = Recent(10)


def overviews_of(request: Request) -> Overviews:
    """Return the application's own. A FastAPI dependency."""
    state = request.app.state
    if not hasattr(state, "overviews"):
        state.overviews = Overviews()
    return state.overviews


@router.get("/")
async def front(viewer: RequiredUser) -> Response:
    """Lead to the Overview."""
    return RedirectResponse("/overview", 303)


@router.get("/overview")
async def show(
    request: Request,
    deps: Deps,
    viewer: RequiredUser,
    kept: Annotated[Overviews, Depends(overviews_of)],
    summaries: Annotated[Summaries, Depends(summaries_of)],
) -> Response:
    """Show how the calls that fit the filters in the address went: the last week's, without."""
    now_us, org_id, own = deps.now_us(), viewer.org.id, viewer.org.thresholds
    chosen = read_filters(request.query_params)
    filters = chosen.timed("7d")
    calls = last_week(call_filters(filters, now_us), now_us)
    errors = reports.question(reports.ERRORS, calls, limit=TOP_ERRORS)
    asked, choices = await asyncio.gather(
        ask(deps.facts, kept, f"{org_id}?{filters.address()}&{told(own)}", org_id, errors, now_us),
        summaries.choices(deps, org_id, now_us),
    )
    if not asked.now.total.calls and not chosen.narrow() and await _is_empty(deps, org_id):
        return await _first(request, deps, viewer)
    return page(
        request,
        "overview.html",
        viewer,
        nav="overview",
        first=False,
        around=filters,
        covers=reports_view.covers(chosen),
        tiles=overview_view.overview_tiles(asked.now, asked.before, filters, own),
        unpriced=asked.now.total.unpriced_calls,
        chart=overview_chart.chart(asked.now, filters, own),
        chart_columns=overview_chart.COLUMNS,
        reasons=overview_view.reason_chips(asked.attention, filters, own),
        worst=overview_view.worst(asked.attention, filters, now_us=now_us, own=own),
        errors=reports_view.lines(reports_view.ERRORS, errors, asked.errors.rows, filters),
        kept={},
        path="/overview",
        **filter_form(chosen, choices),
    )


async def ask(
    facts: FactsStore, kept: Overviews, about: str, org_id: str, errors: Question, now_us: int
) -> Asked:
    """Ask about the calls that `errors` is about. `about` tells them from others."""
    calls = errors.filters
    from_us, to_us = calls.from_us or 0, calls.to_us or now_us
    earlier = msgspec.structs.replace(calls, from_us=2 * from_us - to_us, to_us=from_us)
    bucket = reports_view.bucket_for(calls)
    # At once: the store answers more than one at a time.
    now, before, needing, found = await asyncio.gather(
        kept.now.get(about, now_us, lambda: trend(facts, org_id, calls, bucket)),
        kept.before.get(about, now_us, lambda: overview(facts, org_id, earlier)),
        kept.attention.get(about, now_us, lambda: attention(facts, org_id, calls, WORST_CALLS)),
        kept.errors.get(about, now_us, lambda: measured(facts, org_id, errors)),
    )
    return Asked(now=now, before=before, attention=needing, errors=found)


async def _is_empty(deps: Dependencies, org_id: str) -> bool:
    return not (await calls_page(deps.facts, org_id, CallFilters(), limit=1)).calls


async def _first(request: Request, deps: Dependencies, viewer: Viewer) -> Response:
    """Show how a first call is made."""
    keys = await deps.control.list_keys(viewer.org.id)
    return page(
        request,
        "overview.html",
        viewer,
        nav="overview",
        first=True,
        has_keys=any(key.revoked_at_us is None for key in keys),
        snippets=snippets(public_url(request), simulator=deps.settings.simulator),
    )
