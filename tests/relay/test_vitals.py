"""A gateway tells how it is, on its public port, whether or not there is a server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.relay.world import World, echo, key, raw, world
from tests.support.patience import PATIENCE_S
from websockets.exceptions import InvalidStatus

from trunkline.relay.keys import Keys
from trunkline.relay.room import Load, Memory, Room, no_room
from trunkline.relay.vitals import GatewayVitals
from trunkline.vitals import files
from trunkline.vitals.desk import Desk
from trunkline.vitals.figures import Gateway, Journal
from trunkline.vitals.machine import Gauge
from trunkline.vitals.publisher import published
from trunkline.vitals.ready import REFUSING

TOKEN = "let-me-see"


class StillGauge(Gauge):
    """Does not look at the machine: a full disk of ours must not be in the answers."""

    def look(self) -> None: ...


@contextlib.asynccontextmanager
async def told(
    directory: Path,
    journal: Journal | None = None,
    gauge: Gauge | None = None,
    **options: Any,
) -> AsyncGenerator[World]:
    """Yield a gateway that publishes as `gateway-0` in `directory`."""
    async with world(directory, echo, **options) as w:
        gauge = gauge or StillGauge(directory)
        vitals = GatewayVitals(w.gateway, lambda: journal or Journal(), gauge)
        w.gateway.have_told_by(Desk(directory, "gateway-0", vitals, TOKEN))
        async with published(directory, "gateway-0", gauge, vitals):
            yield w


async def get(
    w: World, path: str, *headers: str, method: str = "GET", host: str = "localhost"
) -> tuple[int, str, bytes]:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers]
    answer = await raw(w.port, "\r\n".join(lines).encode() + b"\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), head.decode(), body


async def codes(w: World) -> tuple[int, list[str]]:
    """Return the status of `/ready`, and the codes of its reasons."""
    status, _, body = await get(w, "/ready")
    return status, [reason["code"] for reason in msgspec.json.decode(body)["reasons"]]


async def metric(w: World, name: str, **labels: str) -> float:
    _, _, body = await get(w, "/metrics")
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    raise AssertionError(f"no {name} {labels}")


async def test_live_and_ready_are_answered_without_a_server(tmp_path: Path) -> None:
    async with told(tmp_path) as w:
        status, head, body = await get(w, "/live")
        assert (status, body) == (200, b'{"status":"ok"}')
        assert "Cache-Control: no-store" in head
        assert f"Content-Length: {len(body)}" in head
        status, _, body = await get(w, "/ready?whatever")
        assert (status, msgspec.json.decode(body)) == (200, {"status": "ok", "reasons": []})
        assert (await get(w, "/ready", method="HEAD"))[2] == b""
        assert (await get(w, "/ready", "Content-Length: 0", method="POST"))[0] == 405
    assert w.journal.records == []


async def test_while_draining_ready_is_503(tmp_path: Path) -> None:
    async with told(tmp_path) as w:
        async with w.call():
            stopping = asyncio.create_task(w.gateway.stop())
            await asyncio.sleep(0)
            status, _, body = await get(w, "/ready")
            said = msgspec.json.decode(body)
            assert (status, said["status"]) == (503, "unavailable")
            assert [reason["code"] for reason in said["reasons"]] == ["draining"]
            assert (await get(w, "/live"))[0] == 200
        await stopping


async def test_keys_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    """Never read: every call is refused, 503. No longer: the last good ones are in force."""
    async with told(tmp_path) as w:
        w.snapshot_path.write_bytes(b"{")
        async with asyncio.timeout(PATIENCE_S):
            while (await codes(w)) != (200, ["keys_unreadable"]):
                await asyncio.sleep(0.05)
        w.gateway._keys = Keys(tmp_path / "nothing")
        assert await codes(w) == (503, ["no_keys"])


async def test_calls_that_could_not_be_counted_degrade(tmp_path: Path) -> None:
    async with told(tmp_path) as w:
        w.publish(key(max_calls=1))
        (tmp_path / "tallies").touch()
        async with w.call(), w.call():
            assert await codes(w) == (200, ["limits_uncounted"])


async def test_a_journal_that_fails_degrades(tmp_path: Path) -> None:
    async with told(tmp_path, Journal(failing="disk_full", lost_frames=3)) as w:
        assert await codes(w) == (200, ["disk_full", "frames_lost"])


async def test_calls_frames_and_refusals_are_counted(tmp_path: Path) -> None:
    async with told(tmp_path) as w:
        async with w.call() as caller:
            for _ in range(5):
                await caller.send("x" * 100)
                await caller.recv()
            assert await metric(w, "trunkline_live_calls", process="gateway-0") == 1
            assert await metric(w, "trunkline_frames_total", leg="caller") == 5
            assert await metric(w, "trunkline_frame_bytes_total", leg="provider") == 500
            assert await metric(w, "trunkline_relay_seconds_count", leg="provider") == 5
        await w.journal.closed()
        with pytest.raises(InvalidStatus):
            await w.call(additional_headers={})
        assert await metric(w, "trunkline_attempts_total") == 2
        assert await metric(w, "trunkline_refused_total", code="missing_key") == 1
        assert await metric(w, "trunkline_ended_total", reason="caller_closed") == 1
        assert await metric(w, "trunkline_ended_total", reason="refused_by_gateway") == 1
        assert await metric(w, "trunkline_live_calls") == 0


async def test_metrics_are_for_this_machine_or_with_the_token(tmp_path: Path) -> None:
    async with told(tmp_path) as w:
        assert (await get(w, "/metrics"))[0] == 200
        status, head, body = await get(w, "/metrics", "X-Forwarded-For: 127.0.0.1")
        assert (status, b"trunkline_up" in body) == (401, False)
        assert "WWW-Authenticate: Bearer" in head
        assert (await get(w, "/metrics", host="evil.example"))[0] == 401
        for token, expected in ((TOKEN, 200), ("wrong", 401), ("", 401)):
            found = await get(w, "/metrics", f"Authorization: Bearer {token}", host="evil.example")
            assert found[0] == expected


async def test_each_gateway_tells_of_all(tmp_path: Path) -> None:
    async with told(tmp_path) as w:
        other = files.VitalsFile(tmp_path, "gateway-1")
        mine = await asyncio.to_thread(published_by, tmp_path, "gateway-0")
        other.write(msgspec.structs.replace(mine, live_calls=7, refusing="draining"))
        assert await metric(w, "trunkline_live_calls", process="gateway-1") == 7
        status, _, body = await get(w, "/ready")
        said = msgspec.json.decode(body)
        assert (status, said["status"]) == (200, "degraded")
        assert said["reasons"][0]["process"] == "gateway-1"


def published_by(directory: Path, name: str) -> Gateway:
    """Wait until `name` has published; return what."""
    for _ in range(1000):
        for seen in files.read(directory, 0).seen:
            if seen.name == name and isinstance(seen.figures, Gateway):
                return seen.figures
    raise AssertionError(f"{name} does not publish")


async def test_the_file_is_gone_with_the_process(tmp_path: Path) -> None:
    async with told(tmp_path, gauge=Gauge(tmp_path)):
        told_ = await asyncio.to_thread(published_by, tmp_path, "gateway-0")
        assert told_.machine.resident_bytes > 0
        assert told_.machine.open_files > 0
        assert told_.machine.disk_bytes > 0
    assert files.read(tmp_path, 0).seen == ()


async def test_a_slow_leg_shows_in_the_buffers(tmp_path: Path) -> None:
    async with told(tmp_path, journal_bytes=64 * 1024 * 1024) as w:
        # As little as possible is taken for the caller before it reads.
        caller = await w.call(max_queue=1)
        connection = caller.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(40):
            await caller.send("x" * 500_000)
        while not await metric(w, "trunkline_buffered_bytes", leg="caller"):
            await asyncio.sleep(0.05)
        caller.transport.abort()
        await w.journal.closed()


def test_every_reason_for_which_a_gateway_is_full_is_one_of_ready() -> None:
    room = Room(calls=1, files=9, handshakes=1, memory_bytes=0, address_bytes=0)
    refusals = (
        no_room(room, Load(calls=1), Memory()),
        no_room(room, Load(files=9), Memory()),
        no_room(room, Load(), Memory(short=True)),
    )
    codes = {refusal.code for refusal in refusals if refusal}
    assert len(codes) == 3
    assert codes <= REFUSING.keys()
