"""`kill -9` of the gateway, at any moment: what was written is there, and nothing else."""

import asyncio
import json
import os
import random
import re
import signal
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import pytest
from tests.e2e.apart import Apart, Talker, apart, archived, go_on, stop_for_now
from tests.recorder.journals import latest, rows_of
from tests.store.engines import engine
from tests.support.measured import measured
from tests.support.running import trunkline

from trunkline import ids
from trunkline.clock import monotonic_ns
from trunkline.journal.reader import JournalReader
from trunkline.journal.record import Kind, Record
from trunkline.store import blobs as keys
from trunkline.store import codec
from trunkline.store.facts import ddl
from trunkline.store.facts.listed import ListedRow, listed, shown
from trunkline.store.facts.rows import CallRow

SEED = int(os.environ.get("TRUNKLINE_TEST_SEED", "20261125"))
HAS_SOUND = re.compile(rb"input_audio_buffer.append|response.output_audio.delta")
LISTED = ddl.TABLE_OF[ListedRow].name
Calls = dict[bytes, list[Record]]


class Kills:
    """Kills a gateway again and again, and knows what was written each time."""

    def __init__(self, installation: Apart, calls: int, chance: random.Random) -> None:
        self.installation = installation
        self.calls = calls
        self.chance = chance
        self.written: Calls = {}
        self.tails_ms: list[float] = []
        """How old the last record was that was written, when the gateway was killed."""
        self.lost_frames: list[int] = []
        """Frames that callers got and that are in no record, by kill."""

    async def kill(self) -> None:
        """Have calls, and kill the gateway at a moment that nobody has chosen."""
        made = self.installation
        assert made.server is not None
        made.start_gateway()
        assert made.gateway is not None
        talkers = [made.talker() for _ in range(self.calls)]
        talking = [asyncio.create_task(talker.talk()) for talker in talkers]
        while not any(talker.call_id for talker in talkers):
            assert not all(task.done() for task in talking), "every caller was refused"
            await asyncio.sleep(0.005)
        # From in the midst of the handshakes on.
        await asyncio.sleep(self.chance.random() ** 2 * 1.5)
        # What the gateway left is looked at before the recorder gets to it.
        stop_for_now(made.server)
        os.kill(made.gateway.pid, signal.SIGKILL)
        at_ns = monotonic_ns()
        made.gateway.wait()
        now = self._journal()
        go_on(made.server)
        for talker, task in zip(talkers, talking, strict=True):
            if not talker.call_id:
                task.cancel()  # Nobody has accepted it, and until the next start nobody will.
        await asyncio.gather(*talking, return_exceptions=True)
        assert not now.keys() & self.written.keys()
        self.written |= now
        self._measure(now, talkers, at_ns)

    def _journal(self) -> Calls:
        """Return what the journal holds now: it is emptied when it is recorded."""
        found: defaultdict[bytes, list[Record]] = defaultdict(list)
        for batch in JournalReader(self.installation.layout.journal / "gateway-0").batches():
            for record, _ in batch.records:
                if record.call not in self.written:
                    found[record.call].append(record)
        return dict(found)

    def _measure(self, now: Calls, talkers: list[Talker], at_ns: int) -> None:
        last_ns = max(
            (record.received_ns for records in now.values() for record in records), default=0
        )
        if last_ns:
            self.tails_ms.append((at_ns - last_ns) / 1e6)
        lost = 0
        for talker in talkers:
            if talker.call_id:
                records = now.get(ids.parse_call_id(talker.call_id), [])
                kept = {record.payload for record in records if record.kind is Kind.FRAME}
                lost += sum(frame.encode() not in kept for frame in talker.got)
        self.lost_frames.append(lost)


def sounds(data: Path, written: Calls, org_id: str) -> dict[bytes, float]:
    """Return how many seconds can be played, of every call that has a recording."""
    found: dict[bytes, float] = {}
    for call in written:
        blobs = data / "blobs" / keys.call_prefix(org_id, ids.call_id(call))
        for path in blobs.glob("audio.*"):
            found[call] = sum(len(block) for block in codec.decode(path)) / codec.RATE_HZ
    return found


