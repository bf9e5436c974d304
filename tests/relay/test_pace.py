"""How much one leg may send."""

from hypothesis import given
from hypothesis import strategies as st

from trunkline.relay.pace import BURST_S, BYTES_PER_S, FRAMES_PER_S, Pace

SECOND_NS = 1_000_000_000


def test_what_may_come_at_once_may_come_at_once() -> None:
    pace = Pace(0)
    assert pace.allows(FRAMES_PER_S * BURST_S, 0, 1)
    assert not pace.allows(FRAMES_PER_S * BURST_S + 1, 0, 2)


def test_bytes_count_as_frames_do() -> None:
    pace = Pace(0)
    assert pace.allows(1, BYTES_PER_S * BURST_S, 1)
    assert not pace.allows(2, BYTES_PER_S * BURST_S + 1024, 2)


def test_time_that_was_not_used_is_not_saved_beyond_a_burst() -> None:
    pace = Pace(0)
    assert pace.allows(0, 0, 3600 * SECOND_NS)
    assert not pace.allows(FRAMES_PER_S * BURST_S + 1, 0, 3600 * SECOND_NS)


@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(1, SECOND_NS)), max_size=100))
def test_over_any_time_no_more_is_let_through_than_share_and_burst(
    steps: list[tuple[int, int]],
) -> None:
    """Who is let wait sends nothing; what comes within one step is the overshoot."""
    pace, sent, at_ns, allowed = Pace(0), 0, 0, True
    for frames, ns in steps:
        at_ns += ns
        sent += frames if allowed else 0
        allowed = pace.allows(sent, 0, at_ns)
        assert sent <= FRAMES_PER_S * (BURST_S + at_ns / SECOND_NS) + 4000
