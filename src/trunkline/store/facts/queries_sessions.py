"""I/O. Questions about sessions: calls that share a `Helicone-Session-Id`.

A session has no row of its own: it is what its calls say.
"""

# ruff: noqa: S608 (what is put into SQL here are constants of this package)

from __future__ import annotations

from collections.abc import AsyncGenerator
from decimal import Decimal
from typing import Final

import msgspec
from msgspec.structs import replace

from trunkline.store.facts.attention import FAILED
from trunkline.store.facts.catalogue_calls import INPUT, OUTPUT
from trunkline.store.facts.conditions import AllOf, BadCondition, Condition, compile_condition
from trunkline.store.facts.queries_calls import (
    CALL_ENDS,
    EXPORTED_AT_ONCE,
    MAX_PAGE,
    CallFilters,
    newest_us,
    sorted_calls,
    where,
)
from trunkline.store.facts.queries_spend import LONGEST_CALL_US
from trunkline.store.facts.query import Query
from trunkline.store.facts.rows import CallRow
from trunkline.store.facts.sorting import Sorting
from trunkline.store.facts.sorting_sessions import (
    LATEST_FIRST,
    SessionCursor,
    SessionSorting,
    behind,
    order,
    value,
)
from trunkline.store.facts.store import FactsStore

MAX_CALLS: Final = 1000
"""Of one session; those beyond it are counted, not listed."""


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One session, summed over its calls."""

    session_id: str
    name: str
    """The latest that any of its calls gave."""
    first_at_us: int
    last_at_us: int
    """Latest end of a call; of a live one, its beginning."""
    duration_us: int
    """First opening to last end: pauses between calls are in it."""
    talk_us: int
    """Durations of the calls, summed."""
    calls: int
    live: int
    failed: int
    turns: int
    cost_usd: Decimal | None
    unpriced: list[str]
    input_tokens: int
    output_tokens: int
    users: list[str]
    models: list[str]
    waits: int
    """Turns that have a wait."""
    wait_p50_us: int | None
    """Over all of them; see `TurnRow.wait_us`."""
    latency_us: int | None
    """Mean over its calls of their median wait: what Helicone's clients ask for."""


class SessionFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions to show. Empty and None mean: any."""

    calls: CallFilters = CallFilters()
    """One of its calls, at least, fits all of these; its sums are of all its calls."""
    search: str = ""
    """Part of its id or name, upper and lower case alike."""
    name: str | None = None
    """Exactly this."""
    condition: Condition = AllOf()
    """Only calls that fit are looked at, and summed."""


class SessionPage(msgspec.Struct, frozen=True):
    """Sessions in their order."""

    sessions: list[SessionRow]
    next_cursor: SessionCursor | None


_SUMS: Final = (
    "SELECT session_id, argMaxIf(session_name, opened_at_us, session_name != '') AS name,"
    " min(opened_at_us) AS first_at_us,"
    f" max({CALL_ENDS}) AS last_at_us, last_at_us - first_at_us AS duration_us,"
    " sum(ifNull(duration_us_, 0)) AS talk_us,"
    " count() AS calls, countIf(status = 'live') AS live,"
    f" countIf({FAILED}) AS failed,"
    " sum(turns_) AS turns, sumOrNull(cost_usd_) AS cost_usd,"
    " arraySort(groupUniqArrayArray(100)(unpriced_)) AS unpriced,"
    f" sum({INPUT} + transcription_input_tokens) AS input_tokens,"
    f" sum({OUTPUT} + transcription_output_tokens) AS output_tokens,"
    " arraySort(groupUniqArrayIf(100)(user_id, user_id != '')) AS users,"
    " arraySort(groupUniqArrayIf(100)(model_used, model_used != '')) AS models,"
    " toInt64(sum(length(waits_us))) AS waits,"
    " if(waits = 0, NULL, quantileExactArray(0.5)(waits_us)) AS wait_p50_us,"
    " toInt64(round(avgOrNull(latency_us_))) AS latency_us"
    " FROM (SELECT session_id, session_name, opened_at_us, ended_at_us, status, tokens,"
    " duration_us AS duration_us_, turns AS turns_, cost_usd AS cost_usd_,"
    " unpriced AS unpriced_, transcription_input_tokens, transcription_output_tokens,"
    " user_id, model_used, gathered.waits_us AS waits_us,"
    " wait_p50_us AS latency_us_"
    " FROM calls FINAL WHERE org_id = {org_id:String} AND "
)
_THESE: Final = "session_id IN {sessions:Array(String)}) GROUP BY session_id"
_PLACES: Final = (
    "SELECT session_id, argMaxIf(session_name, opened_at_us, session_name != '') AS name,"
    f" max({CALL_ENDS}) AS last_at_us, {{value}} AS sorted_by"
    " FROM calls FINAL WHERE org_id = {{org_id:String}} AND session_id != ''"
    " AND opened_at_us >= {{since_us:Int64}}"
    " AND hour >= toStartOfHour(toDateTime(intDiv({{since_us:Int64}}, 1000000), 'UTC'))"
    " AND {looked_at} AND {fitting} GROUP BY session_id"
    " HAVING ({{search:String}} = ''"
    " OR positionCaseInsensitiveUTF8(session_id, {{search:String}}) > 0"
    " OR positionCaseInsensitiveUTF8(name, {{search:String}}) > 0)"
    " AND (NOT {{by_name:Bool}} OR name = {{name:String}})"
    " AND last_at_us >= {{ended_us:Int64}} AND {behind}"
    " ORDER BY {order} LIMIT {{limit:UInt32}}"
)
_FITTING: Final = "session_id IN (SELECT session_id FROM calls FINAL WHERE {calls})"
_SESSION: Final = Query(_SUMS + "session_id = {session_id:String}) GROUP BY session_id", SessionRow)

_EVER: Final = 2**62


async def sessions_page(
    facts: FactsStore,
    org_id: str,
    filters: SessionFilters,
    *,
    limit: int = 50,
    before: SessionCursor | None = None,
    sorting: SessionSorting = LATEST_FIRST,
) -> SessionPage:
    """Return at most `limit` sessions (and never more than `MAX_PAGE`), in their order.

    Raises:
        BadCondition: the filters cannot be asked, or the page before was sorted otherwise.
    """
    if before is not None and before.sorting != sorting:
        raise BadCondition("cursor: of a list that is sorted otherwise; begin anew")
    limit = max(1, min(limit, MAX_PAGE))
    return await _page(facts, org_id, filters, limit, before, sorting)


async def all_sessions(
    facts: FactsStore, org_id: str, filters: SessionFilters, sorting: SessionSorting
) -> AsyncGenerator[list[SessionRow]]:
    """Yield all sessions that fit, in their order, many at a time: the store answers others
    between two lists."""
    before: SessionCursor | None = None
    while True:
        page = await _page(facts, org_id, filters, EXPORTED_AT_ONCE, before, sorting)
        yield page.sessions
        before = page.next_cursor
        if before is None:
            return


class _Place(msgspec.Struct, frozen=True):
    """Where a session is in an order."""

    session_id: str
    last_at_us: int
    sorted_by: int | str | None


async def _page(
    facts: FactsStore,
    org_id: str,
    filters: SessionFilters,
    limit: int,
    before: SessionCursor | None,
    sorting: SessionSorting,
) -> SessionPage:
    places: list[_Place] = []
    async for since_us in _reaches(facts, org_id, filters, before, sorting):
        places = await _places(facts, org_id, filters, limit + 1, before, sorting, since_us)
        if len(places) > limit:
            break
    # Sums are of these alone, not of all that there are.
    at = {session.session_id: number for number, session in enumerate(places[:limit])}
    predicate, parameters = compile_condition(filters.condition)
    query = Query(f"{_SUMS}{predicate} AND {_THESE}", SessionRow)
    found = await facts.ask(query, org_id, **parameters, sessions=list(at)) if at else []
    found.sort(key=lambda session: at[session.session_id])
    if len(places) <= limit:
        return SessionPage(found, None)
    last = places[limit - 1]
    by = None if sorting.by == "last_at" else last.sorted_by
    return SessionPage(found, SessionCursor(last.last_at_us, last.session_id, sorting, by))


async def _reaches(
    facts: FactsStore,
    org_id: str,
    filters: SessionFilters,
    before: SessionCursor | None,
    sorting: SessionSorting,
) -> AsyncGenerator[int]:
    """Yield how far back to look at calls, farther and farther; at last to the beginning.

    What a session is called, what it sums up to, and whether one of its calls fits, all of them
    say: then only the last will do.
    """
    from_us = filters.calls.from_us
    by_all = filters.search or filters.name is not None or sorting != LATEST_FIRST
    if not by_all and replace(filters.calls, from_us=None) == CallFilters():
        latest_us = before.last_at_us if before else await newest_us(facts, org_id)
        for days in _LOOK_DAYS:
            since_us = latest_us - days * _DAY_US
            if since_us > max(0, from_us or 0):
                yield since_us
    yield 0


_LOOK_DAYS: Final = (4, 16, 64)
_DAY_US: Final = 86_400_000_000


async def _places(
    facts: FactsStore,
    org_id: str,
    filters: SessionFilters,
    limit: int,
    before: SessionCursor | None,
    sorting: SessionSorting,
    since_us: int,
) -> list[_Place]:
    """Return the first sessions, of calls opened at `since_us` or later: of those of which no
    earlier call can have ended last."""
    looked_at, parameters = compile_condition(filters.condition, "looked")
    fitting = "1"
    if filters.calls != CallFilters():
        calls, more = where(filters.calls)
        fitting, parameters = _FITTING.format(calls=calls), parameters | more
    beyond = "1"
    if before is not None:
        beyond, more = behind(before)
        parameters |= more
    sql = _PLACES.format(
        value=value(sorting),
        looked_at=looked_at,
        fitting=fitting,
        behind=beyond,
        order=order(sorting),
    )
    return await facts.ask(
        Query(sql, _Place),
        org_id,
        **parameters,
        since_us=since_us,
        ended_us=since_us + LONGEST_CALL_US if since_us else -_EVER,
        search=filters.search,
        by_name=filters.name is not None,
        name=filters.name or "",
        limit=limit,
    )


async def session_by_id(facts: FactsStore, org_id: str, session_id: str) -> SessionRow | None:
    """Return the session, or None when none of this organisation's calls names it."""
    if not session_id:
        return None
    found = await facts.ask(_SESSION, org_id, session_id=session_id)
    return found[0] if found else None


async def calls_of_session(facts: FactsStore, org_id: str, session_id: str) -> list[CallRow]:
    """Return the session's calls in the order in which they were opened."""
    if not session_id:
        return []
    first = Sorting(descending=False)
    of = CallFilters(session_id=session_id)
    return await sorted_calls(facts, org_id, of, first, limit=MAX_CALLS, offset=0)
