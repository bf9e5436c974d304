"""What is started, replaced and ended when, with scripts in place of our processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.support.patience import PATIENCE_S

from trunkline.child import Duty
from trunkline.errors import OperatorError
from trunkline.settings import Settings
from trunkline.supervisor import Supervisor
from trunkline.vitals.figures import Supervisor as Told
from trunkline.vitals.machine import Gauge

PROCESS = """
import json, os, signal, socket, sys
name, directory = sys.argv[1:]
settings = json.loads(sys.stdin.buffer.readline())
def say(what):
    with open(os.path.join(directory, "log"), "a") as log:
        print(name, settings["public_url"], what, file=log)
def stop(*_):
    say("stopped")
    os._exit(0)
# Whoever is told to stop before it began says both.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
signal.signal(signal.SIGTERM, stop)
if name in settings["openai_url"]:
    sys.exit(3)
say("began")
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
line = socket.socket(fileno=0)
line.send(b"ready\\n")
while (told := line.recv(100)) == b"retire\\n":
    say("retires")
    if not os.path.exists(os.path.join(directory, "call")):
        sys.exit(0)
say("was left alone")
"""


@dataclass
class Scripts:
    """A plan whose processes write down what becomes of them. Those named by `fails` die."""

    directory: Path
    settings: Settings = field(default_factory=lambda: settings("old"))
    left: list[int] = field(default_factory=list[int])
    held: frozenset[int] = frozenset()

    def simulator(self, settings: Settings) -> Duty | None:
        return self._duty("simulator", settings)

    def server(self, settings: Settings) -> Duty:
        return self._duty("server", settings)

    def gateway(self, settings: Settings, number: int) -> Duty:
        return self._duty(f"gateway-{number}", settings)

    def is_free(self, number: int) -> bool:
        return number not in self.held

    def gone(self, number: int) -> None:
        self.left.append(number)

    def fresh(self) -> Settings:
        if self.settings.prices is not None:
            raise OperatorError("prices: not JSON")
        return self.settings

    def _duty(self, name: str, settings: Settings) -> Duty:
        argv = (sys.executable, "-SEc", PROCESS, name, str(self.directory))
        return Duty(name, argv, (), settings)

    @property
    def log(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            return (self.directory / "log").read_text().splitlines()
        return []


def settings(name: str, *, fails: str = "nobody", **others: object) -> Settings:
    return Settings(public_url=name, openai_url=f"ws://{fails}", **others)  # pyright: ignore


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    return Scripts(tmp_path)


@contextlib.asynccontextmanager
async def supervised(scripts: Scripts) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(scripts, scripts.settings, Gauge(scripts.directory))
    running = asyncio.create_task(supervisor.run())
    try:
        began = 2 + scripts.settings.workers
        await until(lambda: sum(line.endswith("began") for line in scripts.log) == began)
        yield supervisor
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            await running


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.sleep(0.01)


def told(supervisor: Supervisor) -> Told:
    return supervisor.tell(0)


async def reloaded(supervisor: Supervisor, scripts: Scripts, fresh: Settings) -> Told:
    scripts.settings = fresh
    before = told(supervisor).reloads
    os.kill(os.getpid(), signal.SIGHUP)
    await until(lambda: told(supervisor).reloads > before)
    return told(supervisor)


async def test_those_in_front_end_before_those_behind_them(scripts: Scripts) -> None:
    async with supervised(scripts):
        pass
    ends = [line.split()[0] for line in scripts.log if line.endswith("stopped")]
    assert ends == ["gateway-0", "server", "simulator"]


async def test_a_reload_starts_the_new_before_the_old_retire(scripts: Scripts) -> None:
    async with supervised(scripts) as supervisor:
        answer = await reloaded(supervisor, scripts, settings("new", workers=2))
        await until(lambda: scripts.left == [0])
        assert (answer.reloads, answer.reload_refused) == (1, "")
    log = scripts.log[3:]
    first = ["gateway-1 new began", "gateway-2 new began"]
    assert sorted(log[:2]) == first
    assert log[2:5] == ["server old stopped", "server new began", "gateway-0 old retires"]


async def test_one_that_has_a_call_retires_without_holding_up_anything(scripts: Scripts) -> None:
    (scripts.directory / "call").touch()
    async with supervised(scripts) as supervisor:
        answer = await reloaded(supervisor, scripts, settings("new"))
        assert answer.retiring == 1
        answer = await reloaded(supervisor, scripts, settings("newer"))
        assert answer.retiring == 2
        assert scripts.left == []
    ends = [line for line in scripts.log if line.startswith("gateway") and line.endswith("stopped")]
    assert sorted(ends) == [
        "gateway-0 old stopped", "gateway-1 new stopped", "gateway-2 newer stopped",
    ]  # fmt: skip


async def test_one_that_retires_too_long_is_ended(
    scripts: Scripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.supervisor.STOP_GRACE_S", 0.2)
    (scripts.directory / "call").touch()
    scripts.settings = settings("old", retire_timeout_ms=0)
    async with supervised(scripts) as supervisor:
        await reloaded(supervisor, scripts, settings("new"))
        await until(lambda: scripts.left == [0])
        assert "gateway-0 old stopped" in scripts.log


async def test_a_number_that_an_orphan_still_has_is_passed_over(scripts: Scripts) -> None:
    scripts.held = frozenset({0, 1})
    async with supervised(scripts):
        assert "gateway-2 old began" in scripts.log


REFUSED = {
    "settings that cannot be used": (
        {"prices": Path("x")}, "prices: not JSON", [],
    ),
    "a gateway that does not start": (
        {"fails": "gateway-1"}, "gateway-1 did not start with the new settings: see its log", [],
    ),
    "a server that does not start": (
        {"fails": "server"},
        "server did not start with the new settings: see its log",
        ["gateway-1 new began", "server old stopped", "gateway-1 new retires", "server old began"],
    ),
}  # fmt: skip


@pytest.mark.guarantee("L6")
@pytest.mark.parametrize(("change", "why", "log"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_reload_that_fails_anywhere_leaves_everything_as_it_was(
    scripts: Scripts, change: dict[str, object], why: str, log: list[str]
) -> None:
    async with supervised(scripts) as supervisor:
        answer = await reloaded(supervisor, scripts, settings("new", **change))  # pyright: ignore
        assert answer.reload_refused == why
        await until(lambda: told(supervisor).retiring == 0)
        assert answer.failing == ()
        await until(lambda: sorted(scripts.log[3:]) == sorted(log))
        answer = await reloaded(supervisor, scripts, settings("mended"))
        assert answer.reload_refused == ""
        assert "server mended began" in scripts.log


async def test_a_process_that_dies_is_told_and_takes_no_other_with_it(scripts: Scripts) -> None:
    scripts.settings = settings("old", fails="server")
    supervisor = Supervisor(scripts, scripts.settings, Gauge(scripts.directory))
    running = asyncio.create_task(supervisor.run())
    await until(lambda: told(supervisor).restarts >= 2)
    assert told(supervisor).failing == ("server",)
    assert sorted(scripts.log) == ["gateway-0 old began", "simulator old began"]
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(PATIENCE_S):
        await running


async def test_told_to_stop_in_the_middle_of_a_reload_everything_ends(scripts: Scripts) -> None:
    async with supervised(scripts):
        scripts.settings = settings("new", workers=3)
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0.02)
    began = [line.split()[0] for line in scripts.log if line.endswith("began")]
    ended = [line.split()[0] for line in scripts.log if not line.endswith("began")]
    assert sorted(ended) == sorted(began)
