"""I/O. One gateway process: its public port, its live calls, and how they end with it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, cast

import aiofastnet
import structlog

from trunkline.clock import monotonic_ns
from trunkline.relay.attempt import Attempts
from trunkline.relay.dial import tls_context
from trunkline.relay.front import Front
from trunkline.relay.keys import Keys
from trunkline.relay.ledger import Journal
from trunkline.relay.listening import Listening
from trunkline.relay.meter import Meter
from trunkline.relay.shell import Call
from trunkline.settings import Settings

log = structlog.get_logger("trunkline.relay")

HEARTBEAT_S = 0.2
"""How often the keys' file is looked at, and each call told that time has passed."""
LAST_CLOSES_S = 3.0
"""For close handshakes after the drain limit; then the connections are dropped."""


class _Server(Protocol):
    """What Python 3.13's servers can, and aiofastnet's in every version."""

    def close(self) -> None: ...
    def abort_clients(self) -> None: ...
    async def wait_closed(self) -> None: ...


class Gateway:
    """Serves the public port from `start` until `stop`."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        *,
        snapshot_path: Path,
        server_socket: Path | None,
        instance: bytes,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`server_socket`: where everything that is not a call goes; None: nowhere, 502."""
        self._settings = settings
        self._server_socket = server_socket
        self._tls = tls
        self._keys = Keys(snapshot_path)
        self._applied = self._keys.snapshot
        """What the live calls were last compared with: an attempt may have read a later one."""
        self._calls: set[Call] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self.meter = Meter()
        self.refused = Counter[str]()
        """Answers in place of a call or a page, by code, since the start."""
        self._attempts = Attempts(
            settings,
            journal,
            self._keys,
            self.meter,
            instance,
            tls_context(settings),
            self._begun,
        )
        self._server: _Server | None = None
        self._heart: asyncio.Task[None] | None = None

    @property
    def live_calls(self) -> int:
        """Calls that run now."""
        return len(self._calls)

    async def start(self, listening: socket.socket) -> None:
        """Accept connections on `listening`, which the gateway closes in the end."""
        self._keys.refresh()
        self._heart = asyncio.create_task(self._beat())
        asyncio.get_running_loop().set_exception_handler(_tell_of_failure)
        # Not the loop's own server: see `dial._connect`.
        server = await aiofastnet.create_server(
            asyncio.get_running_loop(),
            self._front,
            sock=Listening(listening),
            ssl=self._tls,
            backlog=1024,
        )
        self._server = cast("_Server", server)

    async def stop(self) -> None:
        """Refuse new calls, let live ones end until the drain limit, then end them."""
        self._attempts.draining = True
        await self._wait_until_empty(self._settings.drain_timeout_ms / 1000)
        for call in tuple(self._calls):
            call.end("drained")
        await self._wait_until_empty(LAST_CLOSES_S)
        for call in tuple(self._calls):
            call.abort()
        if self._server is not None:
            self._server.close()
            self._server.abort_clients()
            await self._server.wait_closed()
        if self._heart is not None:
            self._heart.cancel()

    def _front(self) -> Front:
        return Front(
            self._settings,
            self._server_socket,
            self._attempts.answer,
            self.refused,
            secure=self._tls is not None,
        )

    def _begun(self, call: Call) -> Callable[[], None]:
        self._calls.add(call)
        self._empty.clear()

        def ended() -> None:
            self._calls.discard(call)
            if not self._calls:
                self._empty.set()

        return ended

    async def _wait_until_empty(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            log.info("calls still live", calls=len(self._calls))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            try:
                self._keys.refresh()
                if self._keys.snapshot is not self._applied:
                    self._applied = self._keys.snapshot
                    self._end_revoked()
                now_ns = monotonic_ns()
                for call in tuple(self._calls):
                    call.tick(now_ns)
            except Exception:
                # Without the heartbeat no dead peer would be found: it goes on after any bug.
                log.exception("heartbeat failed")

    def _end_revoked(self) -> None:
        for call in tuple(self._calls):
            if not self._keys.may_go_on(call.key_id):
                call.end("key_revoked")


def _tell_of_failure(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what nobody handled. A failed handshake is the caller's doing, and worth one line."""
    if str(context.get("message", "")).startswith("SSL handshake failed"):
        log.info("a caller failed to speak TLS")
        return
    loop.default_exception_handler(context)
