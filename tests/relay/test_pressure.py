"""Peers that send too much, too fast, or nothing that fits: bounded memory, and the right close."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import zlib
from collections.abc import AsyncIterator, Generator
from pathlib import Path

import msgspec
import pytest
from tests.relay.peer import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Peer,
    Peers,
    frame,
    peers,
)
from tests.relay.process import GatewayProcess, gateway_process
from tests.relay.world import HANDSHAKE, world
from tests.support.measured import measured

from trunkline.journal.record import Leg
from trunkline.relay.side import MAX_CONTROL_FRAMES

MIB = 1024 * 1024
LIMIT_BYTES = 4 * MIB
SPARE_BYTES = 2 * MIB
"""What a refused message may cost beyond the limit (B3)."""


@pytest.fixture(scope="module")
def provider_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@contextlib.contextmanager
def started(factory: pytest.TempPathFactory, provider_port: int) -> Generator[GatewayProcess]:
    directory, url = factory.mktemp("gateway"), f"ws://127.0.0.1:{provider_port}/v1"
    with gateway_process(directory, url, max_frame_bytes=LIMIT_BYTES) as process:
        yield process


@pytest.fixture(scope="module")
def gathering(
    tmp_path_factory: pytest.TempPathFactory, provider_port: int
) -> Generator[GatewayProcess]:
    """A gateway that is sent fragments: it may keep as much memory as one message has."""
    with started(tmp_path_factory, provider_port) as process:
        yield process


@pytest.fixture(scope="module")
def refusing(
    tmp_path_factory: pytest.TempPathFactory, provider_port: int
) -> Generator[GatewayProcess]:
    """A gateway that is sent what it need not read."""
    with started(tmp_path_factory, provider_port) as process:
        yield process


@pytest.fixture
async def ends(provider_port: int) -> AsyncIterator[Peers]:
    async with peers(provider_port) as made:
        yield made


async def settled(process: GatewayProcess, ends: Peers) -> tuple[Peer, Peer]:
    """Open a call in a process that has had one, which touches memory for the first time."""
    if not process.base_bytes:
        for peer in await exchanged(process, ends):
            peer.leave()
        process.base_bytes = process.resident_bytes
    process.forget_peak()
    return await exchanged(process, ends)


async def exchanged(process: GatewayProcess, ends: Peers) -> tuple[Peer, Peer]:
    caller, provider = await ends.call(process.port)
    caller.send(TEXT, b"x" * 100_000)
    provider.send(TEXT, b"x" * 100_000)
    await asyncio.gather(caller.message(), provider.message())
    return caller, provider


def grown(process: GatewayProcess) -> int:
    """Return how much more than at first its memory was at the most; pytest -rP shows it."""
    bytes_ = process.peak_bytes - process.base_bytes
    measured("B3", f"memory grew by {bytes_ / MIB:.1f} MiB")
    return bytes_


async def without_end(peer: Peer, data: bytes) -> None:
    """Send `data` again and again, until nobody takes it."""
    with contextlib.suppress(ConnectionError):
        while True:
            peer.write(data)
            await peer.writer.drain()
            # What is taken at once does not wait: the other side is read, too.
            await asyncio.sleep(0)


async def error_code(peer: Peer) -> str:
    """Return the code of the `error` event that comes next."""
    return msgspec.json.decode(await peer.message())["error"]["code"]


# --- messages that are too much ------------------------------------------------------

FOREVER = (
    pytest.param(b"x" * 64, 1000, id="fragments of 64 bytes"),
    # Nine seconds, in which the gateway reads as many as it takes from one call.
    pytest.param(b"", 10_000, id="empty fragments", marks=pytest.mark.soak),
    pytest.param(b"x" * 65536, 1, id="fragments of 64 KiB"),
)


@pytest.mark.guarantee("B3")
@pytest.mark.parametrize(("fragment", "batch"), FOREVER)
async def test_a_message_that_does_not_end_is_1009_and_costs_no_more_than_the_limit(
    gathering: GatewayProcess, ends: Peers, fragment: bytes, batch: int
) -> None:
    caller, _ = await settled(gathering, ends)
    more = frame(CONTINUATION, fragment, masked=True, final=False) * batch
    caller.send(BINARY, b"", final=False)
    sending = asyncio.create_task(without_end(caller, more))
    assert await error_code(caller) == "frame_too_big"
    assert (await caller.until_close())[1] == 1009
    sending.cancel()
    assert grown(gathering) < LIMIT_BYTES + SPARE_BYTES


@pytest.mark.guarantee("B3")
async def test_fragments_without_a_byte_are_counted(tmp_path: Path) -> None:
    """With a small limit: what they cost in memory is looked at with the limit of the others."""
    async with peers() as ends, world(tmp_path, max_frame_bytes=MIB, openai_url=ends.url) as w:
        caller, provider = await ends.call(w.port)
        caller.send(BINARY, b"", final=False)
        more = frame(CONTINUATION, b"", masked=True, final=False) * 10_000
        sending = asyncio.create_task(without_end(caller, more))
        assert await error_code(caller) == "frame_too_big"
        assert (await caller.until_close())[1] == 1009
        sending.cancel()
        caller.leave()
        provider.leave()
        assert w.journal.frames(Leg.CALLER) == []


TOO_LARGE = {
    "a byte more than the limit": LIMIT_BYTES + 1,
    "two bytes more": LIMIT_BYTES + 2,
    "64 MiB": 64 * MIB,
    "all that fits in the header": 2**63 - 1,
}


@pytest.mark.guarantee("B3")
@pytest.mark.guarantee("B4")
@pytest.mark.parametrize("size_bytes", TOO_LARGE.values(), ids=TOO_LARGE.keys())
async def test_a_message_that_is_too_large_is_1009_at_its_header(
    refusing: GatewayProcess, ends: Peers, size_bytes: int
) -> None:
    caller, provider = await settled(refusing, ends)
    caller.write(bytes([0x82, 0xFF]) + size_bytes.to_bytes(8, "big") + b"\x11\x22\x33\x44")
    sending = asyncio.create_task(without_end(caller, b"x" * 65536))
    assert await error_code(caller) == "frame_too_big"
    assert (await caller.until_close())[1] == 1009
    sending.cancel()
    assert grown(refusing) < SPARE_BYTES
    # Not a part of it went on.
    assert (await provider.recv()).code == 1001


@pytest.mark.guarantee("B3")
async def test_who_sends_a_message_that_is_too_large_whole_is_told_why(
    refusing: GatewayProcess, ends: Peers
) -> None:
    """And not reset in the midst of it, as a peer is whose bytes nobody reads."""
    caller, _ = await settled(refusing, ends)
    caller.writer.transport.pause_reading()
    caller.send(BINARY, bytes(3 * LIMIT_BYTES))
    await caller.writer.drain()
    caller.writer.transport.resume_reading()
    assert await error_code(caller) == "frame_too_big"
    assert (await caller.until_close())[1] == 1009
    assert await caller.reader.read() == b""


@pytest.mark.guarantee("B4")
async def test_deflate_is_not_agreed_to_and_a_compressed_frame_is_1002(tmp_path: Path) -> None:
    offer = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
    async with peers() as ends, world(tmp_path, openai_url=ends.url) as w:
        caller, provider = await ends.call(w.port, HANDSHAKE.removesuffix(b"\r\n") + offer)
        assert b"sec-websocket-extensions" not in (caller.answer + ends.heads[0]).lower()
        deflate = zlib.compressobj(wbits=-15)
        bomb = deflate.compress(bytes(16 * MIB)) + deflate.flush()
        caller.send(BINARY, bomb, reserved=0x40)
        assert await error_code(caller) == "protocol_error"
        assert (await caller.until_close())[1] == 1002
        caller.close(1002)
        provider.leave()


@pytest.mark.guarantee("B3")
async def test_a_length_of_2_to_the_63_is_1002(refusing: GatewayProcess, ends: Peers) -> None:
    caller, _ = await settled(refusing, ends)
    caller.write(bytes([0x82, 0xFF]) + (2**63).to_bytes(8, "big") + b"\x11\x22\x33\x44")
    assert await error_code(caller) == "protocol_error"
    assert (await caller.until_close())[1] == 1002


@pytest.mark.guarantee("B3")
async def test_a_message_of_exactly_the_limit_is_relayed(tmp_path: Path) -> None:
    async with peers() as ends, world(tmp_path, max_frame_bytes=MIB, openai_url=ends.url) as w:
        caller, provider = await ends.call(w.port)
        caller.send(BINARY, b"x" * MIB)
        assert await provider.message() == b"x" * MIB
        provider.leave()
        caller.leave()


# --- floods --------------------------------------------------------------------------

FLOODS = {"pings": (PING, b"x" * 125), "pongs": (PONG, b"")}


@pytest.mark.guarantee("B10")
@pytest.mark.parametrize(("opcode", "payload"), FLOODS.values(), ids=FLOODS.keys())
async def test_a_flood_of_control_frames_is_1008(
    tmp_path: Path, opcode: int, payload: bytes
) -> None:
    async with peers() as ends, world(tmp_path, openai_url=ends.url) as w:
        caller, provider = await ends.call(w.port)
        flood = frame(opcode, payload, masked=True) * 1000
        sending = asyncio.create_task(without_end(caller, flood))
        pongs = 0
        while (got := await caller.recv()).opcode == PONG:
            assert got.payload == payload
            pongs += 1
        sending.cancel()
        assert msgspec.json.decode(got.payload)["error"]["code"] == "too_many_pings"
        assert (await caller.until_close())[1] == 1008
        assert (await provider.recv()).code == 1001
        assert pongs == (MAX_CONTROL_FRAMES if opcode == PING else 0)
        caller.leave()
        provider.leave()
        closed = await w.journal.closed()
    assert (closed.status, closed.end_reason) == ("failed", "too_many_pings")


@pytest.mark.guarantee("B10")
async def test_of_a_flood_of_closes_the_first_counts(tmp_path: Path) -> None:
    async with peers() as ends, world(tmp_path, openai_url=ends.url) as w:
        caller, provider = await ends.call(w.port)
        closes = [frame(8, code.to_bytes(2, "big"), masked=True) for code in (4001, 4002, 4003)]
        caller.write(b"".join(closes) * 10_000)
        assert (await caller.recv()).code == 4001
        assert (await provider.recv()).code == 4001
        await caller.ended()
        provider.leave()
        closed = await w.journal.closed()
    assert (closed.end_reason, closed.caller_close_code) == ("caller_closed", 4001)
