"""I/O. Questions about sessions: calls that share a `Helicone-Session-Id`.

A session has no row of its own: it is what its calls say.
"""

# ruff: noqa: S608 (what is put into SQL here are constants of this package)

from __future__ import annotations

from collections.abc import AsyncGenerator
from decimal import Decimal
from typing import Final

import msgspec

from trunkline.store.facts.attention import FAILED
from trunkline.store.facts.catalogue_calls import INPUT, OUTPUT
from trunkline.store.facts.conditions import AllOf, Condition, compile_condition
from trunkline.store.facts.queries_calls import (
    CALL_ENDS,
    MAX_PAGE,
    CallFilters,
    newest_us,
    sorted_calls,
)
from trunkline.store.facts.queries_spend import LONGEST_CALL_US
from trunkline.store.facts.query import Query
from trunkline.store.facts.rows import CallRow
from trunkline.store.facts.sorting import Moment, Sorting
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

    from_us: int | None = None
    """Any of its calls opened at this wall time or later, µs since 1970 UTC."""
    to_us: int | None = None
    """Any of its calls opened before this."""
    search: str = ""
    """Part of its id or name, upper and lower case alike."""
    name: str | None = None
    """Exactly this."""
    user_id: str = ""
    condition: Condition = AllOf()
    """Only calls that fit are looked at, and summed."""


class SessionCursor(msgspec.Struct, frozen=True):
    """Where a page of sessions ended."""

    last_at_us: Moment
    session_id: str


class SessionPage(msgspec.Struct, frozen=True):
    """Sessions, the latest first."""

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
_LATEST: Final = (
    "SELECT session_id, argMaxIf(session_name, opened_at_us, session_name != '') AS name,"
    f" max({CALL_ENDS}) AS last_at_us FROM calls FINAL WHERE org_id = {{org_id:String}}"
    " AND opened_at_us >= {since_us:Int64}"
    " AND hour >= toStartOfHour(toDateTime(intDiv({since_us:Int64}, 1000000), 'UTC')) AND "
)
_THESE: Final = "session_id IN {sessions:Array(String)}) GROUP BY session_id"
_PAGE: Final = (
    "session_id != '' GROUP BY session_id"
    " HAVING countIf(opened_at_us >= {from_us:Int64} AND opened_at_us < {to_us:Int64}) > 0"
    " AND ({search:String} = '' OR positionCaseInsensitiveUTF8(session_id, {search:String}) > 0"
    " OR positionCaseInsensitiveUTF8(name, {search:String}) > 0)"
    " AND (NOT {by_name:Bool} OR name = {name:String})"
    " AND ({user_id:String} = '' OR countIf(user_id = {user_id:String}) > 0)"
    " AND (last_at_us, session_id) < ({cursor_us:Int64}, {cursor_id:String})"
    " AND last_at_us >= {ended_us:Int64}"
    " ORDER BY last_at_us DESC, session_id DESC LIMIT {limit:UInt32}"
)
_SESSION: Final = Query(_SUMS + "session_id = {session_id:String}) GROUP BY session_id", SessionRow)

_EVER: Final = 2**62


async def sessions_page(
    facts: FactsStore,
    org_id: str,
    filters: SessionFilters,
    *,
    limit: int = 50,
    before: SessionCursor | None = None,
) -> SessionPage:
    """Return at most `limit` sessions (and never more than `MAX_PAGE`), the latest first."""
    limit = max(1, min(limit, MAX_PAGE))
    latest: list[SessionCursor] = []
    async for since_us in _reaches(facts, org_id, filters, before):
        latest = await _latest(facts, org_id, filters, limit, before, since_us)
        if len(latest) > limit:
            break
    # Sums are of these alone, not of all that there are.
    place = {session.session_id: number for number, session in enumerate(latest[:limit])}
    predicate, parameters = compile_condition(filters.condition)
    query = Query(f"{_SUMS}{predicate} AND {_THESE}", SessionRow)
    found = await facts.ask(query, org_id, **parameters, sessions=list(place)) if place else []
    found.sort(key=lambda session: place[session.session_id])
    if len(latest) <= limit:
        return SessionPage(found, None)
    last = latest[limit - 1]
    return SessionPage(found, SessionCursor(last.last_at_us, last.session_id))


async def _reaches(
    facts: FactsStore, org_id: str, filters: SessionFilters, before: SessionCursor | None
) -> AsyncGenerator[int]:
    """Yield how far back to look at calls, farther and farther; at last to the beginning.

    What a session is called, whose it is, and whether it has calls before a time, all of its calls
    say: then only the last will do.
    """
    by_all = filters.search or filters.name is not None or filters.user_id
    if not by_all and filters.to_us is None:
        latest_us = before.last_at_us if before else await newest_us(facts, org_id)
        for days in _LOOK_DAYS:
            since_us = latest_us - days * _DAY_US
            if since_us > max(0, filters.from_us or 0):
                yield since_us
    yield 0


_LOOK_DAYS: Final = (4, 16, 64)
_DAY_US: Final = 86_400_000_000


async def _latest(
    facts: FactsStore,
    org_id: str,
    filters: SessionFilters,
    limit: int,
    before: SessionCursor | None,
    since_us: int,
) -> list[SessionCursor]:
    """Return the latest sessions, and one more if there is one, of calls opened at `since_us` or
    later: of those sessions of which no earlier call can have ended last."""
    predicate, parameters = compile_condition(filters.condition)
    return await facts.ask(
        Query(f"{_LATEST}{predicate} AND {_PAGE}", SessionCursor),
        org_id,
        **parameters,
        since_us=since_us,
        ended_us=since_us + LONGEST_CALL_US if since_us else -_EVER,
        from_us=-_EVER if filters.from_us is None else filters.from_us,
        to_us=_EVER if filters.to_us is None else filters.to_us,
        search=filters.search,
        by_name=filters.name is not None,
        name=filters.name or "",
        user_id=filters.user_id,
        cursor_us=before.last_at_us if before else _EVER,
        cursor_id=before.session_id if before else "",
        limit=limit + 1,
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
