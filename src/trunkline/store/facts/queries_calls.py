"""I/O. Questions about many calls: the table of calls and what can be filtered by."""

# ruff: noqa: S608 (what is put into SQL here are constants of this package)

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from trunkline.store.facts import attention
from trunkline.store.facts.conditions import AllOf, BadCondition, Condition, Is, compile_condition
from trunkline.store.facts.dimensions import DIMENSION_OF
from trunkline.store.facts.grouped import HAS_PART, PART_HOURS, has_said
from trunkline.store.facts.parts import about_call
from trunkline.store.facts.query import Query
from trunkline.store.facts.rows import CallRow
from trunkline.store.facts.sorting import LATEST_FIRST, Cursor, Sorting, behind, order, value
from trunkline.store.facts.store import FactsStore

MAX_PAGE: Final = 200
EXPORTED_AT_ONCE: Final = 1000

Feedback: TypeAlias = Literal["up", "down", "none"]

CALL_ENDS: Final = "ifNull(ended_at_us, opened_at_us)"


class CallFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls to show. Empty and None mean: any."""

    from_us: int | None = None
    """Opened at this wall time or later, µs since 1970 UTC."""
    to_us: int | None = None
    """Opened before this wall time."""
    status: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    """Any of these: kinds of session, or ways of sound past the gateway (`webrtc`, `sip`)."""
    model: str = ""
    """Asked for, or used."""
    user_id: str = ""
    session_id: str = ""
    session_path: str = ""
    """At this `Helicone-Session-Path` or below it, slashes written as in any of them."""
    key_id: str = ""
    provider: str = ""
    said: str = ""
    """Part of what anybody said, in letters of any case, width or composition."""
    tool: str = ""
    """Name of a tool that was called."""
    error: str = ""
    """Fingerprint of an error that occurred."""
    properties: dict[str, str] = {}
    """Names and values that a call must carry, all of them."""
    tag: str = ""
    """One of its tags."""
    feedback: Feedback | Literal[""] = ""
    attention: str = ""
    """Id of a reason to look at the call, or `any`."""
    also: tuple[Is, ...] = ()
    """What else was asked for by a name of its own: scores, lengths, how it ended …"""
    condition: Condition = AllOf()
    """What else must hold."""
    zone: str = "UTC"
    """Where hours and days begin: a name of the time zone database."""


class CallPage(msgspec.Struct, frozen=True):
    """Calls in their order, as `listed.shown` has them."""

    calls: list[CallRow]
    next_cursor: Cursor | None
    """None: these were the last."""


class FilterValues(msgspec.Struct, frozen=True, kw_only=True):
    """What occurs in an organisation's calls, each sorted, at most 100 of a kind."""

    models: list[str]
    users: list[str]
    providers: list[str]
    statuses: list[str]
    keys: list[tuple[str, str]]
    """Id and name."""
    properties: list[str]
    """Names only."""
    tags: list[str]
    scores: list[str]
    """Names only."""
    languages: list[str]
    voices: list[str]


class KeyUse(msgspec.Struct, frozen=True, kw_only=True):
    """When a key last opened a call."""

    key_id: str
    last_used_at_us: int
    calls: int
    live: int = 0
    """Of them, running now."""


_FROM: Final = (
    "opened_at_us >= {from_us:Int64}"
    " AND hour >= toStartOfHour(toDateTime(intDiv({from_us:Int64}, 1000000), 'UTC'))"
)
_TO: Final = (
    "opened_at_us < {to_us:Int64}"
    " AND hour <= toStartOfHour(toDateTime(intDiv({to_us:Int64}, 1000000), 'UTC'))"
)


def _has(table: str, predicate: str) -> str:
    return HAS_PART.format(table=table, predicate=predicate)


