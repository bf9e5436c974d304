import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.recorder.peaks import MAX_SLICES, RATE_HZ, PeakMeter, slices_per_second


@given(st.integers(0, 5 * 3600 * 1_000_000))
def test_a_lane_is_never_longer_than_allowed(duration_us: int) -> None:
    result = PeakMeter(duration_us).result()
    assert len(result.caller) == len(result.assistant) == len(result.assistant_unheard)
    assert len(result.caller) <= MAX_SLICES
    assert len(result.caller) >= result.duration_ms * result.per_second // 1000


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(1, 50), (6, 50), (7, 25), (12, 25), (30, 10), (60, 5), (61, 2), (200, 1), (700, 1)],
)
def test_longer_calls_have_coarser_peaks(minutes: int, expected: int) -> None:
    assert slices_per_second(minutes * 60_000_000) == expected


@given(
    st.lists(st.tuples(st.integers(0, 30_000), st.lists(st.integers(-32768, 32767), max_size=20)))
)
def test_a_peak_is_the_loudest_sample_of_its_slice(chunks: list[tuple[int, list[int]]]) -> None:
    meter = PeakMeter(1_000_000)
    loudest = [0] * 50
    for start, samples in chunks:
        meter.add("assistant", start, np.array(samples, np.int16))
        for number, sample in enumerate(samples, start):
            if number < RATE_HZ:
                slice_ = number * 50 // RATE_HZ
                loudest[slice_] = max(loudest[slice_], min(127, abs(sample) >> 8))
    assert list(meter.result().assistant) == loudest
    assert not any(meter.result().caller)
