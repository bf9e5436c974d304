"""Frames under TLS, which the gateway deciphers without the transport that did the handshake."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiofastnet
import pytest
import trustme
from tests.relay.peer import BINARY, TEXT, Peer, Peers, peers, switching
from tests.relay.world import HANDSHAKE, World, world
from tests.support.patience import PATIENCE_S

from trunkline.journal.record import Leg
from trunkline.relay import _lane

MIB = 1024 * 1024
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
SIZES_BYTES = (0, 1, 125, 126, 16_383, 16_384, 16_385, 65_535, 65_536, 300_000, 1_500_000)
pytestmark = pytest.mark.usefixtures("way")


@dataclass
class Secure:
    """A gateway that speaks TLS to both sides, and both sides."""

    w: World
    ends: Peers
    trusting: ssl.SSLContext

    async def call(self) -> tuple[Peer, Peer]:
        return await self.ends.call(self.w.port, tls=self.trusting)


@contextlib.asynccontextmanager
async def secure(
    directory: Path, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3, **settings: Any
) -> AsyncIterator[Secure]:
    authority, trusting = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(trusting)
    authority.cert_pem.write_to_path(directory / "ca.pem")
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.maximum_version = trusting.maximum_version = version
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    settings |= {"provider_ca": directory / "ca.pem", "ping_interval_ms": 600_000}
    async with (
        peers(tls=serving) as ends,
        world(directory, tls=serving, openai_url=ends.url, **settings) as w,
    ):
        yield Secure(w, ends, trusting)
        for peer in ends.open:
            peer.leave()


async def received(peer: Peer, count: int) -> list[bytes]:
    return [await peer.message() for _ in range(count)]


@pytest.mark.guarantee("R2")
@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
async def test_every_size_arrives_unchanged_both_ways_at_once(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    sent = [(b"%d" % size * size)[:size] for size in SIZES_BYTES]
    async with secure(tmp_path, version) as s:
        caller, provider = await s.call()
        for one in sent:
            caller.send(TEXT, one)
            provider.send(TEXT, one)
        assert await received(provider, len(sent)) == sent
        assert await received(caller, len(sent)) == sent
        assert s.w.journal.frames(Leg.CALLER) == s.w.journal.frames(Leg.PROVIDER) == sent


@pytest.mark.parametrize("leg", [Leg.CALLER, Leg.PROVIDER])
async def test_who_reads_late_gets_everything_in_order(tmp_path: Path, leg: Leg) -> None:
    """What its socket does not take goes the transport's way, and frames after it behind it."""
    # More than the kernel takes for two sockets.
    sent = [b"%06d" % number * 500 for number in range(8_000)]
    async with secure(tmp_path, max_buffer_bytes=MIB, journal_bytes=32 * MIB) as s:
        caller, provider = await s.call()
        speaking, reading = (caller, provider) if leg is Leg.CALLER else (provider, caller)
        for one in sent:
            speaking.send(TEXT, one)
        # Nobody reads before the gateway has stopped reading, too.
        before = -1
        while before < (before := len(s.w.journal.frames(leg))):
            await asyncio.sleep(0.2)
        assert 0 < before < len(sent)
        assert await received(reading, len(sent)) == sent
        # And now at once again.
        speaking.send(TEXT, b"last")
        assert await reading.message() == b"last"


@pytest.mark.parametrize("leg", [Leg.CALLER, Leg.PROVIDER])
async def test_what_is_no_tls_loses_the_leg_and_tells_the_other(
    tmp_path: Path, leg: Leg, capsys: pytest.CaptureFixture[str]
) -> None:
    async with secure(tmp_path) as s:
        caller, provider = await s.call()
        breaking, staying = (caller, provider) if leg is Leg.CALLER else (provider, caller)
        breaking.send(TEXT, b"before")
        assert await staying.message() == b"before"
        with socket.socket(
            fileno=os.dup(breaking.writer.get_extra_info("socket").fileno())
        ) as connection:
            connection.send(b"\x17\x03\x03\x00\x20" + b"not a record of this session" + b"....")
        messages, code = await staying.until_close()
        staying.close(code)
        closed = await s.w.journal.closed()
    assert code == 1011
    assert closed.end_reason == f"{leg.name.lower()}_lost"
    assert len(messages) == (leg is Leg.PROVIDER)
    said = capsys.readouterr()
    assert "a connection failed" not in said.out + said.err


