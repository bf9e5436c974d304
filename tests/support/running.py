"""A whole Trunkline in processes of its own, as `trunkline up` starts it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx2
import pytest
import trustme
from tests.support.patience import PATIENCE_S

from trunkline import cli
from trunkline.store.control.database import sqlite_url
from trunkline.store.control.store import ControlStore

ROOT = Path(__file__).parent.parent.parent
COMMAND = (sys.executable, "-m", "trunkline")
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 40.0
POLL_S = 0.05


@dataclass
class Running:
    """One running Trunkline, its addresses and a key that may do everything."""

    process: subprocess.Popen[str]
    data: Path
    url: str
    sign_in: str
    ca: Path | None = None
    greeting: list[str] = field(default_factory=list)
    key: str = ""
    stopped: bool = False
    """By the test, which has looked at how it ended."""

    @property
    def websocket_url(self) -> str:
        """`ws://host:port` or `wss://host:port`."""
        return self.url.replace("http", "ws", 1)

    @property
    def headers(self) -> dict[str, str]:
        """What a call needs beside its provider's key."""
        return {"Helicone-Auth": f"Bearer {self.key}"}

    def get(self, path: str, **options: Any) -> httpx2.Response:
        """Ask the API, with the key."""
        trusting = ssl.create_default_context(cafile=self.ca) if self.ca else False
        # A request that meets a restarting server waits for it.
        with httpx2.Client(base_url=self.url, verify=trusting, timeout=START_TIMEOUT_S) as http:
            return http.get(path, headers={"Authorization": f"Bearer {self.key}"}, **options)

    def call(self, call_id: str) -> dict[str, Any]:
        """Return everything that the API says of one call. Waits until it is there."""
        return self.wait(lambda: self._found(f"/v1/calls/{call_id}"))

    def sealed(self, call_id: str, *, audio: bool = True) -> dict[str, Any]:
        """Return a call once it is over, and playable if it has `audio`."""

        def ended() -> dict[str, Any] | None:
            found = self._found(f"/v1/calls/{call_id}")
            if (
                found is None
                or found["status"] == "live"
                or (audio and not found["audio"]["recorded"])
            ):
                return None
            return found

        return self.wait(ended)

    def _found(self, path: str) -> dict[str, Any] | None:
        response = self.get(path)
        return response.json() if response.status_code == 200 else None

    def wait(self, probe: Any, timeout_s: float = 30.0) -> Any:
        """Return the first true thing that `probe` returns."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if found := probe():
                return found
            time.sleep(POLL_S)
        raise AssertionError(f"nothing after {timeout_s} s")

    def children(self) -> dict[str, int]:
        """Process ids by name: gateway-0, server, simulator."""
        listing = subprocess.run(
            ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(self.process.pid)],
            capture_output=True, text=True, check=False,
        ).stdout  # fmt: skip
        found: dict[str, int] = {}
        for line in listing.splitlines():
            pid, _, arguments = line.strip().partition(" ")
            words = arguments.split()
            if "trunkline" in words:
                command = words[words.index("trunkline") + 1]
                name = words[words.index("--name") + 1] if "--name" in words else command
                found[name] = int(pid)
        return found

    def stop(self) -> int:
        """Ctrl-C, and wait. Returns the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_TIMEOUT_S)


