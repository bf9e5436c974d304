"""A wall clock that jumps: only what people read of it changes."""

import asyncio
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.apart import Apart, Talker, apart, check_exact
from tests.support.faults import Faults
from tests.support.measured import measured

HOUR_S = 3600


async def a_call(made: Apart, *meanwhile: float, faults: Faults) -> Talker:
    """Have a call, and let the clock jump by so many seconds while it goes on."""
    talker = made.talker()
    talking = asyncio.create_task(talker.talk())
    await talker.goes_on()
    for seconds in meanwhile:
        faults.jump(seconds)
        await talker.goes_on()
    await talker.hang_up()
    await talking
    return talker


def moments(call: dict[str, Any]) -> list[float]:
    return [line["received_ms"] for line in call["lines"]]


def opened_s(call: dict[str, Any]) -> float:
    return datetime.fromisoformat(call["opened_at"]).timestamp()


@pytest.mark.guarantee("L3")
async def test_a_clock_that_jumps_by_an_hour_changes_no_duration_and_no_order(
    tmp_path: Path,
) -> None:
    """Forward and back, and by a leap second, within calls and between them."""
    faults = Faults(tmp_path)
    async with apart(tmp_path / "data", faults) as made:
        made.start_server()
        made.start_gateway()
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        talkers = [
            await a_call(made, HOUR_S, faults=faults),
            await a_call(made, faults=faults),
            await a_call(made, -HOUR_S, -HOUR_S, faults=faults),
            await a_call(made, -1, 1, faults=faults),
        ]
        lasted_s = loop.time() - began_s
        calls = [await made.told(talker) for talker in talkers]
        for call, talker in zip(calls, talkers, strict=True):
            assert check_exact(call, talker.relayed) == 0
            assert call["status"] == "completed"
            # By the monotonic clock: an hour would be in it.
            assert 0 < call["duration_ms"] <= lasted_s * 1000
            assert all(one <= after for one, after in pairwise(moments(call)))
            assert 0 <= moments(call)[0] <= moments(call)[-1] <= lasted_s * 1000
        first, ahead, also_ahead, behind = map(opened_s, calls)
        assert HOUR_S - lasted_s <= ahead - first <= HOUR_S + lasted_s
        assert 0 <= also_ahead - ahead <= lasted_s
        assert 2 * HOUR_S - lasted_s <= also_ahead - behind <= 2 * HOUR_S + lasted_s
        # The list is by what the wall clock said, and has each of them once.
        listed = (await made.get("/v1/calls")).json()["data"]
        by_wall = sorted(calls, key=opened_s, reverse=True)
        assert [call["id"] for call in listed] == [call["id"] for call in by_wall]
        assert await made.reasons() <= {"disk_low"}
    measured("L3", f"{len(calls)} calls over jumps of ±1 h and ±1 s")
