"""I/O. The table of calls, with numbers about them above it."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from trunkline.store.control.accounts import Organisation
from trunkline.store.facts.queries_calls import (
    CallFilters,
    CallPage,
    FilterValues,
    calls_page,
    filter_values,
)
from trunkline.store.facts.queries_overview import Overview, overview
from trunkline.store.facts.sorting import LATEST_FIRST, Cursor, Sorting
from trunkline.store.thresholds import told
from trunkline.web.api import cursors
from trunkline.web.auth import Deps, RequiredUser
from trunkline.web.deps import Dependencies, public_url
from trunkline.web.export import Form, exported
from trunkline.web.narrowing import NARROWING, narrowed, own
from trunkline.web.pages import calls_view, columns, heads
from trunkline.web.pages.filter_form import filter_form
from trunkline.web.pages.filters import FEEDBACK, Filters, read_filters
from trunkline.web.pages.overview_view import tiles
from trunkline.web.pages.render import page
from trunkline.web.pages.snippets import snippets
from trunkline.web.recent import Recent

router = APIRouter()

PAGE_CALLS = 50
Names = Annotated[tuple[str, ...], Query(max_length=50)]
_MONTH_US = 30 * 24 * 3600 * 1_000_000


class Summaries:
    """What is said above the table, some seconds old."""

    def __init__(self) -> None:
        self._numbers: Recent[Overview] = Recent(5)
        self._choices: Recent[FilterValues] = Recent(30)

    async def numbers(
        self, deps: Dependencies, org: Organisation, filters: Filters, now_us: int
    ) -> Overview:
        """Return what is true of all calls that fit."""
        return await self._numbers.get(
            f"{org.id}?{filters.address()}&{told(org.thresholds)}",
            now_us,
            lambda: overview(deps.facts, org.id, call_filters(filters, now_us)),
        )

    async def choices(self, deps: Dependencies, org_id: str, now_us: int) -> FilterValues:
        """Return what the filters offer: the values of the last month."""
        return await self._choices.get(
            org_id, now_us, lambda: filter_values(deps.facts, org_id, now_us - _MONTH_US)
        )


def summaries_of(request: Request) -> Summaries:
    """Return the application's own. A FastAPI dependency."""
    state = request.app.state
    if not hasattr(state, "summaries"):
        state.summaries = Summaries()
    return state.summaries


@router.get("/calls/export")
async def export(
    request: Request,
    deps: Deps,
    viewer: RequiredUser,
    form: Annotated[Form, Query(alias="format")] = "csv",
    column: Names = (),
) -> Response:
    """Give the calls that fit the filters in the address as a file."""
    filters = call_filters(read_filters(request.query_params), deps.now_us())
    return exported(deps.facts, viewer.org.id, filters, form, columns.exported(column))


@router.get("/calls")
async def show(
    request: Request,
    deps: Deps,
    viewer: RequiredUser,
    summaries: Annotated[Summaries, Depends(summaries_of)],
    cursor: str = "",
    column: Names = (),
) -> Response:
    """Show the calls that fit the filters in the address, in the order that it asks for."""
    now_us, org_id = deps.now_us(), viewer.org.id
    sorting = heads.read_sorting(request.query_params, LATEST_FIRST)
    order, asked = heads.in_address(sorting), columns.asked(column)
    filters = read_filters(request.query_params)
    found, numbers, choices = await asyncio.gather(
        _calls(deps, org_id, call_filters(filters, now_us), sorting, cursor),
        summaries.numbers(deps, viewer.org, filters.summarised(), now_us),
        summaries.choices(deps, org_id, now_us),
    )
    first = not found.calls and not filters.narrow() and not cursor
    keys = await deps.control.list_keys(org_id) if first else []
    return page(
        request,
        "calls.html",
        viewer,
        nav="calls",
        rows=calls_view.rows(found.calls, now_us=now_us, own=viewer.org.thresholds),
        first=first,
        live=any(call.status == "live" for call in found.calls),
        tiles=() if first else tiles(numbers, viewer.org.thresholds),
        **filter_form(filters, choices, usual=""),
        kept=order,
        heads=heads.heads(
            (columns.OPENED, *columns.chosen(column)),
            sorting,
            lambda more: f"/calls?{filters.address(column=asked, **more)}",
        ),
        columns=columns.chosen(column),
        all_columns=columns.COLUMNS.values(),
        chosen_columns=asked,
        here=filters.address(column=asked, **order),
        cleared=Filters().address(column=asked, **order),
        views=await deps.control.views.of(org_id, viewer.user.id),
        path="/calls",
        cursor=cursor,
        next=cursors.write(found.next_cursor),
        has_keys=any(key.revoked_at_us is None for key in keys),
        snippets=snippets(public_url(request), simulator=deps.settings.simulator) if first else (),
    )


async def _calls(
    deps: Dependencies, org_id: str, filters: CallFilters, sorting: Sorting, cursor: str
) -> CallPage:
    before = cursors.read(cursor, Cursor)
    return await calls_page(
        deps.facts, org_id, filters, limit=PAGE_CALLS, before=before, sorting=sorting
    )


def call_filters(filters: Filters, now_us: int) -> CallFilters:
    """Return what the filters in the address ask of the store."""
    return CallFilters(
        from_us=filters.from_us(now_us),
        to_us=filters.to_us(),
        status=(filters.status,) if filters.status else (),
        kind=(filters.kind,) if filters.kind else (),
        model=filters.model,
        user_id=own(filters.user),
        session_id=own(filters.session),
        session_path=filters.session_path,
        key_id=own(filters.key),
        provider=own(filters.provider),
        said=filters.said,
        tool=filters.tool,
        error=filters.error,
        tag=own(filters.tag),
        feedback=FEEDBACK.get(filters.feedback, ""),
        attention=filters.attention,
        also=narrowed({name: getattr(filters, name) for name in NARROWING}),
        properties=filters.properties(),
        zone=filters.zone or "UTC",
    )
