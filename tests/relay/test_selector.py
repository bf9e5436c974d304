"""`PumpSelector`, with real descriptors, held to what the standard library's selector does."""

from __future__ import annotations

import asyncio
import selectors
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector

import pytest
from tests.relay.world import echo, world
from websockets.exceptions import ConnectionClosed

from trunkline.relay.selector import PumpSelector

SELECTORS = [PumpSelector, selectors.EpollSelector]


@pytest.fixture(params=SELECTORS)
def selector(request: pytest.FixtureRequest) -> Iterator[BaseSelector]:
    with request.param() as made:
        yield made


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


Pair = tuple[socket.socket, socket.socket]


def ready(selector: BaseSelector) -> list[tuple[object, int]]:
    return [(key.data, events) for key, events in selector.select(0)]


def test_nothing_is_ready_at_first(selector: BaseSelector, pair: Pair) -> None:
    selector.register(pair[0], EVENT_READ, "one")
    assert ready(selector) == []


def test_what_can_be_read_is_told_until_it_was(selector: BaseSelector, pair: Pair) -> None:
    selector.register(pair[0], EVENT_READ, "one")
    pair[1].send(b"hello")
    assert ready(selector) == [("one", EVENT_READ)]
    assert ready(selector) == [("one", EVENT_READ)]
    pair[0].recv(100)
    assert ready(selector) == []


def test_only_what_was_asked_for_is_told(selector: BaseSelector, pair: Pair) -> None:
    selector.register(pair[0], EVENT_WRITE, "one")
    pair[1].send(b"hello")
    assert ready(selector) == [("one", EVENT_WRITE)]
    selector.modify(pair[0], EVENT_READ | EVENT_WRITE, "both")
    assert ready(selector) == [("both", EVENT_READ | EVENT_WRITE)]
    selector.modify(pair[0], EVENT_READ, "read")
    assert ready(selector) == [("read", EVENT_READ)]


def test_the_end_of_a_peer_can_be_read(selector: BaseSelector, pair: Pair) -> None:
    selector.register(pair[0], EVENT_READ, "one")
    pair[1].close()
    assert ready(selector) == [("one", EVENT_READ)]


def test_what_is_registered_is_found_by_descriptor_and_by_socket(
    selector: BaseSelector, pair: Pair
) -> None:
    key = selector.register(pair[0], EVENT_READ, "one")
    known = selector.get_map()
    for asked in (pair[0], pair[0].fileno()):
        assert known.get(asked) == known[asked] == selector.get_key(asked) == key
    assert (list(known), len(known)) == ([pair[0].fileno()], 1)
    for asked in (pair[1], pair[1].fileno()):
        assert known.get(asked) is None
    selector.unregister(pair[0])
    assert known.get(pair[0]) is None


def test_what_is_unregistered_is_told_no_more(selector: BaseSelector, pair: Pair) -> None:
    selector.register(pair[0], EVENT_READ, "one")
    pair[1].send(b"hello")
    assert selector.unregister(pair[0]).data == "one"
    assert ready(selector) == []
    selector.register(pair[0], EVENT_READ, "again")
    assert ready(selector) == [("again", EVENT_READ)]


def test_a_number_that_another_socket_has_now_is_another(selector: BaseSelector) -> None:
    """As when a call ends and the next one's socket is given its number."""
    one, other = socket.socketpair()
    selector.register(one, EVENT_READ, "first")
    number = one.fileno()
    selector.unregister(one)
    one.close()
    other.close()
    one, other = socket.socketpair()
    with one, other:
        assert number in {one.fileno(), other.fileno()}
        again, peer = (one, other) if one.fileno() == number else (other, one)
        selector.register(again, EVENT_READ, "second")
        peer.send(b"hello")
        assert ready(selector) == [("second", EVENT_READ)]


def test_what_is_registered_can_be_asked(selector: BaseSelector, pair: Pair) -> None:
    key = selector.register(pair[0], EVENT_READ, "one")
    assert selector.get_key(pair[0]) == key
    assert selector.get_map()[pair[0].fileno()] == key
    with pytest.raises(KeyError):
        selector.register(pair[0], EVENT_READ)
    for ask in (selector.get_key, selector.unregister, lambda it: selector.modify(it, EVENT_READ)):
        with pytest.raises(KeyError):
            ask(pair[1])


async def test_a_loop_with_it_runs_what_any_loop_runs() -> None:
    """Timers, calls from threads, pipes and sockets: this test's loop waits with one."""
    loop = asyncio.get_running_loop()
    assert await loop.run_in_executor(None, lambda: 7) == 7
    await asyncio.sleep(0.001)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b""
        writer.close()
    process = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
    assert (await process.communicate(b"through pipes"))[0] == b"through pipes"


def test_a_wait_ends_when_its_time_is_over(selector: BaseSelector, pair: Pair) -> None:
    selector.register(pair[0], EVENT_READ, "one")
    pair[1].send(b"hello")
    assert selector.select(60)
    pair[0].recv(100)
    for timeout_s in (0.02, 0.001, -1):
        began_s = time.monotonic()
        assert selector.select(timeout_s) == []
        assert time.monotonic() - began_s >= timeout_s


async def test_timers_come_in_order_and_not_before_their_time() -> None:
    """Some are called off, others begin when the next one is set already."""
    loop = asyncio.get_running_loop()
    came = list[float]()

    def expect(after_s: float) -> asyncio.TimerHandle:
        due_s = loop.time() + after_s
        return loop.call_at(due_s, come, due_s)

    def come(due_s: float) -> None:
        assert loop.time() >= due_s - 1e-6
        came.append(due_s)

    for after_s in (0.03, 0.01, 0.02, 0.0001):
        expect(after_s)
    expect(0.005).cancel()
    await asyncio.sleep(0.015)
    expect(0.001)
    await asyncio.sleep(0.03)
    assert len(came) == 5
    assert came == sorted(came)


def test_many_are_told_within_few_turns() -> None:
    """More are ready than one wait of the kernel returns."""
    with PumpSelector() as selector:
        pairs = [socket.socketpair() for _ in range(300)]
        for number, (one, other) in enumerate(pairs):
            selector.register(one, EVENT_READ, number)
            other.send(b"hello")
        seen = set[object]()
        for _ in range(300):
            for key, _ in selector.select(0):
                seen.add(key.data)
                pairs[int(key.data)][0].recv(100)
        assert seen == set(range(300))
        for one, other in pairs:
            one.close()
            other.close()


async def test_a_bug_in_what_follows_a_bug_ends_no_other_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    async with world(tmp_path, echo) as w, w.call() as other:
        monkeypatch.setattr("trunkline.relay.shell.feed", broken)
        monkeypatch.setattr("trunkline.relay.shell.Call._failed", broken)
        async with w.call() as caller:
            # Binary: it goes the long way in any case.
            await caller.send(b"x")
            with pytest.raises(ConnectionClosed):
                await caller.recv()
        await other.send("y")
        assert await other.recv() == "y"
