"""What the gateway adds to a round trip while it records, and what its recorder adds to that."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from bench.load import Load, running
from bench.process import Cores
from bench.talk import Open, Percentiles
from tests.e2e.apart import Apart, apart, go_on, stop_for_now
from tests.support.measured import measured

from trunkline.priority import may_go_first

MIX = "pcm16"
"""25 frames a second each way, which is more than the 20 that R4 asks for."""
ROUNDS = 5
ADDED_P50_US, ADDED_P99_US, RECORDER_P99_US = 1_000, 5_000, 500


class Between:
    """The ends of many calls, and a whole installation between them or not."""

    def __init__(self, load: Load, made: Apart) -> None:
        self._load = load
        self._made = made

    def direct(self, calls: int, seconds: float) -> Percentiles:
        """Return round trips without anything between."""
        return self._round(self._load.plain.port, (), calls, seconds)

    @property
    def policy(self) -> int:
        """How the kernel schedules the gateway's loop."""
        assert self._made.gateway is not None
        return os.sched_getscheduler(self._made.gateway.pid)

    async def through(self, calls: int, seconds: float, *, recorder: bool) -> Percentiles:
        """Return round trips through the gateway, while its recorder works or stands still."""
        assert self._made.server is not None
        if not recorder:
            stop_for_now(self._made.server)
        headers = (
            ("Authorization", "Bearer sk-of-the-provider"),
            ("Helicone-Auth", f"Bearer {self._made.key}"),
        )
        port = int(self._made.url.rpartition(":")[2])
        found = self._round(port, headers, calls, seconds)
        go_on(self._made.server)
        await self._made.recorded(timeout_s=120)
        return found

    def _round(
        self, port: int, headers: tuple[tuple[str, str], ...], calls: int, seconds: float
    ) -> Percentiles:
        path = "/v1/realtime?model=gpt-realtime-2.1"
        opened = self._load.open(Open("127.0.0.1", port, path, headers, calls))
        assert opened.greeted == calls, opened.refusal
        talked = self._load.talk(MIX, seconds)
        self._load.stop()
        assert (talked.lost, talked.broken) == (0, 0)
        return talked.round_trip_us


@contextlib.asynccontextmanager
async def between(directory: Path) -> AsyncGenerator[Between]:
    """Start the ends, a gateway and a server."""
    with running(directory, Cores()) as load:
        url = f"ws://127.0.0.1:{load.plain.port}/v1/realtime"
        async with apart(directory / "data", openai_url=url) as made:
            made.start_server()
            made.start_gateway()
            await made.until(lambda: _answers(made))
            yield Between(load, made)


async def _answers(made: Apart) -> bool:
    return (await made.get("/v1/calls")).status_code == 200


@pytest.mark.guarantee("R4")
async def test_every_frame_of_many_calls_is_answered(tmp_path: Path) -> None:
    async with between(tmp_path) as ends:
        found = await ends.through(calls=50, seconds=1, recorder=True)
        assert ends.policy == (os.SCHED_RR if may_go_first() else os.SCHED_OTHER)
    measured("R4", f"50 calls: p50 {found.p50} µs, p99 {found.p99} µs")


@pytest.mark.soak
@pytest.mark.guarantee("R4")
async def test_two_hundred_calls_wait_for_less_than_a_millisecond(tmp_path: Path) -> None:
    direct: list[Percentiles] = []
    off: list[Percentiles] = []
    on: list[Percentiles] = []
    async with between(tmp_path) as ends:
        for _ in range(ROUNDS):
            direct.append(ends.direct(200, 4))
            off.append(await ends.through(200, 4, recorder=False))
            on.append(await ends.through(200, 4, recorder=True))
    p50_us = p50(on) - p50(direct)
    p99_us = p99(on) - p99(direct)
    recorder_us = p99(on) - p99(off)
    measured(
        "R4",
        f"200 calls: adds {p50_us:.0f} µs at p50, {p99_us:.0f} µs at p99; of these the recorder "
        f"{recorder_us:.0f} µs; round trips {p50(on):.0f} and {p99(on):.0f} µs",
    )
    assert p50_us < ADDED_P50_US
    assert p99_us < ADDED_P99_US
    assert recorder_us < RECORDER_P99_US


def p50(rounds: list[Percentiles]) -> float:
    """Return the least: whatever else the machine did has only added to it."""
    return min(one.p50 for one in rounds if one.p50 is not None)


def p99(rounds: list[Percentiles]) -> float:
    return min(one.p99 for one in rounds if one.p99 is not None)
