"""Whole calls, folded to the facts that they must give."""

from typing import Any

import pytest
from tests.recorder.folding import run
from tests.recorder.recorded import Measured
from tests.support import golden
from tests.support.facts import whole

from trunkline.journal.record import Kind
from trunkline.recorder.fold import call_row, fold
from trunkline.recorder.state import State
from trunkline.store.facts.rows import CallRow, Row, UsageRow


@pytest.mark.parametrize("name", golden.names())
def test_a_golden_call_gives_its_facts(name: str, update_golden: bool) -> None:
    facts = golden.facts(run(golden.records(name)).rows)
    if update_golden:
        golden.expect(name, facts)
    assert facts == golden.expected(name)


@pytest.mark.parametrize("name", golden.names())
def test_a_call_costs_what_its_uses_cost_and_names_those_without_a_price(name: str) -> None:
    """What was spent is summed over calls, of which there are fewer than of uses."""
    rows = golden.latest(run(golden.records(name)).rows)
    uses = [row for row in rows if isinstance(row, UsageRow)]
    (call,) = (row for row in rows if isinstance(row, CallRow))
    priced = [use.cost_usd for use in uses if use.cost_usd is not None]
    assert call.cost_usd == (sum(priced) if priced else None)
    assert set(call.unpriced) == {use.model for use in uses if use.cost_usd is None}


@pytest.mark.parametrize("name", golden.names())
def test_at_any_moment_a_call_gathers_what_its_parts_say(name: str) -> None:
    """So that what many calls are asked may be asked of their own rows alone."""
    state, rows = State.new(), list[Row]()
    for number, record in enumerate(golden.records(name)):
        state, found = fold(state, record)
        rows += found
        if number % 25 == 0 or record.kind is Kind.CLOSED:
            now = call_row(state)
            parts = [row for row in golden.latest(rows) if not isinstance(row, CallRow)]
            assert whole([*parts, now])[-1] == now


def facts(name: str) -> dict[str, Any]:
    return golden.facts(run(golden.records(name)).rows)


def turn(name: str, number: int) -> dict[str, Any]:
    return next(row for row in facts(name)["TurnRow"] if row["turn"] == number)


def row(name: str, table: str, **where: Any) -> dict[str, Any]:
    rows = facts(name)[table]
    return next(row for row in rows if where.items() <= row.items())


# --- recorded calls, beside what a ruler says (tests/recorder/recorded.py)

SPOKEN = (
    "clean_turns",
    "barge_in",
    "tool_call",
    "transcription_late",
    "g711",
    "provider_drops",
)


@pytest.mark.parametrize("name", SPOKEN)
def test_speech_began_and_ended_where_the_sound_says(name: str) -> None:
    """`A(audio_start_ms + P)` and `A(audio_end_ms - S)`, and the wait to notice the end."""
    measured = Measured(name)
    for row in facts(name)["TurnRow"]:
        ends_us = measured.user_end_us(row["item_id"])
        (stopped,) = measured.all("input_audio_buffer.speech_stopped", item_id=row["item_id"])
        assert row["speech_started_us"] == measured.user_start_us(row["item_id"])
        assert row["speech_ended_us"] == ends_us
        assert row["endpoint_us"] == stopped.came_us - ends_us


@pytest.mark.parametrize("name", SPOKEN)
def test_the_wait_is_from_the_true_end_of_speech_to_the_first_sound(name: str) -> None:
    """`dl(F) - user_end`, with a tool call too, whose follow-up is what is heard first."""
    measured = Measured(name)
    for row in facts(name)["TurnRow"]:
        first_us = measured.play_start_us(answer_of(name, row["turn"])["response_id"])
        (stopped,) = measured.all("input_audio_buffer.speech_stopped", item_id=row["item_id"])
        assert row["wait_us"] == first_us - measured.user_end_us(row["item_id"])
        assert row["wait_from_stopped_us"] == first_us - stopped.came_us


def answer_of(name: str, number: int) -> dict[str, Any]:
    """Return the response of a turn that was spoken."""
    (found,) = [
        response
        for response in facts(name)["ResponseRow"]
        if response["turn"] == number and "audio_us" in response
    ]
    return found


