"""Whether two groups differ: against published numbers, exact distributions and made-up worlds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trunkline.web.statistics import (
    MIN_CALLS,
    Cohort,
    Group,
    Interval,
    between,
    drawn,
    histogram,
    quantile,
    superiority,
)


def alone(values: list[float]) -> Group:
    """Each number is of a call of its own."""
    return Group(values, Cohort(range(len(values))))


def difference(a: Group, b: Group, level: float | None = None) -> Interval | None:
    (found,) = differences(a, b, level)
    return found


def differences(a: Group, b: Group, *levels: float | None) -> list[Interval | None]:
    return between(drawn(a, levels, 0), drawn(b, levels, 1))


def one_sided(n: int, place: int, level: float) -> float:
    """The probability that the quantile of a resample of n different numbers is at most the one
    at `place` (from 0): that at least as many draws as make it so are at or below it."""
    share, needed = (place + 1) / n, int(level * n) + 1
    return sum(math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(needed, n + 1))


@pytest.mark.parametrize("level", [0.5, 0.95])
@pytest.mark.parametrize("n", [11, 40])
def test_the_interval_is_that_of_all_resamples(n: int, level: float) -> None:
    """A bootstrap of a quantile has an exact distribution: that of an order statistic."""
    values = [float(value * value) for value in range(n)]
    found = difference(alone([0.0] * n), alone(values), level)
    assert found is not None
    exact = [one_sided(n, place, level) for place in range(n)]
    for end, wanted in ((found.low, 0.025), (found.high, 0.975)):
        place = values.index(end)
        # A thousand rounds: their percentile may be the neighbour of the exact one.
        low = exact[place - 1] if place else 0.0
        assert low - 0.02 <= wanted <= exact[place] + 0.02


@pytest.mark.parametrize("level", [0.0, 0.5, 0.95, 0.999])
@pytest.mark.parametrize("rows", [30, 64, 65, 1000])
def test_the_quantiles_of_calls_with_several_rows_are_those_of_what_was_drawn(
    rows: int, level: float
) -> None:
    """Beside the plain way: every drawn call's rows written down, sorted, and looked at."""
    random = np.random.default_rng(rows)
    calls, values = random.integers(0, 20, rows), random.integers(0, 50, rows).astype(float)
    values[random.random(rows) < 0.1] = np.nan
    nothing, cohort = Group([0.0] * rows, Cohort(calls)), Cohort(calls)
    plain: list[float] = []
    for times in cohort.times(1):
        drawn = np.repeat(values, times.astype(int)[cohort.of])
        plain.append(quantile(drawn[~np.isnan(drawn)], level) or 0.0)
    found = difference(nothing, Group(values, cohort), level)
    assert found == Interval(*np.quantile(plain, [0.025, 0.975]).tolist())


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_calls_without_a_number_are_drawn_too(level: float) -> None:
    """So the interval is as wide as with a second row, which is told apart by clusters."""
    random = np.random.default_rng(5)
    values = random.exponential(1000, 400)
    values[random.random(400) < 0.3] = np.nan
    nothing = alone([0.0] * 400)
    flat = difference(nothing, alone(values.tolist()), level)
    twice = [*values.tolist(), math.nan]
    clustered = difference(nothing, Group(twice, Cohort([*range(400), 0])), level)
    assert flat is not None
    assert clustered is not None
    assert flat.low == pytest.approx(clustered.low, rel=0.05)
    assert flat.high == pytest.approx(clustered.high, rel=0.05)


def test_two_cohorts_draw_nothing_together() -> None:
    cohort = Cohort(range(50))
    assert (cohort.times(0) != cohort.times(1)).any()
    assert (cohort.times(0).sum(axis=1) == 50).all()


def test_of_as_many_calls_the_same_places_are_drawn() -> None:
    """Whoever asks, and however often: what somebody makes of it is his own."""
    first = Cohort(range(60)).times(0)
    kept = first.copy()
    first += 1
    assert (Cohort(range(100, 160)).times(0) == kept).all()


def test_nobody_speaks_of_few_calls() -> None:
    few, enough = alone([1.0] * (MIN_CALLS - 1)), alone([2.0] * MIN_CALLS)
    assert difference(few, enough, 0.5) is None
    assert difference(enough, few, 0.5) is None
    assert difference(enough, enough, 0.5) == Interval(0.0, 0.0)


def test_many_turns_of_few_calls_are_few_calls() -> None:
    turns = Group(
        [float(value) for value in range(900)], Cohort([value % 9 for value in range(900)])
    )
    assert difference(turns, turns, 0.5) is None


def test_a_turn_told_ten_times_says_no_more_than_once() -> None:
    random = np.random.default_rng(1)
    a, b = random.normal(0, 1, 40).tolist(), random.normal(0.5, 1, 40).tolist()
    tenfold = Cohort([*range(40)] * 10)
    once = difference(alone(a), alone(b), 0.5)
    often = difference(Group(a * 10, tenfold), Group(b * 10, tenfold), 0.5)
    apart = difference(alone(a * 10), alone(b * 10), 0.5)
    assert once is not None
    assert often is not None
    assert apart is not None
    width = once.high - once.low
    assert often.high - often.low == pytest.approx(width, rel=0.25)
    assert apart.high - apart.low < width / 2


