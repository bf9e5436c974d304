"""Seats for calls, over real sockets: who gets none, and that each is given back once."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import mmap
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.relay.world import World, echo, key, tcp, world
from tests.support.patience import PATIENCE_S
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response

from trunkline.clock import wall_ns
from trunkline.journal.record import Kind
from trunkline.relay.capacity import Capacity, this_machine
from trunkline.relay.room import NO_FILES, Room
from trunkline.relay.seats import Seat, Seats
from trunkline.relay.tally import Tally
from trunkline.settings import Settings
from trunkline.vitals.machine import open_files

HOUR_US = 3600 * 10**6


async def refused(w: World) -> tuple[int, str, int]:
    """Return status, code and Retry-After of a call that is not let through."""
    with pytest.raises(InvalidStatus) as caught:
        await w.call()
    response = caught.value.response
    error = msgspec.json.decode(response.body)["error"]
    assert set(error) == {"type", "code", "message"}
    closed = await w.journal.closed(len(w.journal.of(Kind.CLOSED)))
    assert (closed.status, closed.error_code) == ("refused", error["code"])
    return response.status_code, error["code"], int(response.headers["Retry-After"])


async def free_again(w: World, calls: int = 0) -> None:
    """Wait until no more than `calls` have a seat."""
    async with asyncio.timeout(PATIENCE_S):
        while w.gateway.capacity.calls > calls:
            await asyncio.sleep(0.01)


async def admitted(w: World) -> ClientConnection:
    """Return the next call that is let through: a seat is given back a moment after a call."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(InvalidStatus):
                return await w.call()
            await asyncio.sleep(0.01)


async def ends(caller: ClientConnection) -> tuple[str, str, int]:
    """Return type and code of the error that a call ends with, and the close code."""
    error = msgspec.json.decode(await caller.recv())["error"]
    with pytest.raises(ConnectionClosed) as caught:
        await caller.recv()
    assert caught.value.rcvd is not None
    return error["type"], error["code"], caught.value.rcvd.code


# --- of the process ------------------------------------------------------------------


async def test_a_process_takes_as_many_calls_as_it_may(tmp_path: Path) -> None:
    async with world(tmp_path, echo, max_calls=2) as w, w.call():
        second = await w.call()
        assert await refused(w) == (503, "gateway_full", 2)
        await second.send("still")
        assert await second.recv() == "still"
        await second.close()
        await free_again(w, 1)
        async with w.call():
            assert w.gateway.capacity.calls == 2
    assert w.gateway.refused == {"gateway_full": 1}


