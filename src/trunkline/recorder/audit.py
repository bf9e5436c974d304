"""I/O. The difference between what is archived and what the facts say: it should be 0.

Frames are counted in the manifests of the archives, and as rows of the facts' event index,
call by call. Calls that were sealed just now are compared within seconds, all calls after
each start and once a day. A call that differs is looked at again and again until it does
not. One part in five of the time is spent at most, so that nobody has to wait for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import NamedTuple

import structlog

from trunkline import ids
from trunkline.clock import monotonic_ns, wall_ns
from trunkline.recorder.refold import sealed_calls
from trunkline.store import blobs as keys
from trunkline.store.archive import EVENTS, ArchiveDamaged, ArchiveReader, manifest
from trunkline.store.blobs import BlobMissing, Blobs
from trunkline.store.facts.queries_audit import frames_of_calls
from trunkline.store.facts.store import FactsStore
from trunkline.vitals import figures

FIRST_S = 5.0
"""After the start, when whoever waits for the dashboard has it."""
ROUND_S = 5.0
ROUNDS = 24 * 3600 // int(ROUND_S)
"""Between two comparisons of everything."""
BATCH = 50
SHARE = 0.2
"""Of the time, at most."""
MAX_DIFFERING = 1000
"""Calls that are looked at in each round."""
DAY_MS = 24 * 3600 * 1000

log = structlog.get_logger("trunkline.recorder")


class Sealed(NamedTuple):
    """A call that has an archive."""

    org_id: str
    call_id: str


class Audit:
    """Compares, in the background. `run` it in a task."""

    def __init__(
        self, blobs: Blobs, facts: FactsStore, newly_sealed: deque[Sealed], retention_days: int
    ) -> None:
        """Facts older than `retention_days`, unless 0, are gone on purpose."""
        self._blobs = blobs
        self._facts = facts
        self._newly_sealed = newly_sealed
        self._retention_days = retention_days
        self._calls = self._archived = self._stored = 0
        self._unreadable: set[Sealed] = set()
        self._differing: dict[Sealed, int] = {}
        self._compared_wall_ns = 0

    def tell(self) -> figures.Audit:
        """Return what this process publishes of it."""
        return figures.Audit(
            calls=self._calls,
            archived_frames=self._archived,
            facts_frames=self._stored,
            differing_calls=len(self._differing),
            differing_frames=sum(self._differing.values()),
            unreadable_archives=len(self._unreadable),
            compared_wall_ns=self._compared_wall_ns,
        )

    async def run(self) -> None:
        """Compare until cancelled."""
        await asyncio.sleep(FIRST_S)
        while True:
            try:
                await self.compare_all()
                for _ in range(ROUNDS):
                    await asyncio.sleep(ROUND_S)
                    await self.compare_new()
            except Exception as exc:
                # A store is away, for which there are other alarms: all is compared anew later.
                log.warning("archives and facts cannot be compared", error=repr(exc))
                await asyncio.sleep(ROUND_S)

    async def compare_all(self) -> None:
        """Compare every call that is sealed."""
        self._calls = self._archived = self._stored = 0
        self._unreadable.clear()
        self._newly_sealed.clear()
        async for batch in _batches(self._sealed()):
            # What is sealed meanwhile is for `compare_new`: else it would be counted twice.
            meanwhile = set(self._newly_sealed)
            await self._compare([call for call in batch if call not in meanwhile])
        await self._look_again()

    async def compare_new(self) -> None:
        """Compare what was sealed since this was last called, and what differed before."""
        while self._newly_sealed:
            taken = [
                self._newly_sealed.popleft() for _ in range(min(BATCH, len(self._newly_sealed)))
            ]
            for org_id in {call.org_id for call in taken}:
                await self._compare([call for call in taken if call.org_id == org_id])
        await self._look_again()

    async def _sealed(self) -> AsyncIterator[Sealed]:
        async for org_id, call_id in sealed_calls(self._blobs):
            if not self._is_expired(call_id):
                yield Sealed(org_id, call_id)

    def _is_expired(self, call_id: str) -> bool:
        opened_ms = int.from_bytes(ids.parse_call_id(call_id)[:6], "big")
        days = (wall_ns() // 1_000_000 - opened_ms) / DAY_MS
        # From the day before on: the engine forgets when it comes to it.
        return 0 < self._retention_days <= days + 1

    async def _compare(self, batch: list[Sealed]) -> None:
        """Compare some calls of one organisation, and add them to the sums."""
        began_ns = monotonic_ns()
        archived = await self._archived_frames(batch)
        stored = await self._stored_frames(list(archived))
        self._calls += len(archived)
        self._archived += sum(archived.values())
        self._stored += sum(stored.values())
        for call, frames in archived.items():
            self._note(call, abs(frames - stored[call]))
        self._compared_wall_ns = wall_ns()
        await asyncio.sleep((monotonic_ns() - began_ns) / 1e9 * (1 / SHARE - 1))

    async def _look_again(self) -> None:
        """Compare once more the calls that differed: one may have been erased meanwhile."""
        for call in list(self._differing)[:MAX_DIFFERING]:
            archived = await self._archived_frames([call])
            stored = await self._stored_frames([call])
            self._note(call, abs(archived[call] - stored[call]) if call in archived else 0)

    def _note(self, call: Sealed, frames: int) -> None:
        if not frames:
            self._differing.pop(call, None)
            return
        if call not in self._differing:
            log.error("facts differ from the archive", call=call.call_id, frames=frames)
        self._differing[call] = frames

    async def _stored_frames(self, calls: list[Sealed]) -> dict[Sealed, int]:
        if not calls:
            return {}
        org_id = calls[0].org_id
        found = await frames_of_calls(self._facts, org_id, [call.call_id for call in calls])
        return {Sealed(org_id, call_id): frames for call_id, frames in found.items()}

    async def _archived_frames(self, calls: list[Sealed]) -> dict[Sealed, int]:
        """Return the frames of those whose archive is there and can be read."""
        found: dict[Sealed, int] = {}
        for call in calls:
            try:
                found[call] = await self._frames(keys.key(call.org_id, call.call_id, "archive"))
            except BlobMissing:
                continue
            except ArchiveDamaged:
                self._unreadable.add(call)
        return found

    async def _frames(self, blob: str) -> int:
        told = (await manifest(self._blobs, blob)).events
        if told >= 0:
            return told
        reader = await ArchiveReader.open(self._blobs, blob)
        return sum([1 async for record in reader.records() if record.kind in EVENTS])


async def _batches(calls: AsyncIterator[Sealed]) -> AsyncIterator[list[Sealed]]:
    """Yield calls by some, each of one organisation."""
    batch: list[Sealed] = []
    async for call in calls:
        if batch and (len(batch) == BATCH or call.org_id != batch[0].org_id):
            yield batch
            batch = []
        batch.append(call)
    if batch:
        yield batch
