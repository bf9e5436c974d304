"""SIGTERM: nobody new, those there may end, then they are told, and all of it is recorded."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.relay.process import gateway_process
from tests.support.measured import measured
from tests.support.patience import PATIENCE_S
from tests.support.running import Running, running
from tests.support.traffic import echoing_provider
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from trunkline.clock import monotonic_ns
from trunkline.ids import parse_call_id
from trunkline.journal.record import Kind
from trunkline.layout import Layout
from trunkline.store.archive import ArchiveReader
from trunkline.store.blobs import Blobs

CALLS = 50
LEAVE = 20
"""Of them hang up while it drains."""
DRAIN_MS = 2_000
Dial = Callable[[], connect]


async def refused(dial: Dial) -> InvalidStatus:
    """Call until calls are refused, each of which must be answered."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                async with dial():
                    pass
            except InvalidStatus as exc:
                return exc


async def drained(
    process: subprocess.Popen[str], calls: Sequence[ClientConnection], dial: Dial
) -> float:
    """Stop `process` with these calls; return how many seconds it took to end."""
    began_ns = monotonic_ns()
    process.send_signal(signal.SIGTERM)
    no = (await refused(dial)).response
    assert (no.status_code, no.headers["Retry-After"]) == (503, "2")
    assert json.loads(no.body or b"{}")["error"]["code"] == "draining"
    for number, call in enumerate(calls):
        await call.send(f"{number} goes on")
        assert await call.recv() == f"{number} goes on"
    await asyncio.gather(*(call.close() for call in calls[:LEAVE]))
    await asyncio.gather(*(told(call) for call in calls[LEAVE:]))
    assert await asyncio.to_thread(process.wait, 60) == 0
    return (monotonic_ns() - began_ns) / 1e9


async def told(call: ClientConnection) -> None:
    """Wait for the end, which comes after an event and with a code and a reason."""
    async with asyncio.timeout(PATIENCE_S):
        error = json.loads(await call.recv())["error"]
        with pytest.raises(ConnectionClosed) as closed:
            await call.recv()
    assert error["code"] == "drained"
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1012, error["message"])


def call_id_of(call: ClientConnection) -> str:
    assert call.response is not None
    return call.response.headers["Helicone-Id"]


@pytest.mark.guarantee("L1")
async def test_everything_drains_and_every_call_is_sealed(tmp_path: Path) -> None:
    async with echoing_provider() as url:
        env = {"TRUNKLINE_OPENAI_URL": url, "TRUNKLINE_DRAIN_TIMEOUT_MS": str(DRAIN_MS)}
        with running(tmp_path / "data", "--workers", "2", env=env) as started:

            def dial() -> connect:
                return connect(
                    f"{started.websocket_url}/v1/realtime?model=gpt-realtime-2.1",
                    additional_headers={"Authorization": "Bearer sk-p", **started.headers},
                )

            calls = [await dial() for _ in range(CALLS)]
            shares = await asyncio.to_thread(started.wait, lambda: shared(started))
            assert max(shares) - min(shares) <= 2
            seconds = await drained(started.process, calls, dial)
            started.stopped = True
    ends = await sealed(tmp_path / "data", [call_id_of(call) for call in calls])
    assert sorted(ends) == ["caller_closed"] * LEAVE + ["drained"] * (CALLS - LEAVE)
    measured(
        "L1",
        f"{CALLS} calls, {shares} on each gateway, limit {DRAIN_MS / 1000:g} s: ended and sealed"
        f" in {seconds:.1f} s",
    )


def shared(started: Running) -> list[int]:
    """Return how many calls each gateway carries, once they tell of all; else nothing."""
    text = started.get("/metrics").text
    found = re.findall(r"^trunkline_live_calls{.*} (\d+)", text, re.MULTILINE)
    return [int(calls) for calls in found] if sum(map(int, found)) == CALLS else []


async def sealed(data: Path, call_ids: list[str]) -> list[str]:
    """Return the end reasons of calls, all of which must have an archive and no spool."""
    layout = Layout(data)
    assert not list(layout.spool.glob("call_*"))
    blobs = Blobs.open("", layout.blobs)
    found = {path.parent.name: path for path in layout.blobs.rglob("archive")}
    ends: list[str] = []
    for call_id in call_ids:
        key = str(found[call_id].relative_to(layout.blobs))
        reader = await ArchiveReader.open(blobs, key)
        records = [record async for record in reader.records()]
        ends.append(json.loads(records[-1].payload)["end_reason"])
    return ends


@pytest.mark.guarantee("L1")
async def test_a_gateway_of_its_own_drains_too(tmp_path: Path) -> None:
    async with echoing_provider() as url:
        with gateway_process(tmp_path, url, drain_timeout_ms=DRAIN_MS) as gateway:
            calls = [await gateway.call() for _ in range(CALLS)]
            await drained(gateway.process, calls, gateway.call)  # pyright: ignore
            closed = {
                record.call: json.loads(record.payload)["end_reason"]
                for record in gateway.records()
                if record.kind is Kind.CLOSED
            }
    ends = [closed[parse_call_id(call_id_of(call))] for call in calls]
    assert (ends.count("caller_closed"), ends.count("drained")) == (LEAVE, CALLS - LEAVE)