def trunkline(
    *arguments: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one command of the command line to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False, env=environment(env),
    )  # fmt: skip


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one command of the command line in this process: a second of CPU less.

    For those that end soon and open no facts engine: `keys …`, `reload`.
    """
    out, err, umask = io.StringIO(), io.StringIO(), os.umask(0o077)
    try:
        with (
            pytest.MonkeyPatch.context() as patch,
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            # A thread of its own: in this one a test's event loop may run.
            ThreadPoolExecutor(1) as thread,
        ):
            for name in os.environ.keys() - environment().keys():
                patch.delenv(name)
            code = thread.submit(_exit_code, arguments).result()
    finally:
        os.umask(umask)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def _exit_code(arguments: tuple[str, ...]) -> int:
    try:
        cli.main(arguments)
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else int(exc.code is not None)
    return 0


def new_key(data: Path, name: str = "test", *options: str) -> str:
    """Make a key, with options of `trunkline keys create`; return its text."""
    made = command("keys", "create", "--data", str(data), "--name", name, *options)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """The environment of a child: ours, with the settings that tests have in common."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE_")}
    return {**kept, "TRUNKLINE_SIMULATOR_SPEECH": str(ROOT / "tests" / "speech"), **(extra or {})}


@contextlib.contextmanager
def running(
    data: Path,
    *options: str,
    env: dict[str, str] | None = None,
    ca: Path | None = None,
    log: IO[bytes] | None = None,
    key: str = "",
) -> Generator[Running]:
    """Start `trunkline up` on a free port, yield it with a key, and stop it by Ctrl-C.

    Its log goes to `log`, or where ours goes. With a `key` that it knows already nothing is
    waited for: it may never be ready.
    """
    process = subprocess.Popen(
        [*COMMAND, "up", "--port", "0", "--data", str(data), *options],
        stdout=subprocess.PIPE, stderr=log or sys.stderr, text=True,
        env=environment(env), cwd=data.parent,
    )  # fmt: skip
    try:
        started = _started(process, data, ca)
        started.key = key or new_key(data)
        if not key:
            started.wait(lambda: _ready(started), START_TIMEOUT_S)
        yield started
        if not started.stopped:
            assert process.poll() is None, "trunkline up ended by itself"
            assert started.stop() == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


@contextlib.contextmanager
def secure_running(directory: Path, *options: str) -> Generator[Running]:
    """The same, speaking TLS with a certificate of an authority of our own."""
    ca, certificate, key = (directory / name for name in ("ca.pem", "certificate.pem", "key.pem"))
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(str(ca))
    issued.private_key_pem.write_to_path(str(key))
    for blob in issued.cert_chain_pems:
        blob.write_to_path(str(certificate), append=True)
    tls = ("--tls-cert", str(certificate), "--tls-key", str(key))
    with running(directory / "data", *tls, *options, ca=ca) as started:
        yield started


def _started(process: subprocess.Popen[str], data: Path, ca: Path | None) -> Running:
    assert process.stdout is not None
    lines: list[str] = []
    while not (lines and lines[-1].startswith("Try")):
        line = process.stdout.readline()
        assert line, f"trunkline up ended before it was ready: {lines}"
        lines.append(line.rstrip())
    sign_in = re.search(r"https?://\S+", lines[0])
    assert sign_in is not None
    url = sign_in[0].partition("/sign-in/")[0]
    return Running(process, data, url, sign_in[0], ca, lines)


def _ready(started: Running) -> bool:
    with contextlib.suppress(httpx2.TransportError):
        return started.get("/v1/calls").status_code == 200
    return False


async def sign_in_link(started: Running) -> str:
    """A fresh one-time link of the operator's: the one that `up` printed works once."""
    async with ControlStore.opened(sqlite_url(started.data / "control.sqlite3")) as control:
        return f"{started.url}/sign-in/{await control.issue_sign_in_link()}"


def node(script: Path, env: dict[str, str], timeout_s: float = 60.0) -> str:
    """Run a Node script that finds the project's npm packages; return what it printed."""
    modules = script.parent / "node_modules"
    if not modules.exists():
        modules.symlink_to(ROOT / "node_modules")
    done = subprocess.run(
        ["node", str(script)],
        capture_output=True, text=True, timeout=timeout_s, check=False,
        env=environment(env), cwd=script.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ndjson(text: str) -> list[dict[str, Any]]:
    """Decode one JSON object a line."""
    return [json.loads(line) for line in text.splitlines() if line]
