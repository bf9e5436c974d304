"""What the numbers about a turn are, at their edges."""

import pytest

from trunkline.recorder import metrics
from trunkline.recorder.state import Turn
from trunkline.recorder.timeline import Play


def turn(**fields: object) -> Turn:
    made = Turn(1, "speech", "answered", 0)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_speech_is_waited_for_from_its_true_end() -> None:
    spoken = turn(speech_ended_us=100, speech_stopped_us=600, first_audio_us=1000)
    assert metrics.wait_us(spoken) == 900
    assert metrics.endpoint_us(spoken) == 500
    assert metrics.wait_from_stopped_us(spoken) == 400


def test_text_is_waited_for_from_the_request() -> None:
    assert metrics.wait_us(turn(kind="text", requested_us=300, first_audio_us=1000)) == 700


def test_a_written_answer_counts_by_its_first_text_and_a_spoken_one_does_not() -> None:
    written = turn(kind="text", requested_us=300, first_text_us=500)
    assert metrics.wait_us(written) == 200
    written.first_audio_us = 900
    assert metrics.wait_us(written) == 600


@pytest.mark.parametrize("kind", ["speech", "text", "tool", "assistant"])
def test_without_its_events_a_number_is_missing_and_not_zero(kind: str) -> None:
    bare = turn(kind=kind)
    assert metrics.wait_us(bare) is None
    assert metrics.endpoint_us(bare) is None
    assert metrics.wait_from_stopped_us(bare) is None
    assert metrics.stop_us(bare, {}) is None


def test_an_assistant_that_begins_by_itself_lets_nobody_wait() -> None:
    assert metrics.wait_us(turn(kind="assistant", requested_us=1, first_audio_us=9)) is None


def test_what_is_heard_after_the_caller_speaks_is_the_time_to_stop() -> None:
    plays = {"a": Play(0, 9000, audio_us=9000, cut_us=4200)}
    barging = turn(barge_in=True, over=["a"], speech_started_us=4000)
    assert metrics.stop_us(barging, plays) == 200
    plays["a"].cut_us = 3900
    assert metrics.stop_us(barging, plays) == 0


def test_a_turn_ends_with_the_last_sound_that_was_heard() -> None:
    plays = {"a": Play(1000, 9000, audio_us=8000, cut_us=4000), "b": Play(500, 900, audio_us=400)}
    assert metrics.ended_us(turn(items=["a", "b"], done_us=99_000), plays) == 4000
    assert metrics.ended_us(turn(done_us=7000), plays) == 7000
    assert metrics.ended_us(turn(started_us=10, committed_us=20), plays) == 20


STATUSES = {
    "waiting": ("unanswered", {"phase": "waiting"}),
    "hearing": ("unanswered", {"phase": "hearing"}),
    "done": ("completed", {"status": "completed"}),
    "cut while playing": ("interrupted", {"status": "completed", "interrupted": True}),
    "cancelled": ("interrupted", {"status": "cancelled"}),
    "never done": ("incomplete", {"phase": "answering"}),
    "a status of tomorrow": ("incomplete", {"status": "paused"}),
}


@pytest.mark.parametrize(("status", "fields"), STATUSES.values(), ids=STATUSES.keys())
def test_how_a_turn_ended(status: str, fields: dict[str, object]) -> None:
    assert metrics.status_of(turn(**fields)) == status


def test_heard_never_exceeds_what_was_made() -> None:
    plays = {"a": Play(0, 500, audio_us=500)}
    assert metrics.heard_us(["a", "gone"], plays) == metrics.audio_us(["a"], plays) == 500
    assert metrics.heard_us(["a"], plays, by_us=200) == 200
