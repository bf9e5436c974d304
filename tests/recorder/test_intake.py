"""Appends against the clock, by hand: (received, placed, length) in ms."""

import pytest
from tests.recorder.script import caller, pcm, rows_of, session

from trunkline.recorder import intake
from trunkline.recorder.intake import Intake
from trunkline.store.facts.rows import CallRow

Told = list[tuple[float, float, float]]


def heard(told: Told) -> Intake:
    made = Intake()
    for received, starts, length in told:
        made.hear(round(received * 1000), round(starts * 1000), round(length * 1000))
    return made


SCENARIOS: dict[str, tuple[Told, int | None, int | None]] = {
    # jitter µs, gaps
    "as regular as a clock": ([(20, 0, 20), (40, 20, 20), (60, 40, 20)], 0, 0),
    # |30 - 20| and |10 - 20|
    "one late, one early": ([(20, 0, 20), (50, 20, 20), (60, 40, 20)], 10_000, 0),
    "a pause is a gap and no jitter": ([(20, 0, 20), (40, 20, 20), (300, 280, 20)], 0, 1),
    "a file has no rhythm": ([(20, 0, 20), (21, 20, 500), (22, 520, 500)], None, None),
    "one append has no neighbour": ([(20, 0, 20)], None, 0),
    "nothing was sent": ([], None, None),
}


@pytest.mark.parametrize(("told", "jitter_us", "gaps"), SCENARIOS.values(), ids=SCENARIOS.keys())
def test_how_evenly_sound_came(told: Told, jitter_us: int | None, gaps: int | None) -> None:
    made = heard(told)
    assert intake.jitter_us(made) == jitter_us
    assert intake.gaps(made) == gaps
    assert (intake.gap_us(made) is None) == (gaps is None)


def test_a_gap_is_as_long_as_nothing_was_there() -> None:
    assert intake.gap_us(heard([(20, 0, 20), (300, 280, 20)])) == 260_000


def test_a_clock_that_is_fast_drifts() -> None:
    """20.02 ms of sound every 20 ms is 1000 ppm; in five seconds nobody can tell."""
    long = [(20.02 + n * 20, n * 20.02, 20.02) for n in range(1001)]
    assert intake.drift_ppm(heard(long)) == pytest.approx(1000, abs=2)
    assert intake.drift_ppm(heard(long[:250])) is None


def test_a_call_knows_its_input() -> None:
    """Chunks of 100 ms: the third 40 ms late, the fourth on time again; then 500 ms of nothing."""
    came = (100, 200, 340, 400, 1000)
    (row,) = rows_of(
        CallRow,
        session(0),
        [caller(at, "input_audio_buffer.append", audio=pcm(100)) for at in came],
    )
    assert row.input_jitter_us == (0 + 40_000 + 40_000) // 3
    assert (row.input_gaps, row.input_gap_us) == (1, 500_000)
