"""Pure. Whether two groups of numbers differ, as far as one can tell.

Numbers of one call are alike: a slow call has slow turns. So nothing here takes the turns of
a call for independent. What is drawn again is whole calls (the cluster bootstrap: Davison and
Hinkley, Bootstrap Methods and their Application, 1997, 3.8; percentile intervals: Efron and
Tibshirani, An Introduction to the Bootstrap, 1993, 13.3), with a seed, so that who asks
again gets the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
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
Values: TypeAlias = Sequence[float] | Numbers
Times: TypeAlias = NDArray[np.float32]
"""How often a call was drawn: a row for each round, a column for each call."""
_BLOCK: Final = 128
"""Rows that are counted together before the one that is looked for is sought among them."""
_NEAR: Final = 16_384
"""Numbers of eight bytes that the processor's first caches hold."""
_KEPT: Final = 8
"""Sizes and streams of which what was drawn is kept: two cohorts that are compared have four,
with those whose parts are fewer. Of five thousand calls it is 5 MB."""


class Cohort:
    """Calls that may be drawn, once for all numbers that they and their parts have."""

    def __init__(self, calls: Sequence[Any] | NDArray[Any]) -> None:
        """Take the calls, as often as one likes: what tells them apart, and no more."""
        self.calls, of = np.unique(np.asarray(calls), return_inverse=True)
        self.size = len(self.calls)
        self.of: Places = of
        """Which of its calls each of those that were given is, from 0."""
        self._times: dict[int, Times] = {}

    def times(self, stream: int) -> Times:
        """Return how often each call was drawn in each round: `ROUNDS` times as many as there
        are, with replacement. What is drawn in two streams has nothing to do with each other.

        Small numbers, of half the size of those that are exact for all: sums of them with
        microseconds are right to a millionth.
        """
        if stream not in self._times:
            self._times[stream] = _draws(self.size, stream).astype(np.float32)
        return self._times[stream]


@lru_cache(maxsize=_KEPT)
def _draws(calls: int, stream: int) -> NDArray[np.uint8]:
    """Return what `Cohort.times` does of so many calls: whichever they are, it is the same.

    A byte is enough: that one of more than 255 calls is drawn more than 255 times does not happen.
    """
    random = np.random.default_rng((SEED, stream))
    found = np.empty((ROUNDS, calls), dtype=np.uint8)
    # Several rounds at once, as long as what is counted stays near the processor.
    at_once = max(1, _NEAR // calls)
    for first in range(0, ROUNDS, at_once):
        rounds = min(at_once, ROUNDS - first)
        drawn = random.integers(0, calls, (rounds, calls), dtype=np.int32)
        drawn += calls * np.arange(rounds, dtype=np.int32)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rounds * calls)
        found[first : first + rounds] = counts.reshape(rounds, calls)
    found.flags.writeable = False
    return found


class Group:
    """Numbers of a cohort's rows."""

    def __init__(
        self,
        values: Values,
        cohort: Cohort,
        over: Values | None = None,
        of: Places | None = None,
    ) -> None:
        """Take a number for each row, not a number where it is missing. With `over` what is
        compared is sum(values) / sum(over). The rows are of the calls that the cohort was given,
        one by one; or of those whose places among them `of` has."""
        all_values = np.asarray(values, dtype=np.float64)
        there = ~np.isnan(all_values)
        self.over: Numbers | None = None
        if over is not None:
            all_over = np.asarray(over, dtype=np.float64)
            there &= ~np.isnan(all_over)
            self.over = all_over[there]
        self.values: Numbers = all_values[there]
        self.cohort = cohort
        self.of: Places = (cohort.of if of is None else cohort.of[of])[there]
        self._of_calls: Places = np.flatnonzero(np.bincount(self.of, minlength=cohort.size))

    @property
    def is_flat(self) -> bool:
        """Return whether each row is of a call of its own."""
        return self.of_calls == len(self.of)

    @property
    def of_calls(self) -> int:
        """Different calls that have a number."""
        return len(self._of_calls)

    @property
    def calls(self) -> NDArray[Any]:
        """Return the calls that have a number, each once."""
        return self.cohort.calls[self._of_calls]


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


def between(a: Numbers, b: Numbers) -> list[Interval | None]:
    """Return where b's numbers less a's lie, for each that was `drawn`; None: too few calls to say.

    An interval is from the 2.5th to the 97.5th percentile of the differences.
    """
    differences = b - a
    return [_interval(differences[:, place]) for place in range(differences.shape[1])]


def _interval(drawn: Numbers) -> Interval | None:
    drawn = drawn[np.isfinite(drawn)]
    if not drawn.size:
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(float(low), float(high))


def quantile(values: Values, level: float) -> float | None:
    """Return the element at place ⌊level · n⌋, from 0, of the sorted values: as ClickHouse's
    `quantileExact`, so that an interval is about the number that is shown. None: there are none.
    """
    place = min(int(level * len(values)), len(values) - 1)
    return float(np.partition(np.asarray(values), place)[place]) if len(values) else None