_STEPS: Final = "replaceRegexpAll(concat('/', {}, '/'), '/([[:space:]]*/)+', '/')"
"""A path between two slashes, with one between two of its steps."""
_PREDICATES: Final = {
    "from_us": _FROM,
    "to_us": _TO,
    "status": "has({status:Array(String)}, status)",
    "kind": "(has({kind:Array(String)}, kind) OR has({kind:Array(String)}, transport))",
    "model": "(model_used = {model:String} OR model_asked = {model:String})",
    "user_id": "user_id = {user_id:String}",
    "session_id": "session_id = {session_id:String}",
    "session_path": (
        f"startsWith({_STEPS.format('session_path')}, {_STEPS.format('{session_path:String}')})"
    ),
    "key_id": "key_id = {key_id:String}",
    "provider": "provider = {provider:String}",
    "said": _has("items", has_said("{said:String}")),
    "tool": _has("tool_calls", "name = {tool:String}"),
    "tag": "has(tags, {tag:String})",
    "feedback": "{feedback:String} = multiIf(isNull(feedback), 'none', feedback, 'up', 'down')",
    "error": _has("errors", f"{DIMENSION_OF['error'].value} = {{error:String}}"),
}

_FILTER_VALUES: Final = Query(
    "SELECT arraySort(groupUniqArrayIf(100)(model_used, model_used != '')) AS models,"
    " arraySort(groupUniqArrayIf(100)(user_id, user_id != '')) AS users,"
    " arraySort(groupUniqArrayIf(100)(provider, provider != '')) AS providers,"
    " arraySort(groupUniqArray(100)(status)) AS statuses,"
    " arraySort(groupUniqArrayIf(100)((key_id, key_name), key_id != '')) AS keys,"
    " arraySort(groupUniqArrayArray(100)(properties.keys)) AS properties,"
    " arraySort(groupUniqArrayArray(100)(tags)) AS tags,"
    " arraySort(groupUniqArrayArray(100)(scores.keys)) AS scores,"
    " arraySort(groupUniqArrayIf(100)(language, language != '')) AS languages,"
    " arraySort(groupUniqArrayIf(100)(voice, voice != '')) AS voices"
    " FROM calls FINAL WHERE org_id = {org_id:String} AND " + _FROM,
    FilterValues,
)
_LATEST: Final = Query(
    "SELECT max(opened_at_us) AS at_us FROM calls FINAL WHERE org_id = {org_id:String}",
    dict[str, int],
)
_KEY_USE: Final = Query(
    "SELECT key_id, max(opened_at_us) AS last_used_at_us, count() AS calls,"
    " countIf(status = 'live') AS live FROM calls FINAL"
    " WHERE org_id = {org_id:String} AND key_id != '' GROUP BY key_id",
    KeyUse,
)


async def calls_page(
    facts: FactsStore,
    org_id: str,
    filters: CallFilters,
    *,
    limit: int = 50,
    before: Cursor | None = None,
    sorting: Sorting = LATEST_FIRST,
) -> CallPage:
    """Return at most `limit` calls (and never more than `MAX_PAGE`), in their order.

    Raises:
        BadCondition: the filters cannot be asked, or the page before was sorted otherwise.
    """
    if before is not None and before.sorting != sorting:
        raise BadCondition("cursor: of a list that is sorted otherwise; begin anew")
    wanted = max(1, min(limit, MAX_PAGE))
    if sorting == LATEST_FIRST:
        return await _latest(facts, org_id, filters, wanted, before)
    return await _page(facts, org_id, filters, sorting, wanted, before)


async def _latest(
    facts: FactsStore, org_id: str, filters: CallFilters, limit: int, before: Cursor | None
) -> CallPage:
    if not filters.said:
        return await _page(facts, org_id, filters, LATEST_FIRST, limit, before)
    # What is often said is found among the latest calls: most of the rest need not be read.
    latest_us = before.opened_at_us if before else await newest_us(facts, org_id)
    places: list[_Place] = []
    for span in _spans(filters, latest_us):
        left = limit - len(places)
        places += await _behind(facts, org_id, span, LATEST_FIRST, left, before)
        if len(places) > limit:
            break
    return await _shown(facts, org_id, places, LATEST_FIRST, limit)


