"""I/O. Our way to picows: the only module that knows how its protocols are fed.

picows reads and answers handshakes itself, more narrowly than real peers write them
(`Connection: keep-alive, Upgrade` is refused, a head may have 16 KiB). Ours are read by
`relay.head` and `relay.dial` before, so picows is fed a plain one that says the same,
and then whatever came after the real one.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import socket
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

from picows import (
    WSAutoPingStrategy,
    WSListener,
    WSTransport,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from picows.picows import WSProtocol  # pyright: ignore[reportAttributeAccessIssue] not in its stub

Headers = Iterable[tuple[str, str]]

READ_BYTES = 2 * 1024
"""picows' buffer for a connection to begin with. It grows with the frames that come this way."""

TURN_BYTES = 4 * 1024
"""Read from one connection before others have their turn, where nothing was compiled: a frame,
but of tiny ones hundreds, each of which goes through Python."""

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Wire(Protocol):
    """A picows protocol: one end of one WebSocket."""

    @property
    def transport(self) -> WSTransport: ...
    def connection_made(self, transport: asyncio.BaseTransport) -> None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def eof_received(self) -> bool | None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...
    def get_buffer(self, sizehint: int) -> memoryview: ...
    def buffer_updated(self, nbytes: int) -> None: ...
    async def wait_until_handshake_complete(self) -> None: ...


class _Wire(WSProtocol):  # pyright: ignore[reportUntypedBaseClass] not in its stub
    """picows' protocol, which takes a peer that sends no more for one that is gone."""

    __slots__ = ()

    def eof_received(self) -> bool:
        """End the connection at once, unless a close of ours is still on its way.

        picows would first write what waits for the peer: one that does not read it
        would keep the other leg from hearing of its end.
        """
        if not self.transport.is_close_frame_sent:
            self.transport.underlying_transport.abort()
        return False


class Complaints:
    """Stands in for picows' logger: its own log lines would quote frames and headers.

    It tells of a peer's breach of protocol before picows sends its close frame, which
    gives us the time to send an `error` event ahead of one of ours.
    """

    def __init__(self, tell: Callable[[int, str], None]) -> None:
        """`tell` gets the close code and what was wrong."""
        self._tell = tell

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 the name is logging's
        """Nothing is wanted."""
        return False

    def error(self, text: str, *args: Any) -> None:
        """`WS parser error: %s, initiate disconnect`, with (code, message)."""
        if text.startswith("WS parser error") and args and len(args[0]) == 2:
            code, message = args[0]
            self._tell(int(code), str(message))

    def exception(self, text: str, *args: Any) -> None:
        """picows failed, or a listener did: the call cannot go on."""
        self._tell(1011, text.partition(":")[0])

    def debug(self, text: str, *args: Any) -> None: ...
    def info(self, text: str, *args: Any) -> None: ...
    def warning(self, text: str, *args: Any) -> None: ...
    def log(self, level: int, text: str, *args: Any) -> None: ...


def caller_wire(
    listener: WSListener, complaints: Complaints, max_frame_bytes: int, headers: Headers
) -> Wire:
    """Return the end of a WebSocket that a caller opened; `headers` go on the 101."""
    response = WSUpgradeResponse.create_101_response(list(headers))
    both = WSUpgradeResponseWithListener(response, listener)

    def made(_request: object) -> WSUpgradeResponseWithListener:
        return both

    return _wire(None, None, made, complaints, max_frame_bytes, None)


def provider_wire(
    host: str,
    resource: str,
    listener: Callable[[], WSListener],
    complaints: Complaints,
    max_frame_bytes: int,
    headers: Headers,
) -> Wire:
    """Return the end of a WebSocket that we open. `listener` is asked when it is open.

    Its `connection_made` sends the handshake; the answer is ours to read.
    """

    def made(_request: object, _response: object) -> WSListener:
        return listener()

    return _wire(host, resource, made, complaints, max_frame_bytes, list(headers))


