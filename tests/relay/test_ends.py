"""How a call ends on the wire, whoever ends it, however, and whenever."""

from __future__ import annotations

import asyncio
import gc
import os
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
import trustme
from picows import WSTransport
from tests.relay.garbage import nothing_left
from tests.relay.peer import CLOSE, TEXT, Peer, Peers, frame, peers
from tests.relay.world import HANDSHAKE, KEY, World, raw, tcp, world
from tests.support.measured import measured
from tests.support.patience import PATIENCE_S

from trunkline.journal.record import Kind, Leg
from trunkline.protocol.call import Closed
from trunkline.relay.core import Core
from trunkline.relay.dial import Dialled, _Dialling
from trunkline.relay.front import Front
from trunkline.relay.ledger import Ledger
from trunkline.relay.leg import LegListener
from trunkline.relay.outgoing import _Asking
from trunkline.relay.seats import Seat
from trunkline.relay.shell import Call

MIB = 1024 * 1024

# --- every end, at every time --------------------------------------------------------

CLOSES = (1000, 1001, 1008, 1009, 1011, 1012, 1013, 4000, 4321, 4999, None)
"""Codes that peers close with; None: a close without one."""
LOSSES: dict[str, Callable[[Peer], object]] = {
    "FIN": Peer.finish,
    "RST": Peer.reset,
    "half-open": lambda _: None,  # It answers no ping from now on.
}
PHASES = ("before session.created", "idle", "mid-response", "mid-fragment")
CREATED = b'{"type":"session.created","session":{"type":"realtime"}}'
DELTAS = [b'{"type":"response.output_audio.delta","delta":"%d"}' % number for number in range(50)]


async def brought_to(phase: str, caller: Peer, provider: Peer, ending: Peer) -> None:
    """Have a call's peers say what is said until `phase`; `ending` is who will end it."""
    if phase == "before session.created":
        return
    provider.send(TEXT, CREATED)
    assert await caller.message() == CREATED
    if phase == "mid-response":
        for delta in DELTAS:
            provider.send(TEXT, delta)
    if phase == "mid-fragment":
        ending.send(TEXT, b'{"type":"conv', final=False)


@dataclass
class Ended:
    """What the peer that stayed has seen, and what was recorded."""

    after_s: float
    messages: list[bytes]
    code: int | None
    closed: Closed


async def ended(
    w: World,
    ends: Peers,
    who: Leg,
    phase: str,
    end: Callable[[Peer], object],
    tls: ssl.SSLContext | None = None,
) -> Ended:
    """Open a call, have one peer end it at `phase`, and see it out on all sides."""
    caller, provider = await ends.call(w.port, tls=tls)
    ending, staying = (caller, provider) if who is Leg.CALLER else (provider, caller)
    await brought_to(phase, caller, provider, ending)
    clock = asyncio.get_running_loop().time
    began_s = clock()
    end(ending)
    messages, code = await staying.until_close()
    after_s = clock() - began_s
    staying.close(code)
    await staying.ended()
    calls = len(w.journal.of(Kind.OPENED))
    closed = await w.journal.closed(calls)
    for peer in (caller, provider):
        peer.leave()
    return Ended(after_s, messages, code, closed)


@pytest.mark.guarantee("R6")
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("who", [Leg.CALLER, Leg.PROVIDER])
async def test_every_end_is_told_to_the_other_leg(tmp_path: Path, who: Leg, phase: str) -> None:
    name, slowest_s = who.name.lower(), 0.0
    async with peers() as ends, world(tmp_path, openai_url=ends.url) as w:
        await ended(w, ends, who, phase, Peer.reset)
        before = await in_use(w)
        for code in CLOSES:
            got = await ended(w, ends, who, phase, lambda peer, code=code: peer.close(code, b"why"))
            assert got.code == code
            assert got.messages == relayed(who, phase), code
            assert got.closed.end_reason == f"{name}_closed"
            assert codes_of(got.closed) == {code or 1005}
            slowest_s = max(slowest_s, got.after_s)
        for loss in ("FIN", "RST"):
            got = await ended(w, ends, who, phase, LOSSES[loss])
            check_lost(got, who)
            slowest_s = max(slowest_s, got.after_s)
        await until_in_use(w, before)
    measured("R6", f"{name} ends {phase}: told within {slowest_s * 1000:.0f} ms")