def _spans(filters: CallFilters, latest_us: int) -> Iterator[CallFilters]:
    """Yield `filters` of one span of time after the other, backwards from `latest_us`: each
    reaches four times as far back as all before, and the last one to the beginning."""
    first_us, to_us = filters.from_us or 0, filters.to_us
    latest_us = latest_us if to_us is None else min(latest_us, to_us)
    for days in _LOOK_DAYS:
        from_us = latest_us - days * _DAY_US
        if from_us <= first_us:
            break
        yield replace(filters, from_us=from_us, to_us=to_us)
        to_us = from_us
    yield replace(filters, to_us=to_us)


_LOOK_DAYS: Final = (1, 4, 16, 64)
_DAY_US: Final = 86_400_000_000


async def newest_us(facts: FactsStore, org_id: str) -> int:
    """Return when the latest call was opened, µs since 1970 UTC; 0: there is none."""
    found = await facts.ask(_LATEST, org_id)
    return found[0]["at_us"]


async def _page(
    facts: FactsStore,
    org_id: str,
    filters: CallFilters,
    sorting: Sorting,
    limit: int,
    before: Cursor | None,
) -> CallPage:
    places = await _behind(facts, org_id, filters, sorting, limit, before)
    return await _shown(facts, org_id, places, sorting, limit)


async def _behind(
    facts: FactsStore,
    org_id: str,
    filters: CallFilters,
    sorting: Sorting,
    limit: int,
    before: Cursor | None,
) -> list[_Place]:
    """Return the places of a page, and of one call more if there is one."""
    predicates, parameters = where(filters)
    if before is not None:
        predicate, more = behind(before)
        predicates += f" AND {predicate}"
        parameters |= more
    return await _places(facts, org_id, predicates, parameters, sorting, limit + 1)


async def _shown(
    facts: FactsStore, org_id: str, places: Sequence[_Place], sorting: Sorting, limit: int
) -> CallPage:
    calls = await _calls_at(facts, org_id, places[:limit])
    if len(places) <= limit:
        return CallPage(calls, None)
    last = places[limit - 1]
    found = None if sorting.by == "opened_at" else last.sorted_by
    return CallPage(calls, Cursor(last.opened_at_us, last.call_id, sorting, found))


class _Place(msgspec.Struct, frozen=True):
    """Where a call is in an order."""

    call_id: str
    opened_at_us: int
    sorted_by: int | str | None


async def _places(
    facts: FactsStore,
    org_id: str,
    predicates: str,
    parameters: dict[str, Any],
    sorting: Sorting,
    limit: int,
    offset: int = 0,
) -> list[_Place]:
    query = Query(
        f"SELECT call_id, opened_at_us, {value(sorting)} AS sorted_by FROM calls FINAL"
        f" WHERE {predicates} ORDER BY {order(sorting)}"
        " LIMIT {limit:UInt32} OFFSET {offset:UInt32}",
        _Place,
    )
    return await facts.ask(query, org_id, limit=limit, offset=offset, **parameters)


_AT: Final = Query(
    "SELECT row FROM listed FINAL WHERE org_id = {org_id:String}"
    " AND hour IN (SELECT arrayJoin(arrayMap(at -> toDateTime(at, 'UTC'), {hours:Array(Int64)})))"
    " AND call_id IN {calls:Array(String)}",
    CallRow,
    texts=True,
)
"""All of some calls: what only sorts them is read of all others."""


async def _calls_at(facts: FactsStore, org_id: str, places: Sequence[_Place]) -> list[CallRow]:
    if not places:
        return []
    ids = [place.call_id for place in places]
    hours = sorted({int(about_call(call_id)["hour"]) for call_id in ids})
    found = {row.call_id: row for row in await facts.ask(_AT, org_id, hours=hours, calls=ids)}
    return [found[call_id] for call_id in ids if call_id in found]


