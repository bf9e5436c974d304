"""Pure. Whether two groups of numbers differ, as far as one can tell.

Numbers of one call are alike: a slow call has slow turns. So nothing here takes the turns of
a call for independent. What is drawn again is whole calls (the cluster bootstrap: Davison and
Hinkley, Bootstrap Methods and their Application, 1997, 3.8; percentile intervals: Efron and
Tibshirani, An Introduction to the Bootstrap, 1993, 13.3), with a seed, so that who asks
again gets the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

ROUNDS: Final = 1000
CONFIDENCE: Final = 0.95
SEED: Final = 1947
"""Any number will do: it is the year of Mann and Whitney."""
MIN_CALLS: Final = 10
"""Of each group; with fewer of them the interval would be narrower than what is known."""
MOST_BINS: Final = 24

Numbers: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.intp]


class Group(msgspec.Struct, frozen=True):
    """Numbers, and which call each is of."""

    values: Sequence[float]
    calls: Sequence[Any]
    over: Sequence[float] = ()
    """What a ratio is of: then what is compared is sum(values) / sum(over)."""

    @property
    def of_calls(self) -> int:
        """Different calls."""
        return len(set(self.calls))


class Interval(msgspec.Struct, frozen=True):
    """Where the difference lies, with a confidence of `CONFIDENCE`."""

    low: float
    high: float

    @property
    def is_apart(self) -> bool:
        """Return whether no difference is outside of it."""
        return self.low > 0 or self.high < 0


class Histogram(msgspec.Struct, frozen=True):
    """Shares of two groups by the same bins. The last has no end: what is beyond is in it."""

    edges: tuple[float, ...]
    """Where each bin begins."""
    a: tuple[float, ...]
    b: tuple[float, ...]


def intervals(a: Group, b: Group, levels: Sequence[float | None]) -> list[Interval | None]:
    """Return where b's numbers less a's lie; None: too few calls to say.

    A number is the quantile at a level, by the store's own rule (`quantile`), or for None the
    ratio of the sums. For each of `ROUNDS` as many calls as there are in a group are drawn from
    it with replacement, all their rows with them; an interval is from the 2.5th to the 97.5th
    percentile of the differences.
    """
    if min(a.of_calls, b.of_calls) < MIN_CALLS:
        return [None] * len(levels)
    random = np.random.default_rng(SEED)
    drawn = _drawn(b, levels, random) - _drawn(a, levels, random)
    return [_interval(drawn[:, place]) for place in range(len(levels))]


def _interval(drawn: Numbers) -> Interval | None:
    drawn = drawn[np.isfinite(drawn)]
    if not drawn.size:
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(float(low), float(high))


def quantile(values: Sequence[float], level: float) -> float | None:
    """Return the element at place ⌊level · n⌋, from 0, of the sorted values: as ClickHouse's
    `quantileExact`, so that an interval is about the number that is shown. None: there are none.
    """
    ordered = sorted(values)
    return ordered[min(int(level * len(ordered)), len(ordered) - 1)] if ordered else None


def superiority(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Return how often a number of b is greater than one of a, ties by half; None without any.

    It is the U of Mann and Whitney (Annals of Mathematical Statistics 18, 1947) by n_a · n_b:
    0.5 where neither tends to be greater.
    """
    if not a or not b:
        return None
    ordered = np.sort(np.asarray(a, dtype=np.float64))
    below = np.searchsorted(ordered, b, "left") + np.searchsorted(ordered, b, "right")
    return float(below.mean()) / 2 / len(a)


def histogram(a: Sequence[float], b: Sequence[float]) -> Histogram | None:
    """Return how both are spread, by bins of one round width; None: there is nothing to show.

    They reach to the 98th percentile of both, so that one outlier does not press all the others
    into the first bin.
    """
    if not a or not b:
        return None
    both = np.concatenate([np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)])
    low, high = float(both.min()), quantile(both.tolist(), 0.98) or 0.0
    width = _round_up((high - low) / (MOST_BINS - 4)) if high > low else 1.0
    first = np.floor(low / width) * width
    bins = int((high - first) / width) + 2 if high > low else 1
    edges = first + width * np.arange(bins)
    return Histogram(
        tuple(round(float(edge), 9) for edge in edges), _shares(a, edges), _shares(b, edges)
    )


def _drawn(group: Group, levels: Sequence[float | None], random: np.random.Generator) -> Numbers:
    """Return the group's numbers: a row for each round, a column for each level."""
    _, of = np.unique(np.asarray(group.calls), return_inverse=True)
    number = _ratio(group, of) if None in levels else _quantiles(group, of, levels)
    calls = int(of.max()) + 1
    found = np.empty((ROUNDS, len(levels)))
    for place in range(ROUNDS):
        found[place] = number(np.bincount(random.integers(0, calls, calls), minlength=calls))
    return found


def _ratio(group: Group, of: Places) -> Callable[[Places], float]:
    """Return the ratio of sums, as a function of how often each call was drawn."""
    tops = np.bincount(of, np.asarray(group.values, dtype=np.float64))
    bottoms = np.bincount(of, np.asarray(group.over, dtype=np.float64))

    def ratio(times: Places) -> float:
        below = float(times @ bottoms)
        return float(times @ tops) / below if below else float("nan")

    return ratio


def _quantiles(
    group: Group, of: Places, levels: Sequence[float | None]
) -> Callable[[Places], Numbers]:
    """Return `quantile` at each level, as a function of how often each call was drawn."""
    values = np.asarray(group.values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    values, of = values[order], of[order]
    parts = np.asarray(levels, dtype=np.float64)

    def at(times: Places) -> Numbers:
        reached = np.cumsum(times[of])
        wanted = (parts * reached[-1]).astype(np.intp)
        return values[np.searchsorted(reached, wanted, "right")]

    return at


def _shares(values: Sequence[float], edges: Numbers) -> tuple[float, ...]:
    counts, _ = np.histogram(values, [*edges, np.inf])
    return tuple(float(count) / len(values) for count in counts)


def _round_up(width: float) -> float:
    """Return the next of 1, 2, 2.5, 5, 10 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(width))
    return next(
        float(step * power) for step in (1, 2, 2.5, 5, 10) if step * power >= width * 0.999999
    )
