"""I/O. What a process is told by whoever runs it, and what it tells them.

Signals tell it to stop. A supervisor (`child`) talks to it through its standard input,
which is a socket: one line of settings first, which `supervised` reads; later perhaps
`retire`; and its end says that the supervisor is gone. We say `ready` there, once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Coroutine
from typing import Any, NamedTuple

import structlog

from trunkline import systemd

log = structlog.get_logger("trunkline.orders")


class Given(NamedTuple):
    """What a process got from whoever started it."""

    supervised: bool = False
    """By `trunkline up`, which talks to it through its standard input."""
    listen_fd: int | None = None
    """A socket that listens."""
    loads_fd: int | None = None
    """The memory of `relay.loads`."""
    place: int = 0
    """Its own place there."""

    def listening(self) -> socket.socket | None:
        """Return the socket, if it got one."""
        return None if self.listen_fd is None else socket.socket(fileno=self.listen_fd)


READY = b"ready\n"
RETIRE = b"retire\n"
_MOST_BYTES = 4096


class Orders:
    """Make one in the running loop, before anything that takes time."""

    def __init__(self, *, supervised: bool) -> None:
        self.stop = asyncio.Event()
        """End soon: finish what is under way, begin nothing."""
        self.retire = asyncio.Event()
        """Another process does your work from now on: finish what you have, however long."""
        self.alone = False
        """The supervisor is gone, so nobody shares our sockets any more."""
        self.status = 0
        """What the process ends with: 1 after a bug that ended what it is there for."""
        self._supervised = supervised
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop)
        if supervised:
            self._line = sys.stdin.fileno()
            self._loop.add_reader(self._line, self._read)

    def ready(self) -> None:
        """Tell them that we do what we are there for."""
        if self._supervised:
            os.write(self._line, READY)
        else:
            systemd.ready()

    async def told(self) -> None:
        """Wait until told anything."""
        waiting = {asyncio.create_task(event.wait()) for event in (self.stop, self.retire)}
        _, others = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in others:
            task.cancel()

    async def unless_stopped(self, work: Coroutine[Any, Any, None], limit_s: float) -> None:
        """Do `work`, but no longer than `limit_s`, and not when told to stop."""
        doing, told = asyncio.create_task(work), asyncio.create_task(self.stop.wait())
        await asyncio.wait([doing, told], timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        for task in (doing, told):
            task.cancel()

    def to_the_end(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do `work` for as long as the process is there.

        A bug that ends it ends the process too, for whoever runs us to start it again: else
        the rest would go on, and what is missing would be seen when it is too late.
        """
        task = asyncio.create_task(work)
        task.add_done_callback(self._look)
        return task

    def _look(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (bug := task.exception()) is None:
            return
        name = getattr(task.get_coro(), "__qualname__", "")
        log.error("work has failed; the process ends", work=name, exc_info=bug)
        self.status = 1
        self.stop.set()

    def _stop(self) -> None:
        if not self._supervised:
            systemd.stopping()
        self.stop.set()

    def _read(self) -> None:
        said = os.read(self._line, _MOST_BYTES)
        if RETIRE in said:
            self.retire.set()
        elif not said:
            self._loop.remove_reader(self._line)
            self.alone = True
            self.stop.set()