def _wire(
    host: str | None,
    resource: str | None,
    listener: Callable[..., object],
    complaints: Complaints,
    max_frame_bytes: int,
    headers: list[tuple[str, str]] | None,
) -> Wire:
    made: Wire = _Wire(
        host,
        resource,
        host is not None,
        listener,
        complaints,
        True,  # disconnect on exception
        None,  # handshake timeout: ours spans the whole dial
        False,  # auto ping: `core` decides who is dead
        10,
        10,
        WSAutoPingStrategy.PING_WHEN_IDLE,
        False,  # auto pong: its answers would pile up without bound for a peer that does not read
        max_frame_bytes,
        headers,
        READ_BYTES,
    )
    return made


def expected_accept(wire: Wire) -> str:
    """Return the only right answer to the handshake that `wire` has sent (RFC 6455, 4.2.2)."""
    key = str(wire.transport.request.headers["Sec-WebSocket-Key"])
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def acknowledge_late(transport: asyncio.Transport) -> None:
    """Let the kernel acknowledge with the next frame instead of at once, as it does by itself.

    picows asks for the latter, which sends a packet more for each frame.
    """
    connection = transport.get_extra_info("socket")
    with contextlib.suppress(AttributeError, OSError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)


class Reading(Protocol):
    """How what a peer sends comes to a wire."""

    def take(self, data: bytes) -> None:
        """Have `data` read as if it came from the socket, before all that does."""
        ...

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Unread:
    """Nothing is read yet, or any more."""

    def take(self, data: bytes) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


UNREAD = Unread()


class Joint(NamedTuple):
    """A connection and the wire that is for it, which is at the beginning of a frame."""

    transport: asyncio.Transport
    wire: Wire


class DirectReading(asyncio.BufferedProtocol):
    """Every byte goes from the transport to the wire, some in each turn. Begins paused."""

    def __init__(self, joint: Joint) -> None:
        self._transport, self._wire = joint
        self._wanted = False
        # A TLS transport gives turns by itself, and when it is paused as its peer hangs up
        # it throws away what it has not delivered.
        self._has_turns = self._transport.get_extra_info("ssl_object") is None
        self._transport.pause_reading()
        self._transport.set_protocol(self)

    def take(self, data: bytes) -> None:
        """See `Reading`."""
        feed(self._wire, data)

    def pause_reading(self) -> None:
        """See `Reading`."""
        self._wanted = False
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """See `Reading`."""
        self._wanted = True
        self._transport.resume_reading()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where to read to, for as much as may be read in one turn."""
        return self._wire.get_buffer(sizehint)[:TURN_BYTES]

    def buffer_updated(self, nbytes: int) -> None:
        """Have it read. Where there is more, others have their turn first."""
        self._wire.buffer_updated(nbytes)
        if nbytes == TURN_BYTES and self._wanted and self._has_turns:
            self._transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._next_turn)

    def _next_turn(self) -> None:
        if self._wanted and not self._transport.is_closing():
            self._transport.resume_reading()

    def eof_received(self) -> bool | None:
        """For the wire."""
        return self._wire.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """For the wire."""
        self._wire.connection_lost(exc)

    def pause_writing(self) -> None:
        """For the wire."""
        self._wire.pause_writing()

    def resume_writing(self) -> None:
        """For the wire."""
        self._wire.resume_writing()


def feed(wire: Wire, data: bytes | memoryview) -> None:
    """Have `wire` read `data` as if it came from the socket."""
    view = memoryview(data)
    while view:
        buffer = wire.get_buffer(-1)
        count = min(len(buffer), len(view))
        buffer[:count] = view[:count]
        wire.buffer_updated(count)
        view = view[count:]


def request_head(websocket_key: str) -> bytes:
    """Return the handshake that a caller's wire is fed in place of the caller's own."""
    return (
        "GET / HTTP/1.1\r\nHost: caller\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {websocket_key}\r\n\r\n"
    ).encode()


def response_head(websocket_accept: str) -> bytes:
    """Return the answer that a provider's wire is fed in place of the provider's own."""
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {websocket_accept}\r\n\r\n"
    ).encode()
