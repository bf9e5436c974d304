"""A sideband that breaks off in the midst of a call, through real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.relay.test_direct import Here, installed
from tests.relay.world import key
from tests.support.patience import PATIENCE_S

from trunkline.journal.record import Kind
from trunkline.protocol.call import Closed
from trunkline.relay import beside
from trunkline.relay.sideband import Sideband


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Here]:
    monkeypatch.setattr(beside, "WAITS_S", (0.0, 0.01, 0.02))
    async with installed(tmp_path) as made:
        yield made


async def broken_off(here: Here, call_id: str) -> None:
    """Cut the gateway's sideband, and wait until the provider knows that it is gone."""
    call = here.simulator.direct[call_id]
    cut = set(call._listening)
    call.break_off()
    async with asyncio.timeout(PATIENCE_S):
        while cut & call._listening.keys():
            await asyncio.sleep(0.001)


@pytest.mark.guarantee("R11")
async def test_it_is_opened_again_and_the_record_says_for_how_long_it_was_away(
    here: Here,
) -> None:
    call_id = await here.opened()
    await here.listened_to(call_id)
    await broken_off(here, call_id)
    await here.listened_to(call_id)
    assert here.world.gateway.live_calls == 1
    async with asyncio.timeout(PATIENCE_S):
        while "sideband_again" not in here.journal.notes:
            await asyncio.sleep(0.01)
    note = here.journal.notes["sideband_again"]
    assert (note["why"], note["code"]) == ("provider_lost", None)
    assert 0 < note["gap_ns"] < PATIENCE_S * 1e9
    await here.sdk().realtime.calls.hangup(call_id)
    closed = await here.journal.closed()
    assert (closed.status, closed.end_reason) == ("completed", "provider_closed")
    assert len(here.journal.of(Kind.OPENED)) == 1
    # What the provider said before and after is one call's, in order.
    assert closed.provider_frames == len(here.journal.of(Kind.FRAME)) >= 2


async def test_a_call_that_ended_meanwhile_ends_as_it_broke_off(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "WAITS_S", (0.2,))
    call_id = await here.opened()
    await here.listened_to(call_id)
    await broken_off(here, call_id)
    here.simulator.hang_up(call_id)
    closed = await here.journal.closed()
    assert (closed.status, closed.end_reason) == ("failed", "provider_lost")
    assert "sideband_again" not in here.journal.notes


async def test_it_is_given_up_after_a_while(here: Here) -> None:
    call_id = await here.opened()
    await here.listened_to(call_id)
    here.simulator._server.close()  # pyright: ignore[reportOptionalMemberAccess]
    await broken_off(here, call_id)
    closed = await here.journal.closed()
    assert (closed.status, closed.end_reason) == ("failed", "provider_lost")
    assert here.world.gateway.live_calls == 0


async def test_not_for_ever(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "MAX_REOPENED", 2)
    call_id = await here.opened()
    for _ in range(3):
        await here.listened_to(call_id)
        await broken_off(here, call_id)
    closed = await here.journal.closed()
    assert closed.end_reason == "provider_lost"
    notes = [record for record in here.journal.of(Kind.NOTE) if b"sideband_again" in record.payload]
    assert len(notes) == 2


async def test_a_key_that_is_revoked_meanwhile_ends_the_call(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "WAITS_S", (5.0,))
    call_id = await here.opened()
    await here.listened_to(call_id)
    await broken_off(here, call_id)
    here.world.publish(key(revoked=True))
    closed = await here.journal.closed()
    assert closed.end_reason == "key_revoked"
    async with asyncio.timeout(PATIENCE_S):
        while here.simulator.has(call_id):
            await asyncio.sleep(0.01)


async def test_a_restart_meanwhile_ends_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "WAITS_S", (60.0,))
    async with installed(tmp_path, drain_timeout_ms=0) as here:
        call_id = await here.opened()
        await here.listened_to(call_id)
        await broken_off(here, call_id)
        await here.world.gateway.stop()
        closed = await here.journal.closed()
        assert closed.end_reason == "drained"
        assert here.simulator.has(call_id)


# --- bugs of ours --------------------------------------------------------------------------


async def failed(here: Here, capsys: pytest.CaptureFixture[str]) -> Closed:
    """Wait until the recording has ended with a bug; return how. The log has its traceback."""
    closed = await here.journal.closed()
    assert (closed.status, closed.end_reason) == ("failed", "internal_error")
    assert len(here.journal.of(Kind.CLOSED)) == 1
    logged = capsys.readouterr().out
    assert "RuntimeError: a bug" in logged
    assert "heartbeat failed" not in logged
    async with asyncio.timeout(PATIENCE_S):
        await here.world.gateway._running.none()
    return closed


def a_bug(*_: object) -> None:
    raise RuntimeError("a bug")


async def test_one_while_it_is_opened_ends_the_record_and_not_the_call(
    here: Here, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(beside, "sideband_plan", a_bug)
    here.world.publish(key(max_calls=1))
    call_id = await here.opened()
    assert "runs, unrecorded" in (await failed(here, capsys)).error_message
    assert here.simulator.has(call_id)
    # Its seat is free.
    monkeypatch.undo()
    again = await here.opened()
    await here.listened_to(again)
    await here.sdk().realtime.calls.hangup(again)


@pytest.mark.parametrize("where", ["begin", "_listener"])
async def test_one_when_it_begins_does_too_and_its_connection_is_closed(
    here: Here, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    monkeypatch.setattr(Sideband, where, a_bug)
    call_id = await here.opened()
    await failed(here, capsys)
    assert here.simulator.has(call_id)
    async with asyncio.timeout(PATIENCE_S):
        while here.simulator.direct[call_id].listeners:
            await asyncio.sleep(0.01)


async def test_one_while_it_is_opened_again_ends_the_record(
    here: Here, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call_id = await here.opened()
    await here.listened_to(call_id)
    monkeypatch.setattr(beside, "sideband_plan", a_bug)
    await broken_off(here, call_id)
    await failed(here, capsys)
    assert here.simulator.has(call_id)


@pytest.mark.parametrize("where", ["_take", "_check_life"])
async def test_one_in_its_midst_ends_the_record_alone(
    here: Here, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    monkeypatch.setattr(Sideband, where, a_bug)
    call_id = await here.opened()
    await failed(here, capsys)
    assert here.simulator.has(call_id)
