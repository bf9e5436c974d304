"""The simulator's translation sessions: protocol.md 2.4, held to the official package's types."""

import base64
import json
from typing import Any

import pydantic
from openai.types.realtime import RealtimeTranslationServerEvent, RealtimeTranslationSession
from tests.simulator.talk import Talk
from tests.simulator.test_official_types import extras
from tests.support import speech

from trunkline.simulator.admission import Accepted, Arrival, Fatal, admit
from trunkline.simulator.config import SimulatorConfig
from trunkline.simulator.faults import Close

EVENTS: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(RealtimeTranslationServerEvent)
SESSION: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(RealtimeTranslationSession)
WORDS = {"audio": {"input": {"transcription": {"model": "gpt-realtime-whisper"}}}}


def begin(switches: str = "vad:energy") -> Talk:
    return Talk(switches, kind="translation", model="gpt-realtime-translate")


def append(talk: Talk, pcm: bytes) -> None:
    for piece in speech.chunks(pcm):
        talk.wait(100)
        audio = base64.b64encode(piece).decode()
        talk.send("session.input_audio_buffer.append", audio=audio)


def words(talk: Talk, side: str) -> str:
    return "".join(event["delta"] for event in talk.all(f"session.{side}_transcript.delta"))


def test_a_sentence_is_told_and_said_in_the_other_language() -> None:
    talk = begin()
    talk.send("session.update", session={"audio": {**WORDS["audio"], "output": {"language": "fr"}}})
    append(talk, speech.load("cards") + speech.silence(1_000))
    talk.wait(9_000)
    assert words(talk, "input") == speech.transcript("cards")
    said = words(talk, "output")
    assert said
    sound = b"".join(
        base64.b64decode(event["delta"]) for event in talk.all("session.output_audio.delta")
    )
    assert len(sound) > 24_000
    elapsed = [event["elapsed_ms"] for event in talk.all("session.output_audio.delta")]
    assert elapsed == sorted(elapsed)
    assert all(one % 200 == 0 for one in elapsed)


def test_there_are_no_turns_items_or_responses() -> None:
    talk = begin()
    append(talk, speech.load("cards") + speech.silence(1_000))
    talk.wait(9_000)
    assert set(talk.types()) == {
        "session.created", "session.output_transcript.delta", "session.output_audio.delta",
    }  # fmt: skip


def test_closing_says_what_is_left_first() -> None:
    talk = begin()
    append(talk, speech.load("cards"))
    talk.send("session.close")
    talk.wait(9_000)
    assert talk.types()[-1] == "session.closed"
    assert "session.output_audio.delta" in talk.types()
    assert talk.ends == [Close(1000, "")]


def test_every_event_is_known_to_the_official_package() -> None:
    talk = begin()
    talk.send("session.update", session=WORDS)
    talk.send("response.create", event_id="e1")
    talk.send("session.update", session={"voice": "alloy"})
    append(talk, speech.load("cards") + speech.silence(1_000))
    talk.send("session.close")
    talk.wait(9_000)
    assert [error["error"]["code"] for error in talk.all("error")] == [
        "invalid_value", "unknown_parameter",
    ]  # fmt: skip
    for frame in talk.frames:
        model, event = EVENTS.validate_json(frame, strict=True), json.loads(frame)
        assert model.type == event["type"]
        assert set(extras(model)) == set()
        if "session" in event:
            told = SESSION.validate_json(json.dumps(event["session"]), strict=True)
            assert list(extras(told)) == []


def arrive(target: str) -> object:
    arrival = Arrival(target, (("Authorization", "Bearer sk-good"),))
    return admit(arrival, SimulatorConfig())


def test_only_models_that_translate_are_taken() -> None:
    path = "/v1/realtime/translations"
    accepted = arrive(f"{path}?model=gpt-realtime-translate")
    assert isinstance(accepted, Accepted)
    assert (accepted.kind, accepted.model) == ("translation", "gpt-realtime-translate")
    for query, code in (("", "missing_model"), ("?model=gpt-realtime-2.1", "invalid_model")):
        refused = arrive(path + query)
        assert isinstance(refused, Fatal)
        assert (refused.close_code, refused.error["code"]) == (4000, code)
