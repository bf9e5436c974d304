"""From a request head to a running call or a refusal, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme
from tests.relay.peer import peers
from tests.relay.world import HANDSHAKE, HEADERS, KEY, ORG, PROVIDER_KEY, echo, key, raw, tcp, world
from tests.support.measured import measured
from tests.support.patience import PATIENCE_S
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import InvalidStatus
from websockets.http11 import Request, Response

from trunkline.journal.record import Kind, Leg
from trunkline.protocol.profiles.planning import Plan
from trunkline.relay import dial as dial_module
from trunkline.relay.attempt import redacted
from trunkline.relay.refusal import Refusal

HELLO = bytes([0x81, 0x85, 0, 0, 0, 0]) + b"hello"
CLOSE = bytes([0x88, 0x82, 0, 0, 0, 0]) + (1000).to_bytes(2, "big")


@contextlib.asynccontextmanager
async def answering(*answer: bytes, hang: bool = False) -> AsyncIterator[str]:
    """Yield the URL of a provider that answers every handshake with these bytes, part by part."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in answer:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.02)
        if hang:
            await reader.read()

    async with tcp(talk) as port:
        yield f"ws://127.0.0.1:{port}/v1/realtime"


async def refused(directory: Path, **settings: Any) -> tuple[int, Any, Any]:
    """Return status, body and the call's last record of a call that is not let through."""
    async with world(directory, echo, **settings) as w:
        with pytest.raises(InvalidStatus) as caught:
            await w.call()
        response = caught.value.response
        assert response.headers["Helicone-Id"] == w.journal.opened.call_id
        closed = await w.journal.closed()
        assert (closed.status, closed.http_status) == ("refused", response.status_code)
        return response.status_code, response.body, closed


def error_of(body: bytes) -> dict[str, str]:
    error = msgspec.json.decode(body)["error"]
    assert set(error) == {"type", "code", "message"}
    return error


# --- let through ---------------------------------------------------------------------


