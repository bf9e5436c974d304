"""An installation whose gateway and server are started, stopped and killed one by one.

The provider is here in the test, and answers every chunk of sound with one of its own.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from tests.support.faults import Faults
from tests.support.running import COMMAND, START_TIMEOUT_S, environment, ndjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from trunkline import ids
from trunkline.clock import monotonic_ns
from trunkline.journal.reader import Position
from trunkline.journal.record import Record
from trunkline.layout import Layout
from trunkline.recorder import checkpoint
from trunkline.store import blobs as keys
from trunkline.store.archive import ArchiveReader
from trunkline.store.blobs import Blobs
from trunkline.store.control.database import sqlite_url
from trunkline.store.control.store import ControlStore

MODEL = "gpt-realtime-2.1"
CHUNK_MS = 40
_WAVE = [round(8_000 * (n % 80 / 40 - 1)) for n in range(24 * CHUNK_MS)]
SOUND = base64.b64encode(b"".join(n.to_bytes(2, "little", signed=True) for n in _WAVE)).decode()
"""40 ms of a tone, as PCM16 of 24 kHz."""
APPEND = json.dumps({"type": "input_audio_buffer.append", "audio": SOUND})


OPENING_FRAMES = 2
"""What the provider says beside one answer to each chunk."""


async def answer(connection: ServerConnection) -> None:
    """Be the provider of one call."""
    session = {"type": "realtime", "id": "sess_1", "model": MODEL}
    await connection.send(json.dumps({"type": "session.created", "session": session}))
    delta = {
        "type": "response.output_audio.delta", "response_id": "resp_1", "item_id": "item_1",
        "output_index": 0, "content_index": 0, "delta": SOUND,
    }  # fmt: skip
    response = {"id": "resp_1", "status": "in_progress", "output": []}
    item = {"id": "item_1", "type": "message", "role": "assistant", "content": []}
    added = {"type": "response.output_item.added", "response_id": "resp_1", "output_index": 0}
    with contextlib.suppress(ConnectionClosed):
        await connection.recv()
        await connection.send(json.dumps({"type": "response.created", "response": response}))
        await connection.send(json.dumps({**added, "item": item}))
        async for _ in connection:
            await connection.send(json.dumps({**delta, "event_id": f"event_{monotonic_ns()}"}))


@dataclass
class Talker:
    """One caller that talks until its call ends, and notes what it got and when."""

    url: str
    headers: dict[str, str]
    chunk_ms: int = CHUNK_MS
    """Between two chunks."""
    call_id: str = ""
    connection: ClientConnection | None = None
    sent: int = 0
    got: list[str] = field(default_factory=list[str])
    poured: int = 0
    """Frames that were sent besides."""
    waits_ns: list[int] = field(default_factory=list[int])
    """Each chunk's way to the provider and the answer's way back."""
    _dialled: asyncio.Event = field(default_factory=asyncio.Event)
    """There is a connection, or there will be none."""
    _hush: asyncio.Event = field(default_factory=asyncio.Event)
    _silent: asyncio.Event = field(default_factory=asyncio.Event)

    async def talk(self) -> None:
        """Dial, then send a chunk every 40 ms, until it is cut off or cancelled."""
        try:
            async with connect(
                self.url,
                additional_headers=self.headers,
                compression=None,
                max_size=None,
                ping_interval=None,
                proxy=None,
                open_timeout=START_TIMEOUT_S,
            ) as connection:
                assert connection.response is not None
                self.connection = connection
                self.call_id = connection.response.headers["Helicone-Id"]
                self.got.append(str(await connection.recv()))
                self._dialled.set()
                listening = asyncio.create_task(self._listen(connection))
                try:
                    while not (listening.done() or self._hush.is_set()):
                        self._sent_ns = monotonic_ns()
                        await connection.send(APPEND)
                        self.sent += 1
                        await asyncio.sleep(self.chunk_ms / 1000)
                    self._silent.set()
                    await asyncio.wait([listening])
                finally:
                    self._silent.set()
                    listening.cancel()
        except (ConnectionClosed, InvalidHandshake, OSError, EOFError):
            return
        finally:
            self._dialled.set()

    async def _listen(self, connection: ClientConnection) -> None:
        async for frame in connection:
            self.waits_ns.append(monotonic_ns() - self._sent_ns)
            self.got.append(str(frame))

    async def goes_on(self, timeout_s: float = 30) -> None:
        """Wait until the call has gone on for a while, both ways."""
        got = len(self.got)
        async with asyncio.timeout(timeout_s):
            while len(self.got) < got + 10:
                await asyncio.sleep(0.01)

    @property
    def relayed(self) -> int:
        """Frames that went through, both ways; once the call is over."""
        return self.sent + self.poured + len(self.got)

    async def hang_up(self, timeout_s: float = 30) -> None:
        """Say nothing more, hear the answers, and close: nothing is under way then."""
        await self._dialled.wait()
        if self.connection is None:
            return
        self._hush.set()
        await self._silent.wait()
        async with asyncio.timeout(timeout_s):
            while len(self.got) < OPENING_FRAMES + self.sent + self.poured:
                await asyncio.sleep(0.005)
        await self.connection.close()


class Apart:
    """The processes, and the way to them."""

    def __init__(
        self, data: Path, provider_url: str, settings: dict[str, Any], faults: Faults | None = None
    ) -> None:
        self.data = data
        self.layout = Layout(data)
        self.settings = settings
        values = {"openai_url": provider_url, "data": data, "log_level": "error", **settings}
        self._env = environment({f"TRUNKLINE_{k.upper()}": str(v) for k, v in values.items()})
        self._env |= faults.environment if faults else {}
        self._public = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._socket = data / "run" / "s"
        self.url = f"http://127.0.0.1:{self._public.getsockname()[1]}"
        self.gateway: subprocess.Popen[bytes] | None = None
        self.server: subprocess.Popen[bytes] | None = None
        self.key = ""

    async def prepare(self) -> None:
        """Make the directory, and a key."""
        self.layout.create()
        url = sqlite_url(self.layout.control)
        async with ControlStore.opened(url, publish_to=self.layout.snapshot) as control:
            org = await control.ensure_operator()
            self.key = (await control.create_key(org.id, "test")).text
            self.org_id = org.id

    def start_gateway(self) -> None:
        """Start a gateway. Whoever dials before it listens waits for it."""
        fd = self._public.fileno()
        options = ["--name", "gateway-0", "--listen-fd", str(fd), "--server-socket", self._socket]
        self.gateway = self._start("gateway", *map(str, options), fds=[fd])

    def start_server(self) -> None:
        self.server = self._start("server", "--socket", str(self._socket))

    def _start(self, *arguments: str, fds: list[int] | None = None) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*COMMAND, *arguments], env=self._env, pass_fds=fds or [], stderr=sys.stderr
        )

    def end(self, process: subprocess.Popen[bytes] | None, number: int = signal.SIGTERM) -> None:
        """End a process, and wait for it."""
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(number)
        process.wait(30)

    def talker(self, chunk_ms: int = CHUNK_MS) -> Talker:
        """Return a caller, who has not dialled yet."""
        url = f"{self.url.replace('http', 'ws')}/v1/gateway/oai/realtime?model={MODEL}"
        keys = {"Authorization": "Bearer sk-of-the-provider", "Helicone-Auth": f"Bearer {self.key}"}
        return Talker(url, keys, chunk_ms)

    async def get(self, path: str) -> httpx2.Response:
        """Ask the API, with the key."""
        headers = {"Authorization": f"Bearer {self.key}"}
        async with httpx2.AsyncClient(base_url=self.url, timeout=START_TIMEOUT_S) as http:
            return await http.get(path, headers=headers)

    async def reasons(self) -> set[str]:
        """Return the codes of what `/ready` says is wrong."""
        answer = await self.get("/ready")
        assert answer.status_code == 200, answer.text
        return {reason["code"] for reason in answer.json()["reasons"]}

    async def until_reasons(self, are: Callable[[set[str]], bool], timeout_s: float = 60) -> None:
        """Wait until the codes of `/ready` are such."""

        async def probe() -> bool:
            return are(await self.reasons())

        await self.until(probe, timeout_s)

    async def seen(self, call_id: str) -> None:
        """Wait until a call can be seen."""

        async def probe() -> bool:
            return (await self.get(f"/v1/calls/{call_id}")).status_code == 200

        await self.until(probe)

    async def metric(self, name: str) -> float:
        """Return the sum of a metric over all processes."""
        found = re.findall(
            rf"^{name}(?:{{.*?}})? (\S+)$", (await self.get("/metrics")).text, re.MULTILINE
        )
        return sum(map(float, found))

    async def told(self, talker: Talker) -> dict[str, Any]:
        """Return what the API says of a call, its raw events too, once it is over."""
        found: dict[str, Any] = {}

        async def over() -> bool:
            answer = await self.get(f"/v1/calls/{talker.call_id}")
            found.update(answer.json())
            return answer.status_code == 200 and found["status"] != "live"

        await self.until(over)
        events = await self.get(f"/v1/calls/{talker.call_id}/events?limit=10000")
        found["lines"] = ndjson(events.text)
        return found

    async def until(self, probe: Any, timeout_s: float = 60) -> None:
        """Wait until `probe`, a coroutine function, returns something true."""
        async with asyncio.timeout(timeout_s):
            while not await probe():
                await asyncio.sleep(0.05)

    async def recorded(self, timeout_s: float = 60) -> None:
        """Wait until nothing is left to be recorded or sealed."""

        async def idle() -> bool:
            return not any(self.layout.spool.iterdir()) and not self.unread()

        await self.until(idle, timeout_s)

    def unread(self) -> bool:
        """Return whether the journals hold what the last checkpoint does not cover."""
        saved = checkpoint.load(self.layout.recorder)
        if saved is None:
            return True
        for directory in self.layout.journal.iterdir():
            place = saved.journals.get(directory.name)
            for path in directory.glob("*.journal"):
                position = Position(int(path.stem), path.stat().st_size)
                if place is None or place.position < position:
                    return True
        return False


def check_exact(call: dict[str, Any], relayed: int) -> int:
    """Check that a record says of every frame that it is there, or that it is missing.

    Returns how many are missing.
    """
    kinds = [line["record"] for line in call["lines"]]
    gaps = [json.loads(line["text"]) for line in call["lines"] if line["record"] == "gap"]
    assert call["damaged_records"] == 0
    assert kinds.count("frame") == call["caller_leg"]["frames"] + call["provider_leg"]["frames"]
    assert sum(gap["frames"] for gap in gaps) == call["lost_frames"]
    assert sum(gap["bytes"] for gap in gaps) == call["lost_bytes"]
    assert {gap["why"] for gap in gaps} <= {"disk_full"}
    assert kinds.count("frame") + call["lost_frames"] == relayed
    return call["lost_frames"]


@contextlib.asynccontextmanager
async def apart(data: Path, faults: Faults | None = None, **settings: Any) -> AsyncGenerator[Apart]:
    """Yield an installation of which nothing runs yet; end what does at the end."""
    options: dict[str, Any] = {"compression": None, "max_size": None, "ping_interval": None}
    async with serve(answer, "127.0.0.1", 0, **options) as provider:
        port = next(iter(provider.sockets)).getsockname()[1]
        made = Apart(data, f"ws://127.0.0.1:{port}/v1/realtime", settings, faults)
        await made.prepare()
        try:
            yield made
        finally:
            for process in (made.gateway, made.server):
                made.end(process, signal.SIGKILL)
            made._public.close()


async def archived(data: Path, org_id: str) -> dict[bytes, list[Record]]:
    """Return every archive there is, record by record."""
    blobs = Blobs.open("", data / "blobs")
    found: dict[bytes, list[Record]] = {}
    async for blob in blobs.list("org"):
        parsed = keys.parse_key(blob)
        if parsed is not None and parsed[2] == "archive":
            assert parsed[0] == org_id
            reader = await ArchiveReader.open(blobs, blob)
            found[ids.parse_call_id(parsed[1])] = [record async for record in reader.records()]
    return found


def stop_for_now(process: subprocess.Popen[bytes]) -> None:
    """Let a process not run until it is told to `go_on`."""
    os.kill(process.pid, signal.SIGSTOP)


def go_on(process: subprocess.Popen[bytes]) -> None:
    os.kill(process.pid, signal.SIGCONT)
