"""Which trace a call belongs to: as it was opened, or as its session says."""

import json
from typing import Any

import msgspec
from tests.recorder.folding import run
from tests.recorder.script import Told, provider, records

from trunkline.journal.record import Kind, Record
from trunkline.protocol.call import Note
from trunkline.recorder.summary import call_row
from trunkline.store.facts.rows import CallRow, FindingRow

TRACE, OTHER = "4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c"
SPAN = "00f067aa0ba902b7"


def traced(told: Any, at_ms: float = 0) -> Told:
    session = {"id": "s", "model": "gpt-realtime-2.1", "tracing": told}
    return provider(at_ms, "session.updated", session=session)


def opened(traceparent: str, *told: Told) -> list[Record]:
    first, *rest = records(list(told))
    payload = json.loads(first.payload) | {"traceparent": traceparent}
    return [msgspec.structs.replace(first, payload=json.dumps(payload).encode()), *rest]


def row_of(*told: Told, traceparent: str = "") -> CallRow:
    return call_row(run(opened(traceparent, *told)).state)


def findings(told: list[Record]) -> list[tuple[str, int]]:
    return [(row.code, row.seq) for row in run(told).rows if isinstance(row, FindingRow)]


def named(**metadata: Any) -> dict[str, Any]:
    return {"workflow_name": "Support", "group_id": "thread_1", "metadata": metadata}


def test_the_trace_of_the_request_that_opened_the_call() -> None:
    row = row_of(traceparent=f"00-{TRACE}-{SPAN}-00")
    assert (row.trace_id, row.parent_span_id, row.trace_sampled) == (TRACE, SPAN, False)


def test_a_call_that_names_no_trace_has_none() -> None:
    row = row_of(traced("auto"))
    assert (row.trace_id, row.parent_span_id, row.trace_sampled) == ("", "", None)
    assert (row.tracing, row.tracing_workflow) == ("auto", "")


def test_what_the_session_is_traced_under() -> None:
    row = row_of(traced(named(tenant="north", traceparent=f"00-{TRACE}-{SPAN}-01")))
    assert (row.trace_id, row.trace_sampled) == (TRACE, True)
    assert (row.tracing, row.tracing_workflow, row.tracing_group) == (
        "named",
        "Support",
        "thread_1",
    )
    assert row.tracing_metadata == {"tenant": "north", "traceparent": f"00-{TRACE}-{SPAN}-01"}


def test_the_request_goes_before_the_session() -> None:
    session = traced(named(traceparent=f"00-{OTHER}-{SPAN}-01"))
    assert row_of(session, traceparent=f"00-{TRACE}-{SPAN}-01").trace_id == TRACE


def test_what_was_set_once_stays_when_it_is_not_said_again() -> None:
    assert row_of(traced(named()), traced(None, 10)).tracing_group == "thread_1"


def test_metadata_is_kept_short_and_without_secrets() -> None:
    row = row_of(traced(named(key="sk-live-abc", **{f"n{n}": "a b " * 999 for n in range(99)})))
    assert len(row.tracing_metadata) == 16
    assert row.tracing_metadata["key"] == "[hidden]"
    assert max(map(len, row.tracing_metadata.values())) == 128


def test_a_session_that_names_no_trace_is_told_once() -> None:
    bad = named(traceparent="00-nonsense")
    told = opened("", traced(bad), traced(bad, 10))
    assert findings(told) == [("bad_traceparent", 1)]
    assert call_row(run(told).state).trace_id == ""


def test_what_the_gateway_could_not_read_is_found() -> None:
    first, *rest = opened("", traced(None))
    payload = msgspec.json.encode(Note(kind="bad_traceparent"))
    note = Record(Kind.NOTE, first.call, 2, received_ns=first.received_ns, payload=payload)
    assert findings([first, *rest, note]) == [("bad_traceparent", 2)]