async def test_the_101_names_the_call(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w, w.call() as caller:
        assert caller.response is not None
        assert caller.response.headers["Helicone-Id"] == w.journal.opened.call_id
        assert w.journal.opened.call_id.startswith("call_")


async def test_what_is_known_of_the_call_is_journalled(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w, w.call():
        opened = w.journal.opened
        assert (opened.org_id, opened.key_id, opened.provider) == (ORG, "key_1", "openai")
        assert (opened.caller_address, opened.path) == ("127.0.0.1", "/v1/gateway/oai/realtime")
        assert w.journal.notes["connected"]["connect_ns"] > 0
        assert "server" in w.journal.notes["connected"]


async def test_none_of_our_headers_reach_the_provider(tmp_path: Path) -> None:
    headers = {
        **HEADERS,
        "Helicone-Session-Id": "s",
        "Helicone-Property-Secret": "p",
        "Cookie": "session=1",
        "X-Forwarded-For": "1.2.3.4",
        "OpenAI-Organization": "org-1",
    }
    async with world(tmp_path, echo) as w, w.call(additional_headers=headers):
        (seen,) = w.seen
        names = {name.lower() for name in seen}
        assert names == {
            "host", "upgrade", "connection", "sec-websocket-version", "sec-websocket-key",
            "authorization", "openai-organization", "user-agent",
        }  # fmt: skip
        assert seen["Authorization"] == f"Bearer {PROVIDER_KEY}"


async def test_compression_is_not_agreed_on(tmp_path: Path) -> None:
    async with (
        world(tmp_path, echo, provider={"compression": "deflate"}) as w,
        w.call(compression="deflate") as caller,
    ):
        assert caller.response is not None
        assert "Sec-WebSocket-Extensions" not in caller.response.headers
        assert "Sec-WebSocket-Extensions" not in w.seen[0]


async def test_of_subprotocols_exactly_realtime_is_answered(tmp_path: Path) -> None:
    offer = ["realtime", f"openai-insecure-api-key.{PROVIDER_KEY}", "openai-project.p"]
    headers = {"Helicone-Auth": f"Bearer {KEY}"}
    async with (
        world(tmp_path, echo) as w,
        w.call(subprotocols=offer, additional_headers=headers) as caller,
    ):
        assert caller.subprotocol == "realtime"
        assert w.seen[0]["Authorization"] == f"Bearer {PROVIDER_KEY}"
        assert w.seen[0]["OpenAI-Project"] == "p"
        assert "Sec-WebSocket-Protocol" not in w.seen[0]


async def test_azure_is_dialled_as_azure_wants_it(tmp_path: Path) -> None:
    paths: list[str] = []

    async def talk(provider: ServerConnection) -> None:
        assert provider.request is not None
        paths.append(provider.request.path)

    async with world(tmp_path, talk) as first:
        base = first.gateway._settings.openai_url.removesuffix("/v1/realtime")
        async with world(tmp_path, None, azure_url=base) as w:
            async with w.call("resource=my-res&deployment=dep"):
                pass
            await w.journal.closed()
        assert paths == ["/openai/v1/realtime?model=dep"]
        assert first.seen[0]["api-key"] == PROVIDER_KEY
        assert "Authorization" not in first.seen[0]


async def test_frames_sent_before_the_101_are_delivered_in_order(tmp_path: Path) -> None:
    heard: list[str | bytes] = []

    async def talk(provider: ServerConnection) -> None:
        heard.extend([message async for message in provider])

    async with world(tmp_path, talk) as w:
        await raw(w.port, HANDSHAKE + HELLO * 3 + CLOSE)
        closed = await w.journal.closed()
    assert heard == ["hello"] * 3
    assert closed.end_reason == "caller_closed"
    assert w.journal.notes["early_frames"] == {"frames": 3, "bytes": len(HELLO * 3 + CLOSE)}
    assert w.journal.frames(Leg.CALLER) == [b"hello"] * 3


async def test_more_early_bytes_than_are_kept_make_the_caller_wait(tmp_path: Path) -> None:
    dialled, sent = asyncio.Event(), 300

    async def slow(connection: ServerConnection, request: Request) -> Response | None:
        await dialled.wait()
        return None

    options = {"process_request": slow}
    async with world(tmp_path, echo, provider=options, max_early_bytes=1024) as w:
        reader, writer = await asyncio.open_connection("127.0.0.1", w.port)
        frame = bytes([0x82, 0xFE]) + (4096).to_bytes(2, "big") + bytes(4) + bytes(4096)
        writer.write(HANDSHAKE + frame * sent)
        await asyncio.sleep(0.1)
        dialled.set()
        await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(PATIENCE_S):
            back = await reader.readexactly(sent * (4 + 4096))
        assert back[:4] == bytes([0x82, 126]) + (4096).to_bytes(2, "big")
        writer.close()
        await w.journal.closed()
        assert w.journal.notes["early_frames"]["bytes"] < 300_000


async def test_what_a_provider_sends_with_its_101_reaches_the_caller(tmp_path: Path) -> None:
    async def talk(provider: ServerConnection) -> None:
        await provider.send("first")

    async with world(tmp_path, talk) as w, w.call() as caller:
        assert await caller.recv() == "first"


# --- not let through -----------------------------------------------------------------


async def test_a_call_without_a_key_gets_401_and_a_row(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w:
        with pytest.raises(InvalidStatus) as caught:
            await w.call(additional_headers={"Authorization": "Bearer x"})
        response = caught.value.response
        assert (response.status_code, error_of(response.body or b"")["code"]) == (
            401,
            "missing_key",
        )
        closed = await w.journal.closed()
        assert (closed.end_reason, closed.error_code) == ("refused_by_gateway", "missing_key")
        assert w.journal.opened.org_id == ORG
        assert w.seen == []


async def test_a_read_only_key_gets_403(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w:
        w.publish(key(may_call=False))
        with pytest.raises(InvalidStatus) as caught:
            await w.call()
        assert caught.value.response.status_code == 403


BODY = b'{"error":{"code":"DeploymentNotFound","message":"No such thing for sk-provider-canary."}}'
REFUSALS = {
    "in one piece": [
        b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: "
        + str(len(BODY)).encode() + b"\r\n\r\n" + BODY
    ],
    "body later": [
        b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: "
        + str(len(BODY)).encode() + b"\r\n\r\n", BODY[:10], BODY[10:],
    ],
    "until the end": [
        b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n\r\n", BODY,
    ],
    "in chunks": [
        b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n5;x=y\r\n" + BODY[:5] + b"\r\n",
        hex(len(BODY) - 5)[2:].encode() + b"\r\n" + BODY[5:] + b"\r\n0\r\n\r\n",
    ],
}  # fmt: skip


@pytest.mark.guarantee("R8")
@pytest.mark.parametrize("answer", REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_providers_refusal_reaches_the_caller_as_it_is(
    tmp_path: Path, answer: list[bytes]
) -> None:
    async with answering(*answer) as url:
        status, body, closed = await refused(tmp_path, openai_url=url)
    assert (status, body) == (404, BODY)
    assert (closed.end_reason, closed.error_code) == ("refused_by_provider", "DeploymentNotFound")
    assert closed.error_message == "No such thing for [redacted]."


async def test_a_refusal_whose_body_does_not_end_is_not_waited_for(tmp_path: Path) -> None:
    head = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 1000\r\n\r\nsome"
    async with answering(head, hang=True) as url:
        status, body, closed = await refused(tmp_path, openai_url=url, connect_timeout_ms=1000)
    assert (status, body, closed.end_reason) == (401, b"some", "refused_by_provider")


REDIRECTS = {"a redirect": b"302 Found\r\nLocation: ws://127.0.0.1:1/", "a page": b"200 OK"}


@pytest.mark.parametrize("answer", REDIRECTS.values(), ids=REDIRECTS.keys())
async def test_a_redirect_is_not_followed_and_a_page_is_no_call(
    tmp_path: Path, answer: bytes
) -> None:
    async with answering(b"HTTP/1.1 " + answer + b"\r\nContent-Length: 0\r\n\r\n") as url:
        status, body, closed = await refused(tmp_path, openai_url=url)
    assert (status, error_of(body)["code"]) == (502, "provider_not_websocket")
    assert closed.end_reason == "refused_by_provider"


GARBAGE = {
    "nothing": [],
    "no HTTP": [b"SSH-2.0-OpenSSH\r\n\r\n"],
    "a wrong accept": [
        b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: x\r\n\r\n"
    ],
    "no upgrade": [b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\n\r\n"],
    "an extension": [
        b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: x\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    ],
    "an endless head": [b"HTTP/1.1 101 X\r\nX: " + b"y" * 70_000],
}


@pytest.mark.guarantee("R8")
@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE.keys())
async def test_a_provider_that_speaks_something_else_is_502(
    tmp_path: Path, answer: list[bytes]
) -> None:
    async with answering(*answer) as url:
        status, body, closed = await refused(tmp_path, openai_url=url)
    assert (status, error_of(body)["type"]) == (502, "server_error")
    assert closed.end_reason == "provider_unreachable"


async def test_a_provider_that_is_not_there_is_502(tmp_path: Path) -> None:
    # Bound, so that nobody else gets the port (the gateway itself, say), but not listening.
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}/v1/realtime"
        status, body, closed = await refused(tmp_path, openai_url=url)
    assert (status, error_of(body)["code"]) == (502, "provider_unreachable")
    assert closed.end_reason == "provider_unreachable"


async def test_a_name_that_does_not_resolve_is_502(tmp_path: Path) -> None:
    status, _, _ = await refused(tmp_path, openai_url="ws://nowhere.invalid/v1/realtime")
    assert status == 502


async def test_a_provider_that_does_not_answer_is_504(tmp_path: Path) -> None:
    async with answering(hang=True) as url:
        status, body, closed = await refused(tmp_path, openai_url=url, connect_timeout_ms=200)
    assert (status, error_of(body)["code"]) == (504, "provider_timeout")
    assert closed.end_reason == "provider_timeout"


async def test_a_caller_that_leaves_during_the_dial_takes_it_along(tmp_path: Path) -> None:
    gone = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while await reader.read(1024):
                pass
        gone.set()

    async with (
        tcp(talk) as port,
        world(tmp_path, None, openai_url=f"ws://127.0.0.1:{port}/v1/realtime") as w,
    ):
        _, writer = await asyncio.open_connection("127.0.0.1", w.port)
        writer.write(HANDSHAKE)
        await asyncio.sleep(0.1)
        writer.transport.abort()
        async with asyncio.timeout(PATIENCE_S):
            await gone.wait()
            closed = await w.journal.closed()
    assert (closed.status, closed.end_reason) == ("failed", "caller_lost")


async def test_a_caller_that_leaves_in_the_turn_of_the_answer_takes_the_dial_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the provider would keep a call that nobody has."""
    dialling = dial_module._Dialling  # pyright: ignore[reportPrivateUsage]
    upgraded = dialling._upgraded  # pyright: ignore[reportPrivateUsage]

    def upgraded_and_left(self: Any, head: Any) -> None:
        upgraded(self, head)
        # As when the caller's end is read next, before the attempt goes on.
        w.gateway._attempts.give_up()  # pyright: ignore[reportPrivateUsage]

    monkeypatch.setattr(dialling, "_upgraded", upgraded_and_left)
    async with peers() as ends, world(tmp_path, None, openai_url=ends.url) as w:
        _, writer = await asyncio.open_connection("127.0.0.1", w.port)
        writer.write(HANDSHAKE)
        provider = await ends.next()
        await provider.ended()
        closed = await w.journal.closed()
        writer.close()
    assert closed.error_code == "draining"


async def test_a_bug_in_an_attempt_is_500_and_ends_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("trunkline.relay.attempt.Core", broken)
    async with world(tmp_path, echo) as w:
        with pytest.raises(InvalidStatus) as caught:
            await w.call()
        assert caught.value.response.status_code == 500
        assert (await w.journal.closed()).end_reason == "internal_error"


async def test_a_call_that_cannot_begin_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("trunkline.relay.attempt.caller_wire", broken)
    async with world(tmp_path, echo) as w:
        with pytest.raises(InvalidStatus) as caught:
            await w.call()
        assert caught.value.response.status_code == 500
        assert (await w.journal.closed()).end_reason == "internal_error"
        assert w.gateway.live_calls == 0
        assert len(w.journal.of(Kind.CLOSED)) == 1


# --- every answer to a handshake -------------------------------------------------------


def answered(status: str, body: bytes = b"", *fields: str) -> list[bytes]:
    """Return a whole answer of a provider."""
    lines = [f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}", "", ""]
    return ["\r\n".join(lines).encode() + body]


PAGE = b"<!doctype html><title>Sign in</title>"
PASSED_ON = {
    "401": answered("401 Unauthorized", b'{"error":{"code":"invalid_api_key"}}'),
    "403": answered("403 Forbidden", b'{"error":{"code":"unsupported_country"}}'),
    "404": answered("404 Not Found", b'{"error":{"code":"DeploymentNotFound"}}'),
    "429": answered("429 Too Many Requests", b"{}", "Retry-After: 7"),
    "500": answered("500 Internal Server Error", b"oops"),
    "503": answered("503 Service Unavailable"),
    "a page": answered("403 Forbidden", PAGE, "Content-Type: text/html"),
}


@pytest.mark.guarantee("R8")
@pytest.mark.parametrize("answer", PASSED_ON.values(), ids=PASSED_ON.keys())
async def test_a_refusal_is_the_callers_to_read(tmp_path: Path, answer: list[bytes]) -> None:
    head, _, sent = answer[0].partition(b"\r\n\r\n")
    async with answering(*answer) as url:
        status, body, closed = await refused(tmp_path, openai_url=url)
    assert (status, body) == (int(head.split(b" ")[1]), sent)
    assert (closed.end_reason, closed.http_status) == ("refused_by_provider", status)


async def test_when_to_come_back_is_passed_on(tmp_path: Path) -> None:
    async with answering(*PASSED_ON["429"]) as url, world(tmp_path, openai_url=url) as w:
        with pytest.raises(InvalidStatus) as caught:
            await w.call()
    assert caught.value.response.headers["Retry-After"] == "7"


GONE, LATE = (502, "provider_unreachable"), (504, "provider_timeout")
NO_CALL = {
    "a page": (answered("200 OK", PAGE), *[(502, "provider_not_websocket")] * 2),
    "nothing": ([], GONE, LATE),
    "bytes": ([bytes(range(256)) * 300], GONE, GONE),
    "half a head": ([b"HTTP/1.1 101 Swi"], GONE, LATE),
    "half a body": (
        [b"HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\nhal"],
        *[(403, "provider_403")] * 2,
    ),
}
"""What comes, and what the caller is told: if the provider hangs up then, and if it hangs."""


@pytest.mark.guarantee("R8")
@pytest.mark.parametrize("hangs", [False, True])
@pytest.mark.parametrize(("answer", "gone", "hung"), NO_CALL.values(), ids=NO_CALL.keys())
async def test_what_is_no_answer_is_told_in_time(
    tmp_path: Path, answer: list[bytes], gone: tuple[int, str], hung: tuple[int, str], hangs: bool
) -> None:
    async with (
        answering(*answer, hang=hangs) as url,
        world(tmp_path, openai_url=url, connect_timeout_ms=400) as w,
    ):
        with pytest.raises(InvalidStatus) as caught:
            await w.call()
        closed = await w.journal.closed()
        taken_ns = w.journal.of(Kind.CLOSED)[-1].received_ns - w.journal.opened.opened_ns
    expected = hung if hangs else gone
    assert (caught.value.response.status_code, closed.error_code) == expected
    measured("R8", f"{expected} after {taken_ns / 1e6:.0f} ms, at most 400")


@pytest.mark.guarantee("R8")
@pytest.mark.parametrize("scheme", ["ws", "wss", "http"])
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Keep", "308 Keep"])
async def test_no_credential_goes_where_a_redirect_points(
    tmp_path: Path, status: str, scheme: str
) -> None:
    heard: list[bytes] = []

    async def canary(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(65536))

    async with tcp(canary) as port:
        redirect = answered(status, b"", f"Location: {scheme}://127.0.0.1:{port}/v1/realtime")
        async with answering(*redirect) as url:
            got, body, closed = await refused(tmp_path, openai_url=url)
    assert (got, error_of(body)["code"]) == (502, "provider_not_websocket")
    assert closed.end_reason == "refused_by_provider"
    assert heard == []


# --- TLS -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def serving(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_both_legs_speak_tls(tmp_path: Path, authority: trustme.CA) -> None:
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    provider = serving(authority, "127.0.0.1")
    message = "x" * 3_000_000
    async with world(tmp_path, echo, provider={"ssl": provider}) as inner:
        url = inner.gateway._settings.openai_url.replace("ws:", "wss:")
        async with world(
            tmp_path, None, tls=serving(authority, "127.0.0.1"), openai_url=url,
            provider_ca=tmp_path / "ca.pem",
        ) as w:  # fmt: skip
            async with w.call(scheme="wss", ssl=trusting) as caller:
                await caller.send(message)
                assert await caller.recv() == message
            assert (await w.journal.closed()).caller_close_code == 1000


async def test_a_provider_under_tls_is_dialled_where_no_file_can_be_written(
    tmp_path: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    provider = serving(authority, "127.0.0.1")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "is not there"))
    async with world(tmp_path, echo, provider={"ssl": provider}) as inner:
        url = inner.gateway._settings.openai_url.replace("ws:", "wss:")
        ca = tmp_path / "ca.pem"
        async with (
            world(tmp_path, None, openai_url=url, provider_ca=ca) as w,
            w.call() as caller,
        ):
            await caller.send("hello")
            assert await caller.recv() == "hello"


WRONG = {"an unknown authority": ("127.0.0.1", False), "another name": ("example.org", True)}


@pytest.mark.parametrize(("name", "trusted"), WRONG.values(), ids=WRONG.keys())
async def test_a_provider_whose_certificate_is_wrong_is_not_talked_to(
    tmp_path: Path, authority: trustme.CA, name: str, trusted: bool
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with world(tmp_path, echo, provider={"ssl": serving(authority, name)}) as inner:
        url = inner.gateway._settings.openai_url.replace("ws:", "wss:")
        extra = {"provider_ca": tmp_path / "ca.pem"} if trusted else {}
        status, body, _ = await refused(tmp_path, openai_url=url, **extra)
        assert (status, error_of(body)["code"]) == (502, "provider_tls")
        assert inner.seen == []


# --- secrets -------------------------------------------------------------------------


async def test_no_credential_gets_into_a_record_or_a_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with world(tmp_path, echo) as w:
        async with w.call(f"model=m&api-key={PROVIDER_KEY}&x={PROVIDER_KEY}"):
            pass
        await w.journal.closed()
        offer = ["realtime", f"openai-insecure-api-key.{PROVIDER_KEY}"]
        async with w.call(
            subprotocols=offer, additional_headers={"Helicone-Auth": HEADERS["Helicone-Auth"]}
        ):
            pass
        await w.journal.closed(2)
    written = b"".join(record.payload for record in w.journal.records)
    out = capsys.readouterr()
    for secret in (PROVIDER_KEY, KEY):
        assert secret.encode() not in written
        assert secret not in out.out + out.err


async def test_a_key_that_a_provider_quotes_reaches_the_caller_and_no_record(
    tmp_path: Path,
) -> None:
    quote = f'{{"type":"error","error":{{"message":"{PROVIDER_KEY} is wrong"}}}}'

    async def talk(connection: ServerConnection) -> None:
        await connection.send(quote)
        await connection.close(3000, PROVIDER_KEY)

    async with world(tmp_path, talk) as w:
        async with w.call() as call:
            assert await call.recv() == quote
            await call.wait_closed()
        closed = await w.journal.closed()
    assert call.close_reason == PROVIDER_KEY
    assert w.journal.frames(Leg.PROVIDER) == [
        quote.replace(PROVIDER_KEY, "*" * len(PROVIDER_KEY)).encode()
    ]
    assert closed.provider_close_reason == "*" * len(PROVIDER_KEY)
    assert not [r for r in w.journal.records if PROVIDER_KEY.encode() in r.payload]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Bearer ", "Basic"])
def test_what_providers_quote_of_a_key_is_not_recorded(scheme: str) -> None:
    plan = Plan(
        profile="openai", url="", headers=(("Authorization", f"{scheme} odd/key"),), model_asked="",
        model_used="", caller_dialect="ga", provider_dialect="ga",
    )  # fmt: skip
    refusal = Refusal(status=401, code="c", message="odd/key is wrong, and so is sk-ab***xyz.")
    assert redacted(refusal, plan).message == "[redacted] is wrong, and so is [redacted]"


def test_kinds_of_statuses() -> None:
    for status in HTTPStatus:
        assert Refusal(status=status, code="c", message="m").type.endswith("_error")
