"""`trunkline up`: everything on one machine, behind one public port.

Starts the server, the gateways and, when wanted, the simulator as processes of
their own; restarts what dies, with back-off; on SIGTERM or Ctrl-C lets the
gateways drain first, so that the server is there to record what they wrote.

The public socket is bound here and handed to each gateway, so that a worker can
die and come back without a caller being refused. Settings go to a child through
its standard input, which stays open: a child that reads its end knows that its
supervisor is gone and stops by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sys
import tempfile
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from trunkline.clock import monotonic_ns
from trunkline.errors import OperatorError
from trunkline.settings import Settings, dump

FIRST_BACKOFF_S = 0.2
LAST_BACKOFF_S = 10.0
STEADY_AFTER_NS = 10 * 10**9
"""A process that lived so long is restarted at once when it dies."""
STOP_GRACE_S = 15.0
"""Beyond the drain limit; then a child that still runs is killed."""

log = structlog.get_logger("trunkline.supervisor")


def bind_public(host: str, port: int) -> socket.socket:
    """Return the listening public socket. Raises `OperatorError` for a busy port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    public = socket.socket(family, socket.SOCK_STREAM)
    public.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        public.bind((host, port))
    except OSError as exc:
        public.close()
        raise OperatorError(
            f"cannot listen on {host}:{port}: {exc.strerror}; "
            "choose another port with --port or TRUNKLINE_PORT"
        ) from exc
    public.listen(1024)
    return public


def loopback_socket() -> socket.socket:
    """Return a socket that listens on a free loopback port."""
    return bind_public("127.0.0.1", 0)


@contextlib.contextmanager
def private_socket() -> Generator[tuple[socket.socket, Path]]:
    """Yield the listening socket between gateways and server, and its path.

    It lies in a short-named directory of its own, because a unix socket's path may
    have no more than 107 bytes and the data directory's may be longer.
    """
    with tempfile.TemporaryDirectory(prefix="trunkline-") as directory:
        path = Path(directory) / "server.sock"
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(str(path))
        listening.listen(1024)
        try:
            yield listening, path
        finally:
            listening.close()


@dataclass
class Child:
    """One process that is kept running."""

    name: str
    arguments: Sequence[str]
    sockets: Sequence[socket.socket]
    settings: Settings
    process: asyncio.subprocess.Process | None = None
    stopping: bool = False
    _backoff_s: float = field(default=FIRST_BACKOFF_S)

    async def keep_running(self) -> None:
        """Start the process whenever it is not there, until `stopping`."""
        while not self.stopping:
            started_ns = monotonic_ns()
            self.process = await self._start()
            code = await self.process.wait()
            if self.stopping:
                return
            log.error("process ended", process=self.name, exit_code=code)
            await self._back_off(monotonic_ns() - started_ns)

    async def _back_off(self, lived_ns: int) -> None:
        if lived_ns >= STEADY_AFTER_NS:
            self._backoff_s = FIRST_BACKOFF_S
        await asyncio.sleep(self._backoff_s)
        self._backoff_s = min(LAST_BACKOFF_S, self._backoff_s * 2)

    async def _start(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "trunkline",
            *self.arguments,
            stdin=asyncio.subprocess.PIPE,
            pass_fds=[listening.fileno() for listening in self.sockets],
            # Ctrl-C reaches the supervisor alone: it decides who stops when.
            start_new_session=True,
        )
        if process.stdin is None:
            raise RuntimeError("a child's standard input is always a pipe")
        process.stdin.write(json.dumps(dump(self.settings)).encode() + b"\n")
        return process

    async def stop(self, grace_s: float) -> None:
        """Ask the process to end, and kill it when it has not after `grace_s`."""
        self.stopping = True
        if self.process is None or self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), grace_s)
        except TimeoutError:
            log.error("process did not stop in time", process=self.name)
            self.kill()
            await self.process.wait()

    def kill(self) -> None:
        """End the process now, and do not start it again."""
        self.stopping = True
        if self.process is not None and self.process.returncode is None:
            self.process.kill()


async def supervise(stages: Sequence[Sequence[Child]], drain_s: float) -> None:
    """Run every child until SIGTERM or SIGINT; then stop stage after stage, last first.

    A second signal means: at once. What was written is recorded at the next start.
    """
    stop = asyncio.Event()
    children = [child for stage in stages for child in stage]

    def told() -> None:
        if stop.is_set():
            for child in children:
                child.kill()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    keepers = [asyncio.create_task(child.keep_running()) for child in children]
    await stop.wait()
    for stage in reversed(stages):
        await asyncio.gather(*(child.stop(drain_s + STOP_GRACE_S) for child in stage))
    for keeper in keepers:
        keeper.cancel()
    await asyncio.gather(*keepers, return_exceptions=True)
