"""The simulator in the place of other providers: their handshakes, and their habits."""

from __future__ import annotations

import pytest
from tests.simulator.talk import Talk

from trunkline.simulator.admission import Accepted, Arrival, Rejected
from trunkline.simulator.config import SimulatorConfig, switched
from trunkline.simulator.faults import Close
from trunkline.simulator.providers import admit

BEARER = ("Authorization", "Bearer sk-good")
BAD = ("Authorization", "Bearer sk-bad")
JWT = ("Authorization", "Bearer aaa.bbb.ccc")
BETA = ("OpenAI-Beta", "realtime=v1")
OFFERED = ("Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key.k")
VOICE_LIVE = "/voice-live/realtime?api-version=v&model=m"
TOGETHER = "/v1/realtime?model=m&input_audio_format=x"
INWORLD = "/api/v1/realtime/session?key=call_1&protocol=realtime"

CASES: dict[str, tuple[str, str, tuple[tuple[str, str], ...], str]] = {
    "xAI": ("xai", "/v1/realtime?model=grok", (BEARER,), "ga realtime grok"),
    "xAI, a bad key": ("xai", "/v1/realtime?model=grok", (BAD,), "401"),
    "xAI, no model": ("xai", "/v1/realtime", (BEARER,), "400"),
    "LocalAI, no key": ("localai", "/v1/realtime?model=m", (), "ga realtime m"),
    "LocalAI, a bad key": ("localai", "/v1/realtime?model=m", (BAD,), "401"),
    "Speaches": ("speaches", "/v1/realtime?model=m", (("X-API-Key", "k"),), "ga realtime m"),
    "Speaches, in the query": ("speaches", "/v1/realtime?model=m&api_key=bad", (), "401"),
    "vLLM": ("vllm", "/v1/realtime", (), "ga dictation "),
    "Together": ("together", TOGETHER, (BEARER, BETA), "beta transcription m"),
    "Together, not beta": ("together", TOGETHER, (BEARER,), "400"),
    "Together, no format": ("together", "/v1/realtime?model=m", (BEARER, BETA), "400"),
    "Voice Live": ("openai", VOICE_LIVE, (("api-key", "k"),), "beta realtime m"),
    "Voice Live, a token": ("openai", VOICE_LIVE, (JWT,), "beta realtime m"),
    "Voice Live, a key as Bearer": ("openai", VOICE_LIVE, (BEARER,), "401"),
    "Voice Live, no version": ("openai", "/voice-live/realtime", (("api-key", "k"),), "400"),
    "Qwen": ("openai", "/api-ws/v1/realtime?model=q", (BEARER,), "beta realtime q"),
    "Inworld": ("openai", INWORLD, (("Authorization", "Basic k"),), "ga realtime "),
    "Inworld, no session": (
        "openai", "/api/v1/realtime/session", (("Authorization", "Basic k"),), "400",
    ),
    "ElevenLabs": ("openai", "/v1/convai/realtime?model=m", (OFFERED,), "ga realtime m"),
    "ElevenLabs, a header": ("openai", "/v1/convai/realtime?model=m", (BEARER,), "401"),
    "OpenAI as before": ("openai", "/v1/realtime?model=m", (BEARER,), "ga realtime m"),
    "refused on purpose": ("xai", "/v1/realtime?model=m~refuse_status:429", (BEARER,), "429"),
    "an unknown switch": ("xai", "/v1/realtime?model=m~nonsense", (BEARER,), "400"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("provider", "target", "headers", "expected"), CASES.values(), ids=CASES.keys()
)
def test_who_is_let_in(
    provider: str, target: str, headers: tuple[tuple[str, str], ...], expected: str
) -> None:
    found = admit(Arrival(target, headers), switched(SimulatorConfig(), f"provider:{provider}"))
    match found:
        case Accepted(_, dialect, model, kind, _):
            assert f"{dialect} {kind} {model}" == expected
        case Rejected(status, _):
            assert str(status) == expected
        case _:
            pytest.fail(f"{found}")


def test_habits_come_with_the_provider_and_can_be_switched_off() -> None:
    config = switched(SimulatorConfig(), "provider:xai")
    xai = admit(Arrival("/v1/realtime?model=grok", (BEARER,)), config)
    plain = admit(Arrival("/v1/realtime?model=grok~no_usage:false", (BEARER,)), config)
    assert isinstance(xai, Accepted)
    assert isinstance(plain, Accepted)
    assert (xai.config.no_usage, xai.config.ping_events_ms) == (True, 20_000)
    assert (plain.config.no_usage, plain.config.text_twice) == (False, True)


def text_turn(talk: Talk) -> None:
    talk.send("session.update", session={"type": "realtime", "output_modalities": ["text"]})
    talk.send("response.create")
    talk.wait(5_000)


def test_each_habit_shows() -> None:
    talk = Talk("no_usage,sparse_events,text_twice,items_created,ping_events_ms:1000")
    text_turn(talk)
    types = talk.types()
    assert types.count("response.text.delta") == types.count("response.output_text.delta") > 0
    assert "conversation.item.created" in types
    assert not {"conversation.item.added", "conversation.item.done"} & set(types)
    assert types.count("ping") == 5
    (done,) = talk.all("response.done")
    assert done["response"]["usage"] == {}
    (part,) = talk.all("response.content_part.added")
    assert not {"part", "output_index", "content_index"} & part.keys()


def test_without_them_everything_is_as_it_was() -> None:
    talk = Talk("")
    text_turn(talk)
    assert not {"ping", "response.text.delta", "conversation.item.created"} & set(talk.types())
    assert talk.all("response.done")[0]["response"]["usage"]


def test_dictation_writes_down_what_was_said_and_does_nothing_else() -> None:
    talk = Talk("transcripts:hello there|again", kind="dictation", model="")
    talk.send("session.update", model="mistralai/Voxtral")
    talk.send("input_audio_buffer.append", audio="AAAA")
    talk.send("input_audio_buffer.commit", final=False)
    talk.wait(1_000)
    talk.send("input_audio_buffer.commit", final=True)
    talk.wait(1_000)
    assert [one["text"] for one in talk.all("transcription.done")] == ["hello there", "again"]
    said = "".join(one["delta"] for one in talk.all("transcription.delta"))
    assert said.replace(" ", "") == "hellothereagain"
    talk.send("response.create")
    talk.send("session.update")
    assert [one["error"]["code"] for one in talk.all("error")] == [
        "invalid_value",
        "missing_required_parameter",
    ]


def test_a_caller_that_says_nothing_is_left() -> None:
    talk = Talk("idle_close_ms:5000,close_code:1000,close_reason:idle")
    talk.wait(4_000)
    talk.send("input_audio_buffer.clear")
    talk.wait(4_000)
    assert talk.ends == []
    talk.wait(2_000)
    assert talk.ends == [Close(1000, "idle")]
