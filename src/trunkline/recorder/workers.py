"""I/O. Who does the jobs: processes of their own, or threads of this one.

Processes use every core, cannot hold up whatever else this one does, give way to it, and when
a codec crashes nothing else does. They are spawned, started when they are needed, and end by
themselves when they have not been for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, Protocol, TypeAlias

import msgspec

from trunkline.errors import TrunklineError
from trunkline.recorder.jobs import Job, Outcome, perform
from trunkline.recorder.worker import ENDED_IDLE

Urgency: TypeAlias = Literal["soon", "idle"]

MAX_PROCESSES = 8
"""Unless the operator wants more: each has 70 MB."""
CRASHES = {
    -number
    for number in (
        signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGXCPU,
    )
}  # fmt: skip
"""Exit codes of a process whose code, or a codec's, is to blame."""

_decoder = msgspec.json.Decoder[Outcome](Outcome)


def process_count(wanted: int) -> int:
    """Return how many processes to have at most. 0 wants one for each core that we may use."""
    return wanted or min(len(os.sched_getaffinity(0)), MAX_PROCESSES)


class WorkerDied(TrunklineError):
    """The process that did a job ended in the middle of it."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"the process that worked on it ended with code {code}")
        self.crashed = code in CRASHES
        """Because of what it did, as far as one can tell; else somebody ended it."""


class Workers(Protocol):
    """Who does jobs, several at once."""

    count: int
    """How many at once."""

    async def perform(self, job: Job) -> Outcome:
        """Do `job`, when one of us is free. Raises `WorkerDied`, and `jobs.Stopped`."""
        ...

    async def stop(self) -> None:
        """Give up what is under way. Afterwards jobs may be done again."""


class Threads:
    """Threads of this process, for a recorder by itself."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self._begin()

    def _begin(self) -> None:
        self._stopping = threading.Event()
        self._threads = ThreadPoolExecutor(self.count, thread_name_prefix="seal")

    async def perform(self, job: Job) -> Outcome:
        """Do `job` in one of them."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, perform, job, self._stopping.is_set)

    async def stop(self) -> None:
        """Have what is under way raise `Stopped` soon; a codec comes to its end first."""
        self._stopping.set()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._begin()


class Processes:
    """Processes, each of which does one job at a time."""

    def __init__(self, count: int, urgency: Urgency) -> None:
        self.count = count
        self._all = [_Process(urgency) for _ in range(count)]
        # The one that was used last first: the others may end.
        self._free = list(self._all)
        self._slots = asyncio.Semaphore(count)

    async def perform(self, job: Job) -> Outcome:
        """Do `job` in the first that is free."""
        async with self._slots:
            process = self._free.pop()
            try:
                return await process.perform(job)
            finally:
                self._free.append(process)

    async def stop(self) -> None:
        """Kill them all: whatever they were at is begun anew."""
        await asyncio.gather(*(process.kill() for process in self._all))


class _Process:
    def __init__(self, urgency: Urgency) -> None:
        self._urgency = urgency
        self._running: asyncio.subprocess.Process | None = None

    async def perform(self, job: Job) -> Outcome:
        try:
            code, outcome = await self._attempt(job)
            if outcome is None and code == ENDED_IDLE:
                # It ended while it was being asked.
                code, outcome = await self._attempt(job)
        except BaseException:
            # Whoever waited for it does not any more, and its answer would be the next one's.
            await self.kill()
            raise
        if outcome is None:
            raise WorkerDied(code)
        return outcome

    async def _attempt(self, job: Job) -> tuple[int | None, Outcome | None]:
        """Return the exit code of a process that ended, or the outcome of one that did not."""
        running = self._running
        if running is None or running.returncode is not None:
            running = self._running = await self._start()
        if running.stdin is None or running.stdout is None:
            raise RuntimeError("a worker's input and output are always pipes")
        with contextlib.suppress(ConnectionError):
            running.stdin.write(msgspec.json.encode(job) + b"\n")
            await running.stdin.drain()
            if line := await running.stdout.readline():
                return None, _decoder.decode(line)
        return await running.wait(), None

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "trunkline.recorder.worker",
            self._urgency,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # Ctrl-C is for whoever started us: a job is not given up for it.
            start_new_session=True,
            limit=1024 * 1024,
        )

    async def kill(self) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        with contextlib.suppress(ProcessLookupError):
            running.kill()
        await running.wait()
