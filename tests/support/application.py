"""An application that a provider's webhooks are forwarded to, on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

Handler = Callable[[dict[str, str], bytes], Awaitable[int]]
"""Takes headers, by lower-case name, and the body; returns the status to answer with."""


@dataclass
class Application:
    """What it was sent, and how it answers."""

    handle: Handler
    url: str = ""
    requests: list[tuple[dict[str, str], bytes]] = field(
        default_factory=list[tuple[dict[str, str], bytes]]
    )

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        _, *lines = head.decode("latin-1").strip().split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.requests.append((headers, body))
        status = await self.handle(headers, body)
        extra = "Location: /elsewhere\r\n" if 300 <= status < 400 else ""
        writer.write(f"HTTP/1.1 {status} X\r\n{extra}Content-Length: 2\r\n\r\nok".encode())
        with contextlib.suppress(ConnectionError):
            await writer.drain()
            writer.close()
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def application(handle: Handler, host: str = "127.0.0.1") -> AsyncIterator[Application]:
    """Run one until the test ends."""
    app = Application(handle)
    server = await asyncio.start_server(app.serve, host, 0)
    app.url = f"http://{host}:{server.sockets[0].getsockname()[1]}/hooks/voice?line=1"
    async with server:
        yield app
