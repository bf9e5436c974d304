"""I/O. Forgetting what is older than `retention_days`: archives, recordings and waveforms.

Facts of that age are forgotten by the facts store itself. Blobs lie by the day of their call,
so whole days are deleted, the first one that ended so many days ago last.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta

import structlog

from trunkline.store import blobs as keys
from trunkline.store.blobs import Blobs
from trunkline.store.recordings import Recordings

LOOK_SECONDS = 3600.0

log = structlog.get_logger("trunkline.store.retention")


class Retention:
    """Deletes the blobs of calls that are too old."""

    def __init__(self, blobs: Blobs, recordings: Recordings, days: int) -> None:
        self._blobs = blobs
        self._recordings = recordings
        self._days = days

    async def run(self, wall_ns: Callable[[], int]) -> None:
        """Look every hour, until cancelled. Does nothing when everything is kept."""
        while self._days:
            try:
                forgotten = await self.forget(wall_ns())
            except Exception as exc:
                # A blob store raises what it likes: the next hour may be better.
                log.error("old recordings cannot be deleted", error=repr(exc))
            else:
                if forgotten:
                    log.warning("old recordings were deleted", calls=forgotten, days=self._days)
            await asyncio.sleep(LOOK_SECONDS)

    async def forget(self, now_ns: int) -> int:
        """Delete what is too old at wall time `now_ns`; return of how many calls."""
        now = datetime.fromtimestamp(now_ns / 1e9, UTC)
        # A day is over at its end: the youngest call of the day decides.
        first_kept = (now - timedelta(days=self._days)).date()
        calls: set[str] = set()
        async for prefix in self._days_before(first_kept):
            async for blob in self._blobs.list(prefix):
                await self._blobs.delete(blob)
                if parsed := keys.parse_key(blob):
                    await self._recordings.forget(parsed[0], parsed[1])
                    calls.add(parsed[1])
        return len(calls)

    async def _days_before(self, first_kept: date) -> AsyncIterator[str]:
        """Yield the prefixes of all days, of all organisations, before `first_kept`."""
        for org in await self._blobs.folders("org"):
            for year in await self._blobs.folders(org):
                for month in await self._blobs.folders(year):
                    for day in await self._blobs.folders(month):
                        at = _date_of(day)
                        if at is not None and at < first_kept:
                            yield day


def _date_of(prefix: str) -> date | None:
    try:
        return date(*map(int, prefix.split("/")[2:5]))
    except (TypeError, ValueError):
        return None