def test_the_same_question_has_the_same_answer() -> None:
    a, b = alone([*map(float, range(30))]), alone([*map(float, range(5, 35))])
    assert differences(a, b, 0.5, 0.95) == [difference(a, b, 0.5), difference(a, b, 0.95)]


def test_who_is_shifted_is_shifted() -> None:
    values = [float(value) for value in range(100)]
    found = difference(alone(values), alone([value + 1000 for value in values]), 0.5)
    assert found is not None
    assert found.is_apart
    assert 970 < found.low < 1000 < found.high < 1030
    back = difference(alone([value + 1000 for value in values]), alone(values), 0.5)
    assert back is not None
    assert back.high < 0


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Two hundred worlds in which the medians of waits differ by ln 2 · 300 ms, and turns of one
    call are alike. 95 % of 200 is 190; what is asserted is five standard deviations wide."""
    random = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        groups: list[Group] = []
        for scale in (400.0, 700.0):
            calls = np.repeat(np.arange(30), 3)
            slow = random.exponential(scale, 30)
            groups.append(Group(slow[calls].tolist(), Cohort(calls.tolist())))
        found = difference(groups[0], groups[1], 0.5)
        assert found is not None
        held += found.low <= math.log(2) * 300 <= found.high
    assert 175 <= held <= 200


def test_a_ratio_is_of_sums() -> None:
    """A call's cost per minute weighs as much as its minutes."""
    a = Group([1.0] * 20, Cohort(range(20)), [2.0] * 20)
    b = Group([3.0] * 20, Cohort(range(20)), [4.0] * 20)
    assert difference(a, b) == Interval(0.25, 0.25)
    zero = Group([0.0] * 20, Cohort(range(20)), [0.0] * 20)
    assert difference(a, zero) is None


def test_a_share_has_the_interval_of_binomials() -> None:
    """Half of 400 and a quarter of 400: −0.25 ± 1.96 · √(0.25/400 + 0.1875/400) = ± 0.0648."""
    half = Group([1.0, 0.0] * 200, Cohort(range(400)), [1.0] * 400)
    quarter = Group([1.0, 0.0, 0.0, 0.0] * 100, Cohort(range(400)), [1.0] * 400)
    found = difference(half, quarter)
    assert found is not None
    assert found.low == pytest.approx(-0.25 - 0.0648, abs=0.01)
    assert found.high == pytest.approx(-0.25 + 0.0648, abs=0.01)


QUANTILES = {
    "of none": ([], 0.5, None),
    "of one": ([7.0], 0.95, 7.0),
    "the upper of two in the middle": ([4.0, 1.0, 3.0, 2.0], 0.5, 3.0),
    "the last but one of twenty": ([float(x) for x in range(20)], 0.95, 19.0),
}


@pytest.mark.parametrize(("values", "level", "expected"), QUANTILES.values(), ids=QUANTILES)
def test_quantile(values: list[float], level: float, expected: float | None) -> None:
    assert quantile(values, level) == expected


SUPERIORITIES = {
    # scipy.stats.mannwhitneyu's own example, diabetes by sex: U1 = 17 of 5 · 4.
    "of scipy": ([20, 11, 17, 12], [19, 22, 16, 29, 24], 17 / 20),
    # scipy 1.17: mannwhitneyu([2, 2, 3], [1, 2, 2, 5]).statistic == 7.0, of 3 · 4.
    "with ties": ([1, 2, 2, 5], [2, 2, 3], 7 / 12),
    "all below": ([1, 2], [3, 4], 1.0),
    "the same": ([1, 2, 3], [1, 2, 3], 0.5),
    "nobody": ([], [1], None),
}


@pytest.mark.parametrize(("a", "b", "expected"), SUPERIORITIES.values(), ids=SUPERIORITIES)
def test_superiority(a: list[float], b: list[float], expected: float | None) -> None:
    found = superiority(a, b)
    assert found == (expected if expected is None else pytest.approx(expected))


def test_a_histogram_has_round_bins_and_an_open_end() -> None:
    a = [float(value) for value in range(100)]
    found = histogram(a, [value + 10 for value in a] + [10_000.0])
    assert found is not None
    assert found.edges[:3] == (0.0, 10.0, 20.0)
    assert sum(found.a) == pytest.approx(1)
    assert sum(found.b) == pytest.approx(1)
    assert found.a[0] == pytest.approx(0.1)
    assert found.b[0] == 0
    assert found.b[-1] > 0
    assert len(found.edges) <= 24


def test_a_histogram_of_one_value_is_one_bin() -> None:
    found = histogram([5.0] * 3, [5.0])
    assert found is not None
    assert (found.a, found.b) == ((1.0,), (1.0,))
    assert histogram([], [1.0]) is None
