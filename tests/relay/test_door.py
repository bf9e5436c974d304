"""Who is let in, by which of several doors, and what becomes of those inside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast

import pytest
import trustme
from tests.relay.world import HANDSHAKE, echo, world
from tests.support.patience import PATIENCE_S
from websockets.exceptions import InvalidStatus

from trunkline.relay.door import Door
from trunkline.relay.loads import Loads, new_loads
from trunkline.relay.waiting import Waiting


class Guest(asyncio.Protocol):
    """A connection that greets, and stays until it is closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(b"hello")

    def data_received(self, data: bytes) -> None:
        self.transport.close()


@pytest.fixture
def public() -> Iterator[socket.socket]:
    """A listening socket, which each door has its own descriptor of, as each gateway does."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        yield listening


def door(public: socket.socket, loads: Loads | None = None, **options: object) -> Door:
    chosen = {
        "tls": None,
        "tls_timeout_s": 1.0,
        "waiting": Waiting(1000),
        "crowded": lambda: None,
        **options,
    }
    return Door(public.dup(), Guest, loads=loads, **chosen)  # pyright: ignore


@contextlib.asynccontextmanager
async def two_doors(public: socket.socket) -> AsyncIterator[tuple[Door, Door]]:
    descriptor = new_loads()
    doors = tuple(door(public, Loads(descriptor, place)) for place in range(2))
    os.close(descriptor)
    for one in doors:
        one.open()
    try:
        yield doors[0], doors[1]
    finally:
        for one in doors:
            await one.clear()


async def enter(public: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(*public.getsockname())
        assert await reader.readexactly(5) == b"hello"
    return reader, writer


async def test_those_inside_are_counted_until_their_sockets_are_closed(
    public: socket.socket,
) -> None:
    one = door(public)
    one.open()
    guests = [await enter(public) for _ in range(3)]
    assert one.connections == 3
    for left, (reader, writer) in enumerate(guests):
        assert one.connections == 3 - left
        writer.write(b"bye")
        assert await reader.read() == b""
        writer.close()
    async with asyncio.timeout(PATIENCE_S):
        await one.empty()
    assert one.connections == 0
    await one.clear()


@pytest.mark.parametrize("at_once", [1, 50])
async def test_gateways_that_share_a_port_have_the_same_share(
    public: socket.socket, at_once: int
) -> None:
    async with two_doors(public) as doors:
        guests: list[asyncio.StreamWriter] = []
        for _ in range(100 // at_once):
            entered = await asyncio.gather(*(enter(public) for _ in range(at_once)))
            guests += [writer for _, writer in entered]
        shares = [one.connections for one in doors]
        assert sum(shares) == 100
        assert max(shares) - min(shares) <= 2
        for writer in guests:
            writer.close()


async def test_a_door_that_was_shut_leaves_callers_to_the_other(public: socket.socket) -> None:
    async with two_doors(public) as (first, second):
        guests = [await enter(public) for _ in range(4)]
        inside = first.connections
        first.shut()
        guests += [await enter(public) for _ in range(4)]
        assert (first.connections, second.connections) == (inside, 8 - inside)
        for _, writer in guests:
            writer.close()


async def test_a_gateway_that_hangs_keeps_nobody_waiting(public: socket.socket) -> None:
    descriptor = new_loads()
    hanging = Loads(descriptor, 5)
    hanging.tell(0)
    one = door(public, Loads(descriptor, 0))
    os.close(descriptor)
    one.open()
    guests = [await enter(public) for _ in range(20)]
    assert one.connections == 20
    for _, writer in guests:
        writer.close()
    await one.clear()


async def test_who_was_accepted_at_the_last_moment_is_served(public: socket.socket) -> None:
    one = door(public)
    one.open()
    caller = socket.create_connection(public.getsockname())
    while not one.connections:
        # Up to the accept, and no further: nothing of the connection has been set up.
        await asyncio.sleep(0)
    one.shut()
    reader, writer = await asyncio.open_connection(sock=caller)
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.readexactly(5) == b"hello"
        writer.close()
        await one.empty()


@pytest.mark.parametrize("turns", [0, 1])
async def test_who_is_just_being_let_in_when_it_ends_is_dropped(
    public: socket.socket, turns: int
) -> None:
    one = door(public)
    one.open()
    caller = socket.create_connection(public.getsockname())
    while not one.connections:
        await asyncio.sleep(0)
    for _ in range(turns):
        await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE_S):
        await one.clear()
        reader, writer = await asyncio.open_connection(sock=caller)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() in (b"", b"hello")
    writer.close()


async def test_who_cannot_be_let_in_for_a_bug_of_ours_is_dropped(
    public: socket.socket, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Guest, "__init__", broken)
    one = door(public)
    one.open()
    reader, writer = await asyncio.open_connection(*public.getsockname())
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.read() == b""
        await one.empty()
        await one.clear()
    writer.close()
    assert "RuntimeError: a bug" in capsys.readouterr().out


async def test_who_says_nothing_of_tls_is_sent_away(public: socket.socket) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    # The loop tells its exception handler, which `gateway` sets.
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    one = door(public, tls=context, tls_timeout_s=0.1)
    one.open()
    reader, writer = await asyncio.open_connection(*public.getsockname())
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.read() == b""
        await one.empty()
    writer.close()
    await one.clear()


# --- a whole gateway that retires ------------------------------------------------------


async def test_a_gateway_that_retires_ends_with_its_last_call(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w:
        caller = await w.call()
        w.gateway.retire()
        retired = asyncio.create_task(w.gateway.retired())
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", w.port)
        await caller.send("still here")
        assert await caller.recv() == "still here"
        assert not retired.done()
        await caller.close()
        async with asyncio.timeout(PATIENCE_S):
            await retired


async def test_who_had_connected_before_it_retired_gets_its_call(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w:
        reader, writer = await asyncio.open_connection("127.0.0.1", w.port)
        writer.write(HANDSHAKE[:20])
        await asyncio.sleep(0.05)
        w.gateway.retire()
        retired = asyncio.create_task(w.gateway.retired())
        await asyncio.sleep(0.05)
        assert not retired.done()
        writer.write(HANDSHAKE[20:])
        async with asyncio.timeout(PATIENCE_S):
            assert (await reader.readline()).startswith(b"HTTP/1.1 101")
            writer.close()
            await retired


@pytest.mark.guarantee("L1")
async def test_who_waits_for_a_provider_at_the_drain_limit_is_told_to_come_again(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}"
        async with world(tmp_path, openai_url=url) as w:
            dialling = asyncio.ensure_future(w.call().__aenter__())
            while not w.journal.records:
                await asyncio.sleep(0.01)
            await w.gateway.stop(0)
            with pytest.raises(InvalidStatus) as refused:
                await dialling
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"] == "2"
    closed = await w.journal.closed()
    assert (closed.status, closed.error_code) == ("refused", "draining")
