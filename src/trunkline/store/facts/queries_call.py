"""I/O. Questions about one call: the call itself, and all that belongs to it.

A call id that is not one of ours, or is another organisation's, gives None or
nothing. Ids must have the form `call_<ULID>`: whoever asks has checked that.
"""

# ruff: noqa: S608 (what is put into SQL here are constants of this package)

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trunkline.store.facts.parts import about_call, names, parts_of_call, rows_of_call
from trunkline.store.facts.query import Query
from trunkline.store.facts.rows import (
    CallRow,
    ErrorRow,
    EventRow,
    FindingRow,
    ItemRow,
    MarkRow,
    ResponseRow,
    ToolCallRow,
    TurnRow,
    UsageRow,
)
from trunkline.store.facts.store import FactsStore

SPEECH_STARTED: Final = "input_audio_buffer.speech_started"
SPEECH_STOPPED: Final = "input_audio_buffer.speech_stopped"
MAX_VAD_EVENTS: Final = 10_000
"""Speech every second, for more than an hour."""

_CALL: Final = Query(
    f"SELECT {names(CallRow)} FROM calls FINAL"
    " WHERE org_id = {org_id:String} AND call_id = {call_id:String}",
    CallRow,
)
_TURNS: Final = Query(rows_of_call(TurnRow, "turn"), TurnRow)
_RESPONSES: Final = Query(rows_of_call(ResponseRow, "created_us, response_id"), ResponseRow)
_ITEMS: Final = Query(rows_of_call(ItemRow, "position, added_us, item_id"), ItemRow)
_TOOL_CALLS: Final = Query(rows_of_call(ToolCallRow, "called_us, tool_call_id"), ToolCallRow)
_ERRORS: Final = Query(rows_of_call(ErrorRow, "seq"), ErrorRow)
_USAGE: Final = Query(rows_of_call(UsageRow, "seq"), UsageRow)
_EVENTS: Final = Query(
    parts_of_call(EventRow) + " AND seq > {after:Int64} AND at_us >= {from_us:Int64}"
    " AND (empty({types:Array(String)}) OR has({types:Array(String)}, type))"
    " AND ({leg:String} = '' OR leg = {leg:String})"
    " ORDER BY seq LIMIT {limit:UInt32}",
    EventRow,
)

_MARKS: Final = Query(parts_of_call(MarkRow) + " AND NOT gone ORDER BY part, kind, name", MarkRow)
_FINDINGS: Final = Query(rows_of_call(FindingRow, "seq, code"), FindingRow)
_VAD: Final = Query(
    parts_of_call(EventRow) + " AND leg = 'provider' AND record = 'frame' AND type IN"
    f" ('{SPEECH_STARTED}', '{SPEECH_STOPPED}')"
    f" ORDER BY seq LIMIT {MAX_VAD_EVENTS}",
    EventRow,
)
_APPEND_AFTER: Final = Query(
    parts_of_call(EventRow) + " AND at_us >= {at_us:Int64} AND leg = 'caller'"
    " AND type = 'input_audio_buffer.append' ORDER BY seq LIMIT 1",
    EventRow,
)

BEFORE_ALL: Final = -1
"""As `after`: from the first event on."""


async def call_by_id(facts: FactsStore, org_id: str, call_id: str) -> CallRow | None:
    """Return the call, or None when this organisation has none of that id."""
    found = await facts.ask(_CALL, org_id, call_id=call_id)
    return found[0] if found else None


async def turns_of_call(facts: FactsStore, org_id: str, call_id: str) -> list[TurnRow]:
    """Return the turns that are over, in order."""
    return await facts.ask(_TURNS, org_id, **about_call(call_id))


async def responses_of_call(facts: FactsStore, org_id: str, call_id: str) -> list[ResponseRow]:
    """Return the responses in the order in which they were created."""
    return await facts.ask(_RESPONSES, org_id, **about_call(call_id))


async def items_of_call(facts: FactsStore, org_id: str, call_id: str) -> list[ItemRow]:
    """Return the transcript in the order of the conversation, deleted items included."""
    return await facts.ask(_ITEMS, org_id, **about_call(call_id))


async def tool_calls_of_call(facts: FactsStore, org_id: str, call_id: str) -> list[ToolCallRow]:
    """Return the tool calls in the order in which they were asked for."""
    return await facts.ask(_TOOL_CALLS, org_id, **about_call(call_id))


async def errors_of_call(facts: FactsStore, org_id: str, call_id: str) -> list[ErrorRow]:
    """Return the errors in order."""
    return await facts.ask(_ERRORS, org_id, **about_call(call_id))


async def usage_of_call(facts: FactsStore, org_id: str, call_id: str) -> list[UsageRow]:
    """Return what was billed, in order."""
    return await facts.ask(_USAGE, org_id, **about_call(call_id))


async def findings_of_call(facts: FactsStore, org_id: str, call_id: str) -> list[FindingRow]:
    """Return the protocol lint of a call, in the order of the frames."""
    return await facts.ask(_FINDINGS, org_id, **about_call(call_id))


async def marks_of_call(facts: FactsStore, org_id: str, call_id: str) -> list[MarkRow]:
    """Return what was said of a call and its parts, the call's own first."""
    return await facts.ask(_MARKS, org_id, **about_call(call_id))


async def vad_events_of_call(facts: FactsStore, org_id: str, call_id: str) -> list[EventRow]:
    """Return what the provider's voice activity detection told, in order; no more than the limit.

    What was said to the caller in its place, in another dialect, is not among it.
    """
    return await facts.ask(_VAD, org_id, **about_call(call_id))


async def append_after(facts: FactsStore, org_id: str, call_id: str, at_us: int) -> EventRow | None:
    """Return the first append of the caller that was received at `at_us` or later."""
    found = await facts.ask(_APPEND_AFTER, org_id, **about_call(call_id), at_us=at_us)
    return found[0] if found else None


async def events_of_call(
    facts: FactsStore,
    org_id: str,
    call_id: str,
    *,
    after: int = BEFORE_ALL,
    limit: int = 500,
    types: Sequence[str] = (),
    leg: str = "",
    from_us: int = 0,
) -> list[EventRow]:
    """Return at most `limit` rows of the event index behind sequence number `after`.

    `types` are event types as they were on the wire, `leg` is `caller` or `provider`;
    empty means all. Before `from_us` of the call's clock there are none.
    """
    return await facts.ask(
        _EVENTS,
        org_id,
        **about_call(call_id),
        after=after,
        limit=limit,
        types=list(types),
        leg=leg,
        from_us=from_us,
    )
