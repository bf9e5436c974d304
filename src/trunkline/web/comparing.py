"""I/O. Two cohorts of calls beside each other: the numbers that page and API both show.

What is counted, and medians and percentiles, are asked as everything is asked of the store,
over all rows. Intervals and distributions are of at most `MOST_ROWS` rows of each table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

import msgspec
import numpy as np

from trunkline.store.facts.catalogue import METRIC_OF
from trunkline.store.facts.conditions import AllOf, Is
from trunkline.store.facts.dimensions import DIMENSION_OF
from trunkline.store.facts.measure import FEW, BadQuestion, Measure, Question, measure
from trunkline.store.facts.metric import Metric
from trunkline.store.facts.queries_calls import CallFilters
from trunkline.store.facts.queries_measure import Sample, measured, sampled
from trunkline.store.facts.store import FactsStore
from trunkline.web import statistics
from trunkline.web.statistics import Cohort, Group, Histogram

METRICS: Final = (
    "turn.wait",
    "turn.endpoint",
    "response.first_audio",
    "turn.barge_in_share",
    "turn.stop",
    "audio.unheard_share",
    "tool.latency",
    "call.duration",
    "call.turns",
    "call.cost",
    "call.cost_per_minute",
    "calls.failed_share",
    "talk.ratio",
    "talk.longest_silence",
)
"""What is compared unless somebody asks for something else."""
MOST_ROWS: Final = 5_000
MOST_METRICS: Final = 20
_PER_UNIT: Final = {"ms": 1000.0}
"""What the store's numbers are divided by."""

