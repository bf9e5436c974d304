"""Processes that do jobs."""

import asyncio
import os
import select
import signal
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest
from tests.recorder.journals import a_call
from tests.recorder.test_jobs import to_seal
from tests.support import golden
from tests.support.patience import PATIENCE_S

from trunkline.recorder import workers as module
from trunkline.recorder.jobs import (
    Compress,
    Compressed,
    Failed,
    Outcome,
    Sealed,
    Stopped,
    perform,
)
from trunkline.recorder.worker import NICE
from trunkline.recorder.workers import Processes, Threads, WorkerDied


@pytest.fixture
async def processes() -> AsyncGenerator[Processes]:
    found = Processes(2, "soon")
    yield found
    await found.stop()


def children() -> list[int]:
    """Return the processes that this one has started."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(child) for child in listed if is_worker(int(child))]


def is_worker(pid: int) -> bool:
    return b"trunkline.recorder.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()


async def test_a_process_does_what_a_thread_does(processes: Processes, tmp_path: Path) -> None:
    job = to_seal(tmp_path, list(golden.records("barge_in")), "wav")
    expected = perform(job)
    archive, recording = Path(job.archive), Path(job.recording)
    before = archive.read_bytes(), recording.read_bytes()
    archive.unlink()
    recording.unlink()
    assert await processes.perform(job) == expected == Sealed(damaged_records=0, has_audio=True)
    assert (archive.read_bytes(), recording.read_bytes()) == before
    compress = Compress(recording=job.recording, opus=str(tmp_path / "opus"))
    assert await processes.perform(compress) == Compressed()
    gone = Compress(recording=str(tmp_path / "gone"), opus=str(tmp_path / "opus"))
    assert isinstance(await processes.perform(gone), Failed)
    (only,) = children()
    assert os.getpriority(os.PRIO_PROCESS, only) == NICE["soon"]
    group = Path(f"/proc/{only}/autogroup")
    assert not group.exists() or group.read_text().endswith(f"nice {NICE['soon']}\n")


async def test_what_is_done_when_there_is_time_waits_for_everything_else(tmp_path: Path) -> None:
    idle = Processes(1, "idle")
    try:
        await idle.perform(to_seal(tmp_path, a_call(1)))
        (only,) = children()
        assert os.sched_getscheduler(only) == os.SCHED_IDLE
    finally:
        await idle.stop()
    assert children() == []


async def test_a_process_that_dies_costs_its_job_only(processes: Processes, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "waits")
    stuck = Compress(recording=str(tmp_path / "waits"), opus=str(tmp_path / "opus"))
    waiting = asyncio.create_task(processes.perform(stuck))
    while not children():
        await asyncio.sleep(0.01)
    os.kill(children()[0], signal.SIGKILL)
    with pytest.raises(WorkerDied, match="code -9"):
        await waiting
    assert isinstance(await processes.perform(to_seal(tmp_path, a_call(1))), Sealed)


async def test_whoever_gives_up_does_not_get_the_answer_later(
    processes: Processes, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "waits")
    stuck = Compress(recording=str(tmp_path / "waits"), opus=str(tmp_path / "opus"))
    waiting = asyncio.create_task(processes.perform(stuck))
    while not children():
        await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert children() == []
    assert isinstance(await processes.perform(to_seal(tmp_path, a_call(1))), Sealed)


async def test_a_process_that_ended_because_nobody_wanted_it_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the worst moment: after it was asked."""
    codes = iter([module.ENDED_IDLE, None])
    outcomes = iter([None, Sealed(damaged_records=0, has_audio=False)])

    async def attempt(self: object, job: object) -> tuple[int | None, Sealed | None]:
        return next(codes), next(outcomes)

    monkeypatch.setattr("trunkline.recorder.workers._Process._attempt", attempt)
    assert isinstance(await Processes(1, "soon").perform(to_seal(tmp_path, a_call(1))), Sealed)


async def test_a_process_ends_when_nobody_wants_anything() -> None:
    code = "from trunkline.recorder import worker; worker.IDLE_SECONDS = 0.01; worker.main('soon')"
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdin=asyncio.subprocess.PIPE
    )
    assert await running.wait() == module.ENDED_IDLE


