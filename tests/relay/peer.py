"""Both ends of a call as bytes on a socket: for what a WebSocket library would not send."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from tests.relay.world import HANDSHAKE
from tests.support.patience import PATIENCE_S

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MASK = b"\x11\x22\x33\x44"


def frame(
    opcode: int, payload: bytes = b"", *, masked: bool, final: bool = True, reserved: int = 0
) -> bytes:
    """Return one frame. `reserved`: the three bits beside `final`, as in the first byte."""
    first = (0x80 if final else 0) | reserved | opcode
    mask = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, mask | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, mask | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask | 127, size)
    return head + (_MASK + masked_with(_MASK, payload) if masked else payload)


def masked_with(mask: bytes, payload: bytes) -> bytes:
    """Return `payload` masked, or unmasked."""
    size = len(payload)
    repeated = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return (int.from_bytes(payload, "big") ^ repeated).to_bytes(size, "big")


@dataclass
class Received:
    """A frame as it came."""

    opcode: int
    payload: bytes
    final: bool

    @property
    def code(self) -> int | None:
        """The close code, if it has one."""
        return int.from_bytes(self.payload[:2], "big") if len(self.payload) >= 2 else None


class Peer:
    """One end of one WebSocket: sends any bytes, and reads frames one by one."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, masks: bool
    ) -> None:
        """`masks`: it is a caller."""
        self.reader, self.writer, self.masks = reader, writer, masks
        self.answer = b""
        """A caller's: the head of the gateway's 101."""

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)

    def send(
        self, opcode: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0
    ) -> None:
        """Send one frame."""
        self.write(frame(opcode, payload, masked=self.masks, final=final, reserved=reserved))

    def close(self, code: int | None, reason: bytes = b"") -> None:
        """Send a close frame."""
        self.send(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)

    async def recv(self, timeout_s: float = PATIENCE_S) -> Received:
        """Return the next frame. Raises `IncompleteReadError` or `ConnectionError` at the end."""
        async with asyncio.timeout(timeout_s):
            first, second = await self.reader.readexactly(2)
            assert bool(second & 0x80) is not self.masks
            size = second & 0x7F
            if size >= 126:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
            mask = b"" if self.masks else await self.reader.readexactly(4)
            payload = await self.reader.readexactly(size)
        assert first & 0x70 == 0
        whole = masked_with(mask, payload) if mask else payload
        return Received(first & 0x0F, whole, bool(first & 0x80))

    async def message(self) -> bytes:
        """Return the next message, which is text or binary, and in one frame."""
        got = await self.recv()
        assert got.opcode in (TEXT, BINARY), got
        assert got.final
        return got.payload

    async def until_close(self, timeout_s: float = PATIENCE_S) -> tuple[list[bytes], int | None]:
        """Return the messages that come before the close frame, and its code. Answers pings."""
        messages: list[bytes] = []
        while (got := await self.recv(timeout_s)).opcode != CLOSE:
            if got.opcode == PING:
                self.send(PONG, got.payload)
            elif got.opcode != PONG:
                messages.append(got.payload)
        return messages, got.code

    async def ended(self) -> None:
        """Wait until the connection is closed by the other end."""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_S):
                while await self.reader.read(65536):
                    pass

    def finish(self) -> None:
        """Send FIN, and read on. Under TLS too, without its own farewell."""
        number = self.writer.get_extra_info("socket").fileno()
        with socket.socket(fileno=os.dup(number)) as connection:
            connection.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Send RST."""
        connection = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    @property
    def is_gone(self) -> bool:
        """Whether its connection has ended."""
        return self.reader.at_eof() or self.writer.transport.is_closing()

    def leave(self) -> None:
        """Give the socket back."""
        self.writer.transport.abort()


class Peers:
    """A provider that accepts every call, callers, and what both say left to the test."""

    def __init__(self) -> None:
        self.url = ""
        """Where the provider is."""
        self.heads: list[bytes] = []
        """Handshakes that came to it."""
        self.open: list[Peer] = []
        self._arrived: asyncio.Queue[Peer] = asyncio.Queue()

    async def call(
        self,
        port: int,
        handshake: bytes = HANDSHAKE,
        *,
        tls: ssl.SSLContext | None = None,
        connected: socket.socket | None = None,
    ) -> tuple[Peer, Peer]:
        """Open a call at a gateway's port, or over `connected`; return its caller and provider."""
        where: dict[str, Any] = {"host": "127.0.0.1", "port": port}
        reader, writer = await asyncio.open_connection(
            **({"sock": connected} if connected else where), ssl=tls
        )
        caller = Peer(reader, writer, masks=True)
        self.open.append(caller)
        writer.write(handshake)
        async with asyncio.timeout(PATIENCE_S):
            caller.answer = await reader.readuntil(b"\r\n\r\n")
            assert caller.answer.startswith(b"HTTP/1.1 101 "), caller.answer
            return caller, await self.next()

    async def next(self) -> Peer:
        """Return the provider of the next call."""
        return await self._arrived.get()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one handshake, as the provider."""
        provider = Peer(reader, writer, masks=False)
        self.open.append(provider)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            writer.write(switching(head))
            self._arrived.put_nowait(provider)


def switching(head: bytes) -> bytes:
    """Return the right answer to a handshake."""
    lines = head.split(b"\r\n")
    key = next(line for line in lines if line.lower().startswith(b"sec-websocket-key:"))
    accept = base64.b64encode(hashlib.sha1(key.split(b":")[1].strip() + _GUID).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


@contextlib.asynccontextmanager
async def peers(
    port: int = 0, *, tls: ssl.SSLContext | None = None, listening: socket.socket | None = None
) -> AsyncIterator[Peers]:
    """Yield a provider on `port`, `listening`, or a port of its own, and callers beside it.

    What is open at the end is dropped.
    """
    made = Peers()
    public = listening or socket.create_server(("127.0.0.1", port))
    server = await asyncio.start_server(made.accept, sock=public, ssl=tls)
    host, bound = public.getsockname()
    made.url = f"{'wss' if tls else 'ws'}://{host}:{bound}/v1/realtime"
    try:
        yield made
    finally:
        server.close()
        for peer in made.open:
            peer.leave()
        await server.wait_closed()
        public.close()