def superiority(a: Values, b: Values) -> float | None:
    """Return how often a number of b is greater than one of a, ties by half; None without any.

    It is the U of Mann and Whitney (Annals of Mathematical Statistics 18, 1947) by n_a · n_b:
    0.5 where neither tends to be greater.
    """
    if not len(a) or not len(b):
        return None
    ordered = np.sort(np.asarray(a, dtype=np.float64))
    below = np.searchsorted(ordered, b, "left") + np.searchsorted(ordered, b, "right")
    return float(below.mean()) / 2 / len(a)


def histogram(a: Values, b: Values) -> Histogram | None:
    """Return how both are spread, by bins of one round width; None: there is nothing to show.

    They reach to the 98th percentile of both, so that one outlier does not press all the others
    into the first bin.
    """
    if not len(a) or not len(b):
        return None
    both = np.concatenate([np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)])
    low, high = float(both.min()), quantile(both, 0.98) or 0.0
    width = _round_up((high - low) / (MOST_BINS - 4)) if high > low else 1.0
    first = np.floor(low / width) * width
    bins = int((high - first) / width) + 2 if high > low else 1
    edges = first + width * np.arange(bins)
    return Histogram(
        tuple(round(float(edge), 9) for edge in edges), _shares(a, edges), _shares(b, edges)
    )


def drawn(group: Group, levels: Sequence[float | None], stream: int) -> Numbers:
    """Return the group's numbers: a row for each round, a column for each level. No numbers:
    the group has fewer calls than `MIN_CALLS`.

    A number is the quantile at a level, by the store's own rule (`quantile`); of groups with
    `over` it is one, for None, the ratio of the sums. For each of `ROUNDS` as many calls as
    there are in the cohort are drawn from it with replacement, all their rows with them. What
    is drawn in two streams has nothing to do with each other.
    """
    if group.of_calls < MIN_CALLS:
        return np.full((ROUNDS, len(levels)), np.nan)
    if group.over is not None:
        return _ratios(group, stream)[:, None]
    at = _sought(group, stream)
    return np.column_stack([at(level or 0.0) for level in levels])


def _ratios(group: Group, stream: int) -> Numbers:
    """Return the ratio of the sums in each round."""
    size = group.cohort.size
    tops = np.bincount(group.of, group.values, size).astype(np.float32)
    below = np.bincount(group.of, group.over, size).astype(np.float32)
    sums = group.cohort.times(stream) @ np.column_stack([tops, below])
    return np.divide(sums[:, 0], sums[:, 1], out=np.full(len(sums), np.nan), where=sums[:, 1] != 0)


def _sought(group: Group, stream: int) -> Callable[[float], Numbers]:
    """Return `quantile` in each round, as a function of the level."""
    order = np.argsort(group.values, kind="stable")
    values, of = group.values[order], group.of[order]
    if group.is_flat:
        return partial(_flat_quantiles, values, group.cohort.size, stream)
    return _clustered_quantiles(values, of, group.cohort.times(stream))


def _flat_quantiles(values: Numbers, calls: int, stream: int, level: float) -> Numbers:
    """Draw from what the quantile of a resample is distributed as, where calls have one row.

    Of as many calls, those that have a number are binomial; the k-th smallest of so many
    numbers between 0 and 1 is Beta's (David and Nagaraja, Order Statistics, 2003, 2.3).
    """
    random = np.random.default_rng((SEED, stream, round(1000 * level)))
    drawn = random.binomial(calls, len(values) / calls, ROUNDS)
    place = (level * drawn).astype(np.intp)
    share = random.beta(place + 1, np.maximum(drawn - place, 1))
    found = values[np.minimum((share * len(values)).astype(np.intp), len(values) - 1)]
    return np.where(drawn > 0, found, np.nan)


def _clustered_quantiles(values: Numbers, of: Places, times: Times) -> Callable[[float], Numbers]:
    """Return the quantiles of the sorted `values`: how many rows are drawn up to each block by
    one product of matrices, the place in a block by counting."""
    blocks = -(-len(values) // _BLOCK)
    cell = of * blocks + np.arange(len(of)) // _BLOCK
    in_block = np.bincount(cell, minlength=times.shape[1] * blocks).astype(np.float32)
    reached = np.cumsum(times @ in_block.reshape(-1, blocks), axis=1)
    drawn, rounds = reached[:, -1].astype(np.float64), np.arange(len(times))

    def at(level: float) -> Numbers:
        wanted = np.floor(level * drawn)[:, None]
        block = np.minimum((reached <= wanted).sum(axis=1), blocks - 1)
        before = np.where(block > 0, reached[rounds, block - 1], 0)[:, None]
        rows = np.minimum(block[:, None] * _BLOCK + np.arange(_BLOCK), len(values) - 1)
        within = before + np.cumsum(times[rounds[:, None], of[rows]], axis=1)
        found = values[rows[rounds, np.minimum((within <= wanted).sum(axis=1), _BLOCK - 1)]]
        return np.where(drawn > 0, found, np.nan)

    return at


def _shares(values: Values, edges: Numbers) -> tuple[float, ...]:
    counts, _ = np.histogram(values, [*edges, np.inf])
    return tuple(float(count) / len(values) for count in counts)


def _round_up(width: float) -> float:
    """Return the next of 1, 2, 2.5, 5, 10 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(width))
    return next(
        float(step * power) for step in (1, 2, 2.5, 5, 10) if step * power >= width * 0.999999
    )
