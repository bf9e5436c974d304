"""I/O. Those who listen in to calls: bounded in number, and each in what waits for them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Collection, Generator, Mapping
from typing import Final

from trunkline.errors import TrunklineError

MAX_LISTENERS: Final = 16
MAX_LISTENERS_OF_ONE: Final = 8
"""At once, and of one organisation. Each is 96 kB a second."""
MAX_BLOCKS: Final = 40
"""Of sound that waits for a listener: ten seconds. Who is slower misses some."""


class TooManyListen(TrunklineError):
    """There are as many listeners as there may be."""


class Listener:
    """One who listens in to one call. Made by `Listeners.listening`."""

    def __init__(self, org_id: str, call_id: str) -> None:
        self.org_id, self.call_id = org_id, call_id
        self.over = False
        """The call has ended, or this process ends: what waits is all that comes."""
        self._blocks: deque[bytes] = deque(maxlen=MAX_BLOCKS)
        self._more = asyncio.Event()

    async def sound(self, within_s: float) -> bytes:
        """Return the sound that has come, at once or as soon as there is some; perhaps none."""
        if not (self._blocks or self.over):
            self._more.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._more.wait()
        found = b"".join(self._blocks)
        self._blocks.clear()
        return found

    def put(self, block: bytes) -> None:
        """Have more sound."""
        if block:
            self._blocks.append(block)
            self._more.set()

    def end(self) -> None:
        """No more comes."""
        self.over = True
        self._more.set()


class Listeners:
    """All of them."""

    def __init__(self) -> None:
        self._all: list[Listener] = []

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._all)

    @property
    def calls(self) -> frozenset[str]:
        """Which calls somebody listens in to."""
        return frozenset(listener.call_id for listener in self._all)

    @property
    def organisations(self) -> frozenset[str]:
        """Whose calls these are."""
        return frozenset(listener.org_id for listener in self._all)

    @contextlib.contextmanager
    def listening(self, org_id: str, call_id: str) -> Generator[Listener]:
        """Yield the means to listen in to a call, which is one of the organisation's.

        Raises:
            TooManyListen: there is no room for one more.
        """
        theirs = sum(listener.org_id == org_id for listener in self._all)
        if len(self._all) >= MAX_LISTENERS or theirs >= MAX_LISTENERS_OF_ONE:
            raise TooManyListen("Too many listen in now. Stop one, and try again.")
        listener = Listener(org_id, call_id)
        self._all.append(listener)
        try:
            yield listener
        finally:
            self._all.remove(listener)

    def sound(self, blocks: Mapping[str, bytes], over: Collection[str]) -> None:
        """Let them hear what comes next, by call; calls that are `over` do not run."""
        for listener in self._all:
            listener.put(blocks.get(listener.call_id, b""))
            if listener.call_id in over:
                listener.end()

    def end(self) -> None:
        """Let all of them end: this process does."""
        for listener in self._all:
            listener.end()
