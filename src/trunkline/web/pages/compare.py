"""I/O. Compare: two cohorts by distribution, two calls by turn."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from trunkline.ids import parse_call_id
from trunkline.store.facts import queries_call as one
from trunkline.store.facts.measure import Question, measure
from trunkline.store.facts.queries_calls import CallFilters, calls_page
from trunkline.store.facts.queries_measure import measured
from trunkline.store.facts.rows import CallRow
from trunkline.web.api.metrics import last_week
from trunkline.web.auth import Deps, RequiredUser, Viewer
from trunkline.web.comparing import METRICS, compare, measures_of, split
from trunkline.web.deps import Dependencies
from trunkline.web.pages import compare_view, pair_view, reports_view
from trunkline.web.pages.calls import Summaries, call_filters, summaries_of
from trunkline.web.pages.compare_view import Asked, Told
from trunkline.web.pages.filter_form import filter_form
from trunkline.web.pages.problems import PageMissing
from trunkline.web.pages.render import page
from trunkline.web.pairing import pairs

router = APIRouter()

OTHERS = 30
"""Calls to choose from, for one that is to be compared."""
SUGGESTED = 6
"""Values of a dimension that are offered, those with most calls."""


@router.get("/compare")
async def show(
    request: Request,
    deps: Deps,
    viewer: RequiredUser,
    summaries: Annotated[Summaries, Depends(summaries_of)],
    call: Annotated[list[str] | None, Query()] = None,
) -> Response:
    """Compare the two calls in the address, or the two cohorts."""
    chosen = [await _call(deps, viewer, call_id) for call_id in dict.fromkeys(call or [])]
    if len(chosen) == 1:
        return await _another(request, deps, viewer, chosen[0])
    if chosen:
        return await _two_calls(request, deps, viewer, chosen[0], chosen[1])
    return await _cohorts(request, deps, viewer, summaries)


# --- two cohorts


async def _cohorts(
    request: Request, deps: Dependencies, viewer: Viewer, summaries: Summaries
) -> Response:
    now_us, org_id = deps.now_us(), viewer.org.id
    choices = await summaries.choices(deps, org_id, now_us)
    asked = compare_view.read(request.query_params)
    both = last_week(call_filters(asked.both, now_us), now_us)
    suggested: tuple[str, ...] = ()
    if asked.by:
        suggested = await _values(deps, org_id, asked.by, both)
        asked = compare_view.completed(asked, suggested)
    found: Told | None = None
    if compare_view.is_whole(asked):
        a, b = (_side(asked, side, now_us) for side in ("a", "b"))
        found = compare_view.told(
            await compare(deps.facts, org_id, a, b, measures_of(METRICS)), asked
        )
    return page(
        request,
        "compare.html",
        viewer,
        nav="compare",
        asked=asked,
        told=found,
        calls={side: compare_view.calls_of(asked, side) for side in ("a", "b")} if found else {},
        suggested=compare_view.suggestions(asked, suggested),
        dimensions=compare_view.dimensions(choices.properties, asked.by),
        sides=compare_view.side_fields(asked),
        path="/compare",
        kept=compare_view.kept(asked),
        covers=reports_view.covers(asked.both),
        **filter_form(asked.both, choices),
    )


def _side(asked: Asked, side: str, now_us: int) -> CallFilters:
    filters = call_filters(compare_view.narrowed(asked, side), now_us)
    filters = last_week(filters, now_us)
    return split(filters, asked.by, asked.values[side]) if asked.by else filters


async def _values(
    deps: Dependencies, org_id: str, by: str, filters: CallFilters
) -> tuple[str, ...]:
    """Return the values of a dimension that most calls have."""
    question = Question(
        measures=(measure("calls"),), group_by=(by,), filters=filters, limit=SUGGESTED, named=True
    )
    return tuple(row.group[0] for row in (await measured(deps.facts, org_id, question)).rows)


# --- two calls


async def _two_calls(
    request: Request, deps: Dependencies, viewer: Viewer, a: CallRow, b: CallRow
) -> Response:
    facts, org_id = deps.facts, viewer.org.id
    turns = [await one.turns_of_call(facts, org_id, call.call_id) for call in (a, b)]
    said = [
        {item.item_id: item.text for item in await one.items_of_call(facts, org_id, call.call_id)}
        for call in (a, b)
    ]
    return page(
        request,
        "compare_calls.html",
        viewer,
        nav="compare",
        heads=pair_view.heads(a, b),
        pairs=pair_view.pair_rows(
            pairs(*turns), pair_view.Said(a.call_id, said[0]), pair_view.Said(b.call_id, said[1])
        ),
        swapped=pair_view.address_of(b.call_id, a.call_id),
    )


async def _another(request: Request, deps: Dependencies, viewer: Viewer, call: CallRow) -> Response:
    found = await calls_page(deps.facts, viewer.org.id, CallFilters(), limit=OTHERS + 1)
    others = [other for other in found.calls if other.call_id != call.call_id][:OTHERS]
    context: dict[str, Any] = {
        "call": pair_view.head(call),
        "others": [
            (pair_view.head(other), pair_view.address_of(call.call_id, other.call_id))
            for other in others
        ],
    }
    return page(request, "compare_another.html", viewer, nav="compare", **context)


async def _call(deps: Dependencies, viewer: Viewer, call_id: str) -> CallRow:
    try:
        parse_call_id(call_id)
    except ValueError as exc:
        raise PageMissing("One of the calls is not there.") from exc
    found = await one.call_by_id(deps.facts, viewer.org.id, call_id)
    if found is None:
        raise PageMissing("One of the calls is not there.")
    return found
