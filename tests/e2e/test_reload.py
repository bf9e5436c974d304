"""Everything is replaced while calls run and more arrive, and nobody notices."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from tests.support.measured import measured
from tests.support.patience import PATIENCE_S
from tests.support.running import COMMAND, Running, command, environment, running, trunkline
from tests.support.traffic import Storm, echoing_provider
from websockets.asyncio.client import ClientConnection, connect

CALLS_PER_S = 200
LIVE_CALLS = 10


in_one = pytest.mark.asyncio(loop_scope="module")
"""For tests of one installation, whose provider is in the loop that they share."""


@asynccontextmanager
async def installation(directory: Path, *options: str, **settings: str) -> AsyncGenerator[Running]:
    """Yield a Trunkline whose provider echoes, and whose settings are in a file of its own."""
    async with echoing_provider() as url:
        write(directory, openai_url=url, **settings)
        env = {"TRUNKLINE_CONFIG": str(directory / "trunkline.toml")}
        with running(directory / "data", *options, env=env) as started:
            yield started


class Reloaded:
    """An installation that is started once and then reloaded, from one test to the next."""

    def __init__(self, directory: Path, running: Running) -> None:
        self.directory = directory
        self.running = running
        self.openai_url = provider_of(directory)

    def write(self, **settings: str) -> None:
        """Change the settings, whatever they were before."""
        write(self.directory, openai_url=self.openai_url, **settings)

    async def reload(self, **settings: str) -> None:
        """Change the settings, and reload."""
        self.write(**settings)
        done = await reload(self.running)
        assert (done.returncode, done.stderr) == (0, "")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reloaded(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Reloaded]:
    directory = tmp_path_factory.mktemp("reloaded")
    async with installation(directory) as started:
        yield Reloaded(directory, started)


def write(directory: Path, **settings: str) -> None:
    lines = [f"{name} = {value!r}\n" for name, value in settings.items()]
    (directory / "trunkline.toml").write_text("".join(lines))


def provider_of(directory: Path) -> str:
    line = (directory / "trunkline.toml").read_text().splitlines()[0]
    return line.partition("= '")[2].rstrip("'")


async def reload(started: Running) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(command, "reload", "--data", str(started.data))


def dial(started: Running) -> connect:
    return connect(
        f"{started.websocket_url}/v1/gateway/oai/realtime?model=gpt-realtime-2.1",
        additional_headers={"Authorization": "Bearer sk-of-the-provider", **started.headers},
    )


async def echoed(call: ClientConnection, stop: asyncio.Event) -> int:
    """Say numbers and hear them, each once and in order, until told to stop; return how many."""
    number = 0
    while not stop.is_set():
        await call.send(f'{{"n": {number}}}')
        async with asyncio.timeout(PATIENCE_S):
            assert await call.recv() == f'{{"n": {number}}}'
        number += 1
        await asyncio.sleep(0.05)
    return number


async def asked(started: Running, stop: asyncio.Event) -> list[int]:
    """Ask the API for one thing after the other; return the statuses."""
    statuses: list[int] = []
    while not stop.is_set():
        response = await asyncio.to_thread(started.get, "/v1/calls?limit=1")
        statuses.append(response.status_code)
    return statuses


@pytest.mark.guarantee("L2")
@pytest.mark.parametrize("per_s", [50, pytest.param(CALLS_PER_S, marks=pytest.mark.soak)])
async def test_a_reload_under_load_refuses_nobody_and_ends_no_call(
    tmp_path: Path, per_s: int
) -> None:
    async with installation(tmp_path, "--workers", "2") as started:
        before = started.children()
        storm = Storm(started.url, started.headers, per_s)
        stop = asyncio.Event()
        calls = [await dial(started) for _ in range(LIVE_CALLS)]
        talking = [asyncio.create_task(echoed(call, stop)) for call in calls]
        asking = asyncio.create_task(asked(started, stop))
        storming = asyncio.create_task(storm.run())
        done = await asyncio.to_thread(trunkline, "reload", "--data", str(started.data))
        assert (done.returncode, done.stderr) == (0, "")
        storm.stop()
        await storming
        stop.set()
        heard = await asyncio.gather(*talking)
        assert set(storm.outcomes) == {"HTTP/1.1 101 Switching Protocols"}
        assert set(await asking) == {200}
        after = started.children()
        assert after["server"] != before["server"]
        assert after["simulator"] == before["simulator"]
        # Two have these calls still, two are new.
        assert before.items() - after.items() == {("server", before["server"])}
        for call in calls:
            await call.close()
        await asyncio.to_thread(started.wait, lambda: not (before.items() & gateways(started)))
    count = storm.outcomes.total()
    measured(
        "L2",
        f"a reload under {count / storm.lasted_s:.0f} calls/s: {count} calls opened,"
        f" 0 refused or reset; {LIVE_CALLS} live calls exchanged {sum(heard)} frames",
    )


def gateways(started: Running) -> set[tuple[str, int]]:
    return {item for item in started.children().items() if item[0].startswith("gateway")}


@in_one
async def test_new_gateways_have_the_settings_and_old_ones_keep_theirs(reloaded: Reloaded) -> None:
    await reloaded.reload(max_frame_bytes="8192")
    async with dial(reloaded.running) as old:
        await reloaded.reload(max_frame_bytes="4096")
        async with dial(reloaded.running) as new:
            await new.send("x" * 4000)
            assert await new.recv() == "x" * 4000
            await new.send("x" * 8000)
            await new.wait_closed()
            assert new.close_code == 1009
        await old.send("x" * 8000)
        assert await old.recv() == "x" * 8000


BAD_FILES = {
    "a misspelt setting": ({"max_frame_byte": "1"}, "", "max_frame_byte is not a setting"),
    "a bad value": ({"max_frame_bytes": "many"}, "", "setting max_frame_bytes: "),
    "prices that are not JSON": ({"prices": "file"}, "{", "cannot read the prices in "),
    "prices of something else": ({"prices": "file"}, '{"models": []}', "prices: "),
    "a certificate that is none": (
        {"tls_cert": "file", "tls_key": "file"}, "PEM", "cannot use ",
    ),
    "an authority that is none": ({"provider_ca": "file"}, "PEM", "cannot use provider_ca "),
    "no TOML": ({"max_frame_bytes": "1'\n'"}, "", "trunkline.toml is not valid TOML"),
}  # fmt: skip


def write_bad(directory: Path, change: dict[str, str], content: str, **good: str) -> None:
    file = directory / "file"
    file.write_text(content)
    changed = {name: str(file) if value == "file" else value for name, value in change.items()}
    text = "".join(f"{name} = '{value}'\n" for name, value in {**good, **changed}.items())
    (directory / "trunkline.toml").write_text(text)


@in_one
@pytest.mark.guarantee("L6")
async def test_bad_files_are_refused_whole_while_it_runs(reloaded: Reloaded) -> None:
    started = reloaded.running
    async with dial(started) as call:
        before = started.children()
        # The others are tried at the start: the same function looks at them.
        for name in ("a misspelt setting", "prices that are not JSON"):
            change, content, why = BAD_FILES[name]
            good = {"openai_url": reloaded.openai_url, "workers": "2"}
            write_bad(reloaded.directory, change, content, **good)
            done = await reload(started)
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr.startswith("trunkline: reload refused, everything is as it was: ")
            assert why in done.stderr
            assert done.stderr.count("\n") == 1
            ready = started.get("/ready")
            assert ready.status_code == 200
            assert [reason["code"] for reason in ready.json()["reasons"]] == ["reload_refused"]
        assert started.children() == before
        await call.send("hello")
        assert await call.recv() == "hello"
        await reloaded.reload()
        await asyncio.to_thread(started.wait, lambda: started.get("/ready").json()["reasons"] == [])


@pytest.mark.guarantee("L6")
@pytest.mark.parametrize(("change", "content", "why"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_bad_files_at_the_start_are_one_clear_line(
    change: dict[str, str], content: str, why: str, tmp_path: Path
) -> None:
    write_bad(tmp_path, change, content)
    env = {"TRUNKLINE_CONFIG": str(tmp_path / "trunkline.toml")}
    done = trunkline("up", "--port", "0", "--data", str(tmp_path / "data"), env=env)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("trunkline: ")
    assert why in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()


@in_one
async def test_the_number_of_gateways_may_change(reloaded: Reloaded) -> None:
    started = reloaded.running
    for workers in (3, 1):
        await reloaded.reload(workers=str(workers))
        await asyncio.to_thread(started.wait, lambda w=workers: len(gateways(started)) == w)
        async with dial(started) as call:
            await call.send("hello")
            assert await call.recv() == "hello"


@in_one
async def test_after_a_reload_calls_may_not_go_on_for_ever(reloaded: Reloaded) -> None:
    await reloaded.reload(retire_timeout_ms="100")
    async with dial(reloaded.running) as call:
        await reloaded.reload()
        async with asyncio.timeout(PATIENCE_S):
            error = await call.recv()
            await call.wait_closed()
        assert '"code":"drained"' in str(error)
        assert call.close_code == 1012
        async with dial(reloaded.running):
            pass


async def test_a_stop_reaches_those_that_retire(tmp_path: Path) -> None:
    async with installation(tmp_path, drain_timeout_ms="100") as started:
        call = await dial(started)
        assert (await reload(started)).returncode == 0
    async with asyncio.timeout(PATIENCE_S):
        await call.wait_closed()
    assert call.close_code == 1012
    assert started.process.returncode == 0


def test_without_a_running_up_a_reload_is_one_clear_line(tmp_path: Path) -> None:
    done = trunkline("reload", "--data", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("trunkline: no `trunkline up` runs on data directory")


async def test_closing_the_terminal_is_no_wish_to_reload(tmp_path: Path) -> None:
    """Started in a window that is closed, everything ends: nobody could stop it any more."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [*COMMAND, "up", "--simulator", "--port", "0", "--data", str(tmp_path / "data")],
        stdin=theirs, stdout=subprocess.PIPE, text=True, env=environment(),
        start_new_session=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Dashboard")
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        os.close(ours)
        process.send_signal(signal.SIGHUP)
        assert process.wait(30) == 0
