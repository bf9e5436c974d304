"""I/O. A seat for each call: in this process, and among the calls of its key.

What gateways share of a key is in files, and a file's disk may be slow: they are used in
a thread of their own, so that no frame waits for it. Where they cannot be used at all,
calls go on uncounted: what limits a key must not be what stops it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from trunkline.clock import monotonic_ns
from trunkline.relay.allowance import is_counted, spent, too_many, too_often
from trunkline.relay.capacity import Capacity
from trunkline.relay.refusal import Refusal
from trunkline.relay.tally import Tally
from trunkline.snapshot import Key

log = structlog.get_logger("trunkline.relay")

TOLD_EVERY_NS = 10 * 10**9


class Seat:
    """The right to have one call, from its admission to its end."""

    __slots__ = ("_leave",)

    def __init__(self, leave: Callable[[], object]) -> None:
        self._leave: Callable[[], object] | None = leave

    def leave(self) -> None:
        """Let another call have it. Does nothing when that was done before."""
        if self._leave is not None:
            leave, self._leave = self._leave, None
            leave()


class Seats:
    """Gives seats to attempts."""

    def __init__(self, capacity: Capacity, tallies: Path) -> None:
        """`tallies` is the directory of the files that the gateways of this machine share."""
        self.capacity = capacity
        self._tallies = _Tallies(tallies)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tallies")

    @property
    def uncounted_at_ns(self) -> int:
        """When a call was last let through uncounted, monotonic clock; 0: never."""
        return self._tallies.failed_at_ns

    def close(self) -> None:
        """Give back every place, after what is under way. May be called twice."""
        self._submit(self._tallies.close)
        self._thread.shutdown(wait=False)
        self.capacity.close()

    async def take(self, key: Key, wall_us: int) -> Seat | Refusal:
        """Return a seat for a call of `key`, or why it has none.

        When cancelled, nothing stays taken.
        """
        if refusal := self.capacity.refusal() or spent(key, wall_us):
            return refusal
        self.capacity.calls += 1
        if not is_counted(key):
            return Seat(self._stand_up)
        try:
            counted = await self._count(key)
        except BaseException:
            # Cancelled, or a bug: a seat that nobody leaves would be taken for ever.
            self._stand_up()
            raise
        if isinstance(counted, Refusal):
            self._stand_up()
            return counted
        return Seat(lambda: self._leave(key, counted=counted))

    async def _count(self, key: Key) -> bool | Refusal:
        counting = self._thread.submit(self._tallies.count, key, monotonic_ns())
        try:
            return await asyncio.shield(asyncio.wrap_future(counting))
        except asyncio.CancelledError:
            if not counting.cancel():
                self._submit(self._undo, key, counting)
            raise

    def _undo(self, key: Key, counting: Future[bool | Refusal]) -> None:
        """In the thread, so after it was counted: the caller did not wait for it."""
        if counting.result() is True:
            self._tallies.uncount(key)

    def _leave(self, key: Key, *, counted: bool) -> None:
        self._stand_up()
        if counted:
            self._submit(self._tallies.uncount, key)

    def _stand_up(self) -> None:
        self.capacity.calls -= 1

    def _submit(self, work: Callable[..., None], *arguments: Any) -> None:
        # After `close` there is nothing to give back any more.
        with suppress(RuntimeError):
            self._thread.submit(work, *arguments)


class _Tallies:
    """The files of the keys that have calls here. Used by one thread alone."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._open: dict[str, Tally] = {}
        self._told_ns = 0
        self.failed_at_ns = 0
        """When last a file could not be used; 0: never."""

    def close(self) -> None:
        """Count no call of this process any more."""
        for tally in self._open.values():
            tally.close()
        self._open.clear()

    def count(self, key: Key, now_ns: int) -> bool | Refusal:
        """Return whether a call that begins now was counted among the live ones of `key`."""
        try:
            tally = self._tally(key.key_id)
            try:
                return _counted(tally, key, now_ns)
            finally:
                self._let_go(key.key_id, tally)
        except OSError as exc:
            self._tell(exc, now_ns)
            return False

    def uncount(self, key: Key) -> None:
        """Count one live call of `key` less."""
        tally = self._open.get(key.key_id)
        if tally is None:
            return
        try:
            tally.give_back()
        except OSError as exc:
            self._tell(exc, monotonic_ns())
        self._let_go(key.key_id, tally)

    def _tally(self, key_id: str) -> Tally:
        if key_id not in self._open:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._open[key_id] = Tally(self._directory / key_id)
        return self._open[key_id]

    def _let_go(self, key_id: str, tally: Tally) -> None:
        if not tally.live:
            tally.close()
            del self._open[key_id]

    def _tell(self, exc: OSError, now_ns: int) -> None:
        self.failed_at_ns = now_ns
        if now_ns - self._told_ns >= TOLD_EVERY_NS:
            self._told_ns = now_ns
            log.error("calls of keys with limits are not counted", error=str(exc))


def _counted(tally: Tally, key: Key, now_ns: int) -> bool | Refusal:
    if key.max_calls and not tally.take(key.max_calls):
        return too_many(key)
    wait: int | None = None  # It could not be noted.
    try:
        wait = tally.begin(key.max_calls_per_minute, now_ns) if key.max_calls_per_minute else 0
    finally:
        if wait != 0 and key.max_calls:
            tally.give_back()
    return too_often(key, wait) if wait else key.max_calls > 0
