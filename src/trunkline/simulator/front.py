"""I/O. One connection of the simulator until it is known what it is: a WebSocket, or plain HTTP.

picows reads handshakes, which are GET. Whatever else comes is one request with a body,
gets one answer, and ends the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from trunkline.simulator.admission import Arrival
from trunkline.simulator.rest import Posted, Reply

_END = b"\r\n\r\n"
_MAX_HEAD_BYTES = 64 * 1024
_MAX_BODY_BYTES = 4 << 20


class Front(asyncio.Protocol):
    """Reads the first bytes, then gives the connection away or answers."""

    def __init__(
        self, websocket: Callable[[], Any], serve: Callable[[Posted], Awaitable[Reply]]
    ) -> None:
        """`websocket` makes a picows protocol; `serve` answers everything else."""
        self._websocket, self._serve = websocket, serve
        self._transport: asyncio.Transport | None = None
        self._read = bytearray()
        self._answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first bytes."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Gather until it is known what comes."""
        self._read += data
        if self._transport is None or len(self._read) < 4 or self._answering is not None:
            return
        if self._read.startswith(b"GET "):
            self._give_away(self._transport)
        elif len(self._read) > _MAX_HEAD_BYTES + _MAX_BODY_BYTES:
            self._transport.abort()
        else:
            self._look_for_request(self._transport)

    def _give_away(self, transport: asyncio.Transport) -> None:
        protocol = self._websocket()
        protocol.connection_made(transport)
        transport.set_protocol(protocol)
        view = memoryview(bytes(self._read))
        while view and not transport.is_closing():
            buffer = protocol.get_buffer(-1)
            count = min(len(buffer), len(view))
            buffer[:count] = view[:count]
            protocol.buffer_updated(count)
            view = view[count:]

    def _look_for_request(self, transport: asyncio.Transport) -> None:
        end = self._read.find(_END)
        if end < 0:
            return
        first, *lines = self._read[:end].decode("latin-1").split("\r\n")
        method, _, rest = first.partition(" ")
        fields = tuple(
            (name.strip(), value.strip()) for name, _, value in (x.partition(":") for x in lines)
        )
        arrival = Arrival(rest.partition(" ")[0], fields)
        length = arrival.header("Content-Length") or "0"
        body = bytes(self._read[end + len(_END) :])
        if length.isdecimal() and len(body) < int(length):
            return
        self._answering = asyncio.get_running_loop().create_task(
            self._answer(transport, Posted(method, arrival, body))
        )

    async def _answer(self, transport: asyncio.Transport, posted: Posted) -> None:
        reply = await self._serve(posted)
        transport.write(_head(reply) + reply.body)
        transport.close()


def _head(reply: Reply) -> bytes:
    lines = (
        f"HTTP/1.1 {reply.status} {'OK' if reply.status < 400 else 'Refused'}",
        f"Content-Type: {reply.content_type}",
        f"Content-Length: {len(reply.body)}",
        *(f"{name}: {value}" for name, value in reply.headers),
        "Connection: close",
    )
    return "\r\n".join(lines).encode("latin-1") + _END
