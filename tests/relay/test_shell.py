"""Whole calls over real sockets: a provider, the gateway, a caller."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.relay.world import HANDSHAKE, HEADERS, echo, world
from tests.support.patience import PATIENCE_S
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from trunkline.clock import monotonic_ns
from trunkline.journal.record import Flag, Kind, Leg

pytestmark = pytest.mark.usefixtures("way")

SECOND_NS = 1_000_000_000


async def close_of(connection: ClientConnection | ServerConnection) -> tuple[int, str]:
    """Read until the connection ends; return the close code and reason that came."""
    with contextlib.suppress(ConnectionClosed):
        async with asyncio.timeout(PATIENCE_S):
            while True:
                await connection.recv()
    received = connection.protocol.close_rcvd
    return (received.code, received.reason) if received else (1006, "")


async def test_frames_come_back_in_order_and_are_all_journalled(tmp_path: Path) -> None:
    sent = [f'{{"type":"n","n":{number}}}' for number in range(200)]
    async with world(tmp_path, echo) as w:
        async with w.call() as caller:
            for text in sent:
                await caller.send(text)
            assert [await caller.recv() for _ in sent] == sent
        closed = await w.journal.closed()
    assert (closed.status, closed.end_reason, closed.caller_close_code) == (
        "completed",
        "caller_closed",
        1000,
    )
    assert (closed.caller_frames, closed.provider_frames) == (200, 200)
    assert w.journal.frames(Leg.CALLER) == [text.encode() for text in sent]
    assert w.journal.frames(Leg.PROVIDER) == [text.encode() for text in sent]
    assert [record.seq for record in w.journal.records] == list(range(len(w.journal.records)))
    assert [w.journal.records[0].kind, w.journal.records[-1].kind] == [Kind.OPENED, Kind.CLOSED]
    for record in w.journal.of(Kind.FRAME):
        assert 0 < record.received_ns <= record.handed_ns


MESSAGES: dict[str, str | bytes | list[str]] = {
    "binary": b"\x00\xff" * 100,
    "empty": "",
    "not ASCII": "señal — 信号",
    "not JSON": '{"type":',
    "just under a size of the framing": "x" * 125,
    "just over it": "x" * 126,
    "just over the next": "x" * 65536,
    "in fragments": ["one ", "", "two ", "three"],
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES.keys())
async def test_a_message_arrives_as_it_was_sent(tmp_path: Path, message: Any) -> None:
    async with world(tmp_path, echo) as w, w.call() as caller:
        await caller.send(message)
        whole = "".join(message) if isinstance(message, list) else message
        assert await caller.recv() == whole
        record = w.journal.of(Kind.FRAME)[0]
        assert bool(record.flags & Flag.BINARY) is isinstance(whole, bytes)
        assert record.payload == (whole if isinstance(whole, bytes) else whole.encode())


async def test_a_message_of_32_mib_goes_there_and_back(tmp_path: Path) -> None:
    message = "a" * (32 * 1024 * 1024)
    async with world(tmp_path, echo, journal_bytes=3 * len(message)) as w, w.call() as caller:
        await caller.send(message)
        async with asyncio.timeout(PATIENCE_S):
            assert await caller.recv() == message


async def test_many_large_messages_at_once_are_not_mixed_up(tmp_path: Path) -> None:
    """More than a socket takes at once: what waits must not be written over."""
    messages = [chr(97 + number % 26) * (20_000 + number) for number in range(400)]

    async def talk(provider: ServerConnection) -> None:
        for message in messages:
            await provider.send(message)
        await provider.wait_closed()

    async with world(tmp_path, talk) as w, w.call() as caller:
        await asyncio.sleep(0.2)
        assert [await caller.recv() for _ in messages] == messages


# --- closes --------------------------------------------------------------------------

CODES = [1000, 1001, 1008, 1011, 3000, 4000]


@pytest.mark.parametrize("code", CODES)
async def test_a_providers_close_reaches_the_caller(tmp_path: Path, code: int) -> None:
    async def talk(provider: ServerConnection) -> None:
        await provider.close(code, "because é")

    async with world(tmp_path, talk) as w, w.call() as caller:
        assert await close_of(caller) == (code, "because é")
        closed = await w.journal.closed()
    assert (closed.end_reason, closed.provider_close_code) == ("provider_closed", code)
    assert (closed.caller_close_code, closed.caller_close_reason) == (code, "because é")


@pytest.mark.parametrize("code", CODES)
async def test_a_callers_close_reaches_the_provider(tmp_path: Path, code: int) -> None:
    heard: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    async def talk(provider: ServerConnection) -> None:
        heard.set_result(await close_of(provider))

    async with world(tmp_path, talk) as w:
        caller = await w.call()
        await caller.close(code, "bye")
        assert await heard == (code, "bye")
        closed = await w.journal.closed()
    assert (closed.end_reason, closed.caller_close_code) == ("caller_closed", code)


async def test_a_close_without_a_code_stays_one(tmp_path: Path) -> None:
    heard: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def talk(provider: ServerConnection) -> None:
        await provider.wait_closed()
        heard.set_result(provider.close_code or 0)

    async with world(tmp_path, talk) as w:
        caller = await w.call()
        caller.transport.write(bytes([0x88, 0x80, 1, 2, 3, 4]))
        assert await heard == 1005
        closed = await w.journal.closed()
    assert (closed.caller_close_code, closed.provider_close_code) == (1005, 1005)
    assert closed.status == "completed"


async def test_a_provider_that_drops_the_connection_is_told_to_the_caller(tmp_path: Path) -> None:
    async def talk(provider: ServerConnection) -> None:
        await provider.recv()
        provider.transport.abort()

    async with world(tmp_path, talk) as w, w.call() as caller:
        await caller.send("go")
        began_ns = monotonic_ns()
        error = msgspec.json.decode(await caller.recv())
        assert (error["type"], error["error"]["code"]) == ("error", "provider_lost")
        assert error["event_id"].startswith("event_trunkline_")
        assert (await close_of(caller))[0] == 1011
        assert monotonic_ns() - began_ns < SECOND_NS
        closed = await w.journal.closed()
    assert (closed.status, closed.end_reason) == ("failed", "provider_lost")
    (ours,) = w.journal.of(Kind.BRIDGED)
    assert (ours.leg, ours.flags) == (Leg.PROVIDER, Flag.OURS)


async def test_a_caller_that_drops_the_connection_ends_the_provider_leg(tmp_path: Path) -> None:
    heard: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    async def talk(provider: ServerConnection) -> None:
        heard.set_result(await close_of(provider))

    async with world(tmp_path, talk) as w:
        caller = await w.call()
        began_ns = monotonic_ns()
        caller.transport.abort()
        assert (await heard)[0] == 1011
        assert monotonic_ns() - began_ns < SECOND_NS
        closed = await w.journal.closed()
    assert (closed.status, closed.end_reason) == ("failed", "caller_lost")
    assert closed.caller_close_code is None


# --- rules ---------------------------------------------------------------------------


async def test_a_message_that_is_too_big_closes_the_call_with_1009(tmp_path: Path) -> None:
    async with world(tmp_path, echo, max_frame_bytes=2048) as w, w.call() as caller:
        await caller.send("x" * 2048)
        await caller.recv()
        await caller.send("x" * 2049)
        error = msgspec.json.decode(await caller.recv())
        assert error["error"]["code"] == "frame_too_big"
        assert (await close_of(caller))[0] == 1009
        closed = await w.journal.closed()
    assert (closed.status, closed.end_reason) == ("failed", "frame_too_big")


async def test_fragments_do_not_get_around_the_limit(tmp_path: Path) -> None:
    async with world(tmp_path, echo, max_frame_bytes=2048) as w, w.call() as caller:
        with contextlib.suppress(ConnectionClosed):
            await caller.send(["x" * 1000] * 3)
        assert (await close_of(caller))[0] == 1009


async def test_text_that_is_not_utf_8_closes_the_call_with_1007(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w, w.call() as caller:
        await caller.send(b"\xff\xfe", text=True)
        assert (await close_of(caller))[0] == 1007


BREACHES = {
    "a reserved bit": bytes([0xC1, 0x80, 0, 0, 0, 0]),
    "an unknown opcode": bytes([0x83, 0x80, 0, 0, 0, 0]),
    "no mask": bytes([0x81, 0x00]),
    "a continuation of nothing": bytes([0x80, 0x80, 0, 0, 0, 0]),
    "a message within a message": bytes([0x01, 0x80, 0, 0, 0, 0, 0x81, 0x80, 0, 0, 0, 0]),
    "a length with its first bit set": bytes([0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0]),
}


@pytest.mark.parametrize("data", BREACHES.values(), ids=BREACHES.keys())
async def test_a_broken_frame_closes_the_call_with_1002(tmp_path: Path, data: bytes) -> None:
    async with world(tmp_path, echo) as w, w.call() as caller:
        caller.transport.write(data)
        assert msgspec.json.decode(await caller.recv())["error"]["code"] == "protocol_error"
        assert (await close_of(caller))[0] == 1002
        assert (await w.journal.closed()).end_reason == "protocol_error"


# --- life and pace -------------------------------------------------------------------


async def test_each_leg_answers_pings_by_itself(tmp_path: Path) -> None:
    async def talk(provider: ServerConnection) -> None:
        await (await provider.ping(b"provider"))
        await provider.send("answered")
        await provider.wait_closed()

    async with world(tmp_path, talk) as w, w.call() as caller:
        await (await caller.ping(b"caller"))
        assert await caller.recv() == "answered"
    assert w.journal.frames(Leg.CALLER) == []


async def test_a_peer_that_lives_but_says_nothing_keeps_its_call(tmp_path: Path) -> None:
    async with (
        world(tmp_path, echo, ping_interval_ms=50, ping_timeout_ms=400) as w,
        w.call() as caller,
    ):
        await asyncio.sleep(0.7)
        await caller.send("still here")
        assert await caller.recv() == "still here"


async def test_a_peer_that_is_long_in_sending_a_message_is_not_lost(tmp_path: Path) -> None:
    size = 20
    async with world(tmp_path, echo, ping_interval_ms=50, ping_timeout_ms=300) as w:
        reader, writer = await asyncio.open_connection("127.0.0.1", w.port)
        writer.write(HANDSHAKE + bytes([0x82, 0x80 | size, 0, 0, 0, 0]))
        for _ in range(size):
            await asyncio.sleep(0.05)
            writer.write(b"x")
        async with asyncio.timeout(PATIENCE_S):
            await reader.readuntil(bytes([0x82, size]) + b"x" * size)
        writer.close()
        await w.journal.closed()


async def test_a_peer_that_answers_no_ping_is_lost(tmp_path: Path) -> None:
    async with world(tmp_path, echo, ping_interval_ms=50, ping_timeout_ms=50) as w:
        caller = await w.call()
        caller.transport.pause_reading()
        closed = await w.journal.closed()
        caller.transport.abort()
    assert (closed.status, closed.end_reason) == ("failed", "caller_lost")


@pytest.mark.guarantee("B1")
async def test_a_caller_that_does_not_read_makes_the_provider_wait(tmp_path: Path) -> None:
    chunk, sent = "x" * 64_000, 0

    async def talk(provider: ServerConnection) -> None:
        nonlocal sent
        with contextlib.suppress(ConnectionClosed):
            while sent < 200_000_000:
                await provider.send(chunk)
                sent += len(chunk)

    async with world(tmp_path, talk, max_buffer_bytes=256_000, slow_leg_timeout_ms=500) as w:
        caller = await w.call()
        caller.transport.pause_reading()
        closed = await w.journal.closed()
        caller.transport.abort()
    assert (closed.status, closed.end_reason, closed.caller_close_code) == (
        "failed",
        "caller_too_slow",
        1013,
    )
    # What sockets and the peers' own buffers hold, and a quarter of a MB of ours.
    assert sent < 50_000_000


@pytest.mark.guarantee("B2")
async def test_a_provider_that_does_not_read_makes_the_caller_wait(tmp_path: Path) -> None:
    over = asyncio.Event()

    async def talk(provider: ServerConnection) -> None:
        provider.transport.pause_reading()
        await over.wait()
        provider.transport.abort()

    async with world(tmp_path, talk, max_buffer_bytes=256_000, slow_leg_timeout_ms=500) as w:
        caller, sent = await w.call(), 0
        with contextlib.suppress(ConnectionClosed):
            while sent < 200_000_000:
                await caller.send("x" * 64_000)
                sent += 64_000
        # Reading what waits must not take long: the error comes before the close.
        assert (await close_of(caller))[0] == 1013
        closed = await w.journal.closed()
        over.set()
    assert (closed.end_reason, closed.caller_close_code) == ("provider_too_slow", 1013)
    assert sent < 50_000_000


# --- dialects ------------------------------------------------------------------------

UPDATE = {
    "type": "session.update",
    "session": {"modalities": ["text", "audio"], "voice": "alloy", "input_audio_format": "pcm16"},
}


@pytest.mark.parametrize("header", [{}, {"OpenAI-Beta": "realtime=v1"}])
async def test_a_beta_caller_talks_with_a_ga_provider(
    tmp_path: Path, header: dict[str, str]
) -> None:
    heard: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def talk(provider: ServerConnection) -> None:
        heard.set_result(msgspec.json.decode(await provider.recv()))
        await provider.send('{"type":"response.output_text.delta","delta":"hi"}')
        await provider.wait_closed()

    async with world(tmp_path, talk) as w:
        async with w.call(additional_headers={**HEADERS, **header}) as caller:
            await caller.send(msgspec.json.encode(UPDATE), text=True)
            session = (await heard)["session"]
            assert (session["type"], session["audio"]["output"]["voice"]) == ("realtime", "alloy")
            down = msgspec.json.decode(await caller.recv())
            assert down == {"type": "response.text.delta", "delta": "hi"}
        closed = await w.journal.closed()
    assert ("dialect" in w.journal.notes) is (not header)
    assert (closed.caller_frames, closed.provider_frames) == (1, 1)
    up, bridged_up, _, _ = [r for r in w.journal.records if r.kind in (Kind.FRAME, Kind.BRIDGED)]
    assert (up.kind, up.flags, up.payload) == (
        Kind.FRAME,
        Flag.ALTERED,
        msgspec.json.encode(UPDATE),
    )
    assert (bridged_up.kind, bridged_up.leg, bridged_up.flags) == (Kind.BRIDGED, Leg.CALLER, 0)


# --- bugs ----------------------------------------------------------------------------


async def test_a_bug_ends_its_call_alone_and_is_said(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w, w.call() as other:
        append = w.journal.append

        def broken(kind: Kind, *rest: Any) -> None:
            if kind is Kind.FRAME:
                w.journal.append = append
                raise RuntimeError("a bug")
            append(kind, *rest)

        w.journal.append = broken
        async with w.call() as caller:
            # Binary: it goes the long way in any case.
            await caller.send(b"x")
            while (error := await caller.recv()) == b"x":
                pass
            assert msgspec.json.decode(error)["error"]["code"] == "internal_error"
            assert (await close_of(caller))[0] == 1011
        assert (await w.journal.closed()).end_reason == "internal_error"
        await other.send("y")
        assert await other.recv() == "y"
