"""I/O. Tasks that nobody else waits for, and the moment in which none is left."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, cast


class UnderWay:
    """Each task from `start`, `see_out` or `join` until it is done."""

    def __init__(self) -> None:
        self.idle = asyncio.Event()
        """None is under way."""
        self.idle.set()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` in a task of its own, which counts from now on."""
        self._count(asyncio.get_running_loop().create_task(work))

    async def see_out(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` and wait for it. It goes on when whoever waits is cancelled."""
        task = asyncio.get_running_loop().create_task(work)
        self._count(task)
        await asyncio.shield(task)

    def join(self) -> None:
        """Have the task in which this is called count until it is done."""
        self._count(cast("asyncio.Task[None]", asyncio.current_task()))

    def _count(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        self.idle.clear()
        task.add_done_callback(self._done)

    def cancel(self) -> None:
        """Cancel all that are under way; each counts until it has taken that."""
        for task in tuple(self._tasks):
            task.cancel()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not self._tasks:
            self.idle.set()