@pytest.mark.parametrize("name", SPOKEN)
def test_an_answer_that_nobody_cuts_is_heard_whole(name: str) -> None:
    measured = Measured(name)
    for row in facts(name)["ResponseRow"]:
        if row["status"] == "completed" and "audio_us" in row:
            assert row["audio_us"] == row["heard_us"] == measured.made_us(row["response_id"])
            assert measured.stalled_us(row["response_id"]) == 0


def test_the_cost_of_a_call_is_that_of_its_tokens() -> None:
    """gpt-realtime-2.1: 4.00 and 32.00 in, 0.40 cached audio, 24.00 and 64.00 out, per million.

    First: 26 × 32 + 8 × 24 + 42 × 64 = 3712 millionths of a dollar. Third, with 64 of 168
    tokens of sound cached: 8 × 4 + 104 × 32 + 64 × 0.40 + 16 × 24 + 75 × 64 = 8569.6. Cut off,
    and paid for, the second: 8 × 4 + 104 × 32 + 12 × 24 + 48 × 64 = 6720. Transcriptions by
    gpt-4o-mini-transcribe: 101 × 1.25 + 30 × 5.00 = 276.25.
    """
    costs = [turn("barge_in", number)["cost_usd"] for number in (1, 2, 3)]
    assert costs == ["0.003712000", "0.006720000", "0.008569600"]
    assert facts("barge_in")["CallRow"][0]["cost_usd"] == "0.019277850"


def test_a_barge_in_is_measured_on_the_turn_that_it_begins() -> None:
    """Heard: what the truncate says. Stop: from the start of the speech to the last sound."""
    measured = Measured("barge_in")
    spoken_over, barging = turn("barge_in", 2), turn("barge_in", 3)
    (truncate,) = measured.all("conversation.item.truncate")
    heard_us = truncate.fields["audio_end_ms"] * 1000
    silent_us = measured.play_start_us(spoken_over["response_id"]) + heard_us
    assert spoken_over["status"] == "interrupted"
    assert spoken_over["audio_us"] == measured.made_us(spoken_over["response_id"]) > heard_us
    assert (spoken_over["heard_us"], spoken_over["ended_us"]) == (heard_us, silent_us)
    assert "barge_in" not in spoken_over
    assert barging["barge_in"] is True
    assert barging["stop_us"] == silent_us - measured.user_start_us(barging["item_id"])
    assert facts("barge_in")["CallRow"][0]["barge_ins"] == 1


def test_what_is_heard_of_an_answer_fits_what_its_player_says() -> None:
    """`truncate error`: the model, `up(truncate) - p`, and the player differ by little."""
    measured = Measured("barge_in")
    (truncate,) = measured.all("conversation.item.truncate")
    model_us = truncate.came_us - measured.play_start_us(turn("barge_in", 2)["response_id"])
    assert abs(truncate.fields["audio_end_ms"] * 1000 - model_us) < 20_000


def test_the_transcript_says_how_much_of_it_was_heard() -> None:
    """As much of the text as of the sound."""
    answer = turn("barge_in", 2)
    line = row("barge_in", "ItemRow", response_id=answer["response_id"])
    part = answer["heard_us"] / answer["audio_us"]
    assert line["heard_chars"] == int(len(line["text"]) * part)
    assert line["ends_us"] - line["starts_us"] == answer["heard_us"]
    assert line["generated_ends_us"] - line["starts_us"] == answer["audio_us"]


def test_a_tool_call_and_its_follow_up_are_one_turn() -> None:
    """Tool time: `up(item.create) - dl(arguments.done)`."""
    measured = Measured("tool_call")
    assert len(facts("tool_call")["TurnRow"]) == 1
    assert [response["turn"] for response in facts("tool_call")["ResponseRow"]] == [1, 1]
    (call,) = facts("tool_call")["ToolCallRow"]
    (asked,) = measured.all("response.function_call_arguments.done")
    (told,) = measured.all("conversation.item.create")
    assert call["arguments"] == asked.fields["arguments"] == '{"distance_meters": 2.5}'
    assert call["output"] == '{"moved_meters": 10}'
    assert call["latency_us"] == told.came_us - asked.went_us


