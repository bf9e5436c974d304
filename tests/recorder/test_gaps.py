"""The time between one who speaks and the next, worked out by hand; times in ms."""

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
    typed,
)

from trunkline.store.facts.rows import TurnRow

CREATED = provider(0, "session.created", session={"id": "s"})
Script = list[Told | list[Told]]


def answered(response: str, at_ms: int, length_ms: int = 500) -> list[Told]:
    return [
        begin(at_ms - 200, response),
        sound(at_ms, response, f"a_{response}", length_ms),
        done(at_ms + 50, response),
    ]


def end(at_ms: int) -> Told:
    return caller(at_ms, "input_audio_buffer.clear")


GAPS: dict[str, tuple[Script, list[int | None], list[int | None]]] = {
    "one after the other": (
        [
            speech(1000, 2000, "u1"), answered("r1", 3000, 1500),
            speech(5000, 6000, "u2"), answered("r2", 6900),
        ],
        [1000, 900], [None, 500],
    ),
    "the caller speaks over the assistant": (
        # Told at 4100, which stops what was to be heard until 8000.
        [
            speech(1000, 2000, "u1"), answered("r1", 3000, 5000),
            speech(4000, 5000, "u2"), answered("r2", 6000),
        ],
        [1000, 1000], [None, -100],
    ),
    "over an answer that nothing interrupts": (
        [
            session(interrupt_response=False), speech(1000, 2000, "u1"),
            answered("r1", 3000, 3000), speech(4000, 5000, "u2"), answered("r2", 6900),
        ],
        [1000, 1900], [None, -2000],
    ),
    "the assistant begins while the caller has gone on": (
        [
            session(interrupt_response=False), speech(1000, 2000, "u1"), begin(2700, "r1"),
            speech(2800, 4000, "u2"), sound(3000, "r1", "a1", 500), done(3100, "r1"),
        ],
        [-1000, None], [None, None],
    ),
    "the assistant begins by itself": (
        [answered("r0", 1000, 1000), speech(3000, 4000, "u1"), answered("r1", 5000)],
        [None, 1000], [None, 1000],
    ),
    "the assistant begins by itself, into the caller's words": (
        [begin(1200, "r0"), speech(1000, 2000, "u1"), sound(1500, "r0", "a0", 300),
         done(1600, "r0"), answered("r1", 3000)],
        [1000, -500], [None, None],
    ),
    "who writes leaves no gap": (
        [typed(1000, "Hello?"), caller(1100, "response.create"), answered("r1", 2000)],
        [None], [None],
    ),
    "nobody answers": ([speech(1000, 2000, "u1")], [None], [None]),
}  # fmt: skip


@pytest.mark.parametrize(("told", "answers", "callers"), GAPS.values(), ids=GAPS.keys())
def test_how_long_nobody_spoke_before(
    told: Script, answers: list[int | None], callers: list[int | None]
) -> None:
    rows = rows_of(TurnRow, CREATED, session(), mic(0, 9000), *told, end(9500))
    turns = sorted(rows, key=lambda turn: turn.turn)
    assert [ms(turn.gap_us) for turn in turns] == answers
    assert [ms(turn.caller_gap_us) for turn in turns] == callers


def ms(us: int | None) -> float | None:
    return None if us is None else us / 1000


def told_of(at_ms: int, audio_end_ms: int | None) -> list[Told]:
    """The caller speaks until 2000, as the provider tells at `at_ms`."""
    began = provider(1100, "input_audio_buffer.speech_started", item_id="u1", audio_start_ms=700)
    more: dict[str, Any] = {} if audio_end_ms is None else {"audio_end_ms": audio_end_ms}
    return [
        began,
        provider(at_ms, "input_audio_buffer.speech_stopped", item_id="u1", **more),
        provider(at_ms, "input_audio_buffer.committed", item_id="u1"),
        *answered("r1", at_ms + 500),
    ]


SEMANTIC = session(type="semantic_vad", silence_duration_ms=None, prefix_padding_ms=None)
LAGS: dict[str, tuple[Script, float | None, float | None]] = {
    # Sound until 2500 was needed to know; it was told at 2580.
    "a window": ([session(), mic(0, 4000), told_of(2580, 2500)], 80, 580),
    "a semantic end has no window": ([SEMANTIC, mic(0, 4000), told_of(2580, 2500)], 80, None),
    "told at once": ([session(), mic(0, 4000), told_of(2500, 2500)], 0, 500),
    "told of sound that has not come": ([session(), mic(0, 4000), told_of(2500, 2700)], 0, 300),
    "the microphone was on later": ([session(), mic(1000, 4000), told_of(2580, 1500)], 80, 580),
    "it is not told by which sound": ([session(), mic(0, 4000), told_of(2580, None)], None, None),
    "no sound passes here": ([session(), told_of(2580, 2500)], None, 500),
}  # fmt: skip


@pytest.mark.parametrize(("told", "lag", "endpoint"), LAGS.values(), ids=LAGS.keys())
def test_what_of_the_endpointing_is_not_the_window(
    told: Script, lag: float | None, endpoint: float | None
) -> None:
    (turn,) = rows_of(TurnRow, CREATED, *told, end(9500))
    assert (ms(turn.vad_lag_us), ms(turn.endpoint_us)) == (lag, endpoint)


def test_a_commit_by_hand_lags_behind_nothing() -> None:
    by_hand = session(type="none")
    committed = [
        caller(2000, "input_audio_buffer.commit"),
        provider(2100, "input_audio_buffer.committed", item_id="u1"),
    ]
    (turn,) = rows_of(TurnRow, CREATED, by_hand, mic(0, 2000), committed, answered("r1", 3000))
    assert turn.vad_lag_us is None