async def test_a_process_hears_only_whoever_started_it(
    processes: Processes, tmp_path: Path
) -> None:
    """Signals to a whole group are not for it, nor does it hold what is its owner's."""
    with (tmp_path / "lock").open("wb") as held:
        os.set_inheritable(held.fileno(), True)
        await processes.perform(to_seal(tmp_path, a_call(1)))
        (only,) = children()
        files = [os.readlink(file) for file in Path(f"/proc/{only}/fd").iterdir()]
        assert held.name not in files
    os.kill(only, signal.SIGTERM)
    os.kill(only, signal.SIGINT)
    assert isinstance(await processes.perform(to_seal(tmp_path, a_call(2))), Sealed)
    assert children() == [only]


async def test_what_a_library_prints_is_not_taken_for_an_outcome(tmp_path: Path) -> None:
    code = (
        "from trunkline.recorder import jobs, worker;"
        "worker.perform = lambda job: print('chatter', flush=True) or jobs.Compressed();"
        "worker.main('soon')"
    )
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(msgspec.json.encode(Compress(recording="in", opus="out")) + b"\n")
    assert msgspec.json.decode(await running.stdout.readline(), type=Outcome) == Compressed()
    running.stdin.close()
    assert await running.wait() == 0


async def test_a_job_that_computes_for_ever_is_killed_for_it(tmp_path: Path) -> None:
    code = (
        "from trunkline.recorder import worker; worker.JOB_CPU_SECONDS = 1;"
        "worker.perform = lambda job: [None for _ in iter(int, 1)];"
        "worker.main('soon')"
    )
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdin=asyncio.subprocess.PIPE
    )
    assert running.stdin is not None
    running.stdin.write(msgspec.json.encode(Compress(recording="in", opus="out")) + b"\n")
    assert WorkerDied(await running.wait()).crashed
    assert not WorkerDied(-signal.SIGKILL).crashed


OWNER = """
import asyncio, sys, uvloop
from trunkline.recorder.jobs import Compress
from trunkline.recorder.workers import Processes

uvloop.run(Processes(1, "soon").perform(Compress(recording=sys.argv[1], opus=sys.argv[2])))
"""


async def test_nobody_is_left_when_the_owner_is_killed(tmp_path: Path) -> None:
    """In the middle of a job, too."""
    os.mkfifo(tmp_path / "waits")
    arguments = (str(tmp_path / "waits"), str(tmp_path / "opus"))
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", OWNER, *arguments)
    # It opens its end when it is at work.
    writing = await asyncio.to_thread(os.open, tmp_path / "waits", os.O_WRONLY)
    try:
        (left,) = Path(f"/proc/{owner.pid}/task/{owner.pid}/children").read_text().split()
        assert is_worker(int(left))
        watched = os.pidfd_open(int(left))
        owner.kill()
        await owner.wait()
        async with asyncio.timeout(PATIENCE_S):
            while not select.select([watched], [], [], 0)[0]:
                await asyncio.sleep(0.01)
        os.close(watched)
    finally:
        os.close(writing)


async def test_nobody_is_left_when_a_job_is_given_up_at_any_moment(tmp_path: Path) -> None:
    """While a process is started, too."""
    for steps in range(12):
        processes = Processes(1, "soon")
        waiting = asyncio.create_task(processes.perform(to_seal(tmp_path, a_call(1))))
        for _ in range(steps):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await processes.stop()
        assert children() == []


async def test_threads_give_up_soon_and_work_again(tmp_path: Path) -> None:
    threads = Threads()
    job = to_seal(tmp_path, a_call(1, frames=200_000, size=1))
    waiting = asyncio.create_task(threads.perform(job))
    while not Path(job.archive).exists():
        await asyncio.sleep(0.001)
    await threads.stop()
    with pytest.raises(Stopped):
        await waiting
    assert isinstance(await threads.perform(to_seal(tmp_path, a_call(2))), Sealed)
    await threads.stop()
