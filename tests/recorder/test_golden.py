"""Whole calls, folded to the facts that they must give."""

from typing import Any

import pytest
from tests.recorder.folding import run
from tests.support import golden


@pytest.mark.parametrize("name", golden.names())
def test_a_golden_call_gives_its_facts(name: str, update_golden: bool) -> None:
    facts = golden.facts(run(golden.records(name)).rows)
    if update_golden:
        golden.expect(name, facts)
    assert facts == golden.expected(name)


def facts(name: str) -> dict[str, Any]:
    return golden.facts(run(golden.records(name)).rows)


def turn(name: str, number: int) -> dict[str, Any]:
    return next(row for row in facts(name)["TurnRow"] if row["turn"] == number)


def row(name: str, table: str, **where: Any) -> dict[str, Any]:
    rows = facts(name)[table]
    return next(row for row in rows if where.items() <= row.items())


# --- worked out by hand from the calls in tests/golden/compose.py
#
# A microphone chunk of 20 ms is received when it is over, so sound is placed where it was
# spoken; a frame is handed on 90 µs after it came.


def test_the_wait_is_counted_from_the_true_end_of_speech() -> None:
    """Spoken until 2500 ms, `speech_stopped` at 3060 ms, first audio handed at 3400.09 ms."""
    first = turn("clean_turns", 1)
    assert first["speech_ended_us"] == 2_500_000
    assert first["wait_us"] == 900_090
    assert first["wait_from_stopped_us"] == 340_090
    assert first["endpoint_us"] == 560_000


def test_the_cost_of_a_turn_is_that_of_its_tokens() -> None:
    """gpt-realtime-2.1: 4.00 and 32.00 in, 0.40 cached text, 24.00 and 64.00 out, per million.

    First: 120 × 4 + 21 × 32 + 14 × 24 + 48 × 64 = 4560 millionths of a dollar. Second:
    82 × 4 + 64 × 0.40 + 34 × 32 + 9 × 24 + 24 × 64 = 3193.6. Two transcriptions of 2 s at
    0.017 a minute: 2 × 0.000566667.
    """
    assert turn("clean_turns", 1)["cost_usd"] == "0.004560000"
    assert turn("clean_turns", 2)["cost_usd"] == "0.003193600"
    assert facts("clean_turns")["CallRow"][0]["cost_usd"] == "0.008886934"


def test_a_barge_in_is_measured_on_the_turn_that_it_begins() -> None:
    """Speech from 5000 ms; played from 3000.09 ms; truncated at 2120 ms: heard to 5120.09 ms."""
    spoken_over, barging = turn("barge_in", 1), turn("barge_in", 2)
    assert spoken_over["status"] == "interrupted"
    assert (spoken_over["audio_us"], spoken_over["heard_us"]) == (4_800_000, 2_120_000)
    assert "barge_in" not in spoken_over
    assert barging["barge_in"] is True
    assert barging["stop_us"] == 120_090


def test_the_transcript_says_how_much_of_it_was_heard() -> None:
    """2120 of 4800 ms of 59 characters: 26 of them."""
    line = row("barge_in", "ItemRow", item_id="item_a1")
    assert line["text"][: line["heard_chars"]] == "We open on Mondays at eight and"[:26]
    assert line["generated_ends_us"] - line["starts_us"] == 4_800_000


def test_a_tool_call_and_its_follow_up_are_one_turn() -> None:
    """Spoken until 2200 ms, the call at 3020 ms, its output at 3420 ms, audio at 3800.09 ms."""
    only = turn("tool_call", 1)
    assert len(facts("tool_call")["TurnRow"]) == 1
    assert only["wait_us"] == 1_600_090
    assert {response["turn"] for response in facts("tool_call")["ResponseRow"]} == {1}
    call = row("tool_call", "ToolCallRow", tool_call_id="call_f1")
    assert (call["arguments"], call["output"]) == ('{"day":"Tuesday"}', '{"time":"15:30"}')
    assert call["latency_us"] == 3_420_000 - 3_020_090


def test_a_transcript_that_comes_late_is_in_its_place() -> None:
    lines = sorted(facts("transcription_late")["ItemRow"], key=lambda line: line["position"])
    assert [line.get("text", "") for line in lines] == [
        "Good morning, please.",
        "Good morning.",
        "",
        "Pardon?",
    ]
    assert [line["transcript_status"] for line in lines if line["role"] == "caller"] == [
        "completed",
        "failed",
    ]


def test_a_written_answer_is_waited_for_from_the_request() -> None:
    """Requested at 1001.09 ms, first text handed at 1500.09 ms."""
    first, last = turn("text_only", 1), turn("text_only", 3)
    assert (first["kind"], first["wait_us"]) == ("text", 499_000)
    assert (last["kind"], last["status"], last.get("wait_us")) == ("assistant", "incomplete", None)


def test_telephone_sound_has_the_same_times() -> None:
    """4 × 400 ms of mu-law, 8 bytes a millisecond."""
    answer = row("g711", "ResponseRow", response_id="resp_1")
    assert (answer["audio_us"], answer["heard_us"]) == (1_600_000, 1_600_000)
    assert turn("g711", 1)["wait_us"] == 900_090


def test_what_was_not_played_when_the_provider_was_lost_was_not_heard() -> None:
    """Played from 3000.09 ms to the end at 3410 ms, of 1200 ms."""
    answer = row("provider_drops", "ResponseRow", response_id="resp_1")
    assert (answer["status"], answer["heard_us"]) == ("in_progress", 409_910)
    assert turn("provider_drops", 1)["status"] == "incomplete"
    assert row("provider_drops", "ErrorRow")["source"] == "gateway"


def test_a_refused_call_has_its_row_and_shows_no_key() -> None:
    call = facts("refused")["CallRow"][0]
    assert (call["status"], call["end_reason"]) == ("refused", "refused_by_provider")
    assert call["http_status"] == 401
    assert "0123456789abcdef" not in call["error_message"]


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


def test_a_turn_by_hand_is_waited_for_from_the_commit() -> None:
    """Committed at 2520 ms, first audio at 3000.09 ms; cancelled when 1000 ms were heard."""
    first = turn("push_to_talk", 1)
    assert first["wait_us"] == 480_090
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
