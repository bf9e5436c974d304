"""The beta dialect, as a caller meets it."""

from __future__ import annotations

import pytest
from tests.simulator.talk import SERVER_VAD, Talk
from tests.support import speech


def beta() -> Talk:
    return Talk(dialect="beta", model="gpt-4o-realtime-preview")


def test_the_guides_update_is_taken_and_told_back_flat() -> None:
    talk = beta()
    talk.send(
        "session.update",
        session={
            "modalities": ["text", "audio"],
            "instructions": "You are a helpful AI assistant...",
            "voice": "alloy",
            "input_audio_format": "pcm16",
            "output_audio_format": "g711_ulaw",
            "temperature": 0.9,
            "max_response_output_tokens": 500,
        },
    )
    session = talk.last("session.updated")["session"]
    assert "audio" not in session
    assert "type" not in session
    assert session["output_audio_format"] == "g711_ulaw"
    assert (session["temperature"], session["max_response_output_tokens"]) == (0.9, 500)
    assert session["modalities"] == ["text", "audio"]
    assert session["turn_detection"]["silence_duration_ms"] == 200


def test_a_spoken_answer_has_the_old_names_everywhere() -> None:
    talk = beta()
    talk.clear()
    response = talk.ask("Hello")
    short = [t for i, t in enumerate(talk.types()) if "delta" not in t or i == 0]
    assert short == [
        "conversation.item.created",
        "response.created", "response.output_item.added", "conversation.item.created",
        "response.content_part.added",
        "response.audio.done", "response.audio_transcript.done", "response.content_part.done",
        "response.output_item.done", "response.done", "rate_limits.updated",
    ]  # fmt: skip
    assert {"response.audio.delta", "response.audio_transcript.delta"} <= set(talk.types())
    assert response["output"][0]["content"][0]["type"] == "audio"
    assert (response["modalities"], response["output_audio_format"]) == (["text", "audio"], "pcm16")
    assert "audio" not in response


def test_a_written_answer_has_the_old_names_too() -> None:
    talk = beta()
    response = talk.ask("Hello", modalities=["text"])
    assert response["output"][0]["content"][0]["type"] == "text"
    assert {"response.text.delta", "response.text.done"} <= set(talk.types())


def test_an_assistants_text_comes_in_and_goes_out_as_text() -> None:
    talk = beta()
    part = {"type": "text", "text": "Earlier words."}
    item = {"type": "message", "role": "assistant", "content": [part]}
    talk.send("conversation.item.create", item=item)
    assert talk.last("conversation.item.created")["item"]["content"] == [part]


def test_a_spoken_turn_is_heard() -> None:
    talk = beta()
    talk.send("session.update", session={"turn_detection": SERVER_VAD})
    talk.say(speech.load("cards") + speech.silence(700))
    talk.wait(8_000)
    assert "input_audio_buffer.committed" in talk.types()
    assert talk.last("response.done")["response"]["status"] == "completed"


REFUSED = {
    "GA shape": ({"type": "realtime"}, "session.type"),
    "audio alone": ({"modalities": ["audio"]}, "session.modalities"),
    "an unknown format": ({"input_audio_format": "mp3"}, "session.input_audio_format"),
    "what came with GA": ({"truncation": "auto"}, "session.truncation"),
    "what came with GA, inside": (
        {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 6000}},
        "session.turn_detection.idle_timeout_ms",
    ),
    "a voice that is none": ({"voice": 7}, "session.voice"),
    "too many tokens": (
        {"max_response_output_tokens": -1},
        "session.max_response_output_tokens",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_beta_does_not_know_is_refused(name: str) -> None:
    session, param = REFUSED[name]
    talk = beta()
    talk.send("session.update", session=session)
    assert talk.error()["param"] == param


def test_a_transcription_session_has_its_own_events() -> None:
    talk = Talk(dialect="beta", kind="transcription", model="")
    assert talk.types() == ["transcription_session.created"]
    session = {"input_audio_transcription": {"model": "whisper-1"}, "turn_detection": SERVER_VAD}
    talk.send("transcription_session.update", session=session)
    assert talk.types()[-1] == "transcription_session.updated"


@pytest.mark.parametrize("name", ["output_modalities", "audio", "reasoning"])
def test_a_request_of_ga_shape_is_refused(name: str) -> None:
    talk = beta()
    talk.send("response.create", response={name: {}})
    assert talk.error()["param"] == f"response.{name}"


@pytest.mark.parametrize("type_", ["output_text", "input_image"])
def test_content_of_ga_is_refused(type_: str) -> None:
    talk = beta()
    item = {"type": "message", "role": "assistant", "content": [{"type": type_, "text": "x"}]}
    talk.send("conversation.item.create", item=item)
    assert talk.error()["param"] == "item.content[0].type"
    talk.send("response.create", response={"input": [item]})
    assert talk.error()["param"] == "response.input[0].content[0].type"
