"""I/O. A process that `trunkline up` keeps running, and how it is talked to.

Its standard input is a socket between us. Settings go through it as one line of JSON, so
that no secret is in a command line or an environment; it answers `ready`, may be told
to `retire`, and knows by the socket's end that we are gone (`orders` is its end of it).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from dataclasses import dataclass

import structlog

from trunkline import systemd
from trunkline.clock import monotonic_ns
from trunkline.orders import READY, RETIRE
from trunkline.settings import Settings, dump

FIRST_BACKOFF_S = 0.2
LAST_BACKOFF_S = 10.0
STEADY_AFTER_NS = 10 * 10**9
"""A process that lived so long is restarted at once when it dies."""

log = structlog.get_logger("trunkline.supervisor")


@dataclass(frozen=True)
class Duty:
    """What a process is started with."""

    name: str
    argv: tuple[str, ...]
    descriptors: tuple[int, ...]
    """Of ours, that it gets under the same numbers."""
    settings: Settings


class Child:
    """Whichever process does a duty now. It is started again whenever it ends by itself."""

    def __init__(self, duty: Duty) -> None:
        """Starts it. Needs the running loop."""
        self.duty = duty
        self.restarts = 0
        self.exit_code: int | None = None
        """Of the process before, until the one after it is ready; None: nothing is amiss."""
        self.began: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """Whether the first process was ready; False: it ended before."""
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._leaving = asyncio.Event()
        self._ends_by = signal.SIGTERM
        """What a process gets that was told to end before it was there."""
        self._backoff_s = FIRST_BACKOFF_S
        self._keeping = asyncio.create_task(self._keep())

    # --- from outside

    @property
    def pid(self) -> int | None:
        """Of the process that runs now, if one does."""
        return None if self._process is None else self._process.pid

    def retire(self) -> None:
        """Have the process take nothing more on, and end when it has finished what it has."""
        self._leaving.set()
        if self._writer is not None:
            self._writer.write(RETIRE)

    async def ended(self) -> None:
        """Wait until there is no process, and none will be. Only after it was told to end."""
        await asyncio.wait([self._keeping])

    async def stop(self, grace_s: float) -> None:
        """Ask the process to end, and kill it when it has not after `grace_s`."""
        self._leaving.set()
        self._signal(signal.SIGTERM)
        _, running = await asyncio.wait([self._keeping], timeout=grace_s)
        if running:
            log.error("process did not stop in time", process=self.duty.name)
            self.kill()
            await self.ended()

    def kill(self) -> None:
        """End the process now, and do not start it again."""
        self._leaving.set()
        self._ends_by = signal.SIGKILL
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        # It may have ended a moment ago, and whoever waits for it not have been told.
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    # --- from one process to the next

    async def _keep(self) -> None:
        while not self._leaving.is_set():
            started_ns = monotonic_ns()
            try:
                code = await self._run()
            except OSError as exc:
                # No memory or descriptor for another process: there may be some later.
                log.error("process cannot be started", process=self.duty.name, error=str(exc))
                code = -1
            except Exception:
                # A bug, of ours or its: nobody waits for this task, and the duty is to be done.
                log.exception("process cannot be kept", process=self.duty.name)
                code = -1
            if not self.began.done():
                self.began.set_result(False)
            if self._leaving.is_set():
                return
            log.error("process ended", process=self.duty.name, exit_code=code)
            self.restarts, self.exit_code = self.restarts + 1, code
            await self._back_off(monotonic_ns() - started_ns)

    async def _back_off(self, lived_ns: int) -> None:
        if lived_ns >= STEADY_AFTER_NS:
            self._backoff_s = FIRST_BACKOFF_S
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._leaving.wait(), self._backoff_s)
        self._backoff_s = min(LAST_BACKOFF_S, self._backoff_s * 2)

    async def _run(self) -> int:
        """Run one process to its end; return its exit code."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            process = await self._start(theirs)
            theirs.close()
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            self._process, self._writer = process, writer
            if self._leaving.is_set():
                self._signal(self._ends_by)
            writer.write(dump(self.duty.settings) + b"\n")
            try:
                # One that is killed with settings unread resets the connection.
                with contextlib.suppress(ConnectionError):
                    await self._listen(reader)
                return await process.wait()
            except Exception:
                # It ends as it would on SIGTERM, and another must not begin before it has.
                writer.close()
                await process.wait()
                raise
            finally:
                self._process = self._writer = None
                writer.close()

    async def _start(self, line: socket.socket) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self.duty.argv,
            stdin=line.fileno(),
            pass_fds=self.duty.descriptors,
            # It is our readiness that systemd waits for, not theirs.
            env={name: value for name, value in os.environ.items() if name != systemd.VARIABLE},
            # Ctrl-C reaches the supervisor alone: it decides who stops when.
            start_new_session=True,
        )

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            if line == READY:
                self.exit_code = None
                if not self.began.done():
                    self.began.set_result(True)
