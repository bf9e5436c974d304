"""The last minute, second by second."""

from __future__ import annotations

from trunkline.vitals.window import SECONDS, Growth, Peak, Rise


def test_a_peak_is_forgotten_after_a_minute() -> None:
    peak = Peak()
    assert peak.value == 0
    for value in (3, 9, 5):
        peak.note(value)
    for _ in range(SECONDS):
        peak.second()
        peak.note(1)
        assert peak.value == 9
    peak.second()
    assert peak.value == 1


def test_growth_is_all_in_the_first_minute_and_then_that_of_the_last() -> None:
    growth = Growth()
    for second in range(1, 200):
        counters = (second, 2 * second)
        assert growth.since(counters) == (min(second, SECONDS), 2 * min(second, SECONDS))
        growth.second(counters)


def test_a_rise_is_remembered_with_its_time() -> None:
    rise = Rise()
    for now_ns, value in ((1, 0), (2, 0), (3, 5), (4, 5)):
        rise.note(value, now_ns)
    assert rise.at_ns == 3