async def sorted_calls(
    facts: FactsStore,
    org_id: str,
    filters: CallFilters,
    sorting: Sorting,
    *,
    limit: int,
    offset: int,
) -> list[CallRow]:
    """Return calls that fit, by number: what is added meanwhile moves them. `calls_page` goes on
    where it was."""
    predicates, parameters = where(filters)
    places = await _places(facts, org_id, predicates, parameters, sorting, limit, offset)
    return await _calls_at(facts, org_id, places)


async def first_calls(
    facts: FactsStore, org_id: str, filters: CallFilters, sorting: Sorting, limit: int
) -> list[tuple[CallRow, int | str | None]]:
    """Return the first calls of an order, each with what it is sorted by."""
    predicates, parameters = where(filters)
    places = await _places(facts, org_id, predicates, parameters, sorting, limit)
    by = {place.call_id: place.sorted_by for place in places}
    return [(call, by[call.call_id]) for call in await _calls_at(facts, org_id, places)]


async def all_calls(
    facts: FactsStore, org_id: str, filters: CallFilters
) -> AsyncGenerator[list[CallRow]]:
    """Yield all calls that fit, the latest first, many at a time.

    Nothing else waits for the whole of them: the store answers others between two lists.
    """
    before: Cursor | None = None
    while True:
        page = await _latest(facts, org_id, filters, EXPORTED_AT_ONCE, before)
        yield page.calls
        before = page.next_cursor
        if before is None:
            return


async def filter_values(facts: FactsStore, org_id: str, from_us: int = 0) -> FilterValues:
    """Return what the calls since `from_us` can be filtered by."""
    return (await facts.ask(_FILTER_VALUES, org_id, from_us=from_us))[0]


async def key_use(facts: FactsStore, org_id: str) -> dict[str, KeyUse]:
    """Return by key id when each key last opened a call, and how many."""
    return {use.key_id: use for use in await facts.ask(_KEY_USE, org_id)}


def hours(filters: CallFilters) -> str:
    """Return where parts of the calls lie, as a predicate with the parameters of `where`: by
    their ids' hour, which is that of the opening or the one before."""
    ends = []
    if filters.from_us is not None:
        ends.append(
            "hour >= toStartOfHour(toDateTime(greatest(0,"
            " intDiv({from_us:Int64}, 1000000) - 7200), 'UTC'))"
        )
    if filters.to_us is not None:
        ends.append(
            "hour <= toStartOfHour(toDateTime(greatest(0,"
            " intDiv({to_us:Int64}, 1000000) + 7200), 'UTC'))"
        )
    return " AND ".join(ends) or "1"


def where(filters: CallFilters) -> tuple[str, dict[str, Any]]:
    """Return the predicates for `filters`, the organisation's first, and their parameters.

    Raises:
        BadCondition: their condition cannot be asked.
    """
    parameters: dict[str, Any] = {}
    predicates = ["org_id = {org_id:String}"]
    for name, predicate in _PREDICATES.items():
        wanted = getattr(filters, name)
        if wanted is None or wanted in ("", ()):
            continue
        predicates.append(predicate.replace(PART_HOURS, hours(filters)))
        parameters[name] = list(wanted) if isinstance(wanted, tuple) else wanted
    if filters.attention:
        predicates.append(attention.predicate(filters.attention))
    for number, (name, wanted) in enumerate(filters.properties.items()):
        # The number is ours; what the caller wrote goes in as a parameter.
        predicates.append(f"properties[{{name_{number}:String}}] = {{value_{number}:String}}")
        parameters |= {f"name_{number}": name, f"value_{number}": wanted}
    conditions = {"c": filters.condition, "s": AllOf(filters.also)}
    for prefix, condition in conditions.items():
        if condition != AllOf():
            predicate, more = compile_condition(
                condition, prefix, hours=hours(filters), zone=filters.zone
            )
            predicates.append(predicate)
            parameters |= more
    return " AND ".join(predicates), parameters
