"""Many connections at once that mean no good: broken off anywhere, never finished, too many."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.relay.peer import TEXT, Peer, Peers, frame, peers
from tests.relay.process import GatewayProcess, gateway_process
from tests.relay.world import HANDSHAKE
from tests.support.measured import measured
from tests.support.patience import PATIENCE_S

from trunkline.journal.record import Kind
from trunkline.protocol.call import Closed

# --- opened and broken off -----------------------------------------------------------

MESSAGE = frame(TEXT, b'{"type":"response.create"}', masked=True)
CLOSE = frame(8, b"\x03\xe8", masked=True)
STEPS = (HANDSHAKE[:40], HANDSHAKE[40:], b"", MESSAGE, MESSAGE[:7], MESSAGE[7:], CLOSE)
"""A call, piece by piece; the empty one is where the 101 is waited for."""


async def broken_off(port: int, chance: random.Random) -> bool:
    """Begin a call and leave it at some point. Return whether a whole head was sent."""
    leaves_after = chance.randrange(len(STEPS) + 1)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for step in STEPS[:leaves_after]:
            writer.write(step)
            if not step:
                await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(chance.choice((0, 0, 0.001, 0.01)))
        if chance.random() < 0.5 and leaves_after == len(STEPS):
            await reader.read()
    finally:
        writer.transport.abort()
    return leaves_after >= 2


async def storm(port: int, calls: int, seconds: float, chance: random.Random) -> int:
    """Break off so many calls within about `seconds`. Return how many heads were sent."""

    async def one(number: int) -> bool:
        await asyncio.sleep(seconds * number / calls)
        return await broken_off(port, chance)

    return sum(await asyncio.gather(*(one(number) for number in range(calls))))


async def oblige(ends: Peers) -> None:
    """Be a provider that answers every close, for each call that comes."""

    async def see_out(provider: Peer) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            _, code = await provider.until_close()
            provider.close(code)
            await provider.ended()

    async with asyncio.TaskGroup() as all_:
        while True:
            all_.create_task(see_out(await ends.next()))


async def weathered(directory: Path, calls: int, seconds: float) -> None:
    """Have a storm, and check that nothing of it is left."""
    chance = random.Random(calls)
    async with peers() as ends:
        with gateway_process(directory, ends.url) as gateway:
            obliging = asyncio.create_task(oblige(ends))
            heads = await storm(gateway.port, calls // 5, seconds / 5, chance)
            await all_ended(gateway, heads)
            files, memory = gateway.descriptors, gateway.resident_bytes
            began_s = time.monotonic()
            heads += await storm(gateway.port, calls, seconds, chance)
            taken_s = time.monotonic() - began_s
            closed = await all_ended(gateway, heads)
            # Not to the last: a segment of the journal may be open until it is synced, too.
            await until(lambda: gateway.descriptors <= files + 3)
            await until(lambda: all(provider.is_gone for provider in ends.open))
            grown = gateway.resident_bytes / memory - 1
            obliging.cancel()
    # Every head is one call, and every call that a provider saw is one of them.
    assert len(closed) == heads
    assert len(ends.heads) <= heads
    assert {one.end_reason for one in closed} <= {"caller_lost", "caller_closed"}
    measured("R9", f"{calls} calls in {taken_s:.1f} s, memory {grown:+.1%}")
    assert grown < 0.10


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until it is."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.05)


async def all_ended(gateway: GatewayProcess, heads: int) -> list[Closed]:
    """Wait until each head's call has ended."""
    async with asyncio.timeout(PATIENCE_S):
        while len(records := gateway.records(Kind.CLOSED)) < heads:
            await asyncio.sleep(0.05)
    assert len(gateway.records(Kind.OPENED)) == len(records)
    return [msgspec.json.decode(record.payload, type=Closed) for record in records]


@pytest.mark.guarantee("R9")
async def test_a_storm_of_broken_off_calls_leaves_nothing_behind(tmp_path: Path) -> None:
    await weathered(tmp_path, calls=200, seconds=1)


@pytest.mark.soak
@pytest.mark.guarantee("R9")
async def test_a_thousand_broken_off_calls_leave_nothing_behind(tmp_path: Path) -> None:
    await weathered(tmp_path, calls=1000, seconds=10)


# --- never finished ------------------------------------------------------------------


async def drip(port: int, head: bytes) -> bytes:
    """Send a head byte by byte until the gateway has enough of it; return what it says."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = asyncio.create_task(reader.read())
    try:
        for byte in head:
            writer.write(bytes([byte]))
            done, _ = await asyncio.wait([answer], timeout=0.2)
            if done:
                break
        return await answer
    except ConnectionError:
        return b""
    finally:
        answer.cancel()
        writer.transport.abort()


@pytest.mark.guarantee("B6")
async def test_heads_that_drip_are_given_up_and_others_do_not_notice(tmp_path: Path) -> None:
    slow, clock = 500, asyncio.get_running_loop().time
    async with peers() as ends:
        with gateway_process(tmp_path, ends.url, head_timeout_ms=3000) as gateway:
            for peer in await ends.call(gateway.port):
                peer.leave()
            began_s = clock()
            dripping = [asyncio.create_task(drip(gateway.port, HANDSHAKE)) for _ in range(slow)]
            slowest_s = 0.0
            for _ in range(20):
                await asyncio.sleep(0.1)
                call_s = clock()
                caller, provider = await ends.call(gateway.port)
                slowest_s = max(slowest_s, clock() - call_s)
                caller.leave()
                provider.leave()
            answers = await asyncio.gather(*dripping)
            taken_s = clock() - began_s
    # One that is kept from its turn for seconds writes to a closed connection, and hears a reset.
    heard = [answer for answer in answers if answer]
    assert len(heard) > slow // 2
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in heard)
    measured(
        "B6",
        f"{slow} heads given up after {taken_s:.1f} s of 3; calls meanwhile opened within "
        f"{slowest_s * 1000:.0f} ms",
    )


# --- too many ------------------------------------------------------------------------


@pytest.mark.guarantee("B7")
async def test_a_gateway_without_files_refuses_new_calls_and_keeps_its_own(tmp_path: Path) -> None:
    async with peers() as ends:
        with gateway_process(tmp_path, ends.url, max_files=128) as gateway:
            calls = []
            while len(calls) < 128:
                try:
                    calls.append(await ends.call(gateway.port))
                except AssertionError as refused:
                    answer = refused.args[0]
                    break
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nRetry-After: " in answer
            idle = [await asyncio.open_connection("127.0.0.1", gateway.port) for _ in range(200)]
            used_s = gateway.cpu_s
            for _ in range(10):
                await asyncio.sleep(0.1)
                for caller, provider in calls:
                    caller.send(TEXT, b"still here")
                    assert await provider.message() == b"still here"
            used_s = gateway.cpu_s - used_s
            for _, writer in idle:
                writer.transport.abort()
            for _ in range(5):
                for peer in calls.pop():
                    peer.leave()
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    # Those that are refused, and wait to be read, must not have it refuse more.
                    with contextlib.suppress(AssertionError, asyncio.IncompleteReadError):
                        calls.append(await ends.call(gateway.port))
                        break
                    await asyncio.sleep(0.1)
    measured("B7", f"{len(calls)} calls live; {used_s:.2f} s of CPU in a second without files")
    assert used_s < 0.5
