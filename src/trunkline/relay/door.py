"""I/O. Lets callers in, one at a time, and knows who is still inside.

Several gateways may accept on one socket. What is accepted is served, even when the door
is shut at that very moment: no other gateway can do it any more. What waits in the
kernel's queue when we shut is accepted by those that go on.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

import aiofastnet
import structlog

from trunkline.relay.listening import Listening
from trunkline.relay.loads import Loads
from trunkline.relay.waiting import Waiting

log = structlog.get_logger("trunkline.relay")

WAIT_S = 0.001
"""For a gateway with fewer connections to accept before we do."""
RETRY_S = 0.1
"""After the kernel failed to accept for a reason of its own."""


class _Caller(socket.socket):
    """A caller's socket, which tells when it is closed, by whomever."""

    __slots__ = ("left", "number")
    left: Callable[[_Caller], None] | None
    number: int
    """Its descriptor, also when it is closed."""

    def close(self) -> None:
        """Close it; the first time, tell."""
        super().close()
        left, self.left = self.left, None
        if left is not None:
            left(self)


class Door:
    """Accepts from `open` until `shut`."""

    def __init__(
        self,
        public: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        *,
        tls: ssl.SSLContext | None,
        tls_timeout_s: float,
        loads: Loads | None,
        waiting: Waiting,
        crowded: Callable[[], object],
    ) -> None:
        """Takes `public` over, which listens. `loads`: of all who accept on it, if there are
        others.

        Who has not finished its TLS handshake is among those `waiting`; `crowded` is told of
        each that had to make way for another.
        """
        self._listening = Listening(public)
        self._listening.setblocking(False)
        self._protocol = protocol
        self._tls = tls
        self._tls_timeout_s = tls_timeout_s if tls is not None else None
        self._loads = loads
        self._waiting = waiting
        self._crowded = crowded
        self._loop = asyncio.get_running_loop()
        self._inside: dict[_Caller, asyncio.Transport | None] = {}
        """None: it is still being let in."""
        self._entering: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._pause: asyncio.TimerHandle | None = None

    @property
    def connections(self) -> int:
        """Callers inside."""
        return len(self._inside)

    def open(self) -> None:
        """Accept whoever knocks."""
        self._tell()
        self._loop.add_reader(self._listening.fileno(), self._knocked)

    def shut(self) -> None:
        """Accept nobody any more. Who is inside stays. May be called twice."""
        if self._listening.fileno() < 0:
            return
        if self._loads is not None:
            self._loads.leave()
        self._loop.remove_reader(self._listening.fileno())
        if self._pause is not None:
            self._pause.cancel()
        self._listening.close()
        self._loads = None

    async def empty(self) -> None:
        """Wait until nobody is inside."""
        await self._empty.wait()

    async def clear(self) -> None:
        """Shut, and drop whoever is inside."""
        self.shut()
        for task in tuple(self._entering):
            task.cancel()
        for transport in tuple(self._inside.values()):
            if transport is not None:
                transport.abort()
        await self._empty.wait()

    def _knocked(self) -> None:
        if self._loads is not None and self._loads.fewer_elsewhere():
            self._wait(WAIT_S)
        else:
            self._accept()

    def _wait(self, seconds: float) -> None:
        """Let others accept; after `seconds` do it ourselves, if it is still to be done."""
        self._loop.remove_reader(self._listening.fileno())
        self._pause = self._loop.call_later(seconds, self._waited)

    def _waited(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listening.fileno(), self._knocked)
        self._accept()

    def _accept(self) -> None:
        """Accept one caller: the next may be for a gateway that has fewer."""
        try:
            accepted, _ = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError:
            # No memory for a socket, say. It stays readable: without a pause we would spin.
            self._wait(RETRY_S)
            return
        caller = _Caller(accepted.family, accepted.type, accepted.proto, accepted.detach())
        caller.left, caller.number = self._left, caller.fileno()
        self._inside[caller] = None
        self._empty.clear()
        self._tell()
        task = self._loop.create_task(self._let_in(caller))
        self._entering.add(task)

        def make_way() -> None:
            self._crowded()
            task.cancel()

        def entered(task: asyncio.Task[None]) -> None:
            self._entering.discard(task)
            bug = None if task.cancelled() else task.exception()
            if bug is not None:
                log.error("a caller cannot be let in", exc_info=bug)
            if bug is not None or task.cancelled():
                # Its transport closes it, if it got so far; a task that never ran has none.
                self._loop.call_soon(caller.close)

        task.add_done_callback(entered)
        if self._tls is not None:
            # Without TLS it is let in at once. Its protocol waits under the same number.
            self._waiting.came(caller.number, make_way)

    async def _let_in(self, caller: _Caller) -> None:
        try:
            # Not the loop's own transport: see `dial._connect`.
            transport, _ = await aiofastnet.connect_accepted_socket(
                self._loop,
                self._protocol,
                caller,
                ssl=self._tls,
                ssl_handshake_timeout=self._tls_timeout_s,
            )
        except OSError:
            # It does not speak TLS, or is gone. The loop's exception handler was told.
            caller.close()
        else:
            if caller in self._inside:
                self._inside[caller] = transport

    def _left(self, caller: _Caller) -> None:
        del self._inside[caller]
        self._waiting.gone(caller.number)
        self._tell()
        if not self._inside:
            self._empty.set()

    def _tell(self) -> None:
        if self._loads is not None:
            self._loads.tell(len(self._inside))