@pytest.mark.guarantee("R6")
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("who", [Leg.CALLER, Leg.PROVIDER])
async def test_a_half_open_leg_is_found_and_told(tmp_path: Path, who: Leg, phase: str) -> None:
    options = {"ping_interval_ms": 100, "ping_timeout_ms": 100}
    async with peers() as ends, world(tmp_path, openai_url=ends.url, **options) as w:
        check_lost(await ended(w, ends, who, phase, LOSSES["half-open"]), who)


@pytest.mark.guarantee("R6")
@pytest.mark.parametrize("who", [Leg.CALLER, Leg.PROVIDER])
async def test_every_end_is_told_under_tls_too(tmp_path: Path, who: Leg) -> None:
    authority, trusting = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(trusting)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    options = {"tls": serving, "provider_ca": tmp_path / "ca.pem"}
    async with (
        peers(tls=serving) as ends,
        world(tmp_path, openai_url=ends.url, **options) as w,
    ):
        got = await ended(w, ends, who, "idle", lambda peer: peer.close(4000), trusting)
        assert (got.code, got.closed.end_reason) == (4000, f"{who.name.lower()}_closed")
        for loss in ("FIN", "RST"):
            check_lost(await ended(w, ends, who, "idle", LOSSES[loss], trusting), who)


def relayed(who: Leg, phase: str) -> list[bytes]:
    """Return what the peer that stayed is still to get."""
    return DELTAS if who is Leg.PROVIDER and phase == "mid-response" else []


def check_lost(got: Ended, who: Leg) -> None:
    """A loss has no code: the other leg is closed with 1011, a caller is told why."""
    name = who.name.lower()
    assert got.code == 1011
    assert (got.closed.status, got.closed.end_reason) == ("failed", f"{name}_lost")
    assert codes_of(got.closed) == {None, 1011}
    if who is Leg.PROVIDER:
        assert msgspec.json.decode(got.messages[-1])["error"]["code"] == "provider_lost"


def codes_of(closed: Closed) -> set[int | None]:
    return {closed.caller_close_code, closed.provider_close_code}


async def in_use(w: World) -> tuple[int, int, int]:
    """Return how many tasks, files and calls there are."""
    gc.collect()
    return len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd")), w.gateway.live_calls


async def until_in_use(w: World, expected: tuple[int, int, int]) -> None:
    """Wait until there are no more of them than that."""
    async with asyncio.timeout(PATIENCE_S):
        while any(now > then for now, then in zip(await in_use(w), expected, strict=True)):
            await asyncio.sleep(0.01)


OF_CALLS = (
    Call, Core, Ledger, LegListener, WSTransport, Dialled, Front, Seat, _Asking, _Dialling,
)  # fmt: skip
"""What there is of calls, and attempts to have one."""


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("end", [lambda peer: peer.close(1000), Peer.finish, Peer.reset])
@pytest.mark.parametrize("who", [Leg.CALLER, Leg.PROVIDER])
async def test_an_ended_call_leaves_nothing_to_the_garbage_collector(
    tmp_path: Path, who: Leg, end: Callable[[Peer], object]
) -> None:
    """It comes by once in a thousand calls, which would be 15 MB by then."""
    async with (
        peers() as ends,
        world(tmp_path, openai_url=ends.url) as w,
        nothing_left(*OF_CALLS, within_s=5),
    ):
        await ended(w, ends, who, "mid-response", end)


async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 503 X\r\nContent-Length: 2\r\n\r\nno")


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def is_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


OFFER = (
    b"POST /v1/realtime/calls?model=gpt-realtime-2.1 HTTP/1.1\r\nHost: h\r\n"
    + (
        f"Helicone-Auth: Bearer {KEY}\r\nAuthorization: Bearer sk-of-the-provider\r\n"
        "Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"
    ).encode()
)


