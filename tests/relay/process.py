"""A gateway in a process of its own, whose journal is on disk: for what a process costs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import subprocess
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from tests.relay.world import HEADERS, ORG, key
from tests.support.running import COMMAND, environment
from websockets.asyncio.client import connect

from trunkline import snapshot
from trunkline.clock import monotonic_ns
from trunkline.journal.reader import START, JournalReader
from trunkline.journal.record import Kind, Record
from trunkline.layout import Layout
from trunkline.protocol.call import Closed
from trunkline.snapshot import Snapshot
from trunkline.vitals import files
from trunkline.vitals.figures import Gateway

STOP_TIMEOUT_S = 20.0


@dataclass
class GatewayProcess:
    """One `trunkline gateway`, its port, and what the kernel says of it."""

    process: subprocess.Popen[bytes]
    port: int
    data: Path
    base_bytes: int = 0
    """What it had after its first call, for tests that share it: memory once used stays."""

    def call(self, query: str = "model=gpt-realtime-2.1", **options: Any) -> connect:
        """Return the way into a call."""
        defaults: dict[str, Any] = {
            "additional_headers": HEADERS,
            "compression": None,
            "max_size": None,
            "ping_interval": None,
            "proxy": None,
        }
        url = f"ws://127.0.0.1:{self.port}/v1/gateway/oai/realtime?{query}"
        return connect(url, **{**defaults, **options})

    # --- what it costs ---------------------------------------------------------------

    @property
    def resident_bytes(self) -> int:
        """Memory that it has now."""
        return self._status("VmRSS")

    @property
    def peak_bytes(self) -> int:
        """The most that it had since `forget_peak`."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        """Let the peak be what it has now."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    @property
    def descriptors(self) -> int:
        """Open files and sockets."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    @property
    def cpu_s(self) -> float:
        """Processor time that it has used, of all its threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _status(self, name: str) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
        return int(line.split()[1]) * 1024

    @property
    def figures(self) -> Gateway:
        """What it published last, about once a second."""
        ((_, told),) = files.read(Layout(self.data).run, monotonic_ns()).gateways()
        return told

    # --- what it wrote ---------------------------------------------------------------

    def records(self, kind: Kind | None = None) -> list[Record]:
        """Return what its journal holds now, of one kind or of all."""
        reader, position = JournalReader(Layout(self.data).journal / "gateway"), START
        found: list[Record] = []
        while not (batch := reader.read(position)).idle:
            assert batch.damage == ()
            found += [record for record, _ in batch.records]
            position = batch.position
        found += [record for record, _ in batch.records]
        return [record for record in found if kind in (None, record.kind)]

    async def closed(self, count: int = 1, timeout_s: float = 20) -> list[Closed]:
        """Wait until `count` calls have ended, on disk; return how."""
        async with asyncio.timeout(timeout_s):
            while True:
                ended = self.records(Kind.CLOSED)
                if len(ended) >= count:
                    return [msgspec.json.decode(r.payload, type=Closed) for r in ended]
                await asyncio.sleep(0.05)


@contextlib.contextmanager
def gateway_process(
    directory: Path,
    openai_url: str,
    *,
    max_files: int = 0,
    max_address_bytes: int = 0,
    **settings: Any,
) -> Generator[GatewayProcess]:
    """Yield a gateway that dials `openai_url`; at the end it must exit with 0 on SIGTERM."""
    data = directory / "data"
    layout = Layout(data)
    layout.create()
    layout.snapshot.write_bytes(snapshot.encode(Snapshot(keys=(key(),), default_org_id=ORG)))
    values = {"openai_url": openai_url, "data": data, "drain_timeout_ms": 0, **settings}
    env = {f"TRUNKLINE_{name.upper()}": str(value) for name, value in values.items()}
    limits = {resource.RLIMIT_NOFILE: max_files, resource.RLIMIT_AS: max_address_bytes}
    with socket.create_server(("127.0.0.1", 0)) as public, _started(public, env, limits) as made:
        port = public.getsockname()[1]
        public.close()
        yield GatewayProcess(made, port, data)
        made.send_signal(signal.SIGTERM)
        assert made.wait(STOP_TIMEOUT_S) == 0


@contextlib.contextmanager
def _started(
    public: socket.socket, env: dict[str, str], limits: dict[int, int]
) -> Generator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [*COMMAND, "gateway", "--listen-fd", str(public.fileno())],
        env=environment(env), pass_fds=[public.fileno()], stdout=subprocess.DEVNULL,
        preexec_fn=_limited(limits),
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _limited(limits: dict[int, int]) -> Callable[[], None]:
    def set_limits() -> None:
        for name, most in limits.items():
            if most:
                resource.setrlimit(name, (most, most))

    return set_limits
