"""Numbers of turns, responses and calls, each worked out by hand; times in ms."""

from typing import Any

import pytest
from tests.recorder.folding import run
from tests.recorder.script import (
    Told,
    begin,
    call,
    caller,
    done,
    mic,
    output,
    provider,
    records,
    rows_of,
    session,
    sound,
    speech,
    text,
    typed,
)

from trunkline.protocol.call import Closed
from trunkline.recorder import metrics
from trunkline.recorder.fold import call_row
from trunkline.recorder.state import Line, Turn
from trunkline.store.facts.rows import CallRow, ItemRow, ResponseRow, TurnRow

CREATED = provider(0, "session.created", session={"id": "s"})
DETECTED = {"status_details": {"type": "cancelled", "reason": "turn_detected"}}
Script = list[Told | list[Told]]


def answered(response: str, at_ms: int, length_ms: int = 500, **more: Any) -> list[Told]:
    return [
        begin(at_ms - 300, response),
        sound(at_ms, response, f"a_{response}", length_ms),
        done(at_ms + 100, response, **more),
    ]


def end(at_ms: int) -> Told:
    return caller(at_ms, "input_audio_buffer.clear")


# --- turns

CUT_INS: dict[str, tuple[Script, list[bool]]] = {
    "the caller had finished": ([speech(1000, 2000, "u1"), answered("r1", 3000)], [False]),
    "the caller goes on 400 ms after the first sound": (
        [speech(1000, 2000, "u1"), answered("r1", 3000, 5000), speech(3400, 4000, "u2")],
        [True, False],
    ),
    "the caller interrupts 600 ms after the first sound": (
        [speech(1000, 2000, "u1"), answered("r1", 3000, 5000), speech(3600, 4000, "u2")],
        [False, False],
    ),
    "the first sound comes while the caller speaks again": (
        [
            session(interrupt_response=False), speech(1000, 2000, "u1"), begin(2700, "r1"),
            speech(2800, 4000, "u2"), sound(3000, "r1", "a1", 500), done(3100, "r1"),
        ],
        [True, False],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("told", "expected"), CUT_INS.values(), ids=CUT_INS.keys())
def test_whether_the_assistant_cut_in(told: Script, expected: list[bool]) -> None:
    told = [CREATED, session(), mic(0, 6000), *told, end(9000)]
    assert [turn.cut_in for turn in rows_of(TurnRow, *told)] == expected
    (whole,) = rows_of(CallRow, *told)
    assert whole.cut_ins == sum(expected)


def test_how_fast_the_provider_stopped() -> None:
    """Noticed at 4100, cancelled at 4350; another time it had been done before."""
    told: Script = [
        CREATED, session(), mic(0, 12_000), speech(1000, 2000, "u1"),
        begin(2700, "r1"), sound(3000, "r1", "a1", 5000), speech(4000, 5000, "u2"),
        done(4350, "r1", "cancelled", **DETECTED), answered("r2", 6000, 5000),
        speech(8000, 9000, "u3"), end(12_000),
    ]  # fmt: skip
    turns = rows_of(TurnRow, *told)
    assert [turn.provider_stop_us for turn in turns] == [None, 250_000, None]


UNANSWERED = {
    "5 s and more": ({"committed_us": 1_000_000}, 6_000_000, True, True),
    "not yet 5 s": ({"committed_us": 1_000_000}, 5_999_999, True, False),
    "the session does not answer unasked": ({"committed_us": 0}, 9_000_000, False, False),
    "it was asked to": ({"committed_us": 0, "requested_us": 1_000_000}, 6_000_000, False, True),
    "it was asked to just now": (
        {"committed_us": 0, "requested_us": 8_000_000}, 9_000_000, False, False,
    ),
    "nobody said anything": ({}, 9_000_000, True, False),
}  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "at_us", "creates", "expected"), UNANSWERED.values(), ids=UNANSWERED.keys()
)
def test_an_answer_is_due_for_five_seconds(
    fields: dict[str, int], at_us: int, creates: bool, expected: bool
) -> None:
    turn = Turn(1, "speech", "waiting", 0, **fields)  # type: ignore[arg-type]  # a table of fields
    assert metrics.is_unanswered(turn, at_us, creates=creates) is expected
    turn.phase = "answered"
    assert not metrics.is_unanswered(turn, at_us, creates=creates)


