"""Pure. Stretches of time in drawings: how long they are, and where each ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from trunkline.store.facts.measure import BUCKET_SECONDS, Bucket
from trunkline.store.facts.queries_calls import CallFilters

_MOST: Final[dict[Bucket, int]] = {"minute": 120, "hour": 180, "day": 180, "week": 200}
"""As many of each fit well."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def bucket_for(filters: CallFilters) -> Bucket:
    """Return how fine a drawing of a time is."""
    seconds = ((filters.to_us or 0) - (filters.from_us or 0)) // 1_000_000
    for bucket, most in _MOST.items():
        if seconds <= BUCKET_SECONDS[bucket] * most:
            return bucket
    return "month"


def bucket_end(bucket: Bucket, at_us: int, zone: str = "UTC") -> int:
    """Return when a bucket ends that begins at `at_us`: days of a zone may be 23 hours long, and
    months differ."""
    if bucket in ("minute", "hour"):
        return at_us + BUCKET_SECONDS[bucket] * 1_000_000
    clock = ZoneInfo(zone)
    begins = (_EPOCH + timedelta(microseconds=at_us)).astimezone(clock).replace(tzinfo=None)
    if bucket == "month":
        ends = (begins.replace(day=1) + timedelta(days=31)).replace(day=1)
    else:
        ends = begins + timedelta(days=7 if bucket == "week" else 1)
    return (ends.replace(tzinfo=clock) - _EPOCH) // timedelta(microseconds=1)
