"""One connection on the public port: heads that are refused, and what is piped."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import ssl
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest
import trustme
from tests.relay.world import World, echo, raw, tcp, world
from tests.support.patience import PATIENCE_S

from trunkline.relay import front, pipe

GET = b"GET /calls HTTP/1.1\r\nHost: h\r\n"


@contextlib.asynccontextmanager
async def with_server(
    directory: Path, answer: bytes = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok"
) -> AsyncGenerator[tuple[World, list[bytes]]]:
    """Yield a gateway with a server behind it that answers one head, and what that has heard."""
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.write_eof()
        heard.append(await reader.read())

    path = directory / "s"
    async with tcp(talk, path), world(directory, server_socket=path) as w:
        yield w, heard


def error_of(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Connection: " in head
    assert f"Content-Length: {len(body)}".encode() in head
    return int(head.split(b" ")[1]), msgspec.json.decode(body)["error"]["code"]


HEADS = {
    "not HTTP": (b"hello there\r\n\r\n", (400, "bad_request_line")),
    "TLS on a plain port": (b"\x16\x03\x01\x02\x00\r\n\r\n", (400, "bad_request_line")),
    "lines that end in LF": (b"GET / HTTP/1.1\nHost: h\n\n", (400, "bad_line_end")),
    "an endless head": (b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000, (431, "head_too_big")),
    "a whole head that is too big": (
        b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
        (431, "head_too_big"),
    ),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", (400, "repeated_header")),
    "a call without an upgrade": (
        b"GET /v1/realtime?model=m HTTP/1.1\r\nHost: h\r\n\r\n",
        (426, "upgrade_required"),
    ),
    "a call by POST": (
        b"POST /v1/realtime HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
        (405, "method_not_allowed"),
    ),
}


@pytest.mark.parametrize(("request_", "expected"), HEADS.values(), ids=HEADS.keys())
async def test_a_bad_head_is_answered_in_json(
    tmp_path: Path, request_: bytes, expected: tuple[int, str]
) -> None:
    async with with_server(tmp_path) as (w, heard):
        assert error_of(await raw(w.port, request_)) == expected
        assert heard == []
        assert w.journal.records == []


async def test_426_says_what_to_upgrade_to(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await raw(w.port, b"GET /v1/realtime HTTP/1.1\r\nHost: h\r\n\r\n")
    assert b"\r\nUpgrade: websocket\r\n" in answer
    assert b"\r\nConnection: Upgrade, close\r\n" in answer


async def test_a_head_may_come_in_pieces(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        reader, writer = await asyncio.open_connection("127.0.0.1", w.port)
        for byte in b"GET /v1/realtime HTTP/1.1\r\nHost: h\r\n\r\n":
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        assert error_of(await reader.read())[0] == 426
        writer.close()


async def test_a_head_that_does_not_come_is_408_and_a_silent_connection_is_closed(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, head_timeout_ms=100) as w:
        assert error_of(await raw(w.port, b"GET / HT")) == (408, "head_timeout")
        assert await raw(w.port, b"") == b""


async def test_who_says_nothing_makes_way_for_who_does(tmp_path: Path) -> None:
    """However many connections are opened, a caller that speaks is heard."""
    async with world(tmp_path, max_handshakes=3) as w:
        silent = [await asyncio.open_connection("127.0.0.1", w.port) for _ in range(2)]
        slow = [await asyncio.open_connection("127.0.0.1", w.port) for _ in range(3)]
        for reader, _ in silent:
            assert await reader.read() == b""
        for _, writer in slow:
            writer.write(b"GET / HT")
        async with asyncio.timeout(PATIENCE_S):
            while len(w.gateway.waiting) < 3:
                await asyncio.sleep(0.01)
        assert error_of(await raw(w.port, b"nonsense\r\n\r\n"))[0] == 400
        answer = await slow[0][0].read()
        assert error_of(answer) == (503, "too_many_handshakes")
        assert b"Retry-After: " in answer
        assert w.gateway.refused == {"too_many_handshakes": 3, "bad_request_line": 1}
        for _, writer in (*silent, *slow):
            writer.close()
        async with asyncio.timeout(PATIENCE_S):
            while len(w.gateway.waiting):
                await asyncio.sleep(0.01)


async def test_who_does_not_finish_its_tls_handshake_makes_way_for_who_does(
    tmp_path: Path,
) -> None:
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with world(tmp_path, echo, tls=context, max_handshakes=3) as w:
        silent = [await asyncio.open_connection("127.0.0.1", w.port) for _ in range(5)]
        async with asyncio.timeout(PATIENCE_S):
            for reader, _ in silent[:2]:
                assert await reader.read() == b""
            async with w.call(scheme="wss", ssl=trusting) as caller:
                await caller.send("x")
                assert await caller.recv() == "x"
                assert await silent[2][0].read() == b""
                assert len(w.gateway.waiting) == 2
        assert w.gateway.refused == {"too_many_handshakes": 3}
        for _, writer in silent:
            writer.close()


async def test_calls_and_pages_do_not_wait(tmp_path: Path) -> None:
    async with with_server(tmp_path) as (w, _), w.call(), w.call():
        assert (await raw(w.port, GET + b"\r\n")).endswith(b"ok")
        assert len(w.gateway.waiting) == 0


async def test_a_refusal_is_read_even_by_who_goes_on_sending(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        answer = await raw(w.port, b"GET / HTTP/1.1\r\n\r\n" + b"x" * 3_000_000)
    assert error_of(answer) == (400, "missing_host")


# --- piping --------------------------------------------------------------------------


async def test_what_is_not_a_call_is_the_servers(tmp_path: Path) -> None:
    async with with_server(tmp_path) as (w, heard):
        assert (await raw(w.port, GET + b"Accept: */*\r\n\r\n")).endswith(b"\r\n\r\nok")
        assert heard[0].startswith(b"GET /calls HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n")


async def test_who_asks_is_said_by_us_and_not_by_the_caller(tmp_path: Path) -> None:
    forged = (
        b"X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\nx-forwarded-anything: x\r\n"
        b"Forwarded: for=1.1.1.1\r\nX-Real-IP: 1.1.1.1\r\nConnection: keep-alive\r\n"
        b"Keep-Alive: timeout=5\r\nUpgrade: h2c\r\n\r\n"
    )
    async with with_server(tmp_path) as (w, heard):
        await raw(w.port, GET + forged)
        assert heard[0] == (
            GET + b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
            b"X-Forwarded-Host: h\r\nConnection: close\r\n\r\n"
        )


async def test_a_body_is_piped_and_large_ones_too(tmp_path: Path) -> None:
    body = b"b" * 5_000_000
    async with with_server(tmp_path, b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 5_000_000) as (w, heard):
        reader, writer = await asyncio.open_connection("127.0.0.1", w.port)
        writer.write(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n" + body)
        writer.write_eof()
        answer = await reader.read()
        assert answer.endswith(b"\r\n\r\n" + b"a" * 5_000_000)
        writer.close()
        async with asyncio.timeout(PATIENCE_S):
            while len(heard) < 2:
                await asyncio.sleep(0.01)
        assert heard[1] == body


async def test_a_second_request_on_the_connection_is_not_looked_at(tmp_path: Path) -> None:
    second = b"GET /v1/realtime?model=m HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n"
    async with with_server(tmp_path) as (w, heard):
        answer = await raw(w.port, GET + b"\r\n" + second)
        assert answer.count(b"HTTP/1.1 ") == 1
        assert b"Connection: close" in heard[0]
        assert w.journal.records == []


async def test_without_a_server_the_dashboard_is_502(tmp_path: Path) -> None:
    for path in (None, tmp_path / "none"):
        async with world(tmp_path, server_socket=path) as w:
            assert error_of(await raw(w.port, GET + b"\r\n")) == (502, "dashboard_unavailable")


async def test_a_caller_that_leaves_ends_the_servers_connection(tmp_path: Path) -> None:
    async with with_server(tmp_path, b"HTTP/1.1 200 OK\r\n\r\n") as (w, heard):
        reader, writer = await asyncio.open_connection("127.0.0.1", w.port)
        writer.write(GET + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()
        async with asyncio.timeout(PATIENCE_S):
            while len(heard) < 2:
                await asyncio.sleep(0.01)


async def descriptors_are(number: int) -> None:
    """Wait until this process has so many."""
    async with asyncio.timeout(PATIENCE_S):
        while len(os.listdir("/proc/self/fd")) > number:
            await asyncio.sleep(0.01)


async def test_a_request_that_is_over_leaves_no_socket_behind(tmp_path: Path) -> None:
    gc.disable()  # Which would close forgotten sockets, some time.
    try:
        async with with_server(tmp_path) as (w, _):
            await raw(w.port, GET + b"\r\n")
            before = len(os.listdir("/proc/self/fd"))
            for _ in range(20):
                await raw(w.port, GET + b"\r\n")
            await descriptors_are(before)
    finally:
        gc.enable()


async def test_a_caller_that_never_hangs_up_is_hung_up_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipe, "LINGER_S", 0.05)
    async with with_server(tmp_path) as (w, _):
        before = len(os.listdir("/proc/self/fd"))
        reader, writer = await asyncio.open_connection("127.0.0.1", w.port)
        writer.write(GET + b"\r\n")
        await reader.read()
        await descriptors_are(before + 1)  # Our own.
        writer.close()


async def test_a_bug_of_ours_has_an_answer_here_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> bytes:
        raise RuntimeError("a bug")

    monkeypatch.setattr(front, "piped_head", broken)
    async with with_server(tmp_path) as (w, _):
        assert error_of(await raw(w.port, GET + b"\r\n")) == (500, "internal_error")
    assert "RuntimeError: a bug" in capsys.readouterr().out