def test_a_transcript_that_comes_late_is_in_its_place() -> None:
    """The first comes when the second answer is done; the second had not come at the end."""
    lines = sorted(facts("transcription_late")["ItemRow"], key=lambda line: line["position"])
    assert [line.get("text", "") for line in lines] == [
        "Go forward ten meters.",
        "Hello! How can I help you today?",
        "",
        "Sure. Let me know what you need, and we will go through it step by step.",
    ]
    assert [line["transcript_status"] for line in lines if line["role"] == "caller"] == [
        "completed",
        "failed",
    ]


def test_a_written_answer_is_waited_for_from_the_request() -> None:
    """`dl(first text) - fw(response.create)`."""
    measured = Measured("text_only")
    for number, asked in zip((1, 2), measured.all("response.create"), strict=False):
        found = turn("text_only", number)
        first = measured.all("response.output_text.delta", response_id=found["response_id"])[0]
        assert (found["kind"], found["wait_us"]) == ("text", first.went_us - asked.went_us)
    last = turn("text_only", 3)
    assert (last["kind"], last["status"], last.get("wait_us")) == ("assistant", "incomplete", None)
    assert row("text_only", "ErrorRow")["event_id"] == "mine_1"


def test_what_was_not_played_when_the_provider_was_lost_was_not_heard() -> None:
    """Ten deltas of 100 ms came; the call ended `duration - p` after the first was played."""
    call, measured = facts("provider_drops")["CallRow"][0], Measured("provider_drops")
    (answer,) = facts("provider_drops")["ResponseRow"]
    played_us = call["duration_us"] - measured.play_start_us(answer["response_id"])
    assert (answer["status"], answer["audio_us"]) == ("in_progress", 1_000_000)
    assert answer["heard_us"] == played_us < 1_000_000
    assert turn("provider_drops", 1)["status"] == "incomplete"
    assert row("provider_drops", "ErrorRow")["source"] == "gateway"
    assert (call["status"], call["end_reason"]) == ("failed", "provider_lost")
    assert call["caller_close_code"] == 1011


def test_a_refused_call_has_its_row() -> None:
    call = facts("refused")["CallRow"][0]
    assert (call["status"], call["end_reason"]) == ("refused", "refused_by_provider")
    assert (call["http_status"], call["error_code"]) == (401, "401")
    assert "Access denied" in call["error_message"]


# --- composed calls, worked out by hand from tests/golden/compose.py
#
# A microphone chunk of 20 ms is received when it is over, so sound is placed where it was
# spoken; a frame is handed on 90 µs after it came.


def test_both_dialects_give_the_same_facts() -> None:
    """Frames are folded as received: what went on translated changes nothing."""
    call = facts("beta_dialect")["CallRow"][0]
    assert call["caller_dialect"] == "beta"
    assert turn("beta_dialect", 1)["wait_us"] == 900_090
    assert row("beta_dialect", "ItemRow", item_id="item_a1")["text"] == "Good evening!"
    assert facts("beta_dialect")["EventRow"]["provider bridged response.audio.delta"] == 2


def test_a_recovered_call_was_heard_until_its_last_record() -> None:
    """Played from 2900.09 ms; the last record is of 4000 ms."""
    call = facts("recovered")["CallRow"][0]
    assert (call["status"], call["heard_audio_us"]) == ("recovered", 1_099_910)


def test_a_turn_by_hand_is_waited_for_from_the_last_loud_sound() -> None:
    """Spoken until 2500 ms and committed at 2520, first audio at 3000.09 ms; cancelled when
    1000 ms were heard."""
    first = turn("push_to_talk", 1)
    assert (first["wait_us"], first["endpoint_us"]) == (500_090, 20_000)
    assert first["speech_end_by"] == "loudness"
    assert "speech_stopped_us" not in first
    assert (first["status"], first["heard_us"]) == ("interrupted", 1_000_000)


@pytest.mark.parametrize("name", golden.names())
def test_items_sound_where_the_transcript_says(name: str) -> None:
    """No two items of one side overlap, and what was heard is a part of what was made."""
    for role in ("caller", "assistant"):
        cursor_us = 0
        spoken = [line for line in facts(name)["ItemRow"] if line["role"] == role]
        for line in sorted(spoken, key=lambda line: line["position"]):
            if line.get("starts_us") is None:
                continue
            assert cursor_us <= line["starts_us"] <= line["ends_us"] <= line["generated_ends_us"]
            cursor_us = line["ends_us"]