@pytest.mark.parametrize(("ends_ms", "expected"), [(4000, 0), (9000, 1)])
def test_a_call_counts_what_was_left_unanswered(ends_ms: int, expected: int) -> None:
    told: Script = [CREATED, session(), mic(0, 3000), speech(1000, 2000, "u1"), end(ends_ms)]
    (whole,) = rows_of(CallRow, *told)
    assert whole.unanswered_turns == expected


# --- responses

TRUNCATES = {
    "as the model has it": (4000, 1000, 0),
    "the player has a buffer of 200 ms": (4000, 800, -200_000),
    "the player counts too fast": (4000, 1500, 500_000),
    "after a pause of the wire, when all was played": (9000, 1500, -500_000),
}


@pytest.mark.parametrize(("at_ms", "kept_ms", "error_us"), TRUNCATES.values(), ids=TRUNCATES.keys())
def test_how_much_a_truncate_is_off(at_ms: int, kept_ms: int, error_us: int) -> None:
    """2 s of sound, played from 3000 on."""
    cut = {"item_id": "a1", "content_index": 0, "audio_end_ms": kept_ms}
    told: Script = [
        CREATED, session(), mic(0, 2000), speech(500, 1000, "u1"), begin(2700, "r1"),
        sound(3000, "r1", "a1", 2000), caller(at_ms, "conversation.item.truncate", **cut),
        done(9100, "r1"), end(9500),
    ]  # fmt: skip
    (response,) = rows_of(ResponseRow, *told)
    assert response.truncate_error_us == error_us


def test_what_was_never_truncated_has_no_error() -> None:
    told: Script = [CREATED, session(), mic(0, 2000), speech(500, 1000, "u1"), answered("r1", 2000)]
    (response,) = rows_of(ResponseRow, *told)
    assert response.truncate_error_us is None


def test_how_long_the_caller_waited_for_what_a_tool_knew() -> None:
    """Two tools in parallel, called at 2000 and 2300; their answer is heard from 5000 on."""
    told: Script = [
        CREATED, session(), mic(0, 1500), speech(500, 1000, "u1"), begin(1700, "r1"),
        provider(2000, "response.output_item.done", response_id="r1", item=call("f1", "c1")),
        provider(2300, "response.output_item.done", response_id="r1", item=call("f2", "c2")),
        done(2400, "r1"), output(3000, "c1"), output(4000, "c2"), caller(4100, "response.create"),
        begin(4300, "r2"), sound(5000, "r2", "a2", 500), done(5100, "r2"), end(6000),
    ]  # fmt: skip
    first, second = rows_of(ResponseRow, *told)
    assert (first.tool_round_trip_us, second.tool_round_trip_us) == (None, 3_000_000)


SILENT: dict[str, tuple[list[Told], dict[str, Any], bool]] = {
    "nothing at all": ([], {}, True),
    "sound was to be made": ([], {"output_modalities": ["audio"]}, True),
    "by its beta name": ([], {"modalities": ["text", "audio"]}, True),
    "a text was to be written": ([], {"output_modalities": ["text"]}, False),
    "a text was written": ([text(2000, "r1", "a1", "Hi")], {}, False),
    "words without their sound": (
        [text(2000, "r1", "a1", "Hi")], {"output_modalities": ["audio"]}, True,
    ),
    "a tool is called": (
        [provider(2000, "response.output_item.done", response_id="r1", item=call("f1", "c1"))],
        {"output_modalities": ["audio"]}, False,
    ),
    "sound": ([sound(2000, "r1", "a1", 100)], {"output_modalities": ["audio"]}, False),
    "it failed": ([], {"status": "failed"}, False),
}  # fmt: skip


