"""Barge-ins, and what came of them; times in ms."""

from typing import Any

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
)  # fmt: skip

from trunkline.store.facts.rows import CallRow, ResponseRow, TurnRow

DETECTED = {"status_details": {"type": "cancelled", "reason": "turn_detected"}}


def transcript(at_ms: int, item: str, words: str) -> Told:
    name = "conversation.item.input_audio_transcription.completed"
    return provider(at_ms, name, item_id=item, content_index=0, transcript=words)


def barging(ends_ms: int = 5000, *more: Told | list[Told], truncated: bool = True) -> list[Any]:
    """An answer from 3000 to 8000 ms, spoken over from 4000 ms on; told of it at 4100."""
    told: list[Any] = [
        provider(0, "session.created", session={"id": "s"}),
        session(0),
        mic(0, 9000),
        speech(1000, 2000, "item_1"),
        begin(2700, "resp_1"),
        sound(3000, "resp_1", "item_2", 5000),
        speech(4000, ends_ms, "item_3"),
        done(4150, "resp_1", "cancelled", **DETECTED),
        begin(ends_ms + 700, "resp_2"),
        sound(ends_ms + 800, "resp_2", "item_4", 100),
        done(ends_ms + 900, "resp_2"),
        *more,
    ]
    if truncated:
        cut = {"item_id": "item_2", "content_index": 0, "audio_end_ms": 1120}
        told.append(caller(4120, "conversation.item.truncate", **cut))
    return told


KINDS = {
    "words ask for the floor": ("speech", 5000, ["No, Tuesday."]),
    "nothing was understood": ("noise", 5000, [""]),
    "somebody listens": ("backchannel", 5000, ["Mm-hm."]),
    "no transcript, and long": ("speech", 5000, []),
    "no transcript, and shorter than a word": ("noise", 4200, []),
    "a short word counts": ("speech", 4200, ["No."]),
}


@pytest.mark.parametrize(("kind", "ends_ms", "said"), KINDS.values(), ids=KINDS.keys())
def test_what_a_barge_in_was(kind: str, ends_ms: int, said: list[str]) -> None:
    late = [transcript(ends_ms + 2000, "item_3", words) for words in said]
    told = barging(ends_ms, *late)
    turns = rows_of(TurnRow, *told)
    assert [turn.barge_in_kind for turn in turns] == ["", kind]
    (call,) = rows_of(CallRow, *told)
    assert (call.barge_ins, call.false_barge_ins) == (1, int(kind != "speech"))


def test_a_transcript_that_comes_after_its_turn_says_what_the_barge_in_was() -> None:
    """The turn is final at the next commit; its transcript comes then."""
    pending = session(10)
    pending[2]["session"]["audio"]["input"]["transcription"] = {"model": "whisper-1"}
    told = barging(
        5000, pending, speech(6500, 7000, "item_5", "item_4"), transcript(8000, "item_3", "Okay.")
    )
    turns = rows_of(TurnRow, *told)
    assert [turn.barge_in_kind for turn in turns][:2] == ["", "backchannel"]
    (call,) = rows_of(CallRow, *told)
    assert call.false_barge_ins == 1


@pytest.mark.parametrize("truncated", [True, False])
def test_an_answer_that_was_cut_and_not_truncated_is_believed_to_be_heard(
    truncated: bool,
) -> None:
    told = barging(truncated=truncated)
    first, second = rows_of(ResponseRow, *told)
    assert (first.truncated, first.missed_truncate) == (truncated, not truncated)
    assert not second.missed_truncate
    (call,) = rows_of(CallRow, *told)
    assert call.missed_truncates == int(not truncated)


def test_a_call_that_ends_before_the_next_answer_has_missed_nothing() -> None:
    told = [one for one in barging(truncated=False) if one not in barging()[8:11]]
    (first,) = rows_of(ResponseRow, *told)
    assert (first.status, first.missed_truncate) == ("cancelled", False)


def test_the_application_stops_when_it_says_so() -> None:
    """The caller speaks from 4000 on; told at 4100, truncated at 4120."""
    barged = rows_of(TurnRow, *barging())[1]
    assert barged.caller_stop_us == 20_000
    assert barged.truncate_stop_us == 120_000
    silent = rows_of(TurnRow, *barging(truncated=False))[1]
    assert (silent.caller_stop_us, silent.truncate_stop_us) == (None, None)


def test_sound_behind_a_barge_in_is_late() -> None:
    late = sound(4120, "resp_1", "item_2", 300)
    first = rows_of(ResponseRow, *barging(5000, late))[0]
    assert (first.late_audio_us, first.audio_us) == (300_000, 5_300_000)


def test_whoever_goes_on_at_once_had_not_finished() -> None:
    """Stopped at 2600; speaks again at 2900, and the answer is cancelled before it sounds."""
    told = [
        session(0),
        mic(0, 6000),
        speech(1000, 2000, "item_1"),
        begin(2620, "resp_1"),
        speech(2800, 4000, "item_2"),
        done(2950, "resp_1", "cancelled", **DETECTED),
        begin(4700, "resp_2"),
        sound(4800, "resp_2", "item_3", 100),
        done(4900, "resp_2"),
    ]
    first, second = rows_of(TurnRow, *told)
    assert (first.premature, second.premature) == (True, False)
    (call,) = rows_of(CallRow, *told)
    assert call.premature_endpoints == 1
    slow = [*told[:4], speech(3200, 4000, "item_2"), *told[5:]]
    assert [turn.premature for turn in rows_of(TurnRow, *slow)] == [False, False]
