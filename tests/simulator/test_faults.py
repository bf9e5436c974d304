"""Faults happen when they are asked for, and the same seed gives the same call."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulator.talk import SERVER_VAD, Talk
from tests.support import speech

from trunkline.simulator.faults import Close, Cut, Freeze


def play(switches: str, *, connection: int = 1) -> Talk:
    talk = Talk(switches, connection=connection)
    talk.update(audio={"input": {"turn_detection": SERVER_VAD}})
    talk.say(speech.load("cards") + speech.silence(700))
    talk.wait(8_000)
    return talk


FAULTY = "swap_one_in:5,duplicate_one_in:6,unknown_one_in:7,extra_fields,jitter_ms:30"


def test_the_same_seed_gives_the_same_call_byte_for_byte() -> None:
    one, same = play(FAULTY), play(FAULTY)
    assert one.frames == same.frames
    assert one.times_ms == same.times_ms


def test_another_seed_and_another_connection_give_other_calls() -> None:
    one = play(FAULTY)
    assert play(FAULTY + ",seed:8").frames != one.frames
    assert play(FAULTY, connection=2).frames != one.frames


def deltas(talk: Talk) -> int:
    return sum(
        e["type"].startswith("response.") and e["type"].endswith(".delta") for e in talk.events
    )


def test_the_connection_is_cut_in_the_middle_of_a_response() -> None:
    talk = play("drop_after_deltas:5")
    assert (talk.ends, deltas(talk)) == ([Cut()], 5)
    assert "response.done" not in talk.types()


def test_the_connection_is_closed_in_the_middle_of_a_response() -> None:
    talk = play("close_after_deltas:3,close_code:1013,close_reason:later")
    assert (talk.ends, deltas(talk)) == ([Close(1013, "later")], 3)


def test_the_connection_is_closed_or_frozen_after_a_time() -> None:
    for switch, end in (
        (
            "close_after_ms:500",
            Close(1011, "The server had an error while processing your request"),
        ),
        ("half_open_after_ms:500", Freeze()),
    ):
        talk = Talk(switch)
        talk.wait(400)
        assert talk.ends == []
        talk.wait(200)
        assert talk.ends == [end]
        talk.update()
        assert talk.types() == ["session.created"]


def test_frames_are_doubled() -> None:
    counts = Counter(play("duplicate_one_in:3").frames)
    assert set(counts.values()) == {1, 2}


def test_frames_are_swapped_but_none_is_lost() -> None:
    swapped, straight = play("swap_one_in:4"), play("")
    assert swapped.types() != straight.types()
    lost = Counter(straight.types()) - Counter(swapped.types())
    assert set(lost) <= {"response.output_audio.delta", "response.output_audio_transcript.delta",
                         straight.types()[-1]}  # fmt: skip


def test_unknown_events_and_fields_appear() -> None:
    talk = play("unknown_one_in:4,extra_fields")
    assert "response.hologram.delta" in talk.types()
    assert all("obfuscation" in event for event in talk.events)


def test_events_can_be_padded_to_any_size() -> None:
    talk = Talk("pad_bytes:2000000")
    assert 2_000_000 <= len(talk.frames[0]) < 2_000_100


def test_a_session_may_begin_without_a_word_or_with_one_more() -> None:
    assert Talk("omit_session_created").events == []
    assert Talk("conversation_created").types() == ["session.created", "conversation.created"]


def test_turns_may_go_unanswered() -> None:
    assert "response.created" not in play("unanswered").types()


INPUT = {
    "format": {"type": "audio/pcmu"},
    "transcription": {"model": "whisper-1"},
    "turn_detection": {**SERVER_VAD, "threshold": 0.5, "prefix_padding_ms": 3},
}
OUTPUT = {"voice": "alloy", "speed": 1, "format": {"type": "audio/pcm", "rate": 24_000}}
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "array", "items": {"type": "integer", "minimum": 3}}},
}
SESSION = {
    "type": "realtime", "instructions": "x", "tools": [], "output_modalities": ["text"],
    "tool_choice": "auto", "max_output_tokens": 5, "audio": {"input": INPUT, "output": OUTPUT},
}  # fmt: skip
CONTENT = [
    {"type": "input_text", "text": "weather?"},
    {"type": "input_audio", "audio": "AAAA"},
]
RESPONSE = {
    "conversation": "none", "input": [{"type": "item_reference", "id": "i"}], "metadata": {},
    "instructions": "Hm", "tools": [{"type": "function", "name": "f", "parameters": SCHEMA}],
    "tool_choice": {"type": "function", "name": "f"}, "max_output_tokens": 9,
    "audio": {"output": {"voice": "alloy"}},
}  # fmt: skip
EVENTS: list[object] = [
    {"type": "session.update", "session": SESSION},
    {"type": "input_audio_buffer.append", "audio": "AAAA" * 3_000},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {"type": "conversation.item.create", "previous_item_id": "root",
     "item": {"id": "i", "type": "message", "role": "user", "content": CONTENT}},
    {"type": "conversation.item.create",
     "item": {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}},
    {"type": "conversation.item.create",
     "item": {"type": "function_call_output", "call_id": "c", "output": "1"}},
    {"type": "conversation.item.retrieve", "item_id": "i"},
    {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 3},
    {"type": "conversation.item.delete", "item_id": "i"},
    {"type": "response.create", "event_id": "e", "response": RESPONSE},
    {"type": "response.create"},
    {"type": "response.cancel", "response_id": "r"},
]  # fmt: skip
"""One good example of each event: the property test damages them."""

JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 10**12), st.floats(allow_nan=False),
    st.text(max_size=5), st.just([]), st.just({}), st.just([None]), st.just([{"type": 3}]),
    st.just({"type": "function"}), st.just({"type": []}),
)  # fmt: skip


def damaged(value: object, data: st.DataObject) -> object:
    """`value` with one of its parts, at any depth, replaced or taken away."""
    inside = isinstance(value, dict | list) and value and data.draw(st.integers(0, 4)) > 0
    if not inside:
        return data.draw(JUNK)
    if isinstance(value, list):
        at = data.draw(st.integers(0, len(value) - 1))
        return [damaged(v, data) if i == at else v for i, v in enumerate(value)]
    assert isinstance(value, dict)
    name = data.draw(st.sampled_from(sorted(value)))
    if data.draw(st.integers(0, 3)) == 0:
        return {k: v for k, v in value.items() if k != name}
    return {k: damaged(v, data) if k == name else v for k, v in value.items()}


@pytest.mark.parametrize("dialect", ["ga", "beta"])
@settings(max_examples=150)
@given(data=st.data())
def test_nothing_a_caller_sends_breaks_a_session(dialect: str, data: st.DataObject) -> None:
    """Near-valid events find more than random bytes do."""
    talk = Talk("vad:energy", dialect="ga" if dialect == "ga" else "beta")
    for _ in range(data.draw(st.integers(1, 6))):
        event = data.draw(st.sampled_from(EVENTS))
        if data.draw(st.booleans()):
            event = damaged(event, data)
        talk.raw(json.dumps(event).encode())
        talk.wait(data.draw(st.sampled_from([0, 50, 500])))
    talk.wait(5_000)
    assert talk.ends == []
    session = {"type": "realtime"} if dialect == "ga" else {}
    talk.send("session.update", session=session)
    assert talk.types()[-1] == "session.updated"
