"""Frames as providers and callers send them, and ways to damage them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

GA_SESSION: dict[str, Any] = {
    "id": "sess_1",
    "object": "realtime.session",
    "type": "realtime",
    "model": "gpt-realtime",
    "output_modalities": ["audio"],
    "instructions": "Be brief.",
    "tools": [{"type": "function", "name": "weather", "description": "", "parameters": {}}],
    "tool_choice": "auto",
    "max_output_tokens": "inf",
    "truncation": "auto",
    "prompt": None,
    "expires_at": 1795000000,
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "whisper-1", "language": "en"},
            "noise_reduction": {"type": "near_field"},
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 200,
                "idle_timeout_ms": None,
                "create_response": True,
                "interrupt_response": True,
            },
        },
        "output": {"format": {"type": "audio/pcmu"}, "voice": "marin", "speed": 1.0},
    },
    "include": None,
}

BETA_SESSION: dict[str, Any] = {
    "id": "sess_1",
    "object": "realtime.session",
    "model": "gpt-realtime",
    "modalities": ["text", "audio"],
    "instructions": "Be brief.",
    "tools": GA_SESSION["tools"],
    "tool_choice": "auto",
    "max_response_output_tokens": "inf",
    "truncation": "auto",
    "prompt": None,
    "expires_at": 1795000000,
    "input_audio_format": "pcm16",
    "input_audio_transcription": {"model": "whisper-1", "language": "en"},
    "input_audio_noise_reduction": {"type": "near_field"},
    "turn_detection": GA_SESSION["audio"]["input"]["turn_detection"],
    "output_audio_format": "g711_ulaw",
    "voice": "marin",
    "speed": 1.0,
    "include": None,
    "temperature": 0.8,
}

USAGE: dict[str, Any] = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 119,
        "audio_tokens": 13,
        "image_tokens": 0,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}

GA_ITEM: dict[str, Any] = {
    "id": "item_2",
    "object": "realtime.item",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [
        {"type": "output_audio", "transcript": "It is sunny."},
        {"type": "output_text", "text": "Sunny."},
    ],
}

BETA_ITEM: dict[str, Any] = {
    **GA_ITEM,
    "content": [
        {"type": "audio", "transcript": "It is sunny."},
        {"type": "text", "text": "Sunny."},
    ],
}

GA_RESPONSE: dict[str, Any] = {
    "object": "realtime.response",
    "id": "resp_1",
    "status": "completed",
    "status_details": None,
    "output": [GA_ITEM],
    "conversation_id": "conv_1",
    "output_modalities": ["audio"],
    "max_output_tokens": "inf",
    "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"}},
    "usage": USAGE,
    "metadata": {"topic": "weather"},
}

BETA_RESPONSE: dict[str, Any] = {
    "object": "realtime.response",
    "id": "resp_1",
    "status": "completed",
    "status_details": None,
    "output": [BETA_ITEM],
    "conversation_id": "conv_1",
    "modalities": ["text", "audio"],
    "max_output_tokens": "inf",
    "output_audio_format": "pcm16",
    "voice": "marin",
    "usage": USAGE,
    "metadata": {"topic": "weather"},
    "temperature": 0.8,
}


def wire(event_type: str, **fields: Any) -> bytes:
    """An event as OpenAI writes it: compact, type first."""
    return json.dumps({"type": event_type, **fields}, separators=(",", ":")).encode()


EXAMPLES = [
    wire("session.created", event_id="event_1", session=GA_SESSION),
    wire("session.update", session=BETA_SESSION),
    wire("transcription_session.update", session={"input_audio_format": "pcm16"}),
    wire("response.done", event_id="event_2", response=GA_RESPONSE),
    wire("response.create", response={"input": [BETA_ITEM], "modalities": ["text"]}),
    wire("conversation.item.create", item=BETA_ITEM, previous_item_id=None),
    wire("conversation.item.added", item=GA_ITEM, previous_item_id="item_1"),
    wire("response.audio.delta", response_id="resp_1", item_id="item_2", delta="AAAA"),
    wire("response.output_audio.delta", response_id="resp_1", item_id="item_2", delta="AAAA"),
    wire("input_audio_buffer.append", audio="AAAA"),
    wire("input_audio_buffer.speech_started", audio_start_ms=120, item_id="item_1"),
    wire("error", error={"type": "x", "message": "m", "param": "session.audio.output.voice"}),
    wire("warning", why="never heard of"),
]

_SPLICES = st.sampled_from(
    [b"", b"null", b"[", b"{", b'"', b"\\", b"\xff", b"\\ud800", b"1e999", b"9" * 5000, b"[" * 2000]
)


@st.composite
def damaged_frames(draw: st.DrawFn) -> bytes:
    """A frame that was whole, with a piece of it replaced. Pure noise finds far less."""
    frame = draw(st.sampled_from(EXAMPLES))
    start = draw(st.integers(0, len(frame)))
    end = draw(st.integers(start, min(len(frame), start + 12)))
    return frame[:start] + draw(_SPLICES | st.binary(max_size=4)) + frame[end:]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def twisted_frames(draw: st.DrawFn) -> bytes:
    """A legal frame in which one field, somewhere, holds what nobody expected."""
    fields = json.loads(draw(st.sampled_from(EXAMPLES)))
    place = fields
    while True:
        key = draw(st.sampled_from(sorted(place)))
        inner = place[key]
        if not isinstance(inner, dict) or not inner or draw(st.booleans()):
            place[key] = draw(json_values)
            return json.dumps(fields).encode()
        place = inner


any_frames = damaged_frames() | twisted_frames() | st.binary(max_size=64)
