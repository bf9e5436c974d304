"""A beta caller and a GA provider understand each other, frame by frame."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.beta.realtime import RealtimeServerEvent as BetaServerEvent
from openai.types.realtime import RealtimeClientEvent
from pydantic import TypeAdapter
from tests.protocol.frames import (
    BETA_ITEM,
    BETA_RESPONSE,
    BETA_SESSION,
    GA_ITEM,
    GA_RESPONSE,
    GA_SESSION,
    any_frames,
    wire,
)

from trunkline.protocol.bridge.beta_caller import BetaCaller
from trunkline.protocol.bridge.frames import AS_RECEIVED

BETA_SERVER: TypeAdapter[Any] = TypeAdapter(BetaServerEvent)
GA_CLIENT: TypeAdapter[Any] = TypeAdapter(RealtimeClientEvent)


def to_provider(frame: bytes, bridge: BetaCaller | None = None) -> dict[str, Any]:
    bridged = (bridge or BetaCaller()).to_provider(frame)
    assert bridged.changed
    (up,) = bridged.up
    GA_CLIENT.validate_json(up)
    return json.loads(up)


def to_caller(frame: bytes, bridge: BetaCaller | None = None) -> dict[str, Any]:
    bridged = (bridge or BetaCaller()).to_caller(frame)
    assert bridged.changed
    assert bridged.up == ()
    (down,) = bridged.down
    BETA_SERVER.validate_json(down)
    return json.loads(down)


# --- the guide ---------------------------------------------------------------------------


GUIDE_UPDATE = {
    "modalities": ["text", "audio"],
    "instructions": "You are a helpful AI assistant...",
    "voice": "alloy",
    "input_audio_format": "pcm16",
    "output_audio_format": "pcm16",
}


def test_the_session_update_of_the_guide_loses_nothing() -> None:
    bridged = BetaCaller().to_provider(wire("session.update", session=GUIDE_UPDATE))
    assert bridged.down == ()
    assert json.loads(bridged.up[0]) == {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "output_modalities": ["audio"],
            "instructions": "You are a helpful AI assistant...",
            "audio": {
                "output": {"voice": "alloy", "format": {"type": "audio/pcm", "rate": 24000}},
                "input": {"format": {"type": "audio/pcm", "rate": 24000}},
            },
        },
    }


# --- caller to provider ------------------------------------------------------------------


PCM = {"type": "audio/pcm", "rate": 24000}
VAD = {"type": "server_vad", "silence_duration_ms": 500}
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "text only": ({"modalities": ["text"]}, {"output_modalities": ["text"]}),
    "audio with text": ({"modalities": ["audio", "text"]}, {"output_modalities": ["audio"]}),
    "voice": ({"voice": "alloy"}, {"audio": {"output": {"voice": "alloy"}}}),
    "speed": ({"speed": 1.2}, {"audio": {"output": {"speed": 1.2}}}),
    "PCM in": ({"input_audio_format": "pcm16"}, {"audio": {"input": {"format": PCM}}}),
    "mu-law in": (
        {"input_audio_format": "g711_ulaw"},
        {"audio": {"input": {"format": {"type": "audio/pcmu"}}}},
    ),
    "A-law out": (
        {"output_audio_format": "g711_alaw"},
        {"audio": {"output": {"format": {"type": "audio/pcma"}}}},
    ),
    "transcription": (
        {"input_audio_transcription": {"model": "whisper-1", "prompt": "names"}},
        {"audio": {"input": {"transcription": {"model": "whisper-1", "prompt": "names"}}}},
    ),
    "no transcription": (
        {"input_audio_transcription": None},
        {"audio": {"input": {"transcription": None}}},
    ),
    "noise reduction": (
        {"input_audio_noise_reduction": {"type": "far_field"}},
        {"audio": {"input": {"noise_reduction": {"type": "far_field"}}}},
    ),
    "voice activity": (
        {"turn_detection": {"type": "server_vad", "silence_duration_ms": 500}},
        {
            "audio": {
                "input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 500}}
            }
        },
    ),
    "nobody listens": ({"turn_detection": None}, {"audio": {"input": {"turn_detection": None}}}),
    "longest answer": ({"max_response_output_tokens": 100}, {"max_output_tokens": 100}),
    "same in both": (
        {"instructions": "", "tools": [], "tool_choice": "none", "tracing": "auto"},
        {"instructions": "", "tools": [], "tool_choice": "none", "tracing": "auto"},
    ),
    "beside what is nested already": (
        {"voice": "ash", "audio": {"output": {"speed": 1.1}, "input": {"format": PCM}}},
        {"audio": {"output": {"speed": 1.1, "voice": "ash"}, "input": {"format": PCM}}},
    ),
}


@pytest.mark.parametrize(("beta", "ga"), SETTINGS.values(), ids=SETTINGS.keys())
def test_session_settings(beta: dict[str, Any], ga: dict[str, Any]) -> None:
    made = to_provider(wire("session.update", event_id="event_c", session=beta))
    assert made == {
        "type": "session.update",
        "event_id": "event_c",
        "session": {"type": "realtime", **ga},
    }


def test_a_transcription_session_has_its_type() -> None:
    session = {
        "input_audio_format": "g711_ulaw",
        "input_audio_transcription": {"model": "gpt-4o-transcribe"},
        "include": ["item.input_audio_transcription.logprobs"],
    }
    assert to_provider(wire("transcription_session.update", session=session)) == {
        "type": "session.update",
        "session": {
            "type": "transcription",
            "audio": {
                "input": {
                    "format": {"type": "audio/pcmu"},
                    "transcription": {"model": "gpt-4o-transcribe"},
                }
            },
            "include": ["item.input_audio_transcription.logprobs"],
        },
    }


def test_a_request_for_a_response() -> None:
    response = {
        "modalities": ["text", "audio"],
        "voice": "sage",
        "output_audio_format": "pcm16",
        "max_response_output_tokens": 200,
        "instructions": "Answer.",
        "conversation": "none",
        "metadata": {"topic": "weather"},
        "input": [BETA_ITEM],
    }
    assert to_provider(wire("response.create", response=response))["response"] == {
        "output_modalities": ["audio"],
        "audio": {"output": {"voice": "sage", "format": PCM}},
        "max_output_tokens": 200,
        "instructions": "Answer.",
        "conversation": "none",
        "metadata": {"topic": "weather"},
        "input": [GA_ITEM],
    }


def test_a_reference_inside_a_message_becomes_an_item_before_it() -> None:
    said = {"type": "input_text", "text": "And this?"}
    message = {"type": "message", "role": "user"}
    response = {"input": [{**message, "content": [{"type": "item_reference", "id": "i"}, said]}]}
    made = BetaCaller().to_provider(wire("response.create", response=response))
    assert json.loads(made.up[0])["response"]["input"] == [
        {"type": "item_reference", "id": "i"},
        {**message, "content": [said]},
    ]


def test_an_assistant_item_has_output_content() -> None:
    made = to_provider(wire("conversation.item.create", item=BETA_ITEM, previous_item_id="root"))
    assert made == {
        "type": "conversation.item.create",
        "item": GA_ITEM,
        "previous_item_id": "root",
    }


UNTOUCHED_UP = {
    "audio": wire("input_audio_buffer.append", audio="AAAA"),
    "audio as Python writes it": b'{"event_id": "e", "type": "input_audio_buffer.append"}',
    "commit": wire("input_audio_buffer.commit"),
    "truncate": wire("conversation.item.truncate", item_id="i", content_index=0, audio_end_ms=9),
    "cancel": wire("response.cancel"),
    "a plain request": wire("response.create"),
    "a request for nothing special": wire("response.create", response={"instructions": "Hi"}),
    "a caller's message": wire(
        "conversation.item.create",
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]},
    ),
    "a tool's output": wire(
        "conversation.item.create",
        item={"type": "function_call_output", "call_id": "call_1", "output": "{}"},
    ),
    "a session of GA shape": wire("session.update", session=GA_SESSION),
    "a session that is none": wire("session.update", session=7),
    "a request that is none": wire("response.create", response=7),
    "an unknown event": wire("banana", session=BETA_SESSION),
    "not JSON": b"hello",
    "binary": b"\x00\xff",
}


@pytest.mark.parametrize("frame", UNTOUCHED_UP.values(), ids=UNTOUCHED_UP.keys())
def test_what_means_the_same_goes_up_as_received(frame: bytes) -> None:
    assert BetaCaller().to_provider(frame) == AS_RECEIVED


# --- what GA cannot say ------------------------------------------------------------------


def test_what_ga_cannot_say_is_told_to_the_caller_by_name() -> None:
    bridge = BetaCaller(lambda: "event_ours")
    frame = wire("session.update", event_id="event_c", session={"temperature": 0.7, "voice": "ash"})
    bridged = bridge.to_provider(frame)
    assert "temperature" not in bridged.up[0].decode()
    (told,) = bridged.down
    event = BETA_SERVER.validate_json(told)
    assert (event.type, event.event_id) == ("error", "event_ours")
    assert event.error.param == "session.temperature"
    assert event.error.event_id == "event_c"
    assert "session.temperature" in event.error.message


def test_it_is_told_once_in_a_call() -> None:
    bridge = BetaCaller()
    frame = wire("response.create", response={"temperature": 0.7})
    assert len(bridge.to_provider(frame).down) == 1
    assert bridge.to_provider(frame).down == ()
    other = bridge.to_provider(wire("session.update", session={"temperature": 0.7}))
    assert len(other.down) == 1


def test_each_loss_has_its_own_event() -> None:
    session = {"temperature": 0.7, "client_secret": {"expires_after": {}}, "audio": 7}
    bridged = BetaCaller().to_provider(wire("session.update", session=session))
    told = [json.loads(frame) for frame in bridged.down]
    assert [event["error"]["param"] for event in told] == [
        "session.temperature",
        "session.client_secret",
        "session.audio",
    ]
    assert len({event["event_id"] for event in told}) == 3


def test_a_transcription_session_has_no_modalities_in_ga() -> None:
    frame = wire("transcription_session.update", session={"modalities": ["text"]})
    bridged = BetaCaller().to_provider(frame)
    assert json.loads(bridged.down[0])["error"]["param"] == "session.modalities"


def test_the_caller_goes_on_to_see_the_temperature_that_it_asked_for() -> None:
    bridge = BetaCaller()
    bridge.to_provider(wire("session.update", session={"temperature": 0.65}))
    updated = to_caller(wire("session.updated", event_id="e", session=GA_SESSION), bridge)
    assert updated["session"]["temperature"] == 0.65
    done = to_caller(wire("response.done", event_id="e", response=GA_RESPONSE), bridge)
    assert done["response"]["temperature"] == 0.65


# --- provider to caller ------------------------------------------------------------------


def test_a_session_becomes_flat_and_keeps_its_order() -> None:
    made = to_caller(wire("session.created", event_id="event_1", session=GA_SESSION))
    assert made == {"type": "session.created", "event_id": "event_1", "session": BETA_SESSION}
    assert list(made["session"]) == list(BETA_SESSION)


def test_a_transcription_session_is_named_by_its_event() -> None:
    session = {
        "id": "sess_1",
        "object": "realtime.transcription_session",
        "type": "transcription",
        "audio": {"input": {"format": PCM, "turn_detection": None}},
    }
    (down,) = BetaCaller().to_caller(wire("session.updated", event_id="e", session=session)).down
    assert json.loads(down) == {
        "type": "transcription_session.updated",
        "event_id": "e",
        "session": {
            "id": "sess_1",
            "object": "realtime.transcription_session",
            "input_audio_format": "pcm16",
            "turn_detection": None,
        },
    }


@pytest.mark.parametrize("name", ["response.created", "response.done"])
def test_a_response_becomes_flat_with_the_items_in_it(name: str) -> None:
    made = to_caller(wire(name, event_id="event_1", response=GA_RESPONSE))
    assert made["response"] == BETA_RESPONSE


ITEM_EVENTS = {
    "conversation.item.added": "conversation.item.created",
    "conversation.item.created": "conversation.item.created",
    "conversation.item.retrieved": "conversation.item.retrieved",
    "response.output_item.added": "response.output_item.added",
    "response.output_item.done": "response.output_item.done",
}


@pytest.mark.parametrize(("ga", "beta"), ITEM_EVENTS.items())
def test_items_have_beta_content(ga: str, beta: str) -> None:
    extra = {"response_id": "resp_1", "output_index": 0} if "output_item" in ga else {}
    made = to_caller(wire(ga, event_id="e", previous_item_id="item_1", item=GA_ITEM, **extra))
    assert (made["type"], made["item"]) == (beta, BETA_ITEM)
    assert made["previous_item_id"] == "item_1"


RENAMED = {
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
}
PART = {"event_id": "e", "response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
ALL = {**PART, "delta": "AAAA", "text": "x", "transcript": "x", "obfuscation": "zz"}


@pytest.mark.parametrize(("ga", "beta"), RENAMED.items())
def test_a_delta_changes_its_name_and_no_other_byte(ga: str, beta: str) -> None:
    frame = wire(ga, **ALL)
    bridged = BetaCaller().to_caller(frame)
    assert bridged.down == (frame.replace(ga.encode(), beta.encode()),)
    BETA_SERVER.validate_json(bridged.down[0])


@pytest.mark.parametrize(("ga", "beta"), RENAMED.items())
def test_a_delta_with_its_type_elsewhere_is_renamed_too(ga: str, beta: str) -> None:
    frame = json.dumps({"event_id": "e", "response": {"type": ga}, "type": ga}).encode()
    (down,) = BetaCaller().to_caller(frame).down
    assert json.loads(down) == {"event_id": "e", "response": {"type": ga}, "type": beta}


def test_a_name_spelt_with_escapes_is_recognised() -> None:
    frame = b'{"type":"response.output_audi\\u006f.done","event_id":"e"}'
    assert json.loads(BetaCaller().to_caller(frame).down[0])["type"] == "response.audio.done"


def test_an_item_that_is_done_has_no_beta_event() -> None:
    frame = wire("conversation.item.done", event_id="e", item=GA_ITEM)
    assert BetaCaller().to_caller(frame) == ((), (), True)


def test_a_part_of_ga_type_has_beta_type() -> None:
    part = {"type": "output_audio", "transcript": ""}
    made = to_caller(wire("response.content_part.added", **PART, part=part))
    assert made["part"] == {"type": "audio", "transcript": ""}


def test_an_error_names_the_field_that_the_caller_sent() -> None:
    error = {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "message": "Invalid value: 'x' at 'session.audio.output.voice'.",
        "param": "session.audio.output.voice",
        "event_id": None,
    }
    made = to_caller(wire("error", event_id="e", error=error))
    assert made["error"] == {
        **error,
        "message": "Invalid value: 'x' at 'session.voice'.",
        "param": "session.voice",
    }


UNTOUCHED_DOWN = {
    "speech": wire("input_audio_buffer.speech_started", item_id="i", audio_start_ms=1),
    "speech's end": wire("input_audio_buffer.speech_stopped", item_id="i", audio_end_ms=1),
    "committed": wire("input_audio_buffer.committed", item_id="i", previous_item_id=None),
    "transcription": wire("conversation.item.input_audio_transcription.completed", transcript="x"),
    "rate limits": wire("rate_limits.updated", rate_limits=[]),
    "arguments": wire("response.function_call_arguments.done", arguments="{}", name="f"),
    "a caller's item": wire("conversation.item.retrieved", item={"content": [{"type": "text"}]}),
    "a part": wire("response.content_part.done", part={"type": "audio", "transcript": "x"}),
    "an error that is none": wire("error", error=7),
    "a response that is none": wire("response.done", response=7),
    "an error about nothing renamed": wire("error", error={"message": "m", "param": None}),
    "idle timeout, which beta has no name for": wire("input_audio_buffer.timeout_triggered"),
    "MCP": wire("response.mcp_call.in_progress", item_id="i"),
    "an unknown event": wire("warning", session=GA_SESSION),
    "beta already": wire("response.audio.delta", delta="AAAA"),
    "not JSON": b"hello",
    "a session that is none": wire("session.created", session=7),
    "binary": b"\x00\xff",
}


@pytest.mark.parametrize("frame", UNTOUCHED_DOWN.values(), ids=UNTOUCHED_DOWN.keys())
def test_what_means_the_same_comes_down_as_received(frame: bytes) -> None:
    assert BetaCaller().to_caller(frame) == AS_RECEIVED


def test_half_an_emoji_survives_the_way() -> None:
    item = {**GA_ITEM, "content": [{"type": "output_text", "text": "\ud83d"}]}
    (down,) = BetaCaller().to_caller(wire("conversation.item.added", item=item)).down
    assert json.loads(down)["item"]["content"] == [{"type": "text", "text": "\ud83d"}]


# --- laws --------------------------------------------------------------------------------


@given(any_frames, any_frames)
def test_no_frame_makes_the_bridge_raise(caller: bytes, provider: bytes) -> None:
    bridge = BetaCaller()
    for bridged in (bridge.to_provider(caller), bridge.to_caller(provider)):
        assert bridged.changed or (bridged.up, bridged.down) == ((), ())


FORMATS = st.sampled_from(["pcm16", "g711_ulaw", "g711_alaw", "pcm16_16000hz"])
UNKNOWN = st.dictionaries(
    st.text("abcxyz", min_size=3, max_size=5), st.integers() | st.text(max_size=5), max_size=2
)
BETA_SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "modalities": st.sampled_from([["text"], ["text", "audio"]]),
        "voice": st.sampled_from(["alloy", "marin"]),
        "speed": st.floats(0.25, 1.5),
        "instructions": st.text(max_size=9),
        "input_audio_format": FORMATS,
        "output_audio_format": FORMATS,
        "input_audio_transcription": st.none() | st.just({"model": "whisper-1"}),
        "input_audio_noise_reduction": st.none() | st.just({"type": "near_field"}),
        "turn_detection": st.none() | st.just({"type": "semantic_vad", "eagerness": "low"}),
        "max_response_output_tokens": st.integers(1, 4096) | st.just("inf"),
        "tools": st.just([]) | st.just(GA_SESSION["tools"]),
    },
)


@given(BETA_SETTINGS, UNKNOWN)
def test_a_session_sent_up_and_echoed_comes_back_the_same(
    settings: dict[str, Any], unknown: dict[str, Any]
) -> None:
    bridge = BetaCaller()
    sent = {**unknown, **settings}
    up = json.loads(bridge.to_provider(wire("session.update", session=sent)).up[0])
    (down,) = bridge.to_caller(wire("session.updated", session=up["session"])).down
    assert json.loads(down)["session"] == {**sent, "temperature": 0.8}


@given(BETA_SETTINGS, UNKNOWN)
def test_a_response_sent_up_and_told_comes_back_the_same(
    settings: dict[str, Any], unknown: dict[str, Any]
) -> None:
    kept = ("modalities", "voice", "output_audio_format")
    sent = {**unknown, **{name: settings[name] for name in kept if name in settings}}
    frame = wire("response.create", response=sent)
    bridged = BetaCaller().to_provider(frame)
    up = json.loads(bridged.up[0] if bridged.changed else frame)
    (down,) = BetaCaller().to_caller(wire("response.created", response=up["response"])).down
    assert json.loads(down)["response"] == {**sent, "temperature": 0.8}
