"""Pure. What a metric is: a number of each row of a table.

A new metric is one line here. Its SQL is an expression over the columns of one row of its
table; what is missing there is NULL, and counts nowhere. Its unit is that of its answer:
times are stored in microseconds and answered in milliseconds.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Unit = Literal["ms", "usd", "count", "number", "share", "at", "text"]

PERCENTILES: Final = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99}
NUMBERS: Final = ("sum", "mean", "min", "max", *PERCENTILES)
_AGGREGATES: Final[dict[str, tuple[str, ...]]] = {
    "ms": ("p50", "sum", *NUMBERS[1:4], *tuple(PERCENTILES)[1:]),
    "number": ("mean", "sum", *NUMBERS[2:]),
    "at": ("max", "min"),
    "text": ("any",),
}


_OF_HISTOGRAMS: Final = ("p50", "mean", "min", "max", *tuple(PERCENTILES)[1:])


class Metric(msgspec.Struct, frozen=True):
    """One number per row of a table."""

    id: str
    table: str
    value: str
    """SQL over the columns of one row."""
    unit: Unit
    means: str
    """For whoever reads the number."""
    over: str = ""
    """For shares and rates: what the sum of `value` is divided by the sum of. Whole numbers, whose
    sum is the same in any order."""
    per: int = 1
    """How many of `over` a rate is for."""
    distinct: bool = False
    """Different values are counted, not rows."""
    weights: str = ""
    """For histograms: SQL for how often there is each of `value`, both of them arrays."""

    @property
    def aggregates(self) -> tuple[str, ...]:
        """Return what can be made of many rows. The first one is what is meant by default."""
        if self.over:
            return ("ratio",)
        if self.weights:
            return _OF_HISTOGRAMS
        return ("distinct",) if self.distinct else _AGGREGATES.get(self.unit, NUMBERS)


SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
