"""Quantiles from few integers."""

from hypothesis import given
from hypothesis import strategies as st

from trunkline.recorder import histogram


@given(st.integers(0, 10**12))
def test_a_time_is_within_its_bucket(time_ns: int) -> None:
    times: histogram.Histogram = {}
    histogram.add(times, time_ns)
    found = histogram.quantile_ns(times, 0.5)
    assert found is not None
    assert abs(found - time_ns) * 1000 <= 32 * time_ns


@given(st.lists(st.integers(0, 10**9), min_size=1))
def test_quantiles_are_in_order(times_ns: list[int]) -> None:
    times: histogram.Histogram = {}
    for time_ns in times_ns:
        histogram.add(times, time_ns)
    half, most = histogram.quantile_ns(times, 0.5), histogram.quantile_ns(times, 0.99)
    assert half is not None
    assert most is not None
    assert half <= most


def test_nothing_has_no_quantile() -> None:
    assert histogram.quantile_ns({}, 0.5) is None


def test_a_clock_that_runs_back_counts_as_nothing() -> None:
    times: histogram.Histogram = {}
    histogram.add(times, -5)
    assert histogram.quantile_ns(times, 0.99) == 0


@given(st.lists(st.integers(0, 10**12), min_size=1))
def test_what_is_kept_of_it_has_all_times_near_their_middles(times_ns: list[int]) -> None:
    times: histogram.Histogram = {}
    for time_ns in times_ns:
        histogram.add(times, time_ns)
    middles, frames = histogram.packed(times)
    assert sum(frames) == len(times_ns)
    assert list(middles) == sorted(set(middles))
    kept = [middle for middle, n in zip(middles, frames, strict=True) for _ in range(n)]
    for middle, time_ns in zip(kept, sorted(times_ns), strict=True):
        assert abs(middle - time_ns) <= max(1, 0.063 * time_ns)
