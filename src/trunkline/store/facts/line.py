"""I/O. Connections to the engine of a facts store, each in a thread of its own.

The engine's calls block, so they are made one after the other, there. What is asked in one
line waits for nothing that is asked in another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

from clickhouse_connect.driver.exceptions import Error as EngineError

from trunkline.errors import TrunklineError
from trunkline.store.facts.engine import first_line
from trunkline.store.facts.quarantine import RowsRefused

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

T = TypeVar("T")
Asked = TypeVar("Asked")

SETTLE_TRIES: Final = 8


class FactsUnavailable(TrunklineError):
    """The engine did not do what it was asked: down, out of memory, or out of time."""


class Line:
    """A connection. Make one with `open`, end it with `close`."""

    def __init__(
        self, client: Client, thread: ThreadPoolExecutor, failed: Callable[[EngineError], None]
    ) -> None:
        self.client = client
        self.waiting = 0
        """What was asked and is not answered."""
        self._thread = thread
        self._failed = failed
        self._unsettled = False
        """A question has failed, and what comes next may be the rest of its answer."""

    @classmethod
    async def open(
        cls, name: str, connect: Callable[[], Client], failed: Callable[[EngineError], None]
    ) -> Line:
        """Return a line over what `connect` gives; `failed` is told of the engine's errors."""
        thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        try:
            client = await asyncio.get_running_loop().run_in_executor(thread, connect)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        return cls(client, thread, failed)

    async def close(self) -> None:
        """Wait for what is under way, then let go of the connection."""
        await self.run(self.client.close)
        self._thread.shutdown()

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call `function` when all that was asked before is done.

        Raises:
            FactsUnavailable: the engine did not do it.
        """
        loop = asyncio.get_running_loop()
        self.waiting += 1
        try:
            return await loop.run_in_executor(self._thread, self._try, function, *arguments)
        finally:
            self.waiting -= 1

    def _try(self, function: Callable[..., T], *arguments: Any) -> T:
        try:
            if self._unsettled:
                self._settle()
            return function(*arguments)
        except (EngineError, RowsRefused) as exc:
            self._unsettled = True
            if isinstance(exc, EngineError):
                self._failed(exc)
            # The engine's text names tables and values: for the log, not for whoever asked.
            raise FactsUnavailable(f"facts store: {first_line(exc)}") from exc

    def _settle(self) -> None:
        """Ask until the answer is the one to what was asked.

        A question that fails half-way through its answer leaves that half in the embedded
        engine (chDB 4.4), and the next one gets it, whoever asks.
        """
        for number in range(SETTLE_TRIES):
            if self.client.raw_query(f"SELECT {number}", fmt="TSV") == b"%d\n" % number:
                self._unsettled = False
                return
        raise FactsUnavailable("facts store: the engine does not answer what it is asked")


class Lines:
    """Several of them, for questions: one that is slow holds up what is asked next, not all.

    Made with `open`, ended with `close`.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines

    @classmethod
    async def open(
        cls,
        name: str,
        number: int,
        connect: Callable[[], Client],
        failed: Callable[[EngineError], None],
    ) -> Lines:
        """Return so many lines, see `Line.open`."""
        lines: list[Line] = []
        try:
            for place in range(number):
                line = await Line.open(f"{name}-{place}", connect, failed)
                lines.append(line)
        except BaseException:
            await cls(lines).close()
            raise
        return cls(lines)

    async def close(self) -> None:
        """Wait for what is under way, then let go of the connections."""
        for line in self._lines:
            await line.close()

    async def run(self, function: Callable[[Client, Asked], T], asked: Asked) -> T:
        """Call `function` with a connection, that of the line with the least to do, and `asked`.

        Raises:
            FactsUnavailable: the engine did not do it.
        """
        line = min(self._lines, key=lambda one: one.waiting)
        return await line.run(function, line.client, asked)
