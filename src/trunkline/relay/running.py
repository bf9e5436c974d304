"""I/O. The calls that run in one gateway process, and who of them may not go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from trunkline.clock import monotonic_ns, wall_ns
from trunkline.relay.allowance import overdue
from trunkline.relay.keys import Keys
from trunkline.relay.shell import Call
from trunkline.relay.sideband import Sideband


class Running:
    """Each call from `begin` until it has finished."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._applied = keys.snapshot
        """What the calls were last compared with: an attempt may have read a later one."""
        self._calls: dict[Call | Sideband, int] = {}
        """Since when each runs, ns of the monotonic clock."""
        self._none = asyncio.Event()
        self._none.set()

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call | Sideband]:
        """Those that run now; they may end meanwhile."""
        return iter(tuple(self._calls))

    def begin(self, call: Call | Sideband, then: Callable[[], object]) -> None:
        """Note that `call` runs; when it has finished, `then` is called too."""
        self._calls[call] = monotonic_ns()
        self._none.clear()

        def finished() -> None:
            self._calls.pop(call, None)
            if not self._calls:
                self._none.set()
            then()

        call.finished = finished

    async def none(self) -> None:
        """Wait until none runs."""
        await self._none.wait()

    def end_unwanted(self, now_ns: int) -> None:
        """End those whose key was revoked, that somebody hung up, or that are too long."""
        if self._keys.snapshot is not self._applied:
            self._applied = self._keys.snapshot
            self._end_revoked()
        self._end_hung_up()
        self._end_overdue(now_ns)

    def _end_revoked(self) -> None:
        for call in self:
            if not self._keys.may_go_on(call.key_id):
                call.end("key_revoked")

    def _end_hung_up(self) -> None:
        # Not once for each snapshot: an attempt may become such a call a moment later.
        hung_up = self._keys.hung_up
        if hung_up:
            for call in self:
                if call.call_id in hung_up:
                    call.end("hung_up")

    def _end_overdue(self, now_ns: int) -> None:
        bounded = self._keys.bounded
        if not bounded:
            return
        wall_us = wall_ns() // 1000
        for call, began_ns in tuple(self._calls.items()):
            key = bounded.get(call.key_id)
            if key is not None and (why := overdue(key, now_ns - began_ns, wall_us)):
                call.end(why)