@pytest.mark.parametrize("request_", [HANDSHAKE, OFFER], ids=["call", "offer"])
@pytest.mark.parametrize("provider", [refuses, hangs_up, is_silent])
async def test_nor_does_one_that_never_began(
    tmp_path: Path,
    provider: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    request_: bytes,
) -> None:
    options = {"connect_timeout_ms": 100 if provider is is_silent else 60_000}
    async with (
        tcp(provider) as port,
        world(tmp_path, openai_url=f"ws://127.0.0.1:{port}/v1/realtime", **options) as w,
        nothing_left(*OF_CALLS),
    ):
        assert (await raw(w.port, request_)).startswith(b"HTTP/1.1 50")
        await w.journal.closed()


# --- a close, and more ---------------------------------------------------------------

AFTER = {
    "another close": frame(CLOSE, b"\x03\xe9", masked=True),
    "a broken frame": b"\xff\xff",
    "a message": frame(TEXT, b"late", masked=True),
}


@pytest.mark.guarantee("R6")
@pytest.mark.parametrize("code", [1000, 4000, None])
@pytest.mark.parametrize("more", AFTER.values(), ids=AFTER.keys())
async def test_what_follows_a_close_at_once_means_nothing(
    tmp_path: Path, code: int | None, more: bytes
) -> None:
    async with peers() as ends, world(tmp_path, openai_url=ends.url) as w:
        caller, provider = await ends.call(w.port)
        payload = b"" if code is None else code.to_bytes(2, "big")
        caller.write(frame(CLOSE, payload, masked=True) + more)
        assert (await caller.recv()).code == code
        assert (await provider.recv()).code == code
        provider.close(code)
        await asyncio.gather(caller.ended(), provider.ended())
        closed = await w.journal.closed()
    assert (closed.status, closed.end_reason) == ("completed", "caller_closed")
    assert closed.caller_close_code == (code or 1005)


INVALID = {"0": 0, "no status": 1005, "abnormal": 1006, "reserved": 2999, "beyond all": 5000}


@pytest.mark.guarantee("R6")
@pytest.mark.parametrize("code", INVALID.values(), ids=INVALID.keys())
async def test_a_code_that_may_not_be_sent_is_answered_with_1002(tmp_path: Path, code: int) -> None:
    async with peers() as ends, world(tmp_path, openai_url=ends.url) as w:
        caller, provider = await ends.call(w.port)
        provider.close(code)
        assert (await provider.recv()).code == 1002
        assert (await caller.until_close())[1] == 1011
        caller.close(1011)
        await w.journal.closed()


# --- lost ----------------------------------------------------------------------------


@pytest.mark.guarantee("R6")
async def test_a_caller_that_ends_its_side_and_reads_nothing_is_lost_at_once(
    tmp_path: Path,
) -> None:
    options = {"max_buffer_bytes": 64 * MIB}
    async with peers() as ends, world(tmp_path, openai_url=ends.url, **options) as w:
        caller, provider = await ends.call(w.port)
        caller.writer.transport.pause_reading()
        (live,) = w.gateway._running
        while not live.caller.backlog:
            provider.send(TEXT, b"x" * MIB)
            await w.journal.grown.wait()
            w.journal.grown.clear()
        caller.finish()
        assert (await provider.recv()).code == 1011
        provider.close(1011)
        closed = await w.journal.closed()
    assert closed.end_reason == "caller_lost"


# --- what is told to nobody ----------------------------------------------------------


@pytest.mark.guarantee("R6")
async def test_a_provider_that_breaks_a_rule_leaves_no_page_of_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with peers() as ends, world(tmp_path, openai_url=ends.url) as w:
        caller, provider = await ends.call(w.port)
        provider.write(b"\xff\xff")
        assert (await caller.until_close())[1] == 1011
        assert (await provider.recv()).code == 1002
        caller.close(1011)
        assert (await w.journal.closed()).end_reason == "protocol_error"
    gc.collect()  # Who forgets a future with an exception is told of it, some time.
    assert caplog.records == []
