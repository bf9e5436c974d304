"""Calls that no provider should make, and some do: no number of them is absurd. Times in ms."""

import pytest
from tests.recorder.script import (
    Told,
    begin,
    caller,
    done,
    mic,
    provider,
    rows_of,
    session,
    sound,
    speech,
)

from trunkline.store.facts.rows import CallRow, ResponseRow, TurnRow

CREATED = provider(0, "session.created", session={"id": "s"})


def ended(at_ms: int) -> Told:
    """The last thing that happens."""
    return caller(at_ms, "input_audio_buffer.clear")


def test_sound_behind_the_end_of_its_response_is_its_sound() -> None:
    told = [
        CREATED, session(), mic(0, 4000), speech(500, 1000, "u1"), begin(1700, "r1"),
        sound(2000, "r1", "a1", 500), done(2100, "r1"), sound(2200, "r1", "a1", 500), ended(5000),
    ]  # fmt: skip
    (response,) = rows_of(ResponseRow, *told)
    (call,) = rows_of(CallRow, *told)
    assert response.audio_us == response.heard_us == call.assistant_audio_us == 1_000_000


def test_who_is_not_let_to_interrupt_hears_on_until_the_call_ends() -> None:
    """Sound of 20 s from 2000 on; spoken over at 4000; the next turn begins, and ends at 9000."""
    told = [
        CREATED, session(interrupt_response=False), mic(0, 9000), speech(500, 1000, "u1"),
        begin(1700, "r1"), sound(2000, "r1", "a1", 20_000), done(2100, "r1"),
        speech(4000, 4500, "u2"), begin(5300, "r2"), sound(5500, "r2", "a2", 1000),
        done(5600, "r2"), speech(6500, 7000, "u3"), ended(9000),
    ]  # fmt: skip
    turns = rows_of(TurnRow, *told)
    assert [turn.stop_us for turn in turns] == [None, 5_000_000, 2_500_000]
    assert [turn.ended_us for turn in turns][:2] == [9_000_000, 5_600_000]
    responses = rows_of(ResponseRow, *told)
    assert [response.heard_us for response in responses] == [7_000_000, 0]
    (call,) = rows_of(CallRow, *told)
    assert call.heard_audio_us == 7_000_000


@pytest.mark.parametrize("told_ms", [100, 10**9])
def test_the_call_has_heard_what_its_responses_have(told_ms: int) -> None:
    """An application that says it played more than there is, of sound that waits its turn."""
    cut = {"item_id": "a2", "content_index": 0, "audio_end_ms": told_ms}
    told = [
        CREATED, session(interrupt_response=False), mic(0, 5000), speech(500, 1000, "u1"),
        begin(1700, "r1"), sound(2000, "r1", "a1", 20_000), done(2100, "r1"),
        speech(2500, 2600, "u2"), begin(3300, "r2"), sound(3500, "r2", "a2", 1000),
        caller(3600, "conversation.item.truncate", **cut), done(3700, "r2"), ended(5000),
    ]  # fmt: skip
    heard = [response.heard_us for response in rows_of(ResponseRow, *told)]
    (call,) = rows_of(CallRow, *told)
    assert call.heard_audio_us == sum(heard)


def test_a_turn_is_never_over_before_it_began() -> None:
    """An answer to speech that the provider dates behind it."""
    told = [
        CREATED, session(), mic(0, 4000), begin(500, "r1"), sound(600, "r1", "a1", 100),
        speech(2000, 2500, "u1"), done(700, "r1"), ended(4000),
    ]  # fmt: skip
    for turn in rows_of(TurnRow, *told):
        assert turn.started_us <= turn.ended_us
