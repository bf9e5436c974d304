"""Whatever a frame holds, decoding it gives an event."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from openai.types.beta.realtime import RealtimeClientEvent as BetaClientEvent
from openai.types.beta.realtime import RealtimeServerEvent as BetaServerEvent
from openai.types.live import ClientEvent as LiveClientEvent
from openai.types.live import ServerEvent as LiveServerEvent
from openai.types.realtime import (
    RealtimeClientEvent,
    RealtimeServerEvent,
    RealtimeTranslationClientEvent,
    RealtimeTranslationServerEvent,
)
from tests.protocol.frames import EXAMPLES, GA_ITEM, GA_RESPONSE, GA_SESSION, any_frames, wire

from trunkline.protocol import events
from trunkline.protocol.decode import decode, decode_and_peek, name_of, peek
from trunkline.protocol.mend import MAX_TRIES
from trunkline.protocol.names import GA_OF_BETA


def names_in(union: Any) -> set[str]:
    return {
        get_args(member.model_fields["type"].annotation)[0]
        for member in get_args(get_args(union)[0])
    }


OPENAI_NAMES = (
    names_in(RealtimeServerEvent)
    | names_in(RealtimeClientEvent)
    | names_in(BetaServerEvent)
    | names_in(BetaClientEvent)
)
TRANSLATION_NAMES = names_in(RealtimeTranslationClientEvent) | names_in(
    RealtimeTranslationServerEvent
)
FLOWING_NAMES = TRANSLATION_NAMES | names_in(LiveServerEvent) | names_in(LiveClientEvent)


@pytest.mark.parametrize("name", sorted(OPENAI_NAMES))
def test_every_event_of_the_openai_package_is_modelled(name: str) -> None:
    event = decode(wire(name))
    assert not isinstance(event, events.Opaque)
    assert name_of(event) == GA_OF_BETA.get(name, name)


VLLM_NAMES = {"transcription.delta", "transcription.done"}


def test_a_session_of_vllm_says_its_model_beside_its_session() -> None:
    update = decode(wire("session.update", model="voxtral"))
    assert isinstance(update, events.SessionUpdate)
    assert update.session.model == "voxtral"
    both = decode(wire("session.update", model="a", session={"model": "b"}))
    assert isinstance(both, events.SessionUpdate)
    assert both.session.model == "b"


def test_our_names_are_those_of_the_openai_package() -> None:
    ours = {arm.__struct_config__.tag for arm in get_args(events.Modelled)}
    assert ours <= OPENAI_NAMES | FLOWING_NAMES | VLLM_NAMES


@pytest.mark.parametrize("name", sorted(TRANSLATION_NAMES))
def test_every_event_of_a_translation_is_modelled(name: str) -> None:
    event = decode(wire(name))
    assert not isinstance(event, events.Opaque)
    assert name_of(event) == name


@pytest.mark.parametrize(("beta", "ga"), sorted(GA_OF_BETA.items()))
def test_a_beta_name_decodes_as_the_event_it_is_in_ga(beta: str, ga: str) -> None:
    fields = {"event_id": "event_1", "item_id": "item_1", "delta": "AAAA", "session": GA_SESSION}
    expected = decode(wire(ga, **fields))
    assert decode(wire(beta, **fields)) == expected
    assert decode(json.dumps({**fields, "type": beta}).encode()) == expected


def test_the_name_on_the_wire_stays_available() -> None:
    assert peek(wire("response.audio.delta")).type == "response.audio.delta"


def test_audio_stays_base64_text() -> None:
    event = decode(wire("response.output_audio.delta", response_id="resp_1", delta="AAE="))
    assert event == events.AudioDelta(response_id="resp_1", delta="AAE=")


def test_speech_offsets_are_none_when_they_were_not_sent() -> None:
    started = decode(wire("input_audio_buffer.speech_started", item_id="item_1"))
    assert started == events.SpeechStarted(item_id="item_1", audio_start_ms=None)


@pytest.mark.parametrize(
    ("fields", "previous"),
    [({}, ""), ({"previous_item_id": None}, None), ({"previous_item_id": "item_0"}, "item_0")],
)
def test_first_item_and_unsaid_place_are_told_apart(
    fields: dict[str, Any], previous: str | None
) -> None:
    added = decode(wire("conversation.item.added", item=GA_ITEM, **fields))
    assert isinstance(added, events.ItemAdded)
    assert added.previous_item_id == previous


def test_a_finished_response_has_its_items_and_usage() -> None:
    done = decode(wire("response.done", response=GA_RESPONSE))
    assert isinstance(done, events.ResponseDone)
    assert done.response.status == "completed"
    assert [part.words for part in done.response.output[0].content] == ["It is sunny.", "Sunny."]
    assert [part.is_audio for part in done.response.output[0].content] == [True, False]
    assert done.response.usage is not None
    assert done.response.usage.input_tokens == 132


SLOPPY = {
    "a null where a string belongs": (
        wire("response.output_audio.delta", event_id=None, item_id="item_1", delta="AAAA"),
        events.AudioDelta(item_id="item_1", delta="AAAA"),
    ),
    "a float where an integer belongs": (
        wire("input_audio_buffer.speech_stopped", audio_end_ms=1200.4, item_id="item_1"),
        events.SpeechStopped(item_id="item_1", audio_end_ms=1200),
    ),
    "a bad field deep inside": (
        wire("response.done", response={"id": "resp_1", "output": [{"id": "item_1", "role": 7}]}),
        events.ResponseDone(
            response=events.Response(id="resp_1", output=(events.Item(id="item_1"),))
        ),
    ),
    "an empty usage": (
        wire("response.done", response={"id": "resp_1", "usage": {}}),
        events.ResponseDone(response=events.Response(id="resp_1", usage=events.WireUsage())),
    ),
    "half an emoji": (
        b'{"type":"response.output_text.delta","delta":"hi \\ud83d"}',
        events.TextDelta(delta="hi ?"),
    ),
    "fields that nobody knows": (
        wire("response.output_text.delta", delta="hi", obfuscation="xyz"),
        events.TextDelta(delta="hi"),
    ),
}


@pytest.mark.parametrize(("frame", "event"), SLOPPY.values(), ids=SLOPPY.keys())
def test_a_sloppy_event_keeps_what_can_be_read(frame: bytes, event: events.Event) -> None:
    assert decode(frame) == event


GARBAGE = {
    "nothing": b"",
    "not JSON": b"hello",
    "not an object": b"[1,2]",
    "no type": b'{"audio":"AAAA"}',
    "a type that is no string": b'{"type":["session.update"]}',
    "cut off": b'{"type":"response.audio.delta","delta":"AA',
    "very deep": b"[" * 200_000,
    "very deep inside an event": b'{"type":"error","error":' + b"[" * 200_000,
}


@pytest.mark.parametrize("frame", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_is_opaque_and_has_no_type(frame: bytes) -> None:
    assert decode(frame) == events.Opaque("", len(frame))
    assert peek(frame).type == ""


def test_text_that_is_not_utf_8_is_opaque() -> None:
    frame = b'{"type":"error","error":{"message":"\xff"}}'
    assert decode(frame) == events.Opaque("", len(frame))


def test_mending_has_an_end() -> None:
    """An event with more faults than anybody makes by mistake has those that were looked at."""
    bad = b",".join([b'{"id":7,"status":"completed"}'] * MAX_TRIES)
    event = decode(b'{"type":"response.done","response":{"output":[' + bad + b"]}}")
    assert isinstance(event, events.ResponseDone)
    assert 1000 < len(event.response.output) < MAX_TRIES
    assert event.response.output[0] == events.Item(status="completed")


def test_an_event_that_we_do_not_model_keeps_its_type() -> None:
    frame = wire("response.animation_viseme.delta", x=1)
    event = decode(frame)
    assert event == events.Opaque("response.animation_viseme.delta", len(frame))
    assert name_of(event) == "response.animation_viseme.delta"


@given(any_frames)
def test_no_frame_makes_decoding_raise(frame: bytes) -> None:
    assert isinstance(decode(frame), events.Wire | events.Opaque)
    assert isinstance(peek(frame).type, str)


@pytest.mark.parametrize("frame", EXAMPLES)
def test_peek_and_decode_agree_on_the_name(frame: bytes) -> None:
    name = peek(frame).type
    assert name_of(decode(frame)) == GA_OF_BETA.get(name, name)


PEEKS = {
    "ids of a delta": (
        wire("response.audio.delta", response_id="resp_1", item_id="item_1", delta="AAAA"),
        ("response.audio.delta", "item_1", "resp_1"),
    ),
    "the item that an event carries": (
        wire("response.output_item.done", response_id="resp_1", item=GA_ITEM),
        ("response.output_item.done", "item_2", "resp_1"),
    ),
    "the response that an event carries": (
        wire("response.done", response=GA_RESPONSE),
        ("response.done", "", "resp_1"),
    ),
    "ids of the wrong kind": (
        wire("response.audio.delta", response_id=7, item_id="item_1"),
        ("response.audio.delta", "item_1", ""),
    ),
}


@pytest.mark.parametrize(("frame", "expected"), PEEKS.values(), ids=PEEKS.keys())
def test_peek_finds(frame: bytes, expected: tuple[str, str, str]) -> None:
    assert peek(frame) == expected


@given(any_frames)
def test_once_tells_what_decode_and_peek_tell(frame: bytes) -> None:
    assert decode_and_peek(frame) == (decode(frame), peek(frame))


SOUND = {
    "an append": b'{"type":"input_audio_buffer.append","audio":"AAAA"}',
    "an append with the sender's id": (
        b'{"event_id": "e", "type": "input_audio_buffer.append", "audio": "AAAA"}'
    ),
    "an append with an item's id": (
        b'{"item_id":"i","type":"input_audio_buffer.append","audio":"AAAA"}'
    ),
    "an append without sound": b'{"type":"input_audio_buffer.append","item_id":"i"}',
    "an append of an item": (
        b'{"item":{"id":"i"},"event_id":"e","type":"input_audio_buffer.append","audio":"AA"}'
    ),
    "a delta": wire("response.output_audio.delta", item_id="i", response_id="r", delta="AAAA"),
    "a delta of beta": wire("response.audio.delta", item_id="i", response_id="r", delta="AAAA"),
    "words of beta, an id in front": (
        b'{"event_id":"e","type":"response.audio_transcript.delta","item_id":"i",'
        b'"response_id":"r","delta":"hi"}'
    ),
    "a delta that carries its item": (
        wire("response.output_audio.delta", item={"id": "i"}, response_id="r", delta="AAAA")
    ),
}


@pytest.mark.parametrize("frame", SOUND.values(), ids=SOUND.keys())
def test_sound_and_words_are_indexed_as_peek_has_them(frame: bytes) -> None:
    assert decode_and_peek(frame) == (decode(frame), peek(frame))
