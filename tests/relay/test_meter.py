"""What was relayed is counted: each frame once, by leg and by how long it took."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.relay.world import HEADERS, echo, world

from trunkline.journal.record import Kind, Leg
from trunkline.relay.meter import BUCKETS, Meter

CALLER, PROVIDER = Leg.CALLER, Leg.PROVIDER


@given(st.integers(0, 2**63 - 1))
def test_a_time_is_below_its_bucket_and_at_least_half_of_it(relay_ns: int) -> None:
    meter = Meter()
    meter.handed(CALLER, 1, relay_ns)
    bucket = meter.relay[CALLER].index(1)
    assert 2**bucket // 2 <= relay_ns < 2**bucket
    assert bucket < BUCKETS


def test_each_leg_is_counted_for_itself() -> None:
    meter = Meter()
    meter.handed(CALLER, 100, 20_000)
    meter.handed(PROVIDER, 3_000, 30_000)
    meter.handed(PROVIDER, 4_000, 50_000)
    assert (meter.frames(CALLER), meter.frames(PROVIDER)) == (1, 2)
    assert (meter.bytes[CALLER], meter.bytes[PROVIDER]) == (100, 7_000)
    assert (meter.relay_ns[CALLER], meter.relay_ns[PROVIDER]) == (20_000, 80_000)


@pytest.mark.parametrize("bridged", [False, True], ids=["as it is", "bridged"])
async def test_the_meter_agrees_with_the_journal(tmp_path: Path, bridged: bool) -> None:
    """Same frames, same bytes, same times: what was handed on and nothing else."""
    texts = ['{"type":"session.update","session":{"voice":"alloy"}}', "é" * 500, '{"type":"x"}']
    async with world(tmp_path, echo) as w:
        headers = dict(HEADERS)
        if bridged:
            headers["OpenAI-Beta"] = "realtime=v1"
        async with w.call(additional_headers=headers) as caller:
            for text in texts:
                await caller.send(text)
            for _ in texts:
                await caller.recv()
        await w.journal.closed()
        meter = w.gateway.meter
        for leg in (CALLER, PROVIDER):
            handed = [r for r in w.journal.of(Kind.FRAME) if r.leg is leg and r.handed_ns]
            assert meter.frames(leg) == len(handed) > 0
            assert meter.bytes[leg] == sum(len(record.payload) for record in handed)
            took = [record.handed_ns - record.received_ns for record in handed]
            assert meter.relay_ns[leg] == sum(took)
