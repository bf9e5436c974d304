"""A process that is kept running: started again when it dies, told things, ended."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.support.patience import PATIENCE_S

from trunkline.child import FIRST_BACKOFF_S, Child, Duty
from trunkline.settings import Settings

SETTINGS = Settings(control_url="postgresql+psycopg://u:planted@127.0.0.1/d")
OBEDIENT = """
import sys, signal
settings = sys.stdin.buffer.readline()
open(sys.argv[1], "ab").write(settings)
import socket
line = socket.socket(fileno=0)
line.send(b"ready\\n")
sys.exit(0 if line.recv(100) in (b"retire\\n", b"") else 3)
"""
STUBBORN = "import signal, sys, os; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + (
    "os.write(0, b'ready\\n'); signal.pause(); signal.pause()"
)
DYING = "import time, sys; print(time.monotonic(), file=open(sys.argv[1], 'a')); sys.exit(7)"


@pytest.fixture
async def children() -> AsyncIterator[list[Child]]:
    """Those of a test, ended with it."""
    made: list[Child] = []
    yield made
    for child in made:
        child.kill()
        await child.ended()


@pytest.fixture
def deaf() -> Iterator[None]:
    """Processes that are started now do not hear SIGTERM, from their first moment on."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGTERM, before)


def duty(script: str, *arguments: str) -> Duty:
    return Duty("one", (sys.executable, "-c", script, *arguments), (), SETTINGS)


async def until_lines(path: Path, count: int) -> list[float]:
    async with asyncio.timeout(PATIENCE_S):
        while not path.exists() or path.read_text().count("\n") < count:
            await asyncio.sleep(0.02)
    return [float(line) for line in path.read_text().split()]


async def test_a_process_gets_its_settings_and_says_that_it_is_ready(
    children: list[Child], tmp_path: Path
) -> None:
    child = Child(duty(OBEDIENT, str(tmp_path / "settings")))
    children.append(child)
    async with asyncio.timeout(PATIENCE_S):
        assert await child.began
    assert json.loads((tmp_path / "settings").read_bytes())["control_url"] == SETTINGS.control_url
    command_line = Path(f"/proc/{child.pid}/cmdline").read_bytes()
    environment = Path(f"/proc/{child.pid}/environ").read_bytes()
    assert b"planted" not in command_line + environment


async def test_one_that_retires_ends_by_itself_and_is_not_started_again(
    children: list[Child], tmp_path: Path
) -> None:
    child = Child(duty(OBEDIENT, str(tmp_path / "settings")))
    children.append(child)
    async with asyncio.timeout(PATIENCE_S):
        await child.began
        child.retire()
        await child.ended()
    assert (child.pid, child.restarts, child.exit_code) == (None, 0, None)


async def test_one_that_crashes_is_started_after_pauses_that_grow(
    children: list[Child], tmp_path: Path
) -> None:
    child = Child(duty(DYING, str(tmp_path / "starts")))
    children.append(child)
    starts = await until_lines(tmp_path / "starts", 4)
    pauses = [after - before for before, after in itertools.pairwise(starts)]
    least = [FIRST_BACKOFF_S * 2**number for number in range(3)]
    assert all(pause >= wait for pause, wait in zip(pauses, least, strict=False))
    assert not await child.began
    assert child.exit_code == 7


async def test_one_that_does_not_stop_is_killed(children: list[Child]) -> None:
    child = Child(duty(STUBBORN))
    children.append(child)
    async with asyncio.timeout(PATIENCE_S):
        assert await child.began
        await child.stop(grace_s=0.1)
    assert child.pid is None


async def test_one_that_cannot_be_started_is_tried_again(
    children: list[Child], tmp_path: Path
) -> None:
    program = tmp_path / "program"
    child = Child(Duty("one", (str(program),), (), SETTINGS))
    children.append(child)
    async with asyncio.timeout(PATIENCE_S):
        assert not await child.began
        program.write_text(f"#!{sys.executable}\n{STUBBORN}\n")
        program.chmod(0o700)
        while child.exit_code is not None or child.pid is None:
            await asyncio.sleep(0.02)


async def test_one_that_says_what_makes_no_sense_is_started_again(
    children: list[Child], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """When it has ended, which takes a while: there are never two of them."""
    script = (
        "import os, sys, time; alive = open(sys.argv[1], 'x');"
        "os.write(0, b'x' * 200_000); os.read(0, 1 << 20); os.read(0, 1);"
        "time.sleep(0.5); os.unlink(sys.argv[1])"
    )
    child = Child(duty(script, str(tmp_path / "alive")))
    children.append(child)
    async with asyncio.timeout(PATIENCE_S):
        assert not await child.began
        while child.restarts < 2:
            await asyncio.sleep(0.02)
    said = capsys.readouterr().out
    assert said.count("process cannot be kept") == 2
    assert said.count("process ended") == 2


async def test_one_that_was_told_to_stop_while_it_started_ends(children: list[Child]) -> None:
    child = Child(duty(OBEDIENT, "/dev/null"))
    children.append(child)
    async with asyncio.timeout(PATIENCE_S):
        await child.stop(grace_s=20)
    assert child.pid is None


async def test_one_that_is_killed_while_it_starts_needs_not_listen(
    children: list[Child], deaf: None
) -> None:
    child = Child(duty("import signal; signal.pause()"))
    children.append(child)
    # Its start has begun, and there is no process yet.
    await asyncio.sleep(0)
    assert child.pid is None
    child.kill()
    async with asyncio.timeout(PATIENCE_S):
        await child.ended()


async def test_one_that_has_just_ended_can_be_killed(children: list[Child], tmp_path: Path) -> None:
    child = Child(duty(DYING, str(tmp_path / "starts")))
    children.append(child)
    async with asyncio.timeout(PATIENCE_S):
        while (process := child._process) is None or process.returncode is None:
            await asyncio.sleep(0)
        while child.pid is not None:
            child.kill()
            await asyncio.sleep(0)
        await child.ended()
