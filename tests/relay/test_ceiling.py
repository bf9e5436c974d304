"""A gateway under a ceiling of memory: it refuses new calls while those that it has go on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest
from tests.relay.process import GatewayProcess, gateway_process
from tests.relay.world import HANDSHAKE
from tests.support.measured import measured
from tests.support.patience import PATIENCE_S
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

MIB = 1024 * 1024
FRAME_BYTES = 128 * 1024
FLOOD_BYTES = 28 * MIB
"""What the provider sends to a caller that asks for it."""
BUFFER_BYTES = 24 * MIB
"""Of that, what waits in the gateway for a caller that does not read."""
FLOOD = bytes([0x81, 0x85, 0, 0, 0, 0]) + b"flood"
"""A text frame, masked with nothing."""


@contextlib.asynccontextmanager
async def provider() -> AsyncGenerator[str]:
    """Yield the URL of a provider that says what it hears, and floods who asks for it."""

    async def talk(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in connection:
                for _ in range(FLOOD_BYTES // FRAME_BYTES if message == "flood" else 0):
                    await connection.send(b"x" * FRAME_BYTES)
                await connection.send(message)

    options = {"compression": None, "max_size": None, "ping_interval": None}
    async with serve(talk, "127.0.0.1", 0, **options) as served:
        yield f"ws://127.0.0.1:{next(iter(served.sockets)).getsockname()[1]}/v1"


class Deaf:
    """A caller that asks for a flood and does not read it, until it does.

    A stream reader reads no more than 128 KiB ahead of whoever reads from it.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    @classmethod
    async def open(cls, process: GatewayProcess) -> Deaf | tuple[bytes, bytes]:
        """Return a caller whose buffer in the gateway is full; else the refusal's head, body."""
        reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
        writer.write(HANDSHAKE)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            body = await reader.read()
            writer.close()
            return head, body
        writer.write(FLOOD)
        await settled(process)
        return cls(reader, writer)

    async def hears_all(self) -> bool:
        """Read on, and return whether the whole flood came, and what it asked for after it."""
        await self._reader.readexactly(FLOOD_BYTES // FRAME_BYTES * (FRAME_BYTES + 10))
        return await self._reader.readexactly(7) == b"\x81\x05flood"


async def settled(process: GatewayProcess) -> None:
    """Wait until the process's memory stays as it is: what is to wait in it does."""
    before, same = 0, 0
    async with asyncio.timeout(PATIENCE_S):
        while same < 4:
            await asyncio.sleep(0.02)
            now = process.resident_bytes
            same = same + 1 if abs(now - before) < MIB // 4 else 0
            before = now


async def echoed(caller: ClientConnection, text: str) -> bool:
    await caller.send(text)
    return await caller.recv() == text


async def admitted(process: GatewayProcess) -> ClientConnection:
    """Return the next call that is let through."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await process.call()
            except InvalidStatus:
                await asyncio.sleep(0.2)


def refused_for_memory(head: bytes, body: bytes) -> None:
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: " in head
    error = msgspec.json.decode(body)["error"]
    assert (error["type"], error["code"]) == ("server_error", "gateway_memory")


CEILINGS = {
    "resident": {"max_memory_bytes": 160 * MIB},
    "address space": {"max_address_bytes": 1024 * MIB},
}


@pytest.mark.guarantee("B8")
@pytest.mark.parametrize("ceiling", CEILINGS.values(), ids=CEILINGS.keys())
async def test_at_its_ceiling_a_gateway_refuses_new_calls_and_keeps_those_it_has(
    tmp_path: Path, ceiling: dict[str, int]
) -> None:
    """And takes calls again once memory is free: the C library's leftovers do not count."""
    async with provider() as url:
        with (
            contextlib.ExitStack() as stack,
            gateway_process(tmp_path, url, max_buffer_bytes=BUFFER_BYTES, **ceiling) as process,
        ):
            quiet = await process.call()
            assert await echoed(quiet, "before")
            deaf: list[Deaf] = []
            stack.callback(lambda: [one.writer.close() for one in deaf])
            while isinstance(one := await Deaf.open(process), Deaf):
                deaf.append(one)
                assert len(deaf) < 100
            refused_for_memory(*one)
            assert len(deaf) > 2
            measured(
                "B8", f"{len(deaf)} calls of 24 MiB, {process.resident_bytes // MIB} MiB resident"
            )
            assert await echoed(quiet, "while it is full")
            async with asyncio.timeout(PATIENCE_S):
                assert all([await one.hears_all() for one in deaf])
            for one in deaf:
                one.writer.close()
            assert await echoed(quiet, "after")
            again = await admitted(process)
            assert await echoed(again, "again")
            await again.close()
            await quiet.close()


@pytest.mark.guarantee("B8")
@pytest.mark.soak
async def test_of_five_hundred_at_once_those_that_fit_are_taken_and_go_on(tmp_path: Path) -> None:
    async with provider() as url:
        with gateway_process(tmp_path, url) as process:
            await (await process.call()).close()
            base_bytes = process.resident_bytes
        ceiling = base_bytes + 16 * MIB
        with gateway_process(tmp_path / "2", url, max_memory_bytes=ceiling) as process:
            attempts = (process.call(open_timeout=60).__aenter__() for _ in range(500))
            outcomes = await asyncio.gather(*attempts, return_exceptions=True)
            calls = [one for one in outcomes if isinstance(one, ClientConnection)]
            refused = [one for one in outcomes if isinstance(one, InvalidStatus)]
            assert len(calls) + len(refused) == 500
            assert len(calls) > 20
            assert len(refused) > 20
            for one in refused:
                assert one.response.status_code == 503
                assert msgspec.json.decode(one.response.body)["error"]["code"] == "gateway_memory"
                assert "Retry-After" in one.response.headers
            measured(
                "B8", f"{len(calls)} of 500 calls, {process.peak_bytes - ceiling:+} bytes at most"
            )
            for number in range(3):
                heard = await asyncio.gather(*(echoed(one, f"x{number}") for one in calls))
                assert all(heard)
            await asyncio.gather(*(one.close() for one in calls))
            again = await admitted(process)
            assert await echoed(again, "again")
            await again.close()
