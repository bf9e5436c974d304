"""The recorder and its stores stopped, stuck or refusing: calls do not notice, nothing is lost."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest
from tests.e2e.apart import APPEND, Apart, Talker, apart, archived, go_on, stop_for_now
from tests.support.measured import measured

from trunkline import ids
from trunkline.journal.record import Kind, Leg, Record

MOST_MS = 20
"""That a hundredth of the round trips may take longer than with everything in order."""


class Talking:
    """Some callers who talk all the time, and how long they wait for the answers."""

    def __init__(self, made: Apart, calls: int) -> None:
        self.talkers = [made.talker() for _ in range(calls)]
        self._tasks = [asyncio.create_task(talker.talk()) for talker in self.talkers]

    async def p99_ms(self, trips: int) -> float:
        """Wait until there were so many more round trips; return what 99 of 100 took at most."""
        for talker in self.talkers:
            talker.waits_ns.clear()
        while sum(len(talker.waits_ns) for talker in self.talkers) < trips:
            assert not any(task.done() for task in self._tasks), "a call has ended"
            await asyncio.sleep(0.05)
        waits_ns = sorted(wait for talker in self.talkers for wait in talker.waits_ns)
        return waits_ns[len(waits_ns) * 99 // 100] / 1e6

    async def hang_up(self) -> None:
        await asyncio.gather(*(talker.hang_up() for talker in self.talkers))
        await asyncio.gather(*self._tasks)


def frames(records: list[Record], leg: Leg) -> list[str]:
    return [r.payload.decode() for r in records if r.kind is Kind.FRAME and r.leg is leg]


def is_whole(talker: Talker, records: list[Record]) -> bool:
    """Return whether the archive has all that was said and heard, in this order."""
    said, heard = frames(records, Leg.CALLER), frames(records, Leg.PROVIDER)
    # Of the last moment before it hung up, the caller may have missed an answer.
    return said == [APPEND] * talker.sent and heard[: len(talker.got)] == talker.got


async def isolated(directory: Path, calls: int, trips: int) -> tuple[float, float]:
    """Do to the server what can be done to it. Returns p99, ms: before, and at the worst."""
    data = directory / "data"
    async with apart(data) as made:
        made.start_server()
        made.start_gateway()
        talking = Talking(made, calls)
        before_ms = await talking.p99_ms(trips)
        assert made.server is not None
        stop_for_now(made.server)
        stuck_ms = await talking.p99_ms(trips)
        assert made.unread()
        go_on(made.server)
        after_ms = await talking.p99_ms(trips)
        made.end(made.server, signal.SIGKILL)
        gone_ms = await talking.p99_ms(trips)
        assert made.unread()
        made.start_server()
        back_ms = await talking.p99_ms(trips)
        await talking.hang_up()
        await made.recorded()
        kept = await archived(data, made.org_id)
        for talker in talking.talkers:
            assert is_whole(talker, kept.pop(ids.parse_call_id(talker.call_id)))
            row = json.loads((await made.get(f"/v1/calls/{talker.call_id}")).text)
            assert (row["status"], row["end_reason"]) == ("completed", "caller_closed")
        assert not kept
    measured(
        "R5",
        f"{calls} calls, p99 {before_ms:.1f} ms; with the server stuck {stuck_ms:.1f}, catching up "
        f"{after_ms:.1f}, killed {gone_ms:.1f}, starting {back_ms:.1f} ms",
    )
    return before_ms, max(stuck_ms, after_ms, gone_ms, back_ms)


@pytest.mark.guarantee("R5")
async def test_calls_do_not_notice_that_nobody_records_them(tmp_path: Path) -> None:
    await isolated(tmp_path, calls=5, trips=150)


@pytest.mark.soak
@pytest.mark.guarantee("R5")
async def test_ten_seconds_without_a_recorder_cost_nothing(tmp_path: Path) -> None:
    """Twenty calls of 25 frames a second: so many round trips are ten seconds."""
    before_ms, worst_ms = await isolated(tmp_path, calls=20, trips=5000)
    assert worst_ms < before_ms + MOST_MS
