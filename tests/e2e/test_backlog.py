"""A server that was away, slow or without its facts: calls do not notice, and it catches up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

import msgspec
import pytest
from tests.e2e.apart import (
    APPEND,
    MODEL,
    SOUND,
    Apart,
    Talker,
    apart,
    check_exact,
    go_on,
    stop_for_now,
)
from tests.recorder.journals import START_NS, WALL_NS, Journal, instance
from tests.store.engines import columns_of
from tests.support.measured import measured
from tests.support.running import trunkline

from trunkline import ids
from trunkline.clock import monotonic_ns
from trunkline.journal.record import Flag, Kind, Leg, Record
from trunkline.protocol.call import Closed, Opened

MIB = 1024 * 1024
SEGMENT_BYTES = 60 * MIB


async def talking(made: Apart) -> tuple[Talker, asyncio.Task[None]]:
    """Return a call that goes on by itself."""
    talker = made.talker()
    task = asyncio.create_task(talker.talk())
    await talker.goes_on()
    return talker, task


async def hung_up(*calls: tuple[Talker, asyncio.Task[None]]) -> None:
    for talker, task in calls:
        await talker.hang_up()
        await task


@pytest.mark.guarantee("L4")
async def test_calls_do_not_notice_a_server_that_is_away_or_stands_still(tmp_path: Path) -> None:
    async with apart(tmp_path / "data") as made:
        made.start_gateway()
        before = [await talking(made) for _ in range(3)]
        await hung_up(*before)
        meanwhile = await talking(made)
        assert (await made.get("/live")).status_code == 200
        assert await made.reasons() <= {"disk_low"}
        made.start_server()
        await made.seen(meanwhile[0].call_id)
        assert made.server is not None
        stop_for_now(made.server)
        await made.until_reasons(lambda codes: "server_stuck" in codes)
        still = await talking(made)
        await meanwhile[0].goes_on()
        go_on(made.server)
        await made.until_reasons(lambda codes: codes <= {"disk_low"})
        await hung_up(meanwhile, still)
        for talker, _ in (*before, meanwhile, still):
            call = await made.told(talker)
            assert call["status"] == "completed"
            assert check_exact(call, talker.relayed) == 0


@pytest.mark.guarantee("L4")
@pytest.mark.guarantee("D10")
@pytest.mark.soak
async def test_facts_that_were_damaged_are_rebuilt_while_calls_go_on(tmp_path: Path) -> None:
    async with apart(tmp_path / "data") as made:
        made.start_server()
        made.start_gateway()
        first = await talking(made)
        await hung_up(first)
        await made.told(first[0])
        await made.recorded()
        made.end(made.server)
        for file in columns_of(made.layout.facts):
            file.write_bytes(file.read_bytes()[:10])
        live = await talking(made)
        made.start_server()
        await made.until_reasons(lambda codes: "facts_damaged" in codes)
        await made.seen(live[0].call_id)
        made.end(made.server)
        done = await asyncio.to_thread(trunkline, "reindex", "--data", str(made.data))
        assert done.returncode == 0, done.stderr
        made.start_server()
        await made.until_reasons(lambda codes: codes <= {"disk_low"})
        await live[0].goes_on()
        await hung_up(live)
        for talker, _ in (first, live):
            assert check_exact(await made.told(talker), talker.relayed) == 0


def said(number: int, org_id: str, frames: int) -> Iterator[Record]:
    """Return the records of a call of so many frames, half of them each way."""
    call = ids.ulid_bytes(WALL_NS + number * 1_000_000, b"call-%05d" % number)
    session = {"type": "realtime", "id": "sess_1", "model": MODEL}
    delta = {
        "type": "response.output_audio.delta", "response_id": "resp_1", "item_id": "item_1",
        "output_index": 0, "content_index": 0, "delta": SOUND,
    }  # fmt: skip
    ours, theirs = APPEND.encode(), json.dumps(delta).encode()
    opened = Opened(
        call_id=ids.call_id(call), wall_ns=WALL_NS, opened_ns=START_NS, org_id=org_id, key_id="k"
    )

    def record(kind: Kind, seq: int, leg: Leg, payload: bytes) -> Record:
        at_ns = START_NS + seq * 20_000_000
        return Record(kind, call, seq, leg, Flag(0), at_ns, at_ns + 30_000, payload)

    yield record(Kind.OPENED, 0, Leg.NONE, msgspec.json.encode(opened))
    created = json.dumps({"type": "session.created", "session": session}).encode()
    yield record(Kind.FRAME, 1, Leg.PROVIDER, created)
    for seq in range(2, frames + 2):
        leg = Leg.CALLER if seq % 2 else Leg.PROVIDER
        yield record(Kind.FRAME, seq, leg, ours if seq % 2 else theirs)
    ended = Closed(status="completed", end_reason="caller_closed", caller_close_code=1000)
    yield record(Kind.CLOSED, frames + 2, Leg.NONE, msgspec.json.encode(ended))


def leave(made: Apart, calls: int, frames: int) -> int:
    """Leave the journal of a gateway that is gone; return its size."""
    journal = Journal(made.data, "gateway-9")
    filled_bytes = SEGMENT_BYTES
    for number in range(calls):
        if filled_bytes >= SEGMENT_BYTES:
            journal.begin(instance(1))
            filled_bytes = 0
        records = list(said(number, made.org_id, frames))
        journal.write(records)
        filled_bytes += sum(len(record.payload) for record in records)
    journal.die()
    return sum(path.stat().st_size for path in journal.directory.iterdir())


@pytest.mark.guarantee("L4")
@pytest.mark.soak
async def test_a_backlog_of_a_gigabyte_is_caught_up_with_while_calls_go_on(tmp_path: Path) -> None:
    async with apart(tmp_path / "data") as made:
        backlog_bytes = await asyncio.to_thread(leave, made, 200, 1_950)
        assert backlog_bytes > 1000 * MIB
        made.start_gateway()
        live = await talking(made)
        made.start_server()
        began_ns = monotonic_ns()
        await made.until_reasons(lambda codes: "recorder_behind" in codes)
        assert (await made.get("/live")).status_code == 200
        another = await talking(made)
        await made.until_reasons(lambda codes: "recorder_behind" not in codes, timeout_s=600)
        folded_s = (monotonic_ns() - began_ns) / 1e9
        caught_up = len(live[0].waits_ns)
        await hung_up(another, live)
        await made.recorded(timeout_s=1200)
        sealed_s = (monotonic_ns() - began_ns) / 1e9
        for talker, _ in (live, another):
            assert check_exact(await made.told(talker), talker.relayed) == 0
        found, cursor = 0, ""
        while True:
            page = (await made.get(f"/v1/calls?limit=200{cursor}")).json()
            found += sum(call["status"] == "completed" for call in page["data"])
            if not page.get("next_cursor"):
                break
            cursor = f"&cursor={page['next_cursor']}"
    assert found == 202
    p99_ms = quantiles(live[0].waits_ns[:caught_up], n=100)[98] / 1e6
    measured(
        "L4",
        f"{backlog_bytes / 1e9:.2f} GB, 200 calls of 39 s each way: in the facts after"
        f" {folded_s:.0f} s, sealed with their sound after {sealed_s:.0f} s; round trips of a call"
        f" meanwhile {p99_ms:.1f} ms (p99)",
    )
