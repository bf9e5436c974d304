"""A session looks the same whichever dialect told it."""

from typing import Any

import msgspec
import pytest
from tests.protocol.frames import BETA_SESSION, GA_SESSION, wire

from trunkline.protocol import events
from trunkline.protocol.decode import decode
from trunkline.protocol.formats import PCM_24K, PCMU
from trunkline.protocol.session import Session, Tracing, TurnDetection


def session_of(fields: dict[str, Any], name: str = "session.updated") -> Session:
    event = decode(wire(name, session=fields))
    assert isinstance(event, events.SessionUpdated | events.SessionUpdate | events.SessionCreated)
    return event.session


EXPECTED = Session(
    id="sess_1",
    type="realtime",
    model="gpt-realtime",
    spoken=("en",),
    voice="marin",
    instructions="Be brief.",
    modalities=("audio",),
    input_format=PCM_24K,
    output_format=PCMU,
    turn_detection=TurnDetection(
        type="server_vad",
        threshold=0.5,
        prefix_padding_ms=300,
        silence_duration_ms=200,
        create_response=True,
        interrupt_response=True,
    ),
    transcription_model="whisper-1",
    tools=("weather",),
    expires_at_s=1795000000,
)


def test_a_nested_session_is_read() -> None:
    assert session_of(GA_SESSION) == EXPECTED


def test_a_flat_session_reads_the_same_but_for_the_type_that_it_has_not() -> None:
    assert session_of(BETA_SESSION) == msgspec.structs.replace(EXPECTED, type="")


DETECTION = {
    "nested null is nobody listening": ({"audio": {"input": {"turn_detection": None}}}, "none"),
    "flat null is nobody listening": ({"turn_detection": None}, "none"),
    "semantic": ({"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}, "semantic_vad"),
}


@pytest.mark.parametrize(("fields", "type_"), DETECTION.values(), ids=DETECTION.keys())
def test_turn_detection(fields: dict[str, Any], type_: str) -> None:
    detection = session_of(fields).turn_detection
    assert detection is not None
    assert detection.type == type_


def test_turn_detection_that_was_not_said_is_not_known() -> None:
    assert session_of({"voice": "alloy"}).turn_detection is None


def test_a_voice_may_be_an_object() -> None:
    assert session_of({"audio": {"output": {"voice": {"id": "voice_1"}}}}).voice == "voice_1"


def test_text_only_is_text_in_both_dialects() -> None:
    assert session_of({"modalities": ["text"]}).modalities == ("text",)
    assert session_of({"output_modalities": ["text"]}).modalities == ("text",)


def test_a_transcription_session_of_beta_is_an_ordinary_session_event() -> None:
    fields = {"input_audio_transcription": {"model": "gpt-4o-transcribe"}}
    session = session_of(fields, "transcription_session.updated")
    assert session.transcription_model == "gpt-4o-transcribe"


def test_a_server_of_tools_is_named_by_its_label() -> None:
    tools = [{"type": "mcp", "server_label": "shop"}, {"type": "function", "name": "pay"}]
    assert session_of({"tools": tools}).tools == ("shop", "pay")


def test_one_field_of_the_wrong_kind_does_not_cost_the_session() -> None:
    session = session_of({**GA_SESSION, "instructions": 7, "audio": {"output": {"voice": "ash"}}})
    assert (session.voice, session.instructions, session.model) == ("ash", "", "gpt-realtime")


def test_a_session_survives_a_checkpoint() -> None:
    assert msgspec.json.decode(msgspec.json.encode(EXPECTED), type=Session) == EXPECTED


TRACED = {
    "not said": ({}, None),
    "off": ({"tracing": None}, None),
    "as the provider likes": ({"tracing": "auto"}, Tracing(mode="auto")),
    "named": (
        {"tracing": {"workflow_name": "w", "group_id": "g", "metadata": {"a": "b", "n": 1}}},
        Tracing(mode="named", workflow_name="w", group_id="g", metadata={"a": "b"}),
    ),
    "half named": ({"tracing": {"group_id": None, "metadata": 7}}, Tracing(mode="named")),
    "nonsense": ({"tracing": ["auto"]}, None),
}


@pytest.mark.parametrize(("fields", "expected"), TRACED.values(), ids=TRACED)
def test_what_the_provider_traces(fields: dict[str, Any], expected: Tracing | None) -> None:
    assert session_of(fields).tracing == expected
