"""I/O. The calls that are over: each is sealed in a task of its own, beside everything else."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from pathlib import Path

import structlog

from trunkline.protocol.prices import PriceTable
from trunkline.recorder.checkpoint import Closed
from trunkline.recorder.interruptions import echoed
from trunkline.recorder.refold import spooled_turns
from trunkline.recorder.seal import Sealer
from trunkline.store.facts.rows import Row
from trunkline.store.spool import spool_path

log = structlog.get_logger("trunkline.recorder")


class Sealing:
    """From the checkpoint that knows of a call's end to the one that knows of its archive."""

    def __init__(self, sealer: Sealer, spool: Path) -> None:
        self._sealer = sealer
        self._spool = spool
        self._tasks: dict[str, asyncio.Task[list[Row]]] = {}
        self._harvested: set[str] = set()
        """Sealed ones whose last rows were given out."""

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def some_sealed(self) -> bool:
        """Whether there is a call to be forgotten."""
        return any(task.done() for task in self._tasks.values())

    def begin(self, closed: Iterable[Closed], prices: PriceTable) -> None:
        """Seal those that are not being sealed yet."""
        for call in closed:
            call_id = call.row.call_id
            if call_id not in self._tasks:
                self._tasks[call_id] = asyncio.create_task(self._seal(call, prices))

    async def _seal(self, closed: Closed, prices: PriceTable) -> list[Row]:
        """Seal a call; return its last rows."""
        row, echoes = await self._sealer.seal(closed.row, closed.suspects)
        if not echoes:
            return [row]
        path = spool_path(self._spool, row.call_id)
        try:
            turns = await asyncio.to_thread(spooled_turns, path, prices)
        except Exception:
            # A record that is not understood, which has cost its own facts before: not more.
            log.exception("echoes not told", call=row.call_id)
            return [row]
        return [*echoed(row, turns, echoes)]

    def harvest(self) -> tuple[list[str], list[Row]]:
        """Return the calls that are sealed, and the last rows of those that are so newly."""
        sealed = {call_id: task for call_id, task in self._tasks.items() if task.done()}
        newly = [task for call_id, task in sealed.items() if call_id not in self._harvested]
        self._harvested = set(sealed)
        return list(sealed), [row for task in newly for row in task.result()]

    def forget(self, sealed: Collection[str]) -> None:
        """Those calls are stored, and no longer ours."""
        for call_id in sealed:
            del self._tasks[call_id]
        self._harvested.clear()

    def cancel(self) -> None:
        """Seal no more."""
        for task in self._tasks.values():
            task.cancel()

    async def cancelled(self) -> None:
        """Wait until all have ended."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
