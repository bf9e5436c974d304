"""Every event that the simulator emits is one that the official `openai` package knows.

Whole conversations are played, and each event is validated strictly against
the package's union, with no field besides those that the package declares.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pydantic
import pytest
from openai.types.beta.realtime import RealtimeServerEvent as BetaServerEvent
from openai.types.realtime import (
    RealtimeServerEvent,
    RealtimeSessionCreateResponse,
    RealtimeTranscriptionSessionCreateResponse,
)
from tests.simulator.talk import SERVER_VAD, Talk
from tests.support import speech

GA: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(RealtimeServerEvent)
BETA: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(BetaServerEvent)

SESSION_WIRE = {"session.id", "session.object", "session.expires_at"}
"""The package takes the session of an event for what a caller sends; see `SESSIONS`."""

SESSIONS: dict[str, pydantic.TypeAdapter[Any]] = {
    "realtime": pydantic.TypeAdapter(RealtimeSessionCreateResponse),
    "transcription": pydantic.TypeAdapter(RealtimeTranscriptionSessionCreateResponse),
}
"""The package's own types of a session as the provider tells it."""

BETA_WIRE = {
    "session.object",
    "session.expires_at",
    "session.client_secret",
    "session.include",
    "response.usage.input_token_details.cached_tokens_details",
    "response.usage.input_token_details.image_tokens",
}
"""Fields that the beta wire had and the package's last beta types do not."""


def check_ga(frame: bytes) -> None:
    """Fail unless `frame` is a known event of the GA dialect with known fields only."""
    model, event = GA.validate_json(frame, strict=True), json.loads(frame)
    assert model.type == event["type"]
    assert set(extras(model)) <= SESSION_WIRE
    if "session" in event:
        session = event["session"]
        told = SESSIONS[session["type"]].validate_json(json.dumps(session), strict=True)
        assert list(extras(told)) == []


def extras(model: object, path: str = "") -> Iterator[str]:
    """Names of all fields, at any depth, that the package does not declare."""
    if isinstance(model, pydantic.BaseModel):
        yield from (f"{path}{name}" for name in model.model_extra or {})
        for name in type(model).model_fields:
            yield from extras(getattr(model, name), f"{path}{name}.")
    elif isinstance(model, list):
        for one in model:  # pyright: ignore[reportUnknownVariableType]
            yield from extras(one, path)


TOOL = {
    "type": "function",
    "name": "find_slots",
    "description": "Free slots of a day",
    "parameters": {"type": "object", "properties": {"day": {"type": "string"}}},
}


def append(talk: Talk, pcm: bytes) -> None:
    for piece in speech.chunks(pcm):
        talk.wait(100)
        talk.send("input_audio_buffer.append", audio=base64.b64encode(piece).decode())


def turns(talk: Talk) -> None:
    """Two spoken turns, transcribed, the second a barge-in."""
    append(talk, speech.load("cards") + speech.silence(700))
    talk.wait(6_000)
    talk.write("tell me a story")
    talk.send("response.create")
    talk.wait(1_500)
    append(talk, speech.load("amiable") + speech.silence(700))
    for item in talk.last("response.done")["response"]["output"]:
        where = {"item_id": item["id"], "content_index": 0}
        talk.send("conversation.item.truncate", **where, audio_end_ms=200)
        talk.send("conversation.item.retrieve", item_id=item["id"])
    talk.wait(9_000)


def tools(talk: Talk) -> None:
    """A function call, answered."""
    for call in talk.ask("Which slots are free?")["output"]:
        item = {"type": "function_call_output", "call_id": call["call_id"], "output": "[]"}
        talk.send("conversation.item.create", item=item)
    talk.send("response.create")
    talk.wait(9_000)


def errors(talk: Talk) -> None:
    """What goes wrong without ending the session."""
    talk.raw(b"nonsense", text=False)
    talk.send("response.cancel", event_id="e1")
    talk.send("input_audio_buffer.clear")
    talk.send("input_audio_buffer.commit")
    talk.send("conversation.item.delete", item_id="none")
    talk.send("response.create", response={"conversation": "none", "metadata": {"a": "b"}})
    talk.wait(5_000)
    talk.write("Hello")
    talk.send("response.create")
    talk.wait(300)
    talk.send("response.cancel")
    talk.wait(1_000)


PLAYS: dict[str, Callable[[Talk], None]] = {"turns": turns, "tools": tools, "errors": errors}
SWITCHES = [
    "", "transcription_timing:after", "transcription_failed", "response:failed", "items:2",
    "response:incomplete", "response:silent", "inject_error:server_error", "conversation_created",
    "transcription_usage:duration", "transcription_timing:before",
]  # fmt: skip


@pytest.mark.parametrize("play", PLAYS)
@pytest.mark.parametrize("switches", SWITCHES)
def test_every_ga_event_is_known_to_the_official_package(play: str, switches: str) -> None:
    # Real voice activity detection in the plain conversations; loudness will do for the rest.
    talk = Talk(f"{switches},vad:energy" if switches else "")
    transcribed = {"transcription": {"model": "gpt-4o-transcribe"}, "turn_detection": SERVER_VAD}
    talk.update(tools=[TOOL], instructions="Be kind.", audio={"input": transcribed})
    PLAYS[play](talk)
    assert len(talk.events) > 5
    for frame in talk.frames:
        check_ga(frame)


@pytest.mark.parametrize("play", PLAYS)
def test_every_beta_event_is_known_to_the_official_package(play: str) -> None:
    talk = Talk("inject_error:server_error", dialect="beta", model="gpt-4o-realtime-preview")
    session = {
        "modalities": ["text", "audio"], "instructions": "Be kind.", "voice": "alloy",
        "input_audio_format": "pcm16", "output_audio_format": "pcm16", "temperature": 0.7,
        "input_audio_transcription": {"model": "whisper-1"}, "turn_detection": SERVER_VAD,
        "tools": [TOOL],
    }  # fmt: skip
    talk.send("session.update", session=session)
    assert "error" not in talk.types()
    PLAYS[play](talk)
    for event, frame in zip(talk.events, talk.frames, strict=True):
        model = BETA.validate_json(frame, strict=True)
        assert model.type == event["type"]
        assert set(extras(model)) <= BETA_WIRE


def test_every_event_of_a_transcription_session_is_known() -> None:
    talk = Talk(kind="transcription", model="")
    audio = {"input": {"transcription": {"model": "whisper-1"}, "turn_detection": SERVER_VAD}}
    talk.send("session.update", session={"type": "transcription", "audio": audio})
    append(talk, speech.load("cards") + speech.silence(700))
    talk.wait(2_000)
    for frame in talk.frames:
        check_ga(frame)


def test_an_idle_timeout_is_known() -> None:
    talk = Talk()
    detection = {**SERVER_VAD, "idle_timeout_ms": 5_000}
    talk.update(audio={"input": {"turn_detection": detection}})
    talk.ask("Hello")
    assert "input_audio_buffer.timeout_triggered" in talk.types()
    for frame in talk.frames:
        check_ga(frame)


def test_the_check_itself_sees_a_stray_field() -> None:
    model = GA.validate_python({"type": "input_audio_buffer.cleared", "event_id": "e", "oops": 1})
    assert list(extras(model)) == ["oops"]
    with pytest.raises(pydantic.ValidationError):
        GA.validate_python({"type": "response.hologram.delta", "event_id": "e"}, strict=True)
