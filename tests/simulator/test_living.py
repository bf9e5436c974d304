"""The simulator's GPT-Live sessions: protocol.md 2.5, held to the official package's types."""

import base64
import json
from typing import Any

import pydantic
from openai.types.live import ServerEvent
from tests.simulator.talk import Talk
from tests.simulator.test_official_types import extras
from tests.support import speech

from trunkline.simulator.admission import Accepted, Arrival, admit
from trunkline.simulator.config import SimulatorConfig
from trunkline.simulator.faults import Close

EVENTS: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(ServerEvent)
SESSION = {"model": "gpt-live-1", "instructions": "Be kind."}


def begin(switches: str = "vad:energy", **session: Any) -> Talk:
    talk = Talk(switches, kind="live", model="")
    assert talk.events == []
    talk.send("session.start", session={**SESSION, **session})
    return talk


def append(talk: Talk, pcm: bytes) -> None:
    for piece in speech.chunks(pcm):
        talk.wait(100)
        talk.send("session.input_audio.append", audio=base64.b64encode(piece).decode())


def words(talk: Talk, side: str) -> str:
    return "".join(event["delta"] for event in talk.all(f"session.{side}_transcript.delta"))


def test_a_sentence_is_heard_and_answered_without_a_turn() -> None:
    talk = begin()
    append(talk, speech.load("cards") + speech.silence(1_000))
    talk.wait(9_000)
    assert words(talk, "input") == speech.transcript("cards")
    assert words(talk, "output")
    assert talk.all("session.output_audio.delta")
    first = talk.all("session.input_transcript.delta")[0]
    assert 0 <= first["start_ms"] < first["end_ms"] < 10_000
    assert not [type_ for type_ in talk.types() if type_.startswith(("response", "conversation"))]


def test_it_says_no_more_when_the_caller_speaks() -> None:
    talk = begin("vad:energy,burst:1")
    append(talk, speech.load("cards") + speech.silence(1_000))
    talk.wait(500)
    said = len(talk.all("session.output_audio.delta"))
    append(talk, speech.load("amiable"))
    during = len(talk.all("session.output_audio.delta")) - said
    assert said > 0
    assert during * 100 < len(speech.load("amiable")) / 48


def test_usage_is_told_as_a_total_and_once_more_at_the_end() -> None:
    talk = begin()
    talk.wait(25_000)
    told = [event["usage"]["seconds"] for event in talk.all("session.usage.updated")]
    assert told == [10.0, 20.0]
    talk.send("session.close")
    closed = talk.last("session.closed")
    assert (closed["reason"], closed["usage"]) == ("close_requested", {"seconds": 25.0})
    assert talk.ends == [Close(1000, "")]


def test_what_is_muted_is_not_heard() -> None:
    talk = begin()
    talk.send("session.input_audio.mute", event_id="m1")
    assert talk.last("session.input_audio.muted")["client_event_id"] == "m1"
    append(talk, speech.load("cards") + speech.silence(1_000))
    assert not words(talk, "input")
    talk.send("session.input_audio.unmute")
    append(talk, speech.load("cards") + speech.silence(1_000))
    assert words(talk, "input")


def test_nothing_goes_before_the_start_and_the_start_only_once() -> None:
    talk = Talk(kind="live", model="")
    talk.send("session.input_audio.append", audio="AAAA", event_id="e1")
    assert talk.error()["client_event_id"] == "e1"
    talk.send("session.start", session={"model": "gpt-realtime-2.1"})
    assert talk.error()["param"] == "session.model"
    talk.send("session.start", session=SESSION)
    talk.send("session.start", session=SESSION)
    assert [error["error"]["code"] for error in talk.all("error")] == [
        "session_not_started", "invalid_value", "session_already_started",
    ]  # fmt: skip


def test_every_event_is_known_to_the_official_package() -> None:
    talk = begin(audio={"format": {"type": "audio/pcm", "rate": 24_000}})
    talk.send("session.update", session={"store": True})
    talk.send("session.update", session={"model": "gpt-live-1.1"}, event_id="e1")
    for what in ("instructions", "thinking", "commentary"):
        talk.send(f"session.{what}.append", content="More.", delegation_id=None)
    talk.send("session.input_audio.mute")
    talk.send("session.input_audio.unmute")
    append(talk, speech.load("cards") + speech.silence(1_000))
    talk.wait(12_000)
    talk.send("session.close")
    for frame in talk.frames:
        model, event = EVENTS.validate_json(frame, strict=True), json.loads(frame)
        assert model.type == event["type"]
        assert set(extras(model)) == set(), event
    assert {"session.started", "session.updated", "error", "session.usage.updated",
            "session.closed"} <= set(talk.types())  # fmt: skip


def test_it_lives_at_its_own_path_and_takes_no_query() -> None:
    arrival = Arrival("/v1/live/sessions", (("Authorization", "Bearer sk-good"),))
    accepted = admit(arrival, SimulatorConfig())
    assert isinstance(accepted, Accepted)
    assert (accepted.kind, accepted.model) == ("live", "")
