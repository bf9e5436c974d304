"""I/O. A process that is measured: started on one core, watched with all its children, ended."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path

from bench import threads

START_S = 120
"""LiteLLM takes a quarter of that."""
STOP_S = 10
_SOCKETS = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENING = "0A"


class Process:
    """One that runs, and its children."""

    def __init__(self, popen: "subprocess.Popen[bytes]") -> None:
        self.popen = popen

    @property
    def pids(self) -> list[int]:
        """It and everything that it has started."""
        return list(_tree(self.popen.pid))

    def cpu_ns(self) -> int:
        """Return the CPU time that all of them have used: user and system, all threads."""
        return sum(threads.of_process(pid) for pid in self.pids)

    def resident_kb(self) -> int:
        """Return their resident memory, kB. What they share is counted for each of them."""
        return sum(_resident_kb(pid) for pid in self.pids)


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _tree(int(child))


def _resident_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


class Cores:
    """Where processes run: what is measured on the last core, the ends on the first.

    With a single core all share it, and what is measured says little.
    """

    def __init__(self) -> None:
        allowed = sorted(os.sched_getaffinity(0))
        self.ends, self.proxies = allowed[0], allowed[-1]
        self.all = allowed

    def pinned(self, core: int, command: Sequence[str]) -> list[str]:
        """Return `command` as it runs on one core, and its children with it."""
        return ["taskset", "-c", str(core), *command]


@contextlib.contextmanager
def started(
    command: Sequence[str],
    port: int,
    environment: Mapping[str, str] | None,
    log: Path,
    said: bytes = b"",
) -> Generator[Process]:
    """A process that listens on `port`; ended with the context, whatever happens.

    What it prints goes to `log`; `said` is its standard input, which stays open. Raises
    `SystemExit`, with the end of what it printed, when it does not start.
    """
    ours, its = socket.socketpair()
    with log.open("wb") as out, ours:
        ours.sendall(said)
        with its:
            popen = subprocess.Popen(
                command,
                env=environment,
                stdout=out,
                stderr=out,
                stdin=its.fileno() if said else subprocess.DEVNULL,
            )
        try:
            _wait_for(popen, port, log)
            yield Process(popen)
        finally:
            stop(popen)


def _wait_for(popen: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s:
        if popen.poll() is not None:
            raise SystemExit(f"{popen.args} ended with {popen.returncode}: {_tail(log)}")
        if listens(port):
            return
        time.sleep(0.02)
    raise SystemExit(f"{popen.args} does not listen after {START_S} s: {_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text("utf-8", "replace")[-1000:]


def listens(port: int) -> bool:
    """Return whether somebody listens on a port of this machine, without connecting to it."""
    found = (line.split() for table in _SOCKETS for line in table.read_text().splitlines()[1:])
    return any(
        state == _LISTENING and address.endswith(f":{port:04X}")
        for _, address, _, state, *_ in found
    )


def stop(popen: "subprocess.Popen[bytes]") -> None:
    """End a process, and kill it when it does not."""
    popen.terminate()
    try:
        popen.wait(STOP_S)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
