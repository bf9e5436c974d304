"""Calls in numbers: a provider that echoes, callers that come at a steady pace, and one that stays.

Over plain sockets: at 200 calls a second the machine is the gateway's to use, not ours.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator

import picows
from tests.support.patience import PATIENCE_S

HEAD = (
    "GET /v1/gateway/oai/realtime?model=gpt-realtime-2.1 HTTP/1.1\r\nHost: h\r\n"
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Authorization: Bearer sk-of-the-provider\r\n"
)
CLOSE = b"\x88\x82\x00\x00\x00\x00\x03\xe8"
"""A close frame with 1000, masked with zeros."""


class _Echo(picows.WSListener):
    def __init__(self, connected: set[picows.WSTransport]) -> None:
        self._connected = connected

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._connected.add(transport)

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self._connected.discard(transport)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.TEXT:
            transport.send(picows.WSMsgType.TEXT, frame.get_payload_as_bytes())
        elif frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(picows.WSCloseCode.OK)
            transport.disconnect()


@contextlib.asynccontextmanager
async def echoing_provider(port: int = 0) -> AsyncGenerator[str]:
    """Yield the address of a provider that says what it hears, on `port` or a free one."""
    connected: set[picows.WSTransport] = set()
    server = await picows.ws_create_server(lambda request: _Echo(connected), "127.0.0.1", port)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/realtime"
    finally:
        server.close()
        for transport in tuple(connected):
            transport.disconnect(graceful=False)
        await server.wait_closed()


class Storm:
    """Callers that open a call and hang up, `per_second` of them, until stopped."""

    def __init__(self, url: str, headers: dict[str, str], per_second: int) -> None:
        host, _, port = url.partition("://")[2].partition(":")
        self._address = host, int(port)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._head = (HEAD + lines + "\r\n").encode()
        self._pause_s = 1 / per_second
        self._stop = asyncio.Event()
        self.outcomes = Counter[str]()
        """The status line of each answer, or the name of what was raised."""
        self.lasted_s = 0.0

    async def run(self) -> None:
        """Call, by the clock: what is late is made up for."""
        loop = asyncio.get_running_loop()
        began_s, number = loop.time(), 0
        async with asyncio.TaskGroup() as group:
            while not self._stop.is_set():
                group.create_task(self._call())
                number += 1
                await asyncio.sleep(max(0.0, began_s + number * self._pause_s - loop.time()))
        self.lasted_s = loop.time() - began_s

    def stop(self) -> None:
        """Make no more calls; `run` returns when those there are have ended."""
        self._stop.set()

    async def _call(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                self.outcomes[await self._outcome()] += 1
        except (OSError, EOFError) as exc:
            self.outcomes[type(exc).__name__] += 1

    async def _outcome(self) -> str:
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            writer.write(self._head)
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(CLOSE)
            await reader.read()
            return head.partition(b"\r\n")[0].decode()
        finally:
            writer.close()
