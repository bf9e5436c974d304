"""One realistic call as rows: a dentist's line, with a barge-in and a slow tool."""

from decimal import Decimal

from trunkline.store.facts.amounts import Tokens
from trunkline.store.facts.rows import (
    CallRow,
    ErrorRow,
    EventRow,
    ItemRow,
    ResponseRow,
    ToolCallRow,
    TurnRow,
    UsageRow,
)
from trunkline.web.pages.call_facts import Facts

ORG = "org_north"
CALL = "call_01JD3W8Q7KZ9V5T2M4N6P8R0SX"
OPENED_AT_US = 1_795_356_191_250_000
"""22 Nov 2026, 14:03:11 UTC."""
MODEL = "gpt-realtime-2.1"
S = 1_000_000


def us(seconds: float) -> int:
    return round(seconds * S)


def item(
    n: int, role: str, turn: int, starts: float, ends: float, text: str, **more: object
) -> ItemRow:
    values: dict[str, object] = {
        "org_id": ORG,
        "call_id": CALL,
        "version": 900,
        "item_id": f"item_{n}",
        "position": n * 10,
        "kind": "message",
        "role": role,
        "modality": "audio",
        "turn": turn,
        "text": text,
        "transcript_status": "completed",
        "added_us": us(starts),
        "starts_us": us(starts),
        "ends_us": us(ends),
        "generated_ends_us": us(ends),
        **more,
    }
    return ItemRow(**values)  # type: ignore[arg-type]  # a table of keyword arguments


READ_HOURS = (
    "Let me read you the opening hours first: on Mondays we open at eight thirty and close at"
    " six; on Tuesdays we open at nine and close at half past five."
)

ITEMS = (
    item(
        1, "caller", 1, 3.1, 8.4,
        "Hi, I'd like to move my appointment with the dentist to next week if that's possible.",
    ),
    item(
        2, "assistant", 1, 9.22, 19.5,
        "Of course. I can see your appointment on Thursday the 26th at ten. Which day next week"
        " suits you best?",
        response_id="resp_1",
    ),
    item(3, "caller", 2, 21.0, 25.2, "Tuesday, or, um, Wednesday after three."),
    item(
        4, "assistant", 2, 26.9, 34.6, READ_HOURS,
        response_id="resp_2", heard_chars=64, generated_ends_us=us(41.0),
    ),
    item(5, "caller", 3, 34.3, 39.0, "No, just Tuesday, please."),
    item(
        6, "assistant", 3, 40.1, 52.0, "Sorry, Tuesday it is. Morning or afternoon?",
        response_id="resp_3",
    ),
    item(7, "caller", 4, 54.0, 57.5, "Afternoon."),
    item(
        8, "assistant", 4, 58.6, 58.6, '{"day":"2026-12-01","after":"15:00"}',
        kind="function_call", modality="text", response_id="resp_4", starts_us=None, ends_us=None,
    ),
    item(
        9, "tool", 4, 61.1, 61.1, '{"slots":["15:30","16:10","17:00"]}',
        kind="function_call_output", modality="text", starts_us=None, ends_us=None,
    ),
    item(
        10, "assistant", 4, 61.9, 78.0,
        "I have a slot at half past three with the same dentist. Shall I book it?",
        response_id="resp_5",
    ),
    item(11, "caller", 5, 80.2, 83.0, "Yes, please do. Thanks!"),
    item(
        12, "assistant", 5, 83.8, 93.0,
        "Done: Tuesday the 1st of December at half past three. You will get a message. Goodbye!",
        response_id="resp_6",
    ),
)  # fmt: skip


