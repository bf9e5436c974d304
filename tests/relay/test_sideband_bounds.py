"""A sideband whose provider sends without end: what B10 and B11 promise of calls holds of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import httpx2
import pytest
from tests.relay.peer import PING, PONG, TEXT, Peer, frame, switching
from tests.relay.test_direct import KEYS, OFFER
from tests.relay.world import World, tcp, world
from tests.support.patience import PATIENCE_S

from trunkline.journal.record import Leg
from trunkline.relay import pace
from trunkline.relay.side import MAX_CONTROL_FRAMES
from trunkline.relay.sideband import Sideband

ANSWER = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n"
    b"Location: /v1/realtime/calls/rtc_1\r\n\r\nv=0\r\n"
)
FLOODS = {"pings": (PING, b"x" * 125), "pongs": (PONG, b"")}


@contextlib.asynccontextmanager
async def listened_to(directory: Path) -> AsyncIterator[tuple[World, Peer]]:
    """Yield a gateway with one such call, and the provider's end of its sideband."""
    arrived = asyncio.Queue[Peer]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET "):
            writer.write(switching(head))
            arrived.put_nowait(Peer(reader, writer, masks=False))
            await asyncio.Event().wait()
        writer.write(ANSWER)

    async with (
        tcp(talk) as port,
        # In the end the call is live, and would be waited for.
        world(directory, openai_url=f"ws://127.0.0.1:{port}/v1/realtime", drain_timeout_ms=0) as w,
        httpx2.AsyncClient(timeout=PATIENCE_S) as http,
    ):
        url = f"http://127.0.0.1:{w.port}/v1/realtime/calls?model=gpt-realtime-2.1"
        answer = await http.post(url, content=OFFER, headers=KEYS)
        assert answer.status_code == 201
        async with asyncio.timeout(PATIENCE_S):
            provider = await arrived.get()
            while not w.gateway.live_calls:
                await asyncio.sleep(0.001)
        yield w, provider


def sideband(w: World) -> Sideband:
    (call,) = w.gateway._running
    return cast("Sideband", call)


async def heard(w: World, count: int) -> None:
    """Wait until so many frames of the provider's are recorded."""
    async with asyncio.timeout(PATIENCE_S):
        while len(w.journal.frames(Leg.PROVIDER)) < count:
            await asyncio.sleep(0.005)


@pytest.mark.guarantee("B10")
@pytest.mark.parametrize(("opcode", "payload"), FLOODS.values(), ids=FLOODS.keys())
async def test_a_flood_of_control_frames_ends_the_recording(
    tmp_path: Path, opcode: int, payload: bytes
) -> None:
    async with listened_to(tmp_path) as (w, provider):
        provider.write(frame(opcode, payload, masked=False) * (MAX_CONTROL_FRAMES + 1))
        pongs = 0
        while (got := await provider.recv()).opcode == PONG:
            assert got.payload == payload
            pongs += 1
        assert got.code == 1008
        assert pongs == (MAX_CONTROL_FRAMES if opcode == PING else 0)
        closed = await w.journal.closed()
    assert (closed.status, closed.end_reason) == ("failed", "too_many_pings")


@pytest.mark.guarantee("B10")
async def test_while_more_waits_than_may_only_the_latest_ping_is_remembered(
    tmp_path: Path,
) -> None:
    async with listened_to(tmp_path) as (w, provider):
        listener = sideband(w)._provider
        # As the transport tells it.
        listener.pause_writing()
        provider.write(b"".join(frame(PING, ping, masked=False) for ping in (b"1", b"2", b"3")))
        provider.send(TEXT, b"{}")
        await heard(w, 1)
        assert listener.backlog == 0
        listener.resume_writing()
        provider.send(PING, b"4")
        assert [(await provider.recv()).payload for _ in range(2)] == [b"3", b"4"]


@pytest.mark.guarantee("B11")
async def test_who_sends_without_end_has_to_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "FRAMES_PER_S", 500)
    burst = 500 * pace.BURST_S
    async with listened_to(tmp_path) as (w, provider):
        provider.write(frame(TEXT, b"{}", masked=False) * (burst + 250))
        await heard(w, burst + 250)
        call = sideband(w)
        async with asyncio.timeout(PATIENCE_S):
            while not call._side.hasty:
                await asyncio.sleep(0.001)
        provider.send(TEXT, b"{}")
        while call._side.hasty:
            assert len(w.journal.frames(Leg.PROVIDER)) == burst + 250
            await asyncio.sleep(0.001)
        # And is heard again, once it has waited.
        await heard(w, burst + 251)