@pytest.mark.parametrize(("made", "more", "expected"), SILENT.values(), ids=SILENT.keys())
def test_an_answer_without_its_sound(
    made: list[Told], more: dict[str, Any], expected: bool
) -> None:
    status = more.pop("status", "completed")
    told: Script = [
        CREATED, session(), typed(1000, "Hello?"), caller(1100, "response.create"),
        begin(1200, "r1"), made, done(2500, "r1", status, **more), end(9000),
    ]  # fmt: skip
    (response,) = rows_of(ResponseRow, *told)
    (whole,) = rows_of(CallRow, *told)
    assert (response.silent, whole.silent_responses) == (expected, int(expected))


# --- items


def test_when_the_first_words_of_a_speech_were_known() -> None:
    """Spoken from 1000 on; the first piece of the transcript comes at 1600."""
    name = "conversation.item.input_audio_transcription"
    about = {"item_id": "u1", "content_index": 0}
    told: Script = [
        CREATED, session(), mic(0, 4000), speech(1000, 2000, "u1"),
        provider(1600, f"{name}.delta", **about, delta="Good"),
        provider(1900, f"{name}.delta", **about, delta=" day"),
        provider(2900, f"{name}.completed", **about, transcript="Good day"), end(4000),
    ]  # fmt: skip
    (item,) = rows_of(ItemRow, *told)
    assert item.first_words_us == 600_000
    assert metrics.first_words_us(Line("u2", 0, starts_us=5)) is None


# --- calls

GIVEN_UP: dict[str, tuple[Script, int, bool]] = {
    "before any answer": ([speech(1000, 2000, "u1")], 3000, True),
    "without a word": ([], 3000, True),
    "after an answer": ([speech(1000, 2000, "u1"), answered("r1", 3000)], 4000, False),
    "a while after an answer": ([speech(1000, 2000, "u1"), answered("r1", 3000)], 20_000, False),
    "while waiting for the second answer": (
        [speech(1000, 2000, "u1"), answered("r1", 3000), speech(5000, 6000, "u2")], 9500, True,
    ),
    "soon after asking": (
        [speech(1000, 2000, "u1"), answered("r1", 3000), speech(5000, 6000, "u2")], 8000, False,
    ),
    "5 s after an answer that took more than 3": (
        [speech(1000, 2000, "u1"), answered("r1", 6000)], 10_900, True,
    ),
    "later than that": ([speech(1000, 2000, "u1"), answered("r1", 6000)], 11_100, False),
}  # fmt: skip


def closed(told: Script, at_ms: int, reason: Any = "caller_closed") -> CallRow:
    flat = [CREATED, session(), mic(0, min(7000, at_ms)), *told, end(at_ms)]
    state = run(records(flat), over=False).state
    state.closed, state.ended_us = Closed(status="completed", end_reason=reason), at_ms * 1000
    return call_row(state)


@pytest.mark.parametrize(("told", "ends_ms", "expected"), GIVEN_UP.values(), ids=GIVEN_UP.keys())
def test_whether_the_caller_gave_up(told: Script, ends_ms: int, expected: bool) -> None:
    assert closed(told, ends_ms).abandoned is expected


def test_only_who_hangs_up_gives_up() -> None:
    assert closed([], 9000, "provider_closed").abandoned is False
    state = run(records([CREATED, session(), end(9000)]), over=False).state
    assert call_row(state).abandoned is None


def test_an_answer_that_is_read_is_no_silence() -> None:
    written = [begin(2700, "r1"), text(3000, "r1", "a1", "Hi"), done(3100, "r1")]
    assert closed([speech(1000, 2000, "u1"), written], 9000).abandoned is False


def test_a_word_while_the_tool_works_is_not_what_it_knew() -> None:
    """Called at 2000; something is said at 2800, and what the tool knew at 5000."""
    told: Script = [
        CREATED, session(), mic(0, 1500), speech(500, 1000, "u1"), begin(1700, "r1"),
        provider(2000, "response.output_item.done", response_id="r1", item=call("f1", "c1")),
        done(2100, "r1"), caller(2200, "response.create"), answered("r2", 2800),
        output(4000, "c1"), caller(4100, "response.create"), answered("r3", 5000), end(7000),
    ]  # fmt: skip
    trips = {row.response_id: row.tool_round_trip_us for row in rows_of(ResponseRow, *told)}
    assert trips == {"r1": None, "r2": None, "r3": 3_000_000}