def turn(n: int, start: float, end: float, audio: float, ended: float, cost: str,
         **more: object) -> TurnRow:  # fmt: skip
    values: dict[str, object] = {
        "org_id": ORG,
        "call_id": CALL,
        "version": 900,
        "turn": n,
        "kind": "speech",
        "status": "completed",
        "item_id": f"item_{2 * n - 1}",
        "response_id": f"resp_{n}",
        "started_us": us(start),
        "speech_started_us": us(start),
        "speech_ended_us": us(end),
        "speech_stopped_us": us(end + 0.2),
        "committed_us": us(end + 0.21),
        "response_created_us": us(end + 0.31),
        "first_audio_us": us(audio),
        "ended_us": us(ended),
        "wait_us": us(audio - end),
        "wait_from_stopped_us": us(audio - end - 0.2),
        "endpoint_us": us(0.2),
        "audio_us": us(ended - audio),
        "heard_us": us(ended - audio),
        "cost_usd": Decimal(cost),
        "gateway_us": 240 + 100 * n,
        **more,
    }
    return TurnRow(**values)  # type: ignore[arg-type]  # a table of keyword arguments


TURNS = (
    turn(1, 3.1, 8.4, 9.22, 19.5, "0.0141"),
    turn(2, 21.0, 25.2, 26.9, 41.0, "0.0322", status="interrupted", heard_us=us(7.7)),
    turn(3, 34.3, 39.0, 40.1, 52.0, "0.0188", barge_in=True, stop_us=us(0.28)),
    turn(4, 54.0, 57.5, 61.9, 78.0, "0.0297"),
    turn(5, 80.2, 83.0, 83.8, 93.0, "0.0165", item_id="item_11", response_id="resp_6"),
)


def response(n: int, turn_number: int, created: float, first: float | None, done: float,
             audio: float, heard: float, status: str = "completed") -> ResponseRow:  # fmt: skip
    return ResponseRow(
        org_id=ORG,
        call_id=CALL,
        version=900,
        response_id=f"resp_{n}",
        turn=turn_number,
        status=status,
        status_reason="turn_detected" if status == "cancelled" else "",
        created_us=us(created),
        first_audio_us=None if first is None else us(first),
        done_us=us(done),
        play_start_us=None if first is None else us(first),
        audio_us=us(audio),
        heard_us=us(heard),
    )


RESPONSES = (
    response(1, 1, 8.9, 9.22, 16.0, 10.28, 10.28),
    response(2, 2, 26.0, 26.9, 34.4, 14.1, 7.7, "cancelled"),
    response(3, 3, 39.6, 40.1, 47.0, 11.9, 11.9),
    response(4, 4, 57.8, None, 58.6, 0, 0),
    response(5, 4, 61.2, 61.9, 72.0, 16.1, 16.1),
    response(6, 5, 83.4, 83.8, 90.0, 9.2, 9.2),
)

TOOLS = (
    ToolCallRow(
        org_id=ORG,
        call_id=CALL,
        version=900,
        tool_call_id="call_fs_1",
        turn=4,
        response_id="resp_4",
        name="find_slot",
        arguments='{"day":"2026-12-01","after":"15:00"}',
        output='{"slots":["15:30","16:10","17:00"]}',
        called_us=us(58.6),
        answered_us=us(61.1),
        latency_us=us(2.5),
    ),
)

ERRORS = (
    ErrorRow(
        org_id=ORG,
        call_id=CALL,
        version=900,
        seq=4000,
        at_us=us(34.45),
        source="provider",
        type="invalid_request_error",
        code="response_cancel_not_active",
        message="Cancellation failed: no active response found",
    ),
)


def event(seq: int, at: float, leg: str, type_: str, size_bytes: int, item_id: str = "",
          record: str = "frame") -> EventRow:  # fmt: skip
    return EventRow(
        org_id=ORG, call_id=CALL, seq=seq, at_us=us(at), handed_us=us(at) + 40, leg=leg,
        record=record, type=type_, item_id=item_id, size_bytes=size_bytes,
    )  # fmt: skip


