"""How a gateway ends that has calls whose media goes direct, or errands, through real sockets.

Between it and the simulator is somebody who can let either wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.relay.garbage import nothing_left
from tests.relay.test_direct import OFFER, SESSION, Here
from tests.relay.test_incoming import SECRET, Phone, fine, telephone
from tests.relay.world import key, tcp, world
from tests.support.application import application
from tests.support.patience import PATIENCE_S

from trunkline.journal.record import Kind
from trunkline.relay import gateway, incoming, ringing
from trunkline.relay.beside import Subject
from trunkline.relay.dial import Dialled
from trunkline.relay.front import Front
from trunkline.relay.ledger import Ledger
from trunkline.relay.leg import LegListener
from trunkline.relay.ringing import Ringers, Ringing
from trunkline.relay.sideband import Sideband
from trunkline.sealing import Vault
from trunkline.simulator.app import Simulator
from trunkline.simulator.config import SimulatorConfig
from trunkline.simulator.ringing import Wish

CALLS = "/v1/realtime/calls?model=gpt-realtime-2.1"
SECRETS = "/v1/realtime/client_secrets"
OFFERS, SIDEBANDS, HANG_UPS = b"POST /v1/realtime/calls?", b"GET ", b"/hangup "
MINTS = SECRETS.encode()
ACCEPTS, REJECTS = b"/accept ", b"/reject "
MODEL = {"type": "realtime", "model": "gpt-realtime-2.1"}


class Gate:
    """Passes connections on, but for those of the kind that it holds."""

    def __init__(self) -> None:
        self.held: bytes | None = None
        """What the first line contains of those that have to wait."""
        self.came = asyncio.Event()
        """One of them has."""
        self.opened = asyncio.Event()
        self.port = 0

    def hold(self, kind: bytes) -> None:
        self.held = kind

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        if self.held is not None and self.held in line:
            self.came.set()
            await self.opened.wait()
        there, onward = await asyncio.open_connection("127.0.0.1", self.port)
        onward.write(line)
        try:
            await asyncio.gather(_copy(reader, onward), _copy(there, writer))
        finally:
            onward.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    if writer.can_write_eof():
        writer.write_eof()


@contextlib.asynccontextmanager
async def gated(directory: Path, **settings: Any) -> AsyncIterator[tuple[Here, Gate]]:
    simulator, gate = Simulator(SimulatorConfig(seed=7, webhook_secret=SECRET)), Gate()
    gate.port = await simulator.start()
    try:
        async with tcp(gate.pass_on) as port:
            url = f"ws://127.0.0.1:{port}/v1/realtime"
            vault = Vault(directory / "master.key")
            async with world(directory, openai_url=url, vault=vault, **settings) as made:
                yield Here(made, simulator), gate
    finally:
        await simulator.stop()


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[Here, Gate]]:
    async with gated(tmp_path) as made:
        yield made


def offering(here: Here) -> asyncio.Task[httpx2.Response]:
    return asyncio.create_task(here.ask("POST", CALLS, content=OFFER))


async def until(event: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await event.wait()


async def some_turns(task: asyncio.Task[Any]) -> None:
    """Let the loop turn, so that `task` ends if nothing keeps it."""
    for _ in range(50):
        await asyncio.sleep(0.001)
    assert not task.done()


@pytest.mark.guarantee("L1")
async def test_an_offer_that_waits_for_its_answer_is_waited_for(
    both: tuple[Here, Gate],
) -> None:
    here, gate = both
    gate.hold(OFFERS)
    offer = offering(here)
    await until(gate.came)
    stopping = asyncio.create_task(here.world.gateway.stop())
    await some_turns(stopping)
    gate.opened.set()
    answer = await offer
    assert answer.status_code == 201
    call_id = answer.headers["Location"].rpartition("/")[2]
    await here.listened_to(call_id)
    assert not stopping.done()
    here.simulator.hang_up(call_id)
    async with asyncio.timeout(PATIENCE_S):
        await stopping
    assert (await here.journal.closed()).end_reason == "provider_closed"


@pytest.mark.guarantee("L1")
async def test_an_offer_that_waits_for_too_long_is_refused(tmp_path: Path) -> None:
    async with gated(tmp_path, drain_timeout_ms=100) as (here, gate):
        gate.hold(OFFERS)
        offer = offering(here)
        await until(gate.came)
        await here.world.gateway.stop()
        # Not a moment later: the journal is closed now.
        (closed,) = here.journal.of(Kind.CLOSED)
        answer = await offer
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "draining")
        assert b'"refused"' in closed.payload
        gate.opened.set()


@pytest.mark.guarantee("L2")
async def test_a_reload_waits_for_a_sideband_that_is_being_opened(
    both: tuple[Here, Gate],
) -> None:
    here, gate = both
    gate.hold(SIDEBANDS)
    answer = await offering(here)
    assert answer.status_code == 201
    await until(gate.came)
    here.world.gateway.retire()
    retiring = asyncio.create_task(here.world.gateway.retired())
    # The caller has hung up.
    async with asyncio.timeout(PATIENCE_S):
        await here.world.gateway._door.empty()  # pyright: ignore[reportOptionalMemberAccess]
    await some_turns(retiring)
    gate.opened.set()
    call_id = answer.headers["Location"].rpartition("/")[2]
    await here.listened_to(call_id)
    await some_turns(retiring)
    here.simulator.hang_up(call_id)
    async with asyncio.timeout(PATIENCE_S):
        await retiring
    closed = await here.journal.closed()
    assert (closed.status, closed.end_reason) == ("completed", "provider_closed")


async def test_a_sideband_that_is_being_opened_at_the_limit_is_given_up(tmp_path: Path) -> None:
    async with gated(tmp_path, drain_timeout_ms=0) as (here, gate):
        gate.hold(SIDEBANDS)
        await offering(here)
        await until(gate.came)
        await here.world.gateway.stop()
        (closed,) = here.journal.of(Kind.CLOSED)
        assert b"restarted before it could record" in closed.payload


@pytest.mark.guarantee("L1")
async def test_the_last_call_is_hung_up_before_the_gateway_ends(
    both: tuple[Here, Gate],
) -> None:
    here, gate = both
    gate.hold(HANG_UPS)
    call_id = (await offering(here)).headers["Location"].rpartition("/")[2]
    await here.listened_to(call_id)
    stopping = asyncio.create_task(here.world.gateway.stop())
    here.world.publish(key(), hung_up=(here.journal.opened.call_id,))
    await until(gate.came)
    assert (await here.journal.closed()).end_reason == "hung_up"
    assert here.world.gateway.live_calls == 0
    await some_turns(stopping)
    gate.opened.set()
    async with asyncio.timeout(PATIENCE_S):
        await stopping
    assert not here.simulator.has(call_id)


async def test_a_provider_that_does_not_hang_up_keeps_no_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "LAST_CLOSES_S", 0.05)
    before = asyncio.all_tasks()
    async with gated(tmp_path, drain_timeout_ms=50) as (here, gate):
        gate.hold(HANG_UPS)
        call_id = (await offering(here)).headers["Location"].rpartition("/")[2]
        await here.listened_to(call_id)
        here.world.publish(key(revoked=True))
        await until(gate.came)
        async with asyncio.timeout(PATIENCE_S):
            await here.world.gateway.stop()
        assert here.simulator.has(call_id)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


# --- whoever asked leaves --------------------------------------------------------------


async def leaves(here: Here, gate: Gate, asking: asyncio.Task[httpx2.Response]) -> None:
    """Have who asked leave while the provider is being asked, and the gateway know of it."""
    await until(gate.came)
    asking.cancel()
    door = here.world.gateway._door
    assert door is not None
    async with asyncio.timeout(PATIENCE_S):
        await door.empty()
    gate.opened.set()


@pytest.mark.guarantee("R10")
async def test_a_call_by_telephone_is_recorded_though_who_accepted_it_has_left(
    both: tuple[Here, Gate],
) -> None:
    here, gate = both
    call_id = (await here.simulator.ring(Wish(url="http://127.0.0.1:1/nobody")))["call_id"]
    gate.hold(ACCEPTS)
    path = f"/v1/realtime/calls/{call_id}/accept"
    await leaves(here, gate, asyncio.create_task(here.ask("POST", path, json=MODEL)))
    async with asyncio.timeout(PATIENCE_S):
        while not here.simulator.has(call_id):
            await asyncio.sleep(0.01)
    await here.listened_to(call_id)
    here.simulator.hang_up(call_id)
    closed = await here.journal.closed()
    assert (closed.status, closed.end_reason) == ("completed", "provider_closed")


async def test_a_call_whose_caller_cannot_have_the_answer_is_hung_up(
    both: tuple[Here, Gate],
) -> None:
    here, gate = both
    gate.hold(OFFERS)
    await leaves(here, gate, offering(here))
    closed = await here.journal.closed()
    assert (closed.status, closed.end_reason) == ("failed", "caller_lost")
    async with asyncio.timeout(PATIENCE_S):
        await here.world.gateway._errands.idle()
    (call_id,) = here.simulator.direct
    assert not here.simulator.has(call_id)
    assert len(here.journal.of(Kind.CLOSED)) == 1


async def test_an_acceptance_at_the_limit_says_that_the_call_may_run(tmp_path: Path) -> None:
    async with gated(tmp_path, drain_timeout_ms=50) as (here, gate):
        gate.hold(ACCEPTS)
        asking = asyncio.create_task(
            here.ask("POST", "/v1/realtime/calls/rtc_1/accept", json=MODEL)
        )
        await until(gate.came)
        await here.world.gateway.stop()
        (closed,) = here.journal.of(Kind.CLOSED)
        assert b"it runs and is not recorded" in closed.payload
        assert (await asking).status_code == 503
        gate.opened.set()


async def test_a_call_is_recorded_as_rejected_though_who_rejected_it_has_left(
    tmp_path: Path,
) -> None:
    async with gated(tmp_path) as (here, gate), application(fine) as app:
        phone = Phone(here, app, tmp_path)
        phone.publish()
        rung = await phone.ring()
        gate.hold(REJECTS)
        path = f"/v1/realtime/calls/{rung['call_id']}/reject"
        await leaves(here, gate, asyncio.create_task(here.ask("POST", path)))
        assert (await here.journal.closed()).end_reason == "rejected"
        assert phone.ringing == 0


# --- errands ---------------------------------------------------------------------------


def errand(here: Here, kind: bytes) -> asyncio.Task[httpx2.Response]:
    """Have a token made, or a call hung up."""
    path = SECRETS if kind is MINTS else "/v1/realtime/calls/rtc_1/hangup"
    return asyncio.create_task(here.ask("POST", path, json={"session": SESSION}))


@pytest.mark.guarantee("L1")
@pytest.mark.parametrize(("kind", "status"), [(MINTS, 200), (HANG_UPS, 404)])
async def test_an_errand_that_waits_for_its_answer_is_waited_for(
    both: tuple[Here, Gate], kind: bytes, status: int
) -> None:
    here, gate = both
    gate.hold(kind)
    asking = errand(here, kind)
    await until(gate.came)
    stopping = asyncio.create_task(here.world.gateway.stop())
    await some_turns(stopping)
    gate.opened.set()
    assert (await asking).status_code == status
    async with asyncio.timeout(PATIENCE_S):
        await stopping


@pytest.mark.guarantee("L1")
@pytest.mark.parametrize("kind", [MINTS, HANG_UPS])
async def test_an_errand_that_waits_for_too_long_is_refused(tmp_path: Path, kind: bytes) -> None:
    async with gated(tmp_path, drain_timeout_ms=50) as (here, gate):
        gate.hold(kind)
        asking = errand(here, kind)
        await until(gate.came)
        await here.world.gateway.stop()
        answer = await asking
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "draining")
        gate.opened.set()


class Desk:
    """An application that lets who posts wait."""

    def __init__(self) -> None:
        self.came, self.opened = asyncio.Event(), asyncio.Event()

    async def handle(self, headers: dict[str, str], body: bytes) -> int:
        self.came.set()
        await self.opened.wait()
        return 200


@pytest.mark.guarantee("L2")
async def test_a_webhook_whose_poster_has_left_is_forwarded_before_the_gateway_ends(
    tmp_path: Path,
) -> None:
    desk = Desk()
    async with telephone(tmp_path, desk.handle) as phone:
        gateway_ = phone.here.world.gateway
        posting = asyncio.create_task(phone.post())
        await until(desk.came)
        gateway_.retire()
        retiring = asyncio.create_task(gateway_.retired())
        posting.cancel()
        async with asyncio.timeout(PATIENCE_S):
            await gateway_._door.empty()  # pyright: ignore[reportOptionalMemberAccess]
        await some_turns(retiring)
        desk.opened.set()
        async with asyncio.timeout(PATIENCE_S):
            await retiring
        # It is remembered as one that was taken.
        assert len(list((tmp_path / "deliveries").glob("taken-*"))) == 1


@pytest.mark.guarantee("L1")
async def test_a_webhook_that_waits_for_too_long_is_refused_and_its_call_rings_on(
    tmp_path: Path,
) -> None:
    desk = Desk()
    async with telephone(tmp_path, desk.handle) as phone:
        announcing = asyncio.create_task(phone.ring())
        await until(desk.came)
        await phone.here.world.gateway.stop(0)
        assert (await announcing)["statuses"] == [503]
        assert (phone.ringing, phone.journal.records) == (1, [])
        desk.opened.set()


@pytest.mark.guarantee("L1")
async def test_a_call_that_rings_no_more_has_its_record_before_the_gateway_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, written = threading.Event(), threading.Event()
    overdue = Ringers._overdue

    def slow(ringers: Ringers, now_wall_ns: int) -> list[Ringing]:
        found = overdue(ringers, now_wall_ns + ringing.RINGS_NS)
        taken.set()
        written.wait(PATIENCE_S)
        return found

    async with telephone(tmp_path, fine) as phone:
        await phone.ring()
        monkeypatch.setattr(Ringers, "_overdue", slow)
        gateway_ = phone.here.world.gateway
        gateway_._incoming.sweep(2 * incoming.SWEEP_EVERY_NS)
        assert await asyncio.to_thread(taken.wait, PATIENCE_S)
        assert phone.ringing == 0
        stopping = asyncio.create_task(gateway_.stop())
        await some_turns(stopping)
        written.set()
        async with asyncio.timeout(PATIENCE_S):
            await stopping
        (closed,) = phone.journal.of(Kind.CLOSED)
        assert b"not_answered" in closed.payload


# --- what is left ----------------------------------------------------------------------


def ends(here: Here, call_id: str) -> None:
    here.simulator.hang_up(call_id)


def is_cut(here: Here, call_id: str) -> None:
    here.simulator.direct[call_id].break_off()
    here.simulator.hang_up(call_id)


def is_revoked(here: Here, call_id: str) -> None:
    here.world.publish(key(revoked=True))


OF_CALLS = (Sideband, Ledger, LegListener, Dialled, Front, Subject)
"""What the gateway has of calls whose media goes direct."""


@pytest.mark.parametrize("end", [ends, is_cut, is_revoked])
async def test_an_ended_call_leaves_nothing_to_the_garbage_collector(
    both: tuple[Here, Gate], end: Callable[[Here, str], None]
) -> None:
    here, _ = both
    async with nothing_left(*OF_CALLS) as made:
        call_id = (await offering(here)).headers["Location"].rpartition("/")[2]
        await here.listened_to(call_id)
        assert {Sideband, LegListener} <= set(map(type, made()))
        end(here, call_id)
        await here.journal.closed()
