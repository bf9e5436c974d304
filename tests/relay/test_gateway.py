"""A gateway process: keys that are revoked, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path

import msgspec
import pytest
import trustme
from tests.relay.world import HEADERS, KEY, ORG, echo, key, raw, world
from tests.support.patience import PATIENCE_S
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response

from trunkline import snapshot
from trunkline.clock import monotonic_ns
from trunkline.journal.record import Kind
from trunkline.protocol.call import Closed
from trunkline.relay.keys import Keys
from trunkline.snapshot import Snapshot, sha256_of_key

SECOND_NS = 1_000_000_000


async def test_a_revoked_key_closes_its_live_calls_within_a_second(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w, w.call() as caller:
        w.publish(key(revoked=True))
        began_ns = monotonic_ns()
        error = msgspec.json.decode(await caller.recv())["error"]
        assert error["code"] == "key_revoked"
        with pytest.raises(ConnectionClosed) as caught:
            await caller.recv()
        assert monotonic_ns() - began_ns < SECOND_NS
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1008
        closed = await w.journal.closed()
        assert (closed.status, closed.end_reason) == ("failed", "key_revoked")
        assert "revoked" in w.journal.notes
        with pytest.raises(InvalidStatus) as refused:
            await w.call()
        assert refused.value.response.status_code == 401


async def test_a_new_key_works_at_once(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w:
        w.publish(key(), key("sk-other", key_id="key_2"))
        other = {"Helicone-Auth": "Bearer sk-other", "Authorization": "Bearer sk-provider"}
        async with w.call(additional_headers=other) as caller:
            await caller.send("hi")
            assert await caller.recv() == "hi"


async def test_an_attempt_that_reads_the_keys_first_does_not_spare_live_calls(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, echo) as w, await w.call() as caller:
        w.publish(key(revoked=True))
        with pytest.raises(InvalidStatus):
            await w.call()
        assert msgspec.json.decode(await caller.recv())["error"]["code"] == "key_revoked"


async def test_a_forgotten_key_is_a_revoked_one(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w, w.call():
        w.publish()
        assert (await w.journal.closed()).end_reason == "key_revoked"


async def test_a_call_that_was_hung_up_ends_and_no_other_does(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w, w.call() as ends, w.call() as goes_on:
        assert ends.response is not None
        call_id = ends.response.headers["Helicone-Id"]
        w.publish(key(), hung_up=("call_of_another_gateway", call_id))
        error = msgspec.json.decode(await ends.recv())["error"]
        assert (error["type"], error["code"]) == ("connection_error", "hung_up")
        with pytest.raises(ConnectionClosed) as caught:
            await ends.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1008
        assert "organisation has hung it up" in caught.value.rcvd.reason
        closed = await w.journal.closed()
        assert (closed.status, closed.end_reason) == ("failed", "hung_up")
        await goes_on.send("x")
        assert await goes_on.recv() == "x"


async def test_the_calls_of_other_keys_go_on(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w, w.call() as caller:
        w.publish(key(), key("sk-other", key_id="key_2", revoked=True))
        await asyncio.sleep(0.25)
        await caller.send("x")
        assert await caller.recv() == "x"


async def test_a_damaged_snapshot_leaves_the_last_one_in_force(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w, w.call() as caller:
        w.snapshot_path.write_bytes(b"{")
        await asyncio.sleep(0.25)
        w.snapshot_path.unlink()
        await asyncio.sleep(0.25)
        await caller.send("x")
        assert await caller.recv() == "x"
        async with w.call():
            assert w.gateway.live_calls == 2


async def test_live_calls_are_counted(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w:
        assert w.gateway.live_calls == 0
        async with w.call(), w.call():
            assert w.gateway.live_calls == 2
        await w.journal.closed(2)
        assert w.gateway.live_calls == 0


async def test_refusals_are_counted_by_a_code_of_ours(tmp_path: Path) -> None:
    def teapot(connection: ServerConnection, request: Request) -> Response:
        body = b'{"error": {"code": "anything at all", "message": "no"}}'
        return Response(418, "Teapot", Headers({"Content-Length": str(len(body))}), body)

    async with world(tmp_path, echo, provider={"process_request": teapot}) as w:
        for headers in ({}, {"Helicone-Auth": "Bearer x"}, {"Helicone-Auth": "Bearer x"}, HEADERS):
            with pytest.raises(InvalidStatus):
                await w.call(additional_headers=headers)
        await raw(w.port, b"nonsense\r\n\r\n")
        assert w.gateway.refused == {
            "missing_key": 1,
            "invalid_key": 2,
            "refused_by_provider": 1,
            "bad_request_line": 1,
        }


async def test_while_draining_new_calls_are_503_and_live_ones_go_on(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w:
        caller = await w.call()
        stopping = asyncio.create_task(w.gateway.stop())
        await asyncio.sleep(0.05)
        with pytest.raises(InvalidStatus) as refused:
            await w.call()
        assert refused.value.response.status_code == 503
        assert "Retry-After" in refused.value.response.headers
        await caller.send("x")
        assert await caller.recv() == "x"
        await caller.close()
        async with asyncio.timeout(PATIENCE_S):
            await stopping
    ends = [
        msgspec.json.decode(record.payload, type=Closed).end_reason
        for record in w.journal.of(Kind.CLOSED)
    ]
    assert ends == ["refused_by_gateway", "caller_closed"]


async def test_at_the_drain_limit_live_calls_are_told_and_closed_with_1012(tmp_path: Path) -> None:
    async with world(tmp_path, echo) as w:
        caller = await w.call()
        stopping = asyncio.create_task(w.gateway.stop(0.1))
        assert msgspec.json.decode(await caller.recv())["error"]["code"] == "drained"
        with pytest.raises(ConnectionClosed) as caught:
            await caller.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1012
        await stopping
    assert (await w.journal.closed()).end_reason == "drained"


async def test_a_stopped_gateway_leaves_nothing_behind(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    async with world(tmp_path, echo) as w:
        for number in range(30):
            caller = await w.call()
            if number % 3:
                await caller.close()
            else:
                caller.transport.abort()
                await caller.wait_closed()
        await w.journal.closed(30)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_many_calls_that_break_off_anywhere_all_end(tmp_path: Path) -> None:
    count = 60

    async def storm(number: int) -> None:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(0.002 * (number % 20)):
                async with w.call() as caller:
                    await caller.send("x")
                    await caller.recv()

    async with world(tmp_path, echo) as w:
        await asyncio.gather(*(storm(number) for number in range(count)))
        async with asyncio.timeout(PATIENCE_S):
            while len(w.journal.of(Kind.CLOSED)) < len(w.journal.of(Kind.OPENED)):
                await asyncio.sleep(0.05)
        assert w.gateway.live_calls == 0


# --- keys ----------------------------------------------------------------------------


def test_the_snapshot_is_read_only_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    keys = Keys(path)
    assert not keys.refresh()
    path.write_bytes(snapshot.encode(Snapshot(keys=(key(),), default_org_id=ORG)))
    assert keys.refresh()
    assert not keys.refresh()
    assert keys.known.keys[sha256_of_key(KEY)].key_id == "key_1"
    assert keys.may_go_on("key_1")
    assert not keys.may_go_on("key_2")


async def test_a_caller_that_does_not_speak_tls_leaves_no_page_of_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with world(tmp_path, tls=context) as w:
        await raw(w.port, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        reader, writer = await asyncio.open_connection("127.0.0.1", w.port)
        writer.write_eof()
        await reader.read()
        writer.close()
    assert caplog.records == []