def facts_of(data: Path) -> dict[str, list[Any]]:
    found = engine(data / "facts", "dump")[0]
    read = [row | {"row": json.loads(row["row"])} for row in found[LISTED]]
    return found | {LISTED: read}


def sorted_rows(rows: Iterable[Any]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def expected(written: Calls, playable: Iterable[bytes]) -> dict[str, list[Any]]:
    """Return the rows of a refold that nothing interrupted, as the engine shows them."""
    rows: defaultdict[str, list[Any]] = defaultdict(list)
    heard = set(playable)
    for call, records in written.items():
        for row in latest(rows_of(records, has_audio=call in heard)).values():
            rows[ddl.TABLE_OF[type(row)].name].append(msgspec.to_builtins(row))
            if isinstance(row, CallRow):
                text = {"row": msgspec.to_builtins(shown(row))}
                rows[LISTED].append(msgspec.to_builtins(listed(row, "")) | text)
    return {table.name: rows[table.name] for table in ddl.TABLES}


async def survive(directory: Path, kills: int, calls: int, seed: int = SEED) -> Kills:
    """Kill, record, and compare everything with everything."""
    data = directory / "data"
    async with apart(data) as made:
        made.start_server()
        killing = Kills(made, calls, random.Random(seed))
        for _ in range(kills):
            await killing.kill()
        await made.recorded(timeout_s=30 + kills * calls / 10)
        made.end(made.server)
    written = killing.written
    assert len(written) > kills * calls // 3
    assert await archived(data, made.org_id) == written
    playable = sounds(data, written, made.org_id)
    online = facts_of(data)
    assert {row["call_id"] for row in online["calls"]} == {ids.call_id(call) for call in written}
    ended = {row["call_id"]: (row["status"], row["end_reason"]) for row in online["calls"]}
    refused = {call for call, records in written.items() if records[-1].kind is Kind.CLOSED}
    assert len(refused) < len(written) / 2
    for call in written.keys() - refused:
        assert ended[ids.call_id(call)] == ("recovered", "gateway_died")
    for call, records in written.items():
        has_sound = any(HAS_SOUND.search(record.payload) for record in records)
        assert (call in playable) is has_sound
        assert not has_sound or playable[call] > 0
    wanted = expected(written, playable)
    for table in ddl.TABLES:
        assert sorted_rows(online[table.name]) == sorted_rows(wanted[table.name]), table.name
    assert trunkline("reindex", "--data", str(data)).returncode == 0
    again = facts_of(data)
    for table in ddl.TABLES:
        assert sorted_rows(again[table.name]) == sorted_rows(online[table.name]), table.name
    return killing


def tell(killing: Kills) -> None:
    tails, frames = killing.tails_ms, sum(map(len, killing.written.values()))
    measured(
        "D1",
        f"{len(killing.lost_frames)} kills, {len(killing.written)} calls, {frames} records written:"
        f" all in archives. The last record written was {median(tails):.0f} ms old in the median,"
        f" {max(tails):.0f} ms at most; of what callers had got, {sum(killing.lost_frames)} frames"
        f" were not written yet, {max(killing.lost_frames)} at most by one kill",
    )


@pytest.mark.guarantee("D1")
async def test_a_gateway_that_is_killed_loses_nothing_that_was_written(tmp_path: Path) -> None:
    tell(await survive(tmp_path, kills=3, calls=12))


@pytest.mark.guarantee("D1")
@pytest.mark.soak
@pytest.mark.parametrize("part", range(8))
async def test_two_hundred_kills_under_fifty_calls_lose_nothing_that_was_written(
    tmp_path: Path, part: int
) -> None:
    tell(await survive(tmp_path, kills=25, calls=50, seed=SEED + part))
