"""Who spoke, by hand: times in seconds."""

import pytest
from tests.recorder.script import (
    begin,
    done,
    mic,
    provider,
    rows_of,
    session,
    sound,
    speech,
)  # fmt: skip

from trunkline.recorder.spans import Span, common, measure, union, within
from trunkline.recorder.talk import talk
from trunkline.store.facts.rows import CallRow

S = 1_000_000


def spans(*pairs: tuple[float, float]) -> list[Span]:
    return [(round(a * S), round(b * S)) for a, b in pairs]


SCENARIOS = {
    # caller, assistant, end → caller, assistant, overlap, silence, longest silence, at, monologue
    "they take turns": ([(1, 3)], [(4, 8)], 10, (2, 4, 0, 4, 2, 8, 4)),
    "a barge-in is both at once": ([(1, 3), (6, 9)], [(4, 7)], 9, (5, 3, 1, 2, 1, 3, 3)),
    "nobody speaks": ([], [], 5, (0, 0, 0, 5, None, None, 0)),
    "only the caller, with a pause": ([(1, 2), (4, 5)], [], 6, (2, 0, 0, 4, 2, 2, 4)),
    "told twice counts once": ([(1, 3), (1, 3), (2, 4)], [], 4, (3, 0, 0, 1, 0, 4, 3)),
    "what is outside is left out": ([(-3, 1)], [(8, 20)], 10, (1, 2, 0, 7, 7, 1, 2)),
    "what comes first is no dead air": ([(9, 10)], [], 10, (1, 0, 0, 9, 0, 10, 1)),
}  # fmt: skip


@pytest.mark.parametrize(
    ("caller", "assistant", "end", "expected"), SCENARIOS.values(), ids=SCENARIOS.keys()
)
def test_how_the_time_of_a_call_was_spent(
    caller: list[tuple[float, float]],
    assistant: list[tuple[float, float]],
    end: int,
    expected: tuple[int | None, ...],
) -> None:
    spent = talk(spans(*caller), spans(*assistant), 0, end * S)
    assert tuple(None if us is None else us / S for us in spent) == expected


def test_time_that_spans_cover() -> None:
    assert union([(5, 7), (1, 3), (2, 4), (9, 9), (4, 5)]) == [(1, 7)]
    assert measure([(1, 4), (6, 7)]) == 4
    assert common([(0, 4), (6, 9)], [(1, 2), (3, 7)]) == [(1, 2), (3, 4), (6, 7)]
    assert within([(0, 5), (6, 7)], 1, 6) == [(1, 5)]


def test_a_call_knows_who_spoke_when() -> None:
    """Heard from 1000 to 2000 ms and from 3100 to 4100 ms; over at 5000 ms."""
    (row,) = rows_of(
        CallRow,
        provider(0, "session.created", session={"id": "s"}),
        session(0),
        mic(0, 5000),
        speech(1000, 2000, "item_1"),
        begin(2700, "resp_1"),
        sound(3100, "resp_1", "item_2", 1000),
        done(3200, "resp_1"),
    )
    assert (row.caller_talk_us, row.assistant_talk_us, row.overlap_us) == (S, S, 0)
    assert (row.silence_us, row.longest_silence_us) == (3 * S, 1_100_000)
    assert row.longest_silence_at_us == 2 * S
    assert row.time_to_first_audio_us == 3_100_000
