"""How bytes come to picows where nothing was compiled."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest_asyncio
from tests.support.patience import PATIENCE_S

from trunkline.relay.wire import TURN_BYTES, DirectReading, Joint


class Taking:
    """A wire that takes note of what it reads."""

    def __init__(self) -> None:
        self.read = bytearray()
        self.reads: list[int] = []
        self.told: list[str] = []
        self.grown = asyncio.Event()
        self._buffer = bytearray(10 * TURN_BYTES)

    def get_buffer(self, sizehint: int) -> memoryview:
        return memoryview(self._buffer)

    def buffer_updated(self, nbytes: int) -> None:
        self.read += self._buffer[:nbytes]
        self.reads.append(nbytes)
        self.grown.set()

    def eof_received(self) -> bool:
        self.told.append("eof")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append("lost")
        self.grown.set()

    async def until(self, count: int) -> None:
        """Wait until so many bytes were read."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.read) < count:
                self.grown.clear()
                await self.grown.wait()


class Between:
    """A peer, and a wire that reads from it."""

    def __init__(self, peer: socket.socket, transport: asyncio.Transport) -> None:
        self.peer = peer
        self.wire = Taking()
        self.reading = DirectReading(Joint(transport, cast("Any", self.wire)))


@pytest_asyncio.fixture
async def between() -> AsyncIterator[Between]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    with theirs:
        yield Between(theirs, transport)
    transport.abort()


async def test_nothing_is_read_before_it_is_wanted(between: Between) -> None:
    between.peer.sendall(b"x" * 10)
    await asyncio.sleep(0)
    assert between.wire.read == b""
    between.reading.resume_reading()
    await between.wire.until(10)


async def test_much_is_read_in_turns(between: Between) -> None:
    data = bytes(range(256)) * (5 * TURN_BYTES // 256) + b"end"
    between.peer.sendall(data)
    between.reading.resume_reading()
    await between.wire.until(len(data))
    assert between.wire.read == data
    assert between.wire.reads == [TURN_BYTES] * 5 + [3]


async def test_a_turn_is_not_taken_while_it_may_not_be_read(between: Between) -> None:
    between.peer.sendall(b"x" * 3 * TURN_BYTES)
    between.reading.resume_reading()
    await between.wire.until(1)
    between.reading.pause_reading()
    for _ in range(5):
        await asyncio.sleep(0)
    assert between.wire.reads == [TURN_BYTES]
    between.reading.resume_reading()
    await between.wire.until(3 * TURN_BYTES)


async def test_an_end_is_told_after_all_that_was_said(between: Between) -> None:
    between.peer.sendall(b"x" * 2 * TURN_BYTES)
    between.peer.shutdown(socket.SHUT_WR)
    between.reading.resume_reading()
    async with asyncio.timeout(PATIENCE_S):
        while "lost" not in between.wire.told:
            between.wire.grown.clear()
            await between.wire.grown.wait()
    assert len(between.wire.read) == 2 * TURN_BYTES
    assert between.wire.told == ["eof", "lost"]
