"""Hours of calls, in minutes: memory, files and sockets stay what they are."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pytest
from tests.e2e.apart import Apart, apart
from tests.support.measured import measured

CALLS = 100
"""At once."""
SECONDS = float(os.environ.get("TESTS_STEADY_SECONDS", "300"))
WARM = 1 / 3
"""Of the time: by then every cache has what it keeps, and allocators have what they hold."""
SAMPLE_S = 2.0
SLOW_CHUNKS_MS = 400
"""What is looked for is left by calls, not by frames: most of them may be short and sparse."""
SEED = 20261125
MIB = 1024 * 1024
SPARE = 8
"""Files that a process may keep open longer: connections to the accounts, spools of a moment."""


@dataclass
class Use:
    """What one process has had, sample by sample."""

    pid: int
    resident_mib: list[float] = field(default_factory=list[float])
    descriptors: list[int] = field(default_factory=list[int])

    def look(self) -> None:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        self.resident_mib.append(pages * os.sysconf("SC_PAGE_SIZE") / MIB)
        self.descriptors.append(self.held())

    def held(self) -> int:
        """Return how many files and sockets it has open.

        Without those of `/proc` that the facts engine opens for each of its threads.
        """
        found = 0
        for link in Path(f"/proc/{self.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found += not os.readlink(link).startswith("/proc/")
        return found

    def levels_mib(self) -> list[int]:
        """Return what memory it had in each fifth of the time, in the middle."""
        fifth = len(self.resident_mib) // 5
        parts = [self.resident_mib[n * fifth : (n + 1) * fifth] for n in range(5)]
        return [round(median(part)) for part in parts]


async def calling(made: Apart, chance: random.Random, stop: asyncio.Event) -> tuple[int, int]:
    """Have one call after the other until told to stop; return how many, and their frames."""
    calls = frames = 0
    while not stop.is_set():
        talker = made.talker(chunk_ms=SLOW_CHUNKS_MS)
        talking = asyncio.create_task(talker.talk())
        await asyncio.sleep(1 + chance.expovariate(1 / 6))
        await talker.hang_up()
        await talking
        assert talker.call_id, "a call was refused"
        calls, frames = calls + 1, frames + talker.relayed
    return calls, frames


@pytest.mark.guarantee("L5")
@pytest.mark.soak
async def test_memory_files_and_sockets_stay_flat_under_calls_that_come_and_go(
    tmp_path: Path,
) -> None:
    chance, stop = random.Random(SEED), asyncio.Event()
    async with apart(tmp_path / "data") as made:
        made.start_server()
        made.start_gateway()
        assert made.server is not None
        assert made.gateway is not None
        first = made.talker()
        task = asyncio.create_task(first.talk())
        await first.goes_on()
        await first.hang_up()
        await task
        await made.told(first)
        uses = {"gateway": Use(made.gateway.pid), "server": Use(made.server.pid)}
        idle = {name: use.held() for name, use in uses.items()}
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        callers = [asyncio.create_task(calling(made, chance, stop)) for _ in range(CALLS)]
        unread_bytes: list[float] = []
        while (now_s := loop.time() - began_s) < SECONDS:
            await asyncio.sleep(SAMPLE_S)
            assert not any(caller.done() for caller in callers)
            if now_s > SECONDS * WARM:
                for use in uses.values():
                    use.look()
                unread_bytes.append(await made.metric("trunkline_recorder_unread_bytes"))
        stop.set()
        done = await asyncio.gather(*callers)
        await made.recorded(timeout_s=300)
        calls = 1 + sum(count for count, _ in done)
        frames = first.relayed + sum(count for _, count in done)
        assert await made.metric("trunkline_journal_lost_frames_total") == 0
        ended = await made.metric("trunkline_ended_total")
        assert ended == calls

        async def quiet() -> bool:
            """What calls had open is closed, after the last of them."""
            return all(use.held() <= idle[name] + SPARE for name, use in uses.items())

        await made.until(quiet)
        assert made.gateway.poll() is None
        assert made.server.poll() is None
    told = [
        f"{name} {use.levels_mib()} MiB by fifths of the last two thirds,"
        f" {min(use.descriptors)} to {max(use.descriptors)} files"
        for name, use in uses.items()
    ]
    measured(
        "L5",
        f"{SECONDS:.0f} s, {CALLS} calls at once, {calls} in all, {frames} frames;"
        f" {'; '.join(told)}; at most {max(unread_bytes) / MIB:.1f} MiB unread",
    )
    for name, use in uses.items():
        first_mib, *_, last_mib = use.levels_mib()
        assert last_mib < 1.1 * first_mib, (name, use.resident_mib)
