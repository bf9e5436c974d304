"""I/O. How long each process takes to be of use."""

import contextlib
import http.client
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.process import Process, free_port, stop
from bench.proxies import clean
from bench.relay import Tell
from bench.results import Started

ROUNDS = 3
WAIT_S = 30.0
POLL_S = 0.005


def measure(tell: Tell) -> list[Started]:
    """Start each several times, on a new data directory and on one that has been used."""
    found: list[Started] = []
    for name, arguments in (("gateway", ["gateway"]), ("server", ["server"]), ("up", ["up"])):
        measured = [_start(name, arguments) for _ in range(ROUNDS)]
        found.append(
            Started(
                process=name,
                seconds=round(statistics.median(one.seconds for one in measured), 2),
                cpu_seconds=round(statistics.median(one.cpu_seconds for one in measured), 2),
                resident_kb=round(statistics.median(one.resident_kb for one in measured)),
            )
        )
        tell(f"start: {name:10} {found[-1].seconds:.2f} s")
    return found


def _start(name: str, arguments: Sequence[str]) -> Started:
    with tempfile.TemporaryDirectory(prefix="trunkline-bench-") as directory:
        port, path = free_port(), Path(directory) / "server.sock"
        where = ["--socket", str(path)] if name == "server" else ["--port", str(port)]
        command = [sys.executable, "-m", "trunkline", *arguments, "--data", directory, *where]
        began_s = time.monotonic()
        popen = subprocess.Popen(
            command, env=clean(), stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        try:
            if name == "server":
                _wait(lambda: _answers_on(path))
            else:
                # `up` is of use when the dashboard answers too, a gateway when it refuses.
                _wait(lambda: _answers(port, {200} if name == "up" else {200, 502, 503}))
            seconds = time.monotonic() - began_s
            process = Process(popen)
            return Started(
                process=name, seconds=seconds, cpu_seconds=process.cpu_ns() / 1e9,
                resident_kb=process.resident_kb(),
            )  # fmt: skip
        finally:
            stop(popen)


def _wait(probe: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while time.monotonic() < deadline_s:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if probe():
                return
        time.sleep(POLL_S)
    raise SystemExit(f"nothing after {WAIT_S} s")


def _answers(port: int, statuses: set[int]) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection):
        connection.request("GET", "/live")
        return connection.getresponse().status in statuses


def _answers_on(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(5)
        asking.connect(str(path))
        asking.sendall(b"GET /live HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
        return asking.recv(64).startswith(b"HTTP/1.1 200")
