"""I/O. What is not a call is the server's: its bytes go to the private socket and back.

Each request has a connection of its own here: the head says `Connection: close` on its
way in, so nothing that follows on the same connection can be another request, and what
we compare with our paths is always the first and only one. To keep connections we
would have to find where each request's body ends, exactly as the server does; a
difference there is how requests are smuggled. A browser's dashboard pays a local
connection per request for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import cast

import structlog

from trunkline.relay.head import Head
from trunkline.relay.refusal import Refusal

log = structlog.get_logger("trunkline.relay")

CONNECT_TIMEOUT_S = 5.0
HIGH_WATER_BYTES = 1024 * 1024
LINGER_S = 2.0
LAST_BYTES_S = 120.0
"""For a caller to take the last `HIGH_WATER_BYTES` of an answer."""

_REPLACED = frozenset({
    "connection", "forwarded", "keep-alive", "proxy-authorization", "proxy-connection", "te",
    "trailer", "upgrade", "http2-settings", "x-real-ip",
})  # fmt: skip
UNAVAILABLE = Refusal(
    status=502,
    code="dashboard_unavailable",
    message="calls go on, but the dashboard and the API do not answer: try again in a moment",
)


def piped_head(head: Head, caller_address: str, *, secure: bool) -> bytes:
    """Return `head` as the server gets it: who asks and how is ours to say, not the caller's."""
    kept = [
        (name, value)
        for name, value in head.fields
        if name.lower() not in _REPLACED and not name.lower().startswith("x-forwarded-")
    ]
    added = [
        ("X-Forwarded-For", caller_address),
        ("X-Forwarded-Proto", "https" if secure else "http"),
        ("X-Forwarded-Host", head.text("host")),
        ("Connection", "close"),
    ]
    lines = [f"{head.method} {head.target} {head.version}"]
    lines += [f"{name}: {value}" for name, value in (*kept, *added)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


class End(asyncio.Protocol):
    """One end of a pipe: what it reads, the other end writes, no faster than it can."""

    def __init__(self, *, lingers: bool = False) -> None:
        """`lingers`: what the peer still sends is read for a while when the other end is done."""
        self.transport: asyncio.Transport | None = None
        self.other: End | None = None
        self._lingers = lingers
        self._ended = False
        """The peer sends no more."""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound what may wait in this end."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)

    def data_received(self, data: bytes) -> None:
        """Hand on."""
        other = self.other.transport if self.other is not None else None
        if other is not None and not other.is_closing():
            other.write(data)

    def eof_received(self) -> bool:
        """Hand on that nothing more comes, and keep the way back open if it is still used."""
        self._ended = True
        return self.other is not None and self.other.no_more()

    def no_more(self) -> bool:
        """Nothing more comes from the other end: say so. Returns whether this end still reads."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return False
        if self._ended or not transport.can_write_eof():
            return False
        transport.write_eof()
        if self._lingers:
            # Who still sends a body nobody wants would else be reset, and miss the answer.
            transport.resume_reading()
            self._time(LINGER_S, self._close)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """End the other end too, once it has written what it has."""
        self._stop_timer()
        if self.other is not None:
            self.other.left_alone()

    def left_alone(self) -> None:
        """The other end is gone: go too, after what waits here is written."""
        if not (self._lingers and self.no_more()):
            self._close()

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.close()
            # A peer that does not read would keep what waits for it, and a socket, for ever.
            self._time(LAST_BYTES_S, self.transport.abort)

    def _time(self, seconds: float, then: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, then)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def pause_writing(self) -> None:
        """This end is full: the other reads no more."""
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """This end has room again."""
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()


async def open_pipe(transport: asyncio.Transport, first: bytes, server_socket: Path) -> bool:
    """Join `transport`, which is not being read, with the server; `first` goes ahead.

    Returns False when the server is not there; `transport` is as it was then.
    """
    loop = asyncio.get_running_loop()
    outer, inner = End(lingers=True), End()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await loop.create_unix_connection(lambda: inner, str(server_socket))
    except (OSError, TimeoutError) as exc:
        log.warning("server does not answer", error=type(exc).__name__)
        return False
    outer.other, inner.other = inner, outer
    if inner.transport is not None:
        inner.transport.write(first)
    outer.connection_made(transport)
    transport.set_protocol(outer)
    transport.resume_reading()
    if transport.is_closing() and inner.transport is not None:
        inner.transport.close()
    return True
