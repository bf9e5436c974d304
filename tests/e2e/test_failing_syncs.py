"""A disk that fails a sync, and then says that all is well: nothing is lost, nothing trusted."""

import asyncio
from pathlib import Path

import pytest
from tests.e2e.apart import apart, check_exact
from tests.support.faults import Faults
from tests.support.measured import measured

from trunkline.clock import monotonic_ns


@pytest.mark.guarantee("D5")
@pytest.mark.parametrize(
    "told",
    [
        "fsync_failed",
        # The recorder syncs spools only before it deletes journals, every ten seconds.
        pytest.param("recorder_failing", marks=pytest.mark.soak),
    ],
)
async def test_syncs_that_fail_under_a_call_are_told_and_never_repeated(
    tmp_path: Path, told: str
) -> None:
    """Of the journal, and of spools, in processes as they are installed."""
    faults = Faults(tmp_path)
    async with apart(tmp_path / "data", faults) as made:
        made.start_server()
        made.start_gateway()
        talker = made.talker()
        talking = asyncio.create_task(talker.talk())
        await talker.goes_on()
        await made.seen(talker.call_id)
        assert not {"fsync_failed", told} & await made.reasons()
        faults.fail_syncs(True)
        began_ns = monotonic_ns()
        await made.until_reasons(lambda codes: told in codes)
        told_ms = (monotonic_ns() - began_ns) / 1e6
        await talker.goes_on()
        faults.fail_syncs(False)
        await talker.goes_on()
        await talker.hang_up()
        await talking
        assert check_exact(await made.told(talker), talker.relayed) == 0
        assert await made.metric("trunkline_journal_suspect_segments_total") > 0
        await made.recorded()
        await made.until_reasons(lambda codes: "recorder_failing" not in codes)
        assert "fsync_failed" in await made.reasons()
    assert faults.failed_syncs > 0
    assert faults.repeated_syncs == 0
    measured(
        "D5",
        f"{faults.failed_syncs} failed syncs under a call: told on /ready after {told_ms:.0f} ms,"
        f" 0 of {talker.relayed} frames lost, 0 syncs tried again",
    )