async def test_a_farewell_comes_after_all_that_was_said_before(tmp_path: Path) -> None:
    sent = [b"%d" % number for number in range(5_000)]
    async with secure(tmp_path) as s:
        caller, provider = await s.call()
        for one in sent:
            caller.send(BINARY, one)
        caller.writer.close()
        messages, code = await provider.until_close()
        provider.close(code)
        closed = await s.w.journal.closed()
    assert messages == sent
    assert (code, closed.end_reason) == (1011, "caller_lost")


# --- what Python's TLS cannot be asked for ------------------------------------------


@contextlib.asynccontextmanager
async def openssl(*arguments: str | Path) -> AsyncIterator[Tool]:
    """Run `openssl`, which takes letters as commands when they come first in what it is told."""
    client = await asyncio.create_subprocess_exec(
        "openssl", *arguments, "-msg",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert client.stdin is not None
    assert client.stdout is not None
    try:
        yield Tool(client.stdin, client.stdout)
    finally:
        client.kill()
        await client.wait()


@dataclass
class Tool:
    """A peer that says on its output what it hears, and which messages of TLS go by."""

    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader

    async def until(self, text: bytes) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self.stdout.readuntil(text)


async def test_who_changes_its_keys_is_understood_and_answered(tmp_path: Path) -> None:
    """RFC 8446, 4.6.3: who asks for it, too, is owed a change of ours before what follows."""
    async with secure(tmp_path) as s:
        where = ("-connect", f"127.0.0.1:{s.w.port}", "-CAfile", tmp_path / "ca.pem")
        async with openssl("s_client", *where) as caller:
            caller.stdin.write(HANDSHAKE)
            provider = await s.ends.next()
            await caller.until(b"HTTP/1.1 101 ")
            for number in range(3):
                caller.stdin.write(b"K\n")
                await caller.until(b">>> TLS 1.3, Handshake [length 0005], KeyUpdate")
                caller.stdin.write(b"\x81\x85\0\0\0\0heard")
                assert await provider.message() == b"heard"
                provider.send(TEXT, b"said %d" % number)
                await caller.until(b"<<< TLS 1.3, Handshake [length 0005], KeyUpdate")
                await caller.until(b"said %d" % number)


async def test_a_provider_that_wants_another_handshake_gets_its_answer(tmp_path: Path) -> None:
    """RFC 5246, 7.4.1.1: in the midst of a call that says nothing else."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate = tmp_path / "certificate.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url, ca = f"wss://127.0.0.1:{port}/v1/realtime", tmp_path / "ca.pem"
    async with (
        openssl("s_server", "-tls1_2", "-accept", str(port), "-cert", certificate) as provider,
        world(tmp_path, openai_url=url, provider_ca=ca, ping_interval_ms=600_000) as w,
    ):
        await provider.until(b"ACCEPT")
        reader, writer = await asyncio.open_connection("127.0.0.1", w.port)
        writer.write(HANDSHAKE)
        head = await provider.until(b"\r\n\r\n")
        provider.stdin.write(switching(head[head.index(b"GET /") :]))
        caller = Peer(reader, writer, masks=True)
        async with asyncio.timeout(PATIENCE_S):
            await reader.readuntil(b"\r\n\r\n")
        provider.stdin.write(b"r\n")
        await provider.until(b">>> TLS 1.2, Handshake [length 0004], HelloRequest")
        # A handshake, or that there will be none.
        answer = await provider.until(b"<<< TLS 1.2, ")
        answer += await provider.until(b"]")
        provider.stdin.write(b"\x81\x04said")
        assert await caller.message() == b"said"
        caller.send(TEXT, b"heard")
        await provider.until(b"\x81\x85")  # and masked
        caller.leave()


def test_the_engine_that_is_called_is_the_one_that_is_installed() -> None:
    """Else TLS goes the transport's way, which costs more. Look at its methods, then say so."""
    assert aiofastnet.__version__ == _lane.BUILT_FOR
