"""A GA caller and a beta provider understand each other, frame by frame."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.beta.realtime import RealtimeClientEvent as BetaClientEvent
from openai.types.realtime import RealtimeServerEvent
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

from trunkline.protocol.bridge.frames import AS_RECEIVED
from trunkline.protocol.bridge.ga_caller import MAX_REMEMBERED, GaCaller

GA_SERVER: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
BETA_CLIENT: TypeAdapter[Any] = TypeAdapter(BetaClientEvent)


def bridge() -> GaCaller:
    return GaCaller(lambda: "event_ours")


def to_provider(frame: bytes, over: GaCaller | None = None) -> dict[str, Any]:
    bridged = (over or bridge()).to_provider(frame)
    assert bridged.changed
    (up,) = bridged.up
    BETA_CLIENT.validate_json(up)
    return json.loads(up)


def to_caller(frame: bytes, over: GaCaller | None = None) -> list[dict[str, Any]]:
    bridged = (over or bridge()).to_caller(frame)
    assert bridged.up == ()
    frames = bridged.down if bridged.changed else (frame,)
    for down in frames:
        GA_SERVER.validate_json(down)
    return [json.loads(down) for down in frames]


# --- caller to provider ------------------------------------------------------------------


def test_a_session_becomes_flat_and_loses_its_type() -> None:
    asked = {name: GA_SESSION[name] for name in ("type", "instructions", "tools", "audio")}
    made = to_provider(wire("session.update", event_id="event_c", session=asked))
    turns = {**BETA_SESSION["turn_detection"]}
    del turns["idle_timeout_ms"]
    assert made == {
        "type": "session.update",
        "event_id": "event_c",
        "session": {
            "instructions": "Be brief.",
            "tools": GA_SESSION["tools"],
            "input_audio_format": "pcm16",
            "input_audio_transcription": {"model": "whisper-1", "language": "en"},
            "input_audio_noise_reduction": {"type": "near_field"},
            "turn_detection": turns,
            "output_audio_format": "g711_ulaw",
            "voice": "marin",
            "speed": 1.0,
        },
    }


SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "spoken": ({"output_modalities": ["audio"]}, {"modalities": ["text", "audio"]}),
    "written": ({"output_modalities": ["text"]}, {"modalities": ["text"]}),
    "voice": ({"audio": {"output": {"voice": "ash"}}}, {"voice": "ash"}),
    "longest answer": ({"max_output_tokens": 9}, {"max_response_output_tokens": 9}),
    "nobody listens": ({"audio": {"input": {"turn_detection": None}}}, {"turn_detection": None}),
    "A-law": (
        {"audio": {"input": {"format": {"type": "audio/pcma"}}}},
        {"input_audio_format": "g711_alaw"},
    ),
    "same in both": (
        {"instructions": "", "tools": [], "tool_choice": "none", "tracing": "auto"},
        {"instructions": "", "tools": [], "tool_choice": "none", "tracing": "auto"},
    ),
}


@pytest.mark.parametrize(("ga", "beta"), SETTINGS.values(), ids=SETTINGS.keys())
def test_session_settings(ga: dict[str, Any], beta: dict[str, Any]) -> None:
    made = to_provider(wire("session.update", session={"type": "realtime", **ga}))
    assert made == {"type": "session.update", "session": beta}


def test_a_transcription_session_has_its_own_event() -> None:
    transcription = {"model": "gpt-4o-transcribe"}
    session = {"type": "transcription", "audio": {"input": {"transcription": transcription}}}
    assert to_provider(wire("session.update", session=session)) == {
        "type": "transcription_session.update",
        "session": {"input_audio_transcription": transcription},
    }


SAID = {"type": "output_text", "text": "Sunny."}


def test_a_request_for_a_response() -> None:
    response = {
        "output_modalities": ["audio"],
        "audio": {"output": {"voice": "sage", "format": {"type": "audio/pcm", "rate": 24000}}},
        "max_output_tokens": 200,
        "instructions": "Answer.",
        "conversation": "none",
        "metadata": {"topic": "weather"},
        "input": [
            {"type": "message", "role": "assistant", "content": [SAID]},
            {"type": "item_reference", "id": "item_1"},
        ],
    }
    assert to_provider(wire("response.create", response=response))["response"] == {
        "modalities": ["text", "audio"],
        "voice": "sage",
        "output_audio_format": "pcm16",
        "max_response_output_tokens": 200,
        "instructions": "Answer.",
        "conversation": "none",
        "metadata": {"topic": "weather"},
        "input": [
            {"type": "message", "role": "assistant", "content": [{**SAID, "type": "text"}]},
            {"type": "item_reference", "id": "item_1"},
        ],
    }


def test_an_assistant_item_has_beta_content() -> None:
    made = to_provider(wire("conversation.item.create", item=GA_ITEM, previous_item_id="root"))
    assert made == {
        "type": "conversation.item.create",
        "item": BETA_ITEM,
        "previous_item_id": "root",
    }


UNTOUCHED_UP = {
    "audio": wire("input_audio_buffer.append", audio="AAAA"),
    "commit": wire("input_audio_buffer.commit"),
    "truncate": wire("conversation.item.truncate", item_id="i", content_index=0, audio_end_ms=9),
    "cancel": wire("response.cancel"),
    "a plain request": wire("response.create"),
    "a request for nothing special": wire("response.create", response={"instructions": "Hi"}),
    "a tool's output": wire(
        "conversation.item.create",
        item={"type": "function_call_output", "call_id": "call_1", "output": "{}"},
    ),
    "a session that is none": wire("session.update", session=7),
    "a request that is none": wire("response.create", response=7),
    "an item that is none": wire("conversation.item.create", item=7),
    "an unknown event": wire("banana", session=GA_SESSION),
    "not JSON": b"hello",
    "binary": b"\x00\xff",
}


@pytest.mark.parametrize("frame", UNTOUCHED_UP.values(), ids=UNTOUCHED_UP.keys())
def test_what_means_the_same_goes_up_as_received(frame: bytes) -> None:
    assert bridge().to_provider(frame) == AS_RECEIVED


# --- what beta cannot say ----------------------------------------------------------------


def told(frames: tuple[bytes, ...]) -> list[dict[str, Any]]:
    events = [GA_SERVER.validate_json(frame) for frame in frames]
    assert {(event.type, event.event_id) for event in events} <= {("error", "event_ours")}
    return [json.loads(frame)["error"] for frame in frames]


def test_what_beta_cannot_say_is_told_to_the_caller_by_name() -> None:
    session = {
        "type": "realtime",
        "truncation": "disabled",
        "reasoning": {"effort": "low"},
        "audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 6000}}},
    }
    bridged = bridge().to_provider(wire("session.update", event_id="event_c", session=session))
    assert json.loads(bridged.up[0])["session"] == {"turn_detection": {"type": "server_vad"}}
    errors = told(bridged.down)
    assert [error["param"] for error in errors] == [
        "session.truncation",
        "session.reasoning",
        "session.audio.input.turn_detection.idle_timeout_ms",
    ]
    assert {error["event_id"] for error in errors} == {"event_c"}
    assert {error["code"] for error in errors} == {"not_expressible_in_beta"}
    assert all(error["param"] in error["message"] for error in errors)


def test_it_is_told_once_in_a_call() -> None:
    over = bridge()
    frame = wire("response.create", response={"reasoning": {"effort": "low"}})
    assert len(over.to_provider(frame).down) == 1
    assert over.to_provider(frame).down == ()


TEXT = {"type": "input_text", "text": "What is this?"}
IMAGE = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
MESSAGE = {"type": "message", "role": "user"}


def test_a_message_goes_on_without_its_image() -> None:
    item = {**MESSAGE, "content": [TEXT, IMAGE]}
    bridged = bridge().to_provider(wire("conversation.item.create", item=item))
    assert json.loads(bridged.up[0])["item"] == {**MESSAGE, "content": [TEXT]}
    assert [error["param"] for error in told(bridged.down)] == ["item.content[1]"]


def test_a_message_of_images_is_refused_each_time() -> None:
    over, item = bridge(), {**MESSAGE, "content": [IMAGE]}
    for _ in range(2):
        bridged = over.to_provider(wire("conversation.item.create", item=item))
        assert bridged.up == ()
        (error,) = told(bridged.down)
        assert error["param"] == "item.content[0]"
        assert "not sent" in error["message"]


# --- provider to caller ------------------------------------------------------------------


def test_a_session_becomes_nested_and_has_its_type() -> None:
    (made,) = to_caller(wire("session.created", event_id="event_1", session=BETA_SESSION))
    assert made == {
        "type": "session.created",
        "event_id": "event_1",
        "session": {**GA_SESSION, "temperature": 0.8},
    }


def test_a_transcription_session_is_told_by_its_type() -> None:
    session = {"id": "sess_1", "input_audio_format": "pcm16", "turn_detection": None}
    frame = wire("transcription_session.updated", event_id="e", session=session)
    assert to_caller(frame) == [
        {
            "type": "session.updated",
            "event_id": "e",
            "session": {
                "type": "transcription",
                "id": "sess_1",
                "audio": {
                    "input": {
                        "format": {"type": "audio/pcm", "rate": 24000},
                        "turn_detection": None,
                    }
                },
            },
        }
    ]


@pytest.mark.parametrize("name", ["response.created", "response.done"])
def test_a_response_becomes_nested_with_the_items_in_it(name: str) -> None:
    (made,) = to_caller(wire(name, event_id="event_1", response=BETA_RESPONSE))
    assert made["response"] == {**GA_RESPONSE, "temperature": 0.8}


RENAMED = {
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
}
PART = {"event_id": "e", "response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
ALL = {**PART, "delta": "AAAA", "text": "x", "transcript": "x", "obfuscation": "zz"}


@pytest.mark.parametrize(("beta", "ga"), RENAMED.items())
def test_a_delta_changes_its_name_and_no_other_byte(beta: str, ga: str) -> None:
    frame = wire(beta, **ALL)
    bridged = bridge().to_caller(frame)
    assert bridged.down == (frame.replace(beta.encode(), ga.encode()),)
    GA_SERVER.validate_json(bridged.down[0])


@pytest.mark.parametrize(("beta", "ga"), RENAMED.items())
def test_a_delta_with_its_type_elsewhere_is_renamed_too(beta: str, ga: str) -> None:
    (down,) = bridge().to_caller(json.dumps({"event_id": "e", "type": beta}).encode()).down
    assert json.loads(down) == {"event_id": "e", "type": ga}


SPOKEN = {"id": "item_1", "type": "message", "role": "user", "status": "completed"}
USER = {**SPOKEN, "content": [{"type": "input_audio", "transcript": None}]}
MAKING = {**SPOKEN, "id": "item_2", "role": "assistant", "status": "in_progress", "content": []}
OF_RESPONSE = {"event_id": "e", "response_id": "resp_1", "output_index": 0}


def test_an_item_of_the_caller_is_whole_at_once() -> None:
    frame = wire("conversation.item.created", event_id="e", previous_item_id=None, item=USER)
    assert to_caller(frame) == [
        {"type": "conversation.item.added", "event_id": "e", "previous_item_id": None,
         "item": USER},
        {"type": "conversation.item.done", "event_id": "event_ours", "previous_item_id": None,
         "item": USER},
    ]  # fmt: skip


def test_an_item_of_a_response_is_whole_when_the_response_says_so() -> None:
    over = bridge()
    to_caller(wire("response.output_item.added", **OF_RESPONSE, item=MAKING), over)
    created = wire("conversation.item.created", event_id="e", previous_item_id="i", item=MAKING)
    assert [event["type"] for event in to_caller(created, over)] == ["conversation.item.added"]
    whole = {**BETA_ITEM, "id": "item_2"}
    done = to_caller(wire("response.output_item.done", **OF_RESPONSE, item=whole), over)
    assert [event["type"] for event in done] == [
        "conversation.item.done",
        "response.output_item.done",
    ]
    assert done[0]["previous_item_id"] == "i"
    assert done[0]["item"] == done[1]["item"] == {**GA_ITEM, "id": "item_2"}


def test_an_item_that_is_announced_before_its_response_has_it_is_no_different() -> None:
    over = bridge()
    created = wire("conversation.item.created", event_id="e", previous_item_id="i", item=MAKING)
    to_caller(created, over)
    to_caller(wire("response.output_item.added", **OF_RESPONSE, item=MAKING), over)
    done = to_caller(wire("response.output_item.done", **OF_RESPONSE, item=MAKING), over)
    assert done[0]["type"] == "conversation.item.done"


def test_an_item_outside_the_conversation_has_no_event_of_it() -> None:
    over = bridge()
    to_caller(wire("response.output_item.added", **OF_RESPONSE, item=MAKING), over)
    done = to_caller(wire("response.output_item.done", **OF_RESPONSE, item=MAKING), over)
    assert [event["type"] for event in done] == ["response.output_item.done"]


def test_an_item_is_whole_with_its_response_at_the_latest() -> None:
    over = bridge()
    created = wire("conversation.item.created", event_id="e", previous_item_id="i", item=MAKING)
    to_caller(created, over)
    response = {**BETA_RESPONSE, "output": [MAKING]}
    frame = wire("response.done", event_id="e", response=response)
    assert [event["type"] for event in to_caller(frame, over)] == [
        "conversation.item.done",
        "response.done",
    ]
    assert [event["type"] for event in to_caller(frame, over)] == ["response.done"]


def test_arguments_that_are_done_name_their_function() -> None:
    over = bridge()
    item = {"id": "item_3", "type": "function_call", "name": "weather", "call_id": "c"}
    item |= {"arguments": "", "status": "in_progress"}
    to_caller(wire("response.output_item.added", **OF_RESPONSE, item=item), over)
    arguments = {"item_id": "item_3", "call_id": "c", "arguments": "{}"}
    frame = wire("response.function_call_arguments.done", **OF_RESPONSE, **arguments)
    (made,) = to_caller(frame, over)
    assert made == {**json.loads(frame), "name": "weather"}


def test_an_error_names_the_field_that_the_caller_sent() -> None:
    error = {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "message": "Invalid value: 'x' at 'session.voice'.",
        "param": "session.voice",
        "event_id": None,
    }
    (made,) = to_caller(wire("error", event_id="e", error=error))
    assert made["error"] == {
        **error,
        "message": "Invalid value: 'x' at 'session.audio.output.voice'.",
        "param": "session.audio.output.voice",
    }


UNTOUCHED_DOWN = {
    "speech": wire("input_audio_buffer.speech_started", item_id="i", audio_start_ms=1),
    "committed": wire("input_audio_buffer.committed", item_id="i", previous_item_id=None),
    "transcription": wire("conversation.item.input_audio_transcription.completed", transcript="x"),
    "rate limits": wire("rate_limits.updated", rate_limits=[]),
    "arguments with a name": wire("response.function_call_arguments.done", name="f"),
    "arguments of nobody": wire("response.function_call_arguments.done", item_id="i"),
    "a part": wire("response.content_part.done", part={"type": "audio", "transcript": "x"}),
    "an error that is none": wire("error", error=7),
    "a response that is none": wire("response.done", response=7),
    "a session that is none": wire("session.created", session=7),
    "an item that is none": wire("response.output_item.done", item=7),
    "an unknown event": wire("warning", session=BETA_SESSION),
    "GA already": wire("response.output_audio.delta", delta="AAAA"),
    "not JSON": b"hello",
    "binary": b"\x00\xff",
}


@pytest.mark.parametrize("frame", UNTOUCHED_DOWN.values(), ids=UNTOUCHED_DOWN.keys())
def test_what_means_the_same_comes_down_as_received(frame: bytes) -> None:
    assert bridge().to_caller(frame) == AS_RECEIVED


# --- laws --------------------------------------------------------------------------------


@given(any_frames, any_frames)
def test_no_frame_makes_the_bridge_raise(caller: bytes, provider: bytes) -> None:
    over = bridge()
    for bridged in (over.to_provider(caller), over.to_caller(provider)):
        assert bridged.changed or (bridged.up, bridged.down) == ((), ())


def test_a_provider_that_finishes_nothing_is_forgotten() -> None:
    over = bridge()
    for number in range(3 * MAX_REMEMBERED):
        item = {**MAKING, "id": f"item_{number}", "name": "f"}
        over.to_caller(wire("response.output_item.added", item=item))
        over.to_caller(wire("conversation.item.created", item={**item, "id": f"other_{number}"}))
    assert len(over._making) <= MAX_REMEMBERED
    assert len(over._functions) <= MAX_REMEMBERED


FORMATS = st.sampled_from(
    [
        {"type": "audio/pcm", "rate": 24000},
        {"type": "audio/pcm", "rate": 16000},
        {"type": "audio/pcmu"},
        {"type": "audio/pcma"},
    ]
)
UNKNOWN = st.dictionaries(
    st.text("abcxyz", min_size=3, max_size=5), st.integers() | st.text(max_size=5), max_size=2
)
SIDES = st.fixed_dictionaries(
    {},
    optional={
        "input": st.fixed_dictionaries(
            {"format": FORMATS},
            optional={
                "transcription": st.none() | st.just({"model": "whisper-1"}),
                "noise_reduction": st.none() | st.just({"type": "near_field"}),
                "turn_detection": st.none() | st.just({"type": "semantic_vad"}),
            },
        ),
        "output": st.fixed_dictionaries(
            {"voice": st.sampled_from(["alloy", "marin"])},
            optional={"format": FORMATS, "speed": st.floats(0.25, 1.5)},
        ),
    },
).filter(bool)
GA_SETTINGS = st.fixed_dictionaries(
    {"type": st.just("realtime")},
    optional={
        "output_modalities": st.sampled_from([["text"], ["audio"]]),
        "instructions": st.text(max_size=9),
        "max_output_tokens": st.integers(1, 4096) | st.just("inf"),
        "tools": st.just([]) | st.just(GA_SESSION["tools"]),
        "audio": SIDES,
    },
)


@given(GA_SETTINGS, UNKNOWN)
def test_a_session_sent_up_and_echoed_comes_back_the_same(
    settings: dict[str, Any], unknown: dict[str, Any]
) -> None:
    sent, over = {**settings, **unknown}, bridge()
    bridged = over.to_provider(wire("session.update", session=sent))
    assert bridged.down == ()
    up = json.loads(bridged.up[0])
    (down,) = over.to_caller(wire("session.updated", session=up["session"])).down
    assert json.loads(down)["session"] == sent
