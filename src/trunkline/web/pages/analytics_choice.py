"""Pure. What the page of analytics is asked for: a metric, what to make of it, and by what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast
from urllib.parse import urlencode

import msgspec

from trunkline.store.facts.attention import means
from trunkline.store.facts.catalogue import METRIC_OF, METRICS, PROPERTY, Metric
from trunkline.store.facts.dimensions import DIMENSION_OF, DIMENSIONS
from trunkline.store.facts.measure import BUCKET_SECONDS, Bucket
from trunkline.store.facts.queries_calls import CallFilters
from trunkline.store.thresholds import DEFAULT, Thresholds
from trunkline.web.pages import text
from trunkline.web.pages.buckets import bucket_for

USUAL: Final = "turn.wait"
MOST_BUCKETS: Final = 800
"""A drawing has no room for more."""
BUCKETS: Final[dict[str, str]] = {
    "": "what fits", **{name: name for name in ("minute", "hour", "day", "week", "month")}
}  # fmt: skip
AGGREGATES: Final = {
    "sum": "sum",
    "mean": "mean",
    "min": "least",
    "max": "most",
    "p50": "p50, median",
    "p75": "p75",
    "p90": "p90",
    "p95": "p95",
    "p99": "p99",
    "ratio": "over all",
    "distinct": "different ones",
}
_TABLES: Final = {
    "calls": "Calls",
    "turns": "Turns",
    "responses": "Responses",
    "items": "Transcription",
    "tool_calls": "Tools",
    "errors": "Errors",
    "usage": "What was billed",
    "marks": "Scores and feedback",
}
MEASURED: Final = tuple(
    metric for metric in METRICS if metric.unit not in ("at", "text") and metric.table in _TABLES
)
"""What can be drawn."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What one address asks for. What makes no sense there is what is usual."""

    metric: Metric
    aggregate: str
    by: str
    """A dimension, `property:<name>`, or empty: all calls together."""
    bucket: Bucket
    chosen_bucket: str
    """Empty: what fits the time."""
    zone: str
    sort: str
    """The aggregate, `n` or `name`."""
    ascending: bool

    @property
    def by_words(self) -> str:
        """Return what a group is."""
        if not self.by:
            return "group"
        if self.by.startswith(PROPERTY):
            return self.by.removeprefix(PROPERTY)
        return text.dimension(self.by)

    def pairs(self) -> dict[str, str]:
        """Return the choice as an address has it."""
        pairs = {
            "metric": self.metric.id, "aggregate": self.aggregate, "by": self.by,
            "bucket": self.chosen_bucket, "zone": "" if self.zone == "UTC" else self.zone,
            "sort": "" if self.sort == self.aggregate else self.sort,
            "direction": "asc" if self.ascending else "",
        }  # fmt: skip
        return {name: value for name, value in pairs.items() if value}

    def address(self) -> str:
        """Return the choice as a query string, without filters."""
        return urlencode(self.pairs())

    def sorted(self, name: str) -> Choice:
        """Return the choice in another order, or turned round where it is in that already."""
        turned = name == self.sort and not self.ascending
        return replace(self, sort=name, ascending=turned)


def read_choice(query: Mapping[str, str], filters: CallFilters) -> Choice:
    """Return what a query string asks of the calls that `filters` leave: they have both ends."""
    metric = METRIC_OF.get(query.get("metric", ""), METRIC_OF[USUAL])
    metric = metric if metric in MEASURED else METRIC_OF[USUAL]
    aggregate = query.get("aggregate", "")
    aggregate = aggregate if aggregate in metric.aggregates else metric.aggregates[0]
    by, bucket = query.get("by", ""), query.get("bucket", "")
    sort = query.get("sort", "")
    seconds = ((filters.to_us or 0) - (filters.from_us or 0)) // 1_000_000
    fits = bucket in BUCKET_SECONDS and seconds <= MOST_BUCKETS * BUCKET_SECONDS[bucket]
    return Choice(
        metric=metric,
        aggregate=aggregate,
        by=by if _groups(metric, by) else "",
        bucket=cast("Bucket", bucket) if fits else bucket_for(filters),
        chosen_bucket=bucket if fits else "",
        zone=filters.zone,
        sort=sort if sort in ("n", "name") else aggregate,
        ascending=query.get("direction") == "asc",
    )


def _groups(metric: Metric, by: str) -> bool:
    if by.startswith(PROPERTY):
        return by != PROPERTY
    return by in DIMENSION_OF and DIMENSION_OF[by].table in ("calls", metric.table)


def said(metric: Metric, aggregate: str = "") -> str:
    """Return a metric in words, and what is made of it."""
    name = metric.means.rstrip(".").replace("`", "")
    made = aggregate and aggregate not in ("ratio", "distinct", "sum")
    return f"{name}, {AGGREGATES[aggregate]}" if made else name


def told(metric: Metric, own: Thresholds) -> Metric:
    """Return a metric that says what it means to an organisation with these thresholds."""
    return msgspec.structs.replace(metric, means=means(metric.id, metric.means, own))


def metric_options(own: Thresholds = DEFAULT) -> dict[str, dict[str, str]]:
    """Return what can be chosen to be measured, by what has it."""
    found: dict[str, dict[str, str]] = {words: {} for words in _TABLES.values()}
    for metric in MEASURED:
        found[_TABLES[metric.table]][metric.id] = f"{said(told(metric, own))} · {metric.id}"
    return {words: options for words, options in found.items() if options}


def by_options(choice: Choice, properties: Sequence[str]) -> dict[str, str]:
    """Return by what the metric can be grouped, in words."""
    table = choice.metric.table
    own = {at.id: text.dimension(at.id) for at in DIMENSIONS if at.table in ("calls", table)}
    named = {f"{PROPERTY}{name}": f"property {name}" for name in properties}
    chosen = {choice.by: choice.by_words} if choice.by else {}
    return {"": "all together", **chosen, **own, **named}