async def test_attempts_under_way_count_too(tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with (
        tcp(silent) as port,
        world(tmp_path, max_calls=1, openai_url=f"ws://127.0.0.1:{port}") as w,
    ):
        dialling = asyncio.create_task(w.call(open_timeout=30).__aenter__())
        async with asyncio.timeout(PATIENCE_S):
            while not w.gateway.capacity.calls:
                await asyncio.sleep(0.01)
        assert await refused(w) == (503, "gateway_full", 2)
        dialling.cancel()
        await free_again(w)


async def test_a_process_short_of_memory_refuses_and_lets_calls_go_on(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w, w.call() as caller:
        holds = w.gateway.capacity.load.resident_bytes
        w.gateway.capacity.room = msgspec.structs.replace(
            w.gateway.capacity.room, memory_bytes=holds // 2
        )
        w.gateway.capacity.look()
        assert await refused(w) == (503, "gateway_memory", 2)
        await caller.send("still")
        assert await caller.recv() == "still"
        w.gateway.capacity.room = msgspec.structs.replace(
            w.gateway.capacity.room, memory_bytes=holds * 4
        )
        await (await admitted(w)).close()


async def test_a_process_with_few_files_left_refuses(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w, w.call() as caller:
        w.gateway.capacity.room = msgspec.structs.replace(
            w.gateway.capacity.room, files=open_files()
        )
        w.gateway.capacity.look()
        assert await refused(w) == (503, "gateway_files", 2)
        await caller.send("still")
        assert await caller.recv() == "still"


def test_connections_that_are_not_calls_take_no_files_from_those_that_are() -> None:
    """Who was refused, and still reads why, must not have the next one refused."""
    waiting = list[object]()
    capacity = Capacity(Room.of(Settings(), this_machine()), waiting)
    before = capacity.load.files
    waiting += [object()] * 5
    capacity.look()
    assert capacity.load.files == before - 5
    capacity.close()


def test_what_is_measured_is_this_process() -> None:
    gc.collect()  # Else what other tests left is let go of in between.
    capacity = Capacity(Room.of(Settings(), this_machine()))
    before = capacity.load
    assert 10**7 < before.resident_bytes < before.address_bytes
    try:
        # Of the kernel's, since what Python has free may be taken for anything smaller.
        with mmap.mmap(-1, 50_000_000) as kept, Path("/dev/null").open():
            kept.write(b"x" * len(kept))
            capacity.look()
            assert capacity.load.files >= before.files + 1
            assert capacity.load.resident_bytes - before.resident_bytes > 40_000_000
    finally:
        capacity.close()


def test_files_that_cannot_be_counted_are_all_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    capacity = Capacity(Room.of(Settings(), this_machine()))
    assert capacity.refusal() is None

    def none_left() -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("trunkline.relay.capacity.open_files", none_left)
    capacity.look()
    assert capacity.refusal() is NO_FILES
    capacity.close()


def test_calls_begun_since_the_last_look_have_their_files_counted() -> None:
    capacity = Capacity(Room.of(Settings(), this_machine()))
    capacity.room = msgspec.structs.replace(capacity.room, files=capacity.load.files + 5)
    assert capacity.refusal() is None
    capacity.calls += 2
    refusal = capacity.refusal()
    assert refusal is not None
    assert refusal.code == "gateway_files"
    capacity.look()
    assert capacity.refusal() is None
    capacity.close()


def test_this_machine_says_what_it_has() -> None:
    machine = this_machine()
    assert machine.files >= 64
    assert machine.memory_bytes > 10**8


# --- of a key ------------------------------------------------------------------------


async def test_a_key_has_as_many_calls_at_once_as_it_may(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w:
        w.publish(key(max_calls=2), key("sk-other", key_id="key_2"))
        first, second = await w.call(), await w.call()
        assert await refused(w) == (429, "key_concurrency", 5)
        other = {"Helicone-Auth": "Bearer sk-other", "Authorization": "Bearer sk-provider"}
        await (await w.call(additional_headers=other)).close()
        first.transport.abort()
        third = await admitted(w)
        assert await refused(w) == (429, "key_concurrency", 5)
        await second.close()
        await third.close()


async def test_a_limit_set_or_lifted_counts_from_the_next_attempt_on(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w:
        w.publish(key(max_calls=3))
        calls = [await w.call(), await w.call()]
        w.publish(key(max_calls=1))
        assert (await refused(w))[1] == "key_concurrency"
        w.publish(key())
        calls.append(await w.call())
        for call in calls:
            await call.close()


async def test_gateways_with_the_same_keys_count_together(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as one, world(tmp_path, echo) as other:
        one.publish(key(max_calls=2))
        first, second = await one.call(), await other.call()
        assert (await refused(one))[1] == "key_concurrency"
        assert (await refused(other))[1] == "key_concurrency"
        await first.close()
        await (await admitted(other)).close()
        await second.close()


async def test_a_key_begins_as_many_calls_in_a_minute_as_it_may(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as one, world(tmp_path, echo) as other:
        one.publish(key(max_calls_per_minute=2))
        await (await one.call()).close()
        await (await other.call()).close()
        for w in (one, other):
            status, code, retry_after_s = await refused(w)
            assert (status, code) == (429, "key_rate")
            assert 50 <= retry_after_s <= 60


async def test_who_came_too_often_takes_no_place_among_the_live(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w:
        w.publish(key(max_calls=2, max_calls_per_minute=1))
        first = await w.call()
        for _ in range(3):
            assert (await refused(w))[1] == "key_rate"
        w.publish(key(max_calls=2))
        second = await w.call()
        assert (await refused(w))[1] == "key_concurrency"
        await first.close()
        await second.close()


async def test_a_key_whose_budget_is_spent_is_refused_and_its_calls_end(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w, w.call() as caller:
        w.publish(key(spent_until_us=wall_ns() // 1000 + HOUR_US))
        assert await ends(caller) == ("rate_limit_error", "key_budget", 1008)
        assert (await w.journal.closed()).end_reason == "key_budget"
        status, code, retry_after_s = await refused(w)
        assert (status, code) == (429, "key_budget")
        assert 3590 <= retry_after_s <= 3600
        w.publish(key(spent_until_us=wall_ns() // 1000 - 1))
        async with w.call() as again:
            await again.send("x")
            assert await again.recv() == "x"


async def test_a_call_ends_when_it_is_as_long_as_its_key_allows(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w, w.call() as caller:
        await caller.send("x")
        assert await caller.recv() == "x"
        w.publish(key(max_call_seconds=1))
        assert await ends(caller) == ("rate_limit_error", "key_duration", 1008)
        closed = await w.journal.closed()
        assert (closed.status, closed.end_reason) == ("failed", "key_duration")
        assert (closed.caller_close_code, closed.provider_close_code) == (1008, 1001)


# --- given back ----------------------------------------------------------------------


def unwilling(connection: ServerConnection, request: Request) -> Response:
    return connection.respond(418, "no")


async def test_an_attempt_that_fails_gives_its_seat_back(tmp_path: Path) -> None:
    async with world(tmp_path, echo, provider={"process_request": unwilling}) as w:
        w.publish(key(max_calls=1))
        for number in range(3):
            with pytest.raises(InvalidStatus) as caught:
                await w.call()
            assert caught.value.response.status_code == 418, number
            await free_again(w)
        assert w.gateway.refused == {"refused_by_provider": 3}


async def test_after_a_storm_of_callers_that_leave_every_seat_is_free(tmp_path: Path) -> None:
    async def storm(w: World, number: int) -> None:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(0.002 * (number % 20)):
                async with w.call() as caller:
                    await caller.send("x")
                    await caller.recv()

    async with world(tmp_path, echo) as w:
        w.publish(key(max_calls=8))
        await asyncio.gather(*(storm(w, number) for number in range(60)))
        await free_again(w)
        calls = [await admitted(w) for _ in range(8)]
        assert (await refused(w))[1] == "key_concurrency"
        for call in calls:
            await call.close()


@contextlib.asynccontextmanager
async def seats(directory: Path) -> AsyncGenerator[Seats]:
    made = Seats(Capacity(Room.of(Settings(), this_machine())), directory)
    yield made
    made.close()


async def test_a_seat_is_given_back_once(tmp_path: Path) -> None:
    async with seats(tmp_path) as taken:
        seat = await taken.take(key(max_calls=1), 0)
        other = await taken.take(key(), 0)
        assert isinstance(seat, Seat)
        assert isinstance(other, Seat)
        for _ in range(3):
            seat.leave()
        assert taken.capacity.calls == 1
        assert isinstance(await taken.take(key(max_calls=1), 0), Seat)
        assert not isinstance(await taken.take(key(max_calls=1), 0), Seat)


async def test_who_does_not_wait_for_its_seat_does_not_have_it(tmp_path: Path) -> None:
    async with seats(tmp_path) as taken:
        limited: dict[str, Any] = {"key": key(max_calls=1), "wall_us": 0}
        for turns in range(6):
            attempt = asyncio.create_task(taken.take(**limited))
            for _ in range(turns):
                await asyncio.sleep(0)
            attempt.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                seat = await attempt
                assert isinstance(seat, Seat)
                seat.leave()
        assert isinstance(await taken.take(**limited), Seat)
        assert taken.capacity.calls == 1


async def test_where_nothing_can_be_counted_calls_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_the_way = tmp_path / "tallies"
    in_the_way.touch()
    async with seats(in_the_way) as taken:
        assert taken.uncounted_at_ns == 0
        for _ in range(3):
            assert isinstance(await taken.take(key(max_calls=1), 0), Seat)
        assert taken.uncounted_at_ns > 0
    assert capsys.readouterr().out.count("calls of keys with limits are not counted") == 1


async def test_a_call_whose_beginning_cannot_be_noted_takes_no_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> int:
        raise OSError("the disk is full")

    async with seats(tmp_path) as taken:
        with monkeypatch.context() as broken:
            broken.setattr(Tally, "begin", refuses)
            limited = key(max_calls=1, max_calls_per_minute=5)
            assert isinstance(await taken.take(limited, 0), Seat)
        assert isinstance(await taken.take(key(max_calls=1), 0), Seat)
        assert not isinstance(await taken.take(key(max_calls=1), 0), Seat)


async def test_a_key_without_limits_touches_no_file(tmp_path: Path) -> None:
    async with seats(tmp_path / "tallies") as taken:
        assert isinstance(await taken.take(key(max_call_seconds=5), 0), Seat)
    assert list(tmp_path.iterdir()) == []
