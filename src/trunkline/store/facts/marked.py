"""I/O. Rows of calls, with what was said of them afterwards.

A list of calls is filtered and grouped by tags, feedback, scores and properties: a join in
each of those questions would cost what the whole question costs. So marks are put into the
rows of their calls when either is written, by the one thread that writes.
"""

# ruff: noqa: S608 (what is put into SQL here are constants of this package)

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from trunkline.store.facts.parts import about_call, names
from trunkline.store.facts.rows import CallRow, MarkRow

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_AT_ONCE: Final = 1000
_THESE: Final = "has({orgs:Array(String)}, org_id) AND call_id IN {calls:Array(String)}"
_ANY: Final = "SELECT count() FROM marks"
_SAID: Final = (
    f"SELECT {names(MarkRow)} FROM marks FINAL WHERE {_THESE} AND part = '' AND NOT gone"
    " AND hour BETWEEN toDateTime({first:UInt32}, 'UTC') AND toDateTime({last:UInt32}, 'UTC')"
    " ORDER BY name"
)
_CALLS: Final = f"SELECT {names(CallRow)} FROM calls FINAL WHERE {_THESE}"

_marks: Final = msgspec.json.Decoder(MarkRow)
_calls: Final = msgspec.json.Decoder(CallRow)


def marked(call: CallRow, said: Sequence[MarkRow]) -> CallRow:
    """Return `call` with all that was `said` of it as a whole, and is not taken back."""
    later = {mark.name: mark.text for mark in said if mark.kind == "property"}
    feedback = [mark.number for mark in said if mark.kind == "feedback"]
    return msgspec.structs.replace(
        call,
        properties=call.properties | later,
        tags=tuple(mark.name for mark in said if mark.kind == "tag"),
        feedback=bool(feedback[0]) if feedback else None,
        scores={mark.name: mark.number or 0.0 for mark in said if mark.kind == "score"},
    )


def with_marks(client: Client, calls: Sequence[CallRow]) -> list[CallRow]:
    """Return `calls` with what the store knows to have been said of them."""
    if not int(str(client.command(_ANY))):
        return list(calls)
    found: list[CallRow] = []
    for start in range(0, len(calls), _AT_ONCE):
        some = calls[start : start + _AT_ONCE]
        said: dict[tuple[str, str], list[MarkRow]] = {}
        for mark in _said(client, some):
            said.setdefault((mark.org_id, mark.call_id), []).append(mark)
        found += [marked(call, said.get((call.org_id, call.call_id), ())) for call in some]
    return found


def calls_of(client: Client, marks: Sequence[MarkRow]) -> Iterator[CallRow]:
    """Yield the calls that `marks` are of, as far as the store has them."""
    these = sorted({(mark.org_id, mark.call_id) for mark in marks})
    for start in range(0, len(these), _AT_ONCE):
        yield from _calls.decode_lines(_ask(client, _CALLS, these[start : start + _AT_ONCE]))


def _said(client: Client, calls: Sequence[CallRow]) -> list[MarkRow]:
    hours = [int(about_call(call.call_id)["hour"]) for call in calls]
    these = [(call.org_id, call.call_id) for call in calls]
    return _marks.decode_lines(_ask(client, _SAID, these, first=min(hours), last=max(hours)))


def _ask(client: Client, sql: str, these: Sequence[tuple[str, str]], **more: Any) -> bytes:
    orgs = sorted({org_id for org_id, _ in these})
    calls = [call_id for _, call_id in these]
    parameters = {"orgs": orgs, "calls": calls, **more}
    return client.raw_query(sql, parameters=parameters, fmt="JSONEachRow")