_TOLD = [
    *((0.1 + n / 5, "caller", "input_audio_buffer.append", 12_870, "") for n in range(480)),
    *(
        ((turn.speech_started_us or 0) / S + 0.12, "provider", "input_audio_buffer.speech_started",
         142, turn.item_id) for turn in TURNS
    ),
    *(
        ((turn.speech_stopped_us or 0) / S, "provider", "input_audio_buffer.speech_stopped",
         139, turn.item_id) for turn in TURNS
    ),
    *(
        (response.first_audio_us / S + n * 0.12, "provider", "response.output_audio.delta", 16_130,
         "") for response in RESPONSES if response.first_audio_us
        # Faster than it is spoken, as providers send it.
        for n in range(response.audio_us // 250_000)
    ),
]  # fmt: skip

EVENTS = tuple(event(seq, *told) for seq, told in enumerate(sorted(_TOLD), start=1))
"""What passed, as far as the lanes of the page tell of it."""

_TOKENS = Tokens(
    input_text=1840, input_audio=2210, cached_text=1472, cached_audio=960,
    output_text=310, output_audio=1140,
)  # fmt: skip

USAGE = (
    UsageRow(
        org_id=ORG, call_id=CALL, version=900, seq=300, at_us=us(16), at_day="2026-11-22",
        kind="response", model=MODEL, turn=1, response_id="resp_1", tokens=_TOKENS,
        cost_usd=Decimal("0.1083"), price_version="2026-11-01",
    ),
    UsageRow(
        org_id=ORG, call_id=CALL, version=900, seq=301, at_us=us(17), at_day="2026-11-22",
        kind="transcription", model="gpt-4o-mini-transcribe", item_id="item_1",
        tokens=Tokens(input_audio=213, output_text=48), cost_usd=Decimal("0.0030"),
        price_version="2026-11-01",
    ),
)  # fmt: skip

CALL_ROW = CallRow(
    org_id=ORG,
    call_id=CALL,
    version=4812,
    opened_at_us=OPENED_AT_US,
    ended_at_us=OPENED_AT_US + us(96.4),
    duration_us=us(96.4),
    status="completed",
    end_reason="caller_closed",
    http_status=101,
    provider="openai",
    provider_url="wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1",
    provider_session_id="sess_CgYq3a8Zl1",
    model_asked="gpt-4o-realtime-preview-2024-12-17",
    model_used=MODEL,
    caller_dialect="beta",
    provider_dialect="ga",
    voice="alloy",
    vad="semantic_vad",
    key_id="key_1",
    key_name="front desk",
    user_id="user_123",
    session_id="session_1795356191",
    session_name="VoiceAssistant",
    session_path="/voice-assistant/conversation",
    properties={"tenant": "north-clinic"},
    user_agent="ws/8.23.0 node/20.20.2",
    trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
    parent_span_id="00f067aa0ba902b7",
    trace_sampled=True,
    tracing="named",
    tracing_workflow="Reschedule",
    tracing_group="thread_1",
    tracing_metadata={"tenant": "north-clinic"},
    prompt="213c22ed7234",
    caller_close_code=1000,
    provider_close_code=1000,
    caller_frames=2405,
    provider_frames=2407,
    caller_bytes=8_412_233,
    provider_bytes=11_902_114,
    connect_us=212_000,
    turns=5,
    responses=6,
    barge_ins=1,
    tool_calls=1,
    errors=1,
    caller_audio_us=us(96),
    assistant_audio_us=us(61.58),
    heard_audio_us=us(55.18),
    tokens=_TOKENS,
    transcription_input_tokens=213,
    transcription_output_tokens=48,
    cost_usd=Decimal("0.1113"),
    wait_p50_us=us(1.1),
    wait_max_us=us(4.4),
    relay_p50_us=40,
    relay_p99_us=310,
    has_audio=True,
    gateway="01JD3W00000000000000000000",
)

FACTS = Facts(CALL_ROW, TURNS, RESPONSES, ITEMS, TOOLS, ERRORS, USAGE)
