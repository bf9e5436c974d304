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
