"""A caller's trace through a whole Trunkline: header or query, session, and back as OTLP."""

import asyncio

from tests.support.calling import LISTENING, MODEL, Connected, calling
from tests.support.running import Running
from websockets.asyncio.client import connect

TRACE, OTHER = "4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c"
SPAN = "00f067aa0ba902b7"
TRACING = {"workflow_name": "Support", "group_id": "thread_1", "metadata": {"tenant": "north"}}


async def test_a_call_is_in_the_trace_that_it_was_opened_in(plain: Running) -> None:
    async with calling(plain, traceparent=f"00-{TRACE}-{SPAN}-01") as caller:
        await caller.configure({**LISTENING, "instructions": "Be brief.", "tracing": TRACING})
        await caller.type("Hello.")
        await caller.answered()
    call = await asyncio.to_thread(plain.sealed, caller.call_id)
    assert call["trace"] == {"trace_id": TRACE, "parent_span_id": SPAN, "sampled": True}
    assert call["tracing"] == {"mode": "named", **TRACING}
    # printf %s "Be brief." | sha256sum
    assert call["prompt"] == "213c22ed7234"
    found = plain.get(f"/v1/calls?trace_id={TRACE}").json()["data"]
    assert [one["id"] for one in found] == [caller.call_id]
    request = plain.get(f"/v1/calls/{caller.call_id}/trace").json()
    spans = request["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert {span["traceId"] for span in spans} == {TRACE}
    assert spans[0]["parentSpanId"] == SPAN
    assert [span["name"] for span in spans[1:]] == ["invoke_agent", f"chat {MODEL}"]


async def test_a_page_says_its_trace_in_the_address_and_a_wrong_one_fails_nothing(
    plain: Running,
) -> None:
    for said, expected, findings in (
        (f"00-{OTHER}-{SPAN}-00", OTHER, []),
        ("nonsense", None, ["bad_traceparent"]),
    ):
        url = f"{plain.websocket_url}/v1/gateway/oai/realtime?model={MODEL}&traceparent={said}"
        headers = {"Authorization": "Bearer sk-of-the-provider", **plain.headers}
        async with connect(url, additional_headers=headers) as connection:
            caller = Connected(connection)
            await caller.until("session.created")
        call = await asyncio.to_thread(plain.sealed, caller.call_id, audio=False)
        assert (call["trace"] or {}).get("trace_id") == expected
        lint = plain.get(f"/v1/calls/{caller.call_id}/lint").json()["data"]
        assert [one["code"] for one in lint] == findings
