"""I/O. Erasing a call: every trace of it in every store, and for good.

First its tombstone, so that it is erased whatever happens next; then what the stores have.
What cannot be done now (a store is down, the process is killed) is done by `finish`, at the
next start and every few minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol
from weakref import WeakValueDictionary

import structlog

from trunkline.errors import TrunklineError
from trunkline.store.archives import Archives
from trunkline.store.blobs import Blobs
from trunkline.store.recordings import Recordings
from trunkline.store.tombstones import Tombstones

FINISH_SECONDS = 300.0

log = structlog.get_logger("trunkline.store.erasure")


class Erased(TrunklineError):
    """The call has been erased: nothing may be stored of it any more."""


class Facts(Protocol):
    """The part of the facts store that forgets."""

    async def delete_call(self, org_id: str, call_id: str) -> None:
        """Forget everything about one call."""


class Erasure:
    """Erases calls. The recorder honours the same tombstones for what it still holds."""

    def __init__(
        self,
        tombstones: Tombstones,
        facts: Facts,
        blobs: Blobs,
        archives: Archives,
        recordings: Recordings,
    ) -> None:
        self._tombstones = tombstones
        self._facts = facts
        self._blobs = blobs
        self._archives = archives
        self._recordings = recordings
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def kept(self, call_id: str) -> AsyncGenerator[None]:
        """Let nobody erase a call, nor store anything of it by this, meanwhile. Raises `Erased`."""
        async with self._lock(call_id):
            if call_id in self._tombstones:
                raise Erased(f"{call_id} has been erased")
            yield

    @property
    def unfinished(self) -> int:
        """Erased calls of which something may be left."""
        return len(self._tombstones.unfinished())

    async def erase(self, org_id: str, call_id: str) -> None:
        """Erase a call that is over. It is in no answer any more when this returns.

        The caller of this has checked that the call is of that organisation.

        Raises:
            OSError: the tombstone cannot be written: nothing has happened.
        """
        await asyncio.to_thread(self._tombstones.add, org_id, call_id)
        await self._carry_out(org_id, call_id)

    async def finish(self) -> None:
        """Carry out what was begun and is not known to be done."""
        for org_id, call_id in self._tombstones.unfinished():
            try:
                await self._carry_out(org_id, call_id)
            except Exception as exc:
                # A blob store raises what it likes; it stays unfinished, and is tried again.
                log.error("call is not erased everywhere yet", call=call_id, error=repr(exc))

    async def run(self) -> None:
        """Finish what is unfinished, now and then, until cancelled."""
        while True:
            await self.finish()
            await asyncio.sleep(FINISH_SECONDS)

    def _lock(self, call_id: str) -> asyncio.Lock:
        return self._locks.setdefault(call_id, asyncio.Lock())

    async def _carry_out(self, org_id: str, call_id: str) -> None:
        # Who holds it now began before there was a tombstone; who comes next will see it.
        async with self._lock(call_id):
            await self._forget(org_id, call_id)

    async def _forget(self, org_id: str, call_id: str) -> None:
        # Out of the answers first: what is left then shows nowhere.
        problem: TrunklineError | None = None
        try:
            await self._facts.delete_call(org_id, call_id)
        except TrunklineError as exc:
            problem = exc
        await self._blobs.delete_call(org_id, call_id)
        self._archives.forget(org_id, call_id)
        await self._recordings.forget(org_id, call_id)
        if problem is not None:
            raise problem
        await asyncio.to_thread(self._tombstones.finish, call_id)
