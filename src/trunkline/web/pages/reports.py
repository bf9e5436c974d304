"""I/O. Users, properties, costs, tools and errors: what the API's reports have, as pages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from trunkline.store.facts.catalogue import PROPERTY
from trunkline.store.facts.queries_calls import CallFilters, FilterValues
from trunkline.store.facts.queries_measure import measured
from trunkline.web import reports
from trunkline.web.api.metrics import last_week
from trunkline.web.api.reports import cost_sums
from trunkline.web.auth import Deps, RequiredUser, Viewer
from trunkline.web.deps import Dependencies
from trunkline.web.export import Form
from trunkline.web.pages import costs_view, reports_view
from trunkline.web.pages.calls import Summaries, call_filters, summaries_of
from trunkline.web.pages.filter_form import filter_form
from trunkline.web.pages.filters import Filters, read_filters
from trunkline.web.pages.render import page
from trunkline.web.pages.reports_view import Sheet
from trunkline.web.reports import Report
from trunkline.web.spend import months_spend
from trunkline.web.tables import report_file

router = APIRouter()

PAGE_GROUPS = 50


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What all these pages are given."""

    request: Request
    deps: Dependencies
    viewer: Viewer
    choices: FilterValues
    sort: str
    ascending: bool
    offset: int
    form: Form | None
    """None: as a page."""
    table: str


async def _shown(
    request: Request,
    deps: Deps,
    viewer: RequiredUser,
    summaries: Annotated[Summaries, Depends(summaries_of)],
    sort: str = "",
    direction: Literal["asc", "desc"] = "desc",
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    form: Annotated[Form | None, Query(alias="format")] = None,
    table: Annotated[str, Query(max_length=50)] = "",
) -> Shown:
    now_us, org_id = deps.now_us(), viewer.org.id
    choices = await summaries.choices(deps, org_id, now_us)
    return Shown(
        request=request,
        deps=deps,
        viewer=viewer,
        choices=choices,
        sort=sort,
        ascending=direction == "asc",
        offset=offset,
        form=form,
        table=table,
    )


Asked = Annotated[Shown, Depends(_shown)]


@router.get("/users")
async def users(asked: Asked) -> Response:
    """Show users."""
    return await _show(asked, reports_view.USERS)


@router.get("/properties")
async def properties(asked: Asked) -> Response:
    """Show the names of properties."""
    return await _show(asked, reports_view.PROPERTIES)


@router.get("/properties/{name:path}")
async def values(asked: Asked, name: str) -> Response:
    """Show the values of one property."""
    return await _show(asked, reports_view.VALUES, by=PROPERTY + name, name=name)


@router.get("/costs")
async def costs(asked: Asked, by: str = "billed_model") -> Response:
    """Show what was billed."""
    known = by in reports.COSTS.choices or (by.startswith(PROPERTY) and by != PROPERTY)
    by = by if known else "billed_model"
    return await _show(asked, reports_view.COSTS, by=by, tiles=_cost_tiles)


async def _cost_tiles(asked: Shown) -> tuple[costs_view.Tile, ...]:
    filters, calls = _narrowed(asked)
    sums, spend = await asyncio.gather(
        cost_sums(asked.deps, asked.viewer.org.id, calls),
        months_spend(asked.deps, asked.viewer.org.id),
    )
    return costs_view.tiles(sums, spend, filters)


@router.get("/tools")
async def tools(asked: Asked) -> Response:
    """Show the tools that models called."""
    return await _show(asked, reports_view.TOOLS, below=reports_view.ARGUMENTS)


@router.get("/errors")
async def errors(asked: Asked) -> Response:
    """Show errors, those that are the same together."""
    return await _show(asked, reports_view.ERRORS)


def _narrowed(asked: Shown) -> tuple[Filters, CallFilters]:
    """Return which calls the address asks for, as it says it and as the facts are asked."""
    filters, now_us = read_filters(asked.request.query_params), asked.deps.now_us()
    return filters, last_week(call_filters(filters, now_us), now_us)


def _sort(asked: Shown, report: Report) -> str:
    names = (report.key, *(column.name for column in report.columns))
    return asked.sort if asked.sort in names else report.sort


async def _none(_asked: Shown) -> tuple[costs_view.Tile, ...]:
    return ()


_Tiles = Callable[[Shown], Awaitable[Sequence[costs_view.Tile]]]
"""Asks for the numbers above a table."""


async def _show(
    asked: Shown,
    sheet: Sheet,
    by: str = "",
    name: str = "",
    below: Sheet | None = None,
    tiles: _Tiles = _none,
) -> Response:
    org, facts = asked.viewer.org, asked.deps.facts
    filters, calls = _narrowed(asked)
    sort = _sort(asked, sheet.report)
    question = reports.question(
        sheet.report,
        calls,
        by=by,
        sort=sort,
        ascending=asked.ascending,
        limit=PAGE_GROUPS,
        offset=asked.offset,
    )
    if asked.form:
        if below and asked.table == below.report.key:
            sheet, question = below, reports.question(below.report, calls)
        return report_file(facts, org.id, sheet.report, question, asked.form)
    over_time = reports_view.chart_question(sheet, calls)
    found, bars, above = await asyncio.gather(
        measured(facts, org.id, question), measured(facts, org.id, over_time), tiles(asked)
    )
    kept = {"by": by} if sheet is reports_view.COSTS else {}
    order = {"sort": asked.sort, "direction": "asc" if asked.ascending else ""}
    return page(
        asked.request,
        "report.html",
        asked.viewer,
        nav=sheet.name,
        sheet=sheet,
        name=name,
        path=asked.request.url.path,
        covers=f"Calls opened in the {reports_view.covers(filters)}",
        heads=reports_view.heads(
            sheet,
            filters,
            sort,
            ascending=asked.ascending,
            **(kept | ({"property": name} if name else {})),
        ),
        lines=reports_view.lines(sheet, question, found.rows, filters, by, org.thresholds),
        chart=reports_view.chart(over_time, bars.rows if found.rows else [], filters),
        pages=reports_view.pages(
            filters, asked.offset, PAGE_GROUPS, more=found.more, **kept, **order
        ),
        by=by,
        tiles=above,
        bys=reports_view.BY_WORDS if sheet is reports_view.COSTS else {},
        kept=kept,
        here=filters.address(**kept, **order),
        below=await _below(asked, below, calls, filters) if below and found.rows else None,
        **filter_form(filters, asked.choices),
    )


async def _below(
    asked: Shown, sheet: Sheet, calls: CallFilters, filters: Filters
) -> dict[str, Any] | None:
    """Return the first rows of another report about the same calls, to stand below the table."""
    question = reports.question(sheet.report, calls, limit=PAGE_GROUPS)
    found = await measured(asked.deps.facts, asked.viewer.org.id, question)
    if not found.rows:
        return None
    return {
        "title": sheet.title,
        "table": sheet.report.key,
        "heads": reports_view.plain_heads(sheet),
        "lines": reports_view.lines(sheet, question, found.rows, filters),
    }
