"""I/O. A thread that does one thing at a time, and is asked whether it is done.

An executor wakes the event loop after each thing: of a gateway with few calls, that would be
most of its turns. Here whoever comes by anyway asks.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Worker(Generic[T]):
    """Everything is called from one event loop."""

    def __init__(self, name: str, on_done: Callable[[], None] | None = None) -> None:
        """`on_done` is called in the loop after each thing, where somebody cannot wait."""
        self._name = name
        self._on_done = on_done
        self._given = SimpleQueue[Callable[[], T] | None]()
        self._done = SimpleQueue[T | BaseException]()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: Callable[[], object] | None = None
        self.busy = False
        """Something was given, and its outcome was not taken."""

    def start(self) -> None:
        """Start the thread, which the first thing does otherwise: when memory may be short."""
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()

    def give(self, function: Callable[[], T]) -> None:
        """Have the thread call `function`. Not while it is busy."""
        self.start()
        self.busy = True
        self._given.put(function)

    def is_done(self) -> bool:
        """Return whether there is an outcome to take."""
        return not self._done.empty()

    def take(self) -> T:
        """Return the outcome, of which `is_done` has told; raise what the function has raised."""
        outcome = self._done.get_nowait()
        self.busy = False
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def wait(self) -> None:
        """Return when there is an outcome to take, or somebody else has taken it."""
        if not self.busy:
            return
        done = asyncio.Event()
        self._waiting = done.set
        try:
            if self._done.empty():
                await done.wait()
        finally:
            self._waiting = None

    def stop(self) -> None:
        """Have the thread end, after what it was given."""
        if self._thread is not None:
            self._given.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        """In the thread."""
        while (function := self._given.get()) is not None:
            try:
                self._done.put(function())
            except BaseException as exc:
                # It is raised where the outcome is taken.
                self._done.put(exc)
            # Whoever began to wait after the outcome was there has seen it.
            for call in (self._waiting, self._on_done):
                if call is not None and self._loop is not None:
                    self._loop.call_soon_threadsafe(call)
