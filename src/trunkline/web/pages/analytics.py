"""I/O. `/analytics`: any metric by anything, as `/v1/metrics/query` answers it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from trunkline.store.facts.queries_measure import measured
from trunkline.web.api.metrics import last_week
from trunkline.web.auth import Deps, RequiredUser
from trunkline.web.export import Form
from trunkline.web.pages import analytics_choice, analytics_view
from trunkline.web.pages.calls import Summaries, call_filters, summaries_of
from trunkline.web.pages.filter_form import filter_form
from trunkline.web.pages.filters import read_filters
from trunkline.web.pages.render import page
from trunkline.web.pages.reports_view import covers, pages
from trunkline.web.tables import metrics_file

router = APIRouter()


@router.get("/analytics")
async def analytics(
    request: Request,
    deps: Deps,
    viewer: RequiredUser,
    summaries: Annotated[Summaries, Depends(summaries_of)],
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    form: Annotated[Form | None, Query(alias="format")] = None,
    table: Literal["groups", "over_time", "by_hour"] = "groups",
) -> Response:
    """Show a metric by groups, over time, and by the hours of the week; or one of these tables
    as a file."""
    now_us, org_id = deps.now_us(), viewer.org.id
    filters = read_filters(request.query_params)
    calls = last_week(call_filters(filters, now_us), now_us)
    choice = analytics_choice.read_choice(request.query_params, calls)
    own = viewer.org.thresholds
    choice = replace(choice, metric=analytics_choice.told(choice.metric, own))
    asked = analytics_view.questions(choice, calls, offset)
    if form:
        name = f"analytics-{table.replace('_', '-')}"
        return metrics_file(deps.facts, org_id, getattr(asked, table), name, form)
    choices, groups, over_time, by_hour = await asyncio.gather(
        summaries.choices(deps, org_id, now_us),
        measured(deps.facts, org_id, asked.groups),
        measured(deps.facts, org_id, asked.over_time),
        measured(deps.facts, org_id, asked.by_hour),
    )
    drawn = groups.rows[: analytics_view.MOST_CURVES]
    return page(
        request,
        "analytics.html",
        viewer,
        nav="analytics",
        path="/analytics",
        covers=f"Calls opened in the {covers(filters)}",
        choice=choice,
        kept=choice.pairs(),
        here=filters.address(**choice.pairs()),
        title=analytics_choice.said(choice.metric, choice.aggregate),
        metrics=analytics_choice.metric_options(own),
        aggregates=analytics_choice.AGGREGATES,
        bys=analytics_choice.by_options(choice, choices.properties),
        buckets=analytics_choice.BUCKETS,
        found=any(row.numbers[0]["n"] for row in groups.rows),
        heads=analytics_view.heads(choice, filters),
        groups=analytics_view.groups(choice, groups.rows, filters),
        chart=analytics_view.chart(
            choice, asked.over_time, over_time.rows, [row.group for row in drawn], filters
        ),
        days=analytics_view.DAYS,
        heat=analytics_view.heat(choice, by_hour.rows, filters),
        pages=pages(
            filters, offset, analytics_view.PAGE_GROUPS, more=groups.more, **choice.pairs()
        ),
        **filter_form(filters, choices),
    )
