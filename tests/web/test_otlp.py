"""A call as a trace of OpenTelemetry: its shape, its ids, who is in whom, and when."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.support import golden
from tests.support.facts import a_call
from tests.support.web import Site
from tests.web.test_api_golden import folded

from trunkline.ids import parse_call_id
from trunkline.store.facts.rows import CallRow, ItemRow, ResponseRow, ToolCallRow, TurnRow
from trunkline.web import semconv
from trunkline.web.otlp import Parts, exported, span_id

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
FIELDS = {
    "traceId", "spanId", "parentSpanId", "flags", "name", "kind", "startTimeUnixNano",
    "endTimeUnixNano", "attributes",
}  # fmt: skip
VALUES = {
    "stringValue": str, "intValue": str, "doubleValue": float, "boolValue": bool,
    "arrayValue": dict,
}  # fmt: skip


def spans_of(request: dict[str, Any]) -> list[dict[str, Any]]:
    (resource,) = request["resourceSpans"]
    (scope,) = resource["scopeSpans"]
    assert scope["scope"]["name"] == "trunkline"
    return scope["spans"]


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in span["attributes"]:
        ((kind, value),) = one["value"].items()
        assert isinstance(value, VALUES[kind])
        found[one["key"]] = int(value) if kind == "intValue" else value
    return found


def parts_of(rows: list[Any]) -> Parts:
    return Parts(
        [row for row in rows if isinstance(row, TurnRow)],
        [row for row in rows if isinstance(row, ResponseRow)],
        [row for row in rows if isinstance(row, ToolCallRow)],
    )


@pytest.mark.parametrize("name", golden.names())
def test_every_golden_call_is_a_trace(name: str) -> None:
    rows = folded(name, "o")
    (call,) = (row for row in rows if isinstance(row, CallRow))
    parts = parts_of(rows)
    spans = spans_of(exported(call, parts))
    assert len(spans) == 1 + len(parts.turns) + len(parts.responses) + len(parts.tools)
    ids = {span["spanId"] for span in spans}
    assert len(ids) == len(spans)
    root, *others = spans
    assert root["parentSpanId"] == ""
    assert root["startTimeUnixNano"] == str(call.opened_at_us * 1000)
    for span in spans:
        assert set(span) - {"status"} == FIELDS
        assert span["traceId"] == parse_call_id(call.call_id).hex()
        assert re.fullmatch("[0-9a-f]{32}", span["traceId"])
        assert re.fullmatch("[0-9a-f]{16}", span["spanId"])
        assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
        told = attributes(span)
        assert set(told) <= set(semconv.ATTRIBUTES.values())
        assert told["gen_ai.conversation.id"] == call.call_id
        assert ("error.type" in told) == (span.get("status") == {"code": 2})
    for span in others:
        assert span["parentSpanId"] in ids
        assert int(span["startTimeUnixNano"]) >= int(root["startTimeUnixNano"])


def test_responses_and_tools_are_in_their_turn() -> None:
    rows = folded("tool_call", "o")
    (call,) = (row for row in rows if isinstance(row, CallRow))
    spans = spans_of(exported(call, parts_of(rows)))
    names = {span["spanId"]: span["name"] for span in spans}
    within = {span["name"]: names.get(span["parentSpanId"], "") for span in spans}
    model = f"chat {call.model_used}"
    assert within == {
        "realtime session": "",
        "invoke_agent": "realtime session",
        model: "invoke_agent",
        **{name: "invoke_agent" for name in within if name.startswith("execute_tool ")},
    }
    assert len(within) == 4
    (tool,) = (row for row in rows if isinstance(row, ToolCallRow))
    (span,) = (span for span in spans if span["name"] == f"execute_tool {tool.name}")
    lasted_us = (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) // 1000
    assert lasted_us == tool.latency_us
    assert attributes(span)["gen_ai.tool.call.id"] == tool.tool_call_id


def test_a_call_is_in_its_callers_trace_as_that_was_sampled() -> None:
    for sampled, flags in ((True, 0x301), (False, 0x300)):
        call = a_call("o", trace_id=TRACE, parent_span_id=SPAN, trace_sampled=sampled)
        turn = TurnRow(
            org_id="o", call_id=call.call_id, version=1, turn=1, kind="speech", status="completed"
        )
        root, inner = spans_of(exported(call, Parts([turn])))
        assert (root["traceId"], root["parentSpanId"], root["flags"]) == (TRACE, SPAN, flags)
        assert (inner["traceId"], inner["parentSpanId"]) == (TRACE, span_id(call, "call"))
        assert inner["flags"] == flags - 0x200


def test_what_ended_with_the_call_and_what_failed() -> None:
    call = a_call("o", duration_us=1000, status="failed", end_reason="provider_lost")
    about: dict[str, Any] = {"org_id": "o", "call_id": call.call_id, "version": 1}
    turn = TurnRow(**about, turn=1, kind="speech", status="incomplete", ended_us=1000)
    response = ResponseRow(
        **about, response_id="r", turn=9, status="failed", error_code="server_error", created_us=500
    )
    root, of_turn, of_response = spans_of(exported(call, Parts([turn], [response])))
    assert attributes(root)["error.type"] == "provider_lost"
    assert attributes(of_turn)["gen_ai.agent.invocation.end_reason"] == "session_closed"
    assert attributes(of_response)["error.type"] == "server_error"
    # Of a turn that is not there, it is the call's; and it never ended.
    assert of_response["parentSpanId"] == root["spanId"]
    assert of_response["endTimeUnixNano"] == root["endTimeUnixNano"]


@pytest.mark.parametrize("name", ["barge_in", "tool_call"])
async def test_the_api_has_it_without_a_word_of_what_was_said(site: Site, name: str) -> None:
    member, stranger = await site.join(), await site.join()
    rows = folded(name, member.org_id)
    await site.facts.insert(rows)
    (call,) = (row for row in rows if isinstance(row, CallRow))
    path = f"/v1/calls/{call.call_id}/trace"
    answer = await site.client.get(path, headers=member.bearer)
    assert answer.status_code == 200
    assert answer.json() == exported(call, parts_of(rows))
    assert f"{call.call_id}.otlp.json" in answer.headers["content-disposition"]
    for row in rows:
        if isinstance(row, ItemRow) and len(row.text) > 3:
            assert json.dumps(row.text)[1:-1] not in answer.text
    assert (await site.client.get(path, headers=stranger.bearer)).status_code == 404


async def test_a_call_that_is_going_on_has_no_trace_yet(site: Site) -> None:
    member = await site.join()
    call = a_call(member.org_id, status="live", duration_us=None, ended_at_us=None)
    await site.facts.insert([call])
    answer = await site.client.get(f"/v1/calls/{call.call_id}/trace", headers=member.bearer)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "call_is_live")


async def test_a_trace_leads_from_the_api_to_the_page_and_back(site: Site) -> None:
    member = await site.join()
    traced = {
        "trace_id": TRACE, "parent_span_id": SPAN, "trace_sampled": True, "tracing": "named",
        "tracing_workflow": "Support", "tracing_group": "g", "tracing_metadata": {"a": "b"},
    }  # fmt: skip
    mine, other = a_call(member.org_id, **traced), a_call(member.org_id)
    await site.facts.insert([mine, other])
    found = await site.client.get(f"/v1/calls?trace_id={TRACE}", headers=member.bearer)
    (told,) = found.json()["data"]
    assert told["id"] == mine.call_id
    assert told["trace"] == {"trace_id": TRACE, "parent_span_id": SPAN, "sampled": True}
    assert told["tracing"] == {
        "mode": "named", "workflow_name": "Support", "group_id": "g", "metadata": {"a": "b"}
    }  # fmt: skip
    page = (await site.client.get(f"/calls/{mine.call_id}", headers=member.cookie)).text
    for words in (TRACE, SPAN, "Support", f"/calls?trace_id={TRACE}", "/trace"):
        assert words in page
    plain = (await site.client.get(f"/calls/{other.call_id}", headers=member.cookie)).text
    assert parse_call_id(other.call_id).hex() in plain
    listed = (await site.client.get(f"/calls?trace_id={TRACE}", headers=member.cookie)).text
    assert mine.call_id in listed
    assert other.call_id not in listed