Says: TypeAlias = Literal["higher", "lower", "not_shown", "too_few"]
"""Of the second cohort: its number is higher or lower than the first one's, as far as one can
be sure; no difference is shown, which is not that there is none; or there are too few calls."""
Number: TypeAlias = float | Decimal | None


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One cohort's numbers of a metric."""

    n: int
    """Rows that have it."""
    numbers: dict[str, Number]
    """`p50` and `p95`, or `ratio`."""
    calls: int
    """Different calls among the rows below."""
    rows: int
    """From which intervals and distribution are."""
    whole: bool
    """They are all that there are."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The second cohort's number less the first one's."""

    aggregate: str
    value: Number
    low: float | None
    high: float | None
    """Ends of the interval; None: there is none."""
    says: Says


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of two cohorts."""

    metric: Metric
    a: Side
    b: Side
    differences: tuple[Difference, ...]
    shared_calls: int
    """Calls that are in both, of those that are looked at: then intervals are not to be trusted."""
    superiority: float | None
    """How often a row of the second is greater than one of the first; None for ratios."""
    distribution: Histogram | None


def measures_of(names: Sequence[str]) -> tuple[Measure, ...]:
    """Return what to measure of metrics. Raises `BadQuestion` for those that have no spread."""
    if not 1 <= len(names) <= MOST_METRICS or len(set(names)) < len(names):
        raise BadQuestion(f"compare 1 to {MOST_METRICS} metrics, each once")
    found: list[Measure] = []
    for name in names:
        metric = METRIC_OF.get(name)
        without = metric is not None and (metric.distinct or metric.weights)
        if without or (metric is not None and metric.unit in ("at", "text")):
            raise BadQuestion(f"{name} is no number that calls or their parts have")
        ratio = metric is not None and metric.over
        found.append(measure(name, *(("ratio",) if ratio else ("p50", "p95"))))
    return tuple(found)


def split(filters: CallFilters, by: str, value: str) -> CallFilters:
    """Return `filters`, narrowed to the calls whose dimension `by` is `value`.

    Raises:
        BadQuestion: it is a dimension of parts, of which a call may have both values.
    """
    dimension = DIMENSION_OF.get(by)
    if dimension is not None and dimension.table != "calls":
        raise BadQuestion(f"by: one call may have both values of {by}; name a dimension of calls")
    narrowed = AllOf((filters.condition, Is(by, "equals", value)))
    return msgspec.structs.replace(filters, condition=narrowed)


async def compare(
    facts: FactsStore, org_id: str, a: CallFilters, b: CallFilters, measures: tuple[Measure, ...]
) -> list[Compared]:
    """Return the measures of the organisation's calls that fit `a`, and of those that fit `b`.

    Raises:
        BadQuestion, BadCondition: it cannot be asked.
    """
    found = await asyncio.gather(
        *(_cohort(facts, org_id, of, measures, stream) for stream, of in enumerate((a, b)))
    )
    # Some hundredths of a second of arithmetic, while others are answered.
    return await asyncio.to_thread(_all, measures, *found)


class _Cohort(msgspec.Struct, frozen=True):
    """All of one cohort, for each measure in turn."""

    sides: list[Side]
    groups: list[Group]
    drawn: list[statistics.Numbers]


async def _cohort(
    facts: FactsStore,
    org_id: str,
    filters: CallFilters,
    measures: tuple[Measure, ...],
    stream: int,
) -> _Cohort:
    question = Question(measures=measures, filters=filters)
    answer, samples = await asyncio.gather(
        measured(facts, org_id, question), sampled(facts, org_id, question, MOST_ROWS)
    )
    (row,) = answer.rows or [None]
    # What is drawn of one cohort has nothing to do with the other: each has its own thread.
    return await asyncio.to_thread(_drawn, measures, row, samples, stream)


def _drawn(
    measures: tuple[Measure, ...], row: Any, samples: tuple[Sample, ...], stream: int
) -> _Cohort:
    groups = _groups(measures, samples)
    return _Cohort(
        sides=[
            _side(asked, _numbers(row, number), groups[number], samples[number].whole)
            for number, asked in enumerate(measures)
        ],
        groups=groups,
        drawn=[
            statistics.drawn(group, [_LEVELS[name] for name in asked.aggregates], stream)
            for asked, group in zip(measures, groups, strict=True)
        ],
    )


def _all(measures: tuple[Measure, ...], a: _Cohort, b: _Cohort) -> list[Compared]:
    return [_compared(asked, number, a, b) for number, asked in enumerate(measures)]


def _groups(measures: tuple[Measure, ...], samples: tuple[Sample, ...]) -> list[Group]:
    """Return the numbers of each measure, in its unit. What is drawn of the same calls is drawn
    once."""
    cohorts: dict[bytes, Cohort] = {}
    groups: list[Group] = []
    for asked, sample in zip(measures, samples, strict=True):
        calls = sample.calls.tobytes()
        cohort = cohorts.get(calls) or Cohort(sample.calls)
        cohorts[calls] = cohort
        values = sample.values / _PER_UNIT.get(asked.metric.unit, 1.0)
        over = None if sample.over is None else sample.over / asked.metric.per
        groups.append(Group(values, cohort, over, sample.of))
    return groups


def _numbers(row: Any, number: int) -> dict[str, Any]:
    return dict(row.numbers[number]) if row is not None else {"n": 0}


def _compared(asked: Measure, number: int, of_a: _Cohort, of_b: _Cohort) -> Compared:
    spread = not asked.metric.over
    side_a, side_b = of_a.sides[number], of_b.sides[number]
    a, b = of_a.groups[number], of_b.groups[number]
    intervals = statistics.between(of_a.drawn[number], of_b.drawn[number])
    return Compared(
        metric=asked.metric,
        a=side_a,
        b=side_b,
        differences=_differences(asked, side_a, side_b, intervals),
        shared_calls=len(np.intersect1d(a.calls, b.calls)),
        superiority=statistics.superiority(a.values, b.values) if spread else None,
        distribution=statistics.histogram(a.values, b.values) if spread else None,
    )


def _side(asked: Measure, numbers: dict[str, Any], group: Group, whole: bool) -> Side:
    return Side(
        n=numbers["n"],
        numbers={name: numbers.get(name) for name in asked.aggregates},
        calls=group.of_calls,
        rows=len(group.values),
        whole=whole,
    )


_LEVELS: Final = {"p50": 0.5, "p95": 0.95, "ratio": None}


def _differences(
    asked: Measure, of_a: Side, of_b: Side, intervals: list[statistics.Interval | None]
) -> tuple[Difference, ...]:
    few = min(of_a.n, of_b.n) < FEW
    return tuple(
        _difference(
            name,
            of_a.numbers[name],
            of_b.numbers[name],
            None if few and name == "p95" else interval,
        )
        for name, interval in zip(asked.aggregates, intervals, strict=True)
    )


def _difference(
    aggregate: str, one: Any, other: Any, interval: statistics.Interval | None
) -> Difference:
    return Difference(
        aggregate=aggregate,
        value=None if one is None or other is None else other - one,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        says=_says(interval),
    )


def _says(interval: statistics.Interval | None) -> Says:
    if interval is None:
        return "too_few"
    if not interval.is_apart:
        return "not_shown"
    return "higher" if interval.low > 0 else "lower"
