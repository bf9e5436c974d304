"""A gateway on loopback, with a provider behind it and a journal that is a list."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from tests.support.patience import PATIENCE_S
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers

from trunkline import snapshot
from trunkline.journal._batch import Batch
from trunkline.journal.record import Flag, Kind, Leg, Record, decode
from trunkline.protocol.call import Closed, Note, Opened
from trunkline.relay._pump import Pump
from trunkline.relay.gateway import Gateway
from trunkline.relay.lanes import Lanes
from trunkline.relay.selector import PumpSelector
from trunkline.sealing import Vault
from trunkline.settings import Settings
from trunkline.snapshot import Key, Provider, Snapshot, Webhook, sha256_of_key

KEY = "sk-trunkline-test"
PROVIDER_KEY = "sk-provider-canary"
HEADERS = {"Authorization": f"Bearer {PROVIDER_KEY}", "Helicone-Auth": f"Bearer {KEY}"}
INSTANCE = bytes(16)
ORG = "org_1"

HANDSHAKE = (
    "GET /v1/realtime?model=gpt-realtime-2.1 HTTP/1.1\r\nHost: h\r\n"
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    f"Helicone-Auth: Bearer {KEY}\r\nAuthorization: Bearer {PROVIDER_KEY}\r\n\r\n"
).encode()
"""A call's whole head, for callers that speak bytes."""

short_way = ContextVar("short_way", default=True)
"""Whether the gateways of a test send frames the short way, as they do where it was built."""

Talk = Callable[[ServerConnection], Awaitable[None]]


class ListJournal:
    """Keeps records in memory."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.grown = asyncio.Event()

    def append(
        self,
        kind: Kind,
        call: bytes,
        seq: int,
        leg: Leg,
        flags: int,
        received_ns: int,
        handed_ns: int,
        payload: bytes,
    ) -> None:
        record = Record(kind, call, seq, leg, Flag(flags), received_ns, handed_ns, payload)
        self.records.append(record)
        self.grown.set()

    async def closed(self, count: int = 1) -> Closed:
        """Wait until `count` calls have ended; return how the last of them did."""
        async with asyncio.timeout(PATIENCE_S):
            while len(ended := self.of(Kind.CLOSED)) < count:
                self.grown.clear()
                await self.grown.wait()
        return msgspec.json.decode(ended[-1].payload, type=Closed)

    def of(self, kind: Kind) -> list[Record]:
        return [record for record in self.records if record.kind is kind]

    @property
    def opened(self) -> Opened:
        return msgspec.json.decode(self.of(Kind.OPENED)[-1].payload, type=Opened)

    @property
    def notes(self) -> dict[str, dict[str, Any]]:
        notes = [msgspec.json.decode(r.payload, type=Note) for r in self.of(Kind.NOTE)]
        return {note.kind: note.data for note in notes}

    def frames(self, leg: Leg) -> list[bytes]:
        return [record.payload for record in self.of(Kind.FRAME) if record.leg is leg]


class BatchJournal(ListJournal):
    """Keeps them in a journal's buffer, where the short way can put its own."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__()
        self.batch = Batch(size_bytes)
        self.appended = 0
        """Records that did not come the short way."""

    def append(self, *record: Any) -> None:
        assert self.batch.add(*record)
        self.appended += 1
        self.grown.set()

    @property
    def records(self) -> list[Record]:
        found, at = list[Record](), 0
        while at < self.batch.used:
            record, at = decode(self.batch.view, at)
            found.append(record)
        return found

    @records.setter
    def records(self, records: list[Record]) -> None:
        """Set by the other kind of journal."""


def new_loop() -> asyncio.AbstractEventLoop:
    """Return what a gateway runs on."""
    return asyncio.SelectorEventLoop(PumpSelector())


def pump() -> Pump:
    """Return what the running loop waits with: see `conftest.py`."""
    return asyncio.get_running_loop()._selector.pump  # pyright: ignore


@dataclass
class World:
    """What a test talks with."""

    gateway: Gateway
    journal: ListJournal
    port: int
    snapshot_path: Path
    seen: list[Headers] = field(default_factory=list[Headers])
    """Headers of the handshakes that reached the provider."""
    provider_url: str = ""

    def url(self, query: str = "model=gpt-realtime-2.1", scheme: str = "ws") -> str:
        return f"{scheme}://127.0.0.1:{self.port}/v1/gateway/oai/realtime?{query}"

    def call(
        self, query: str = "model=gpt-realtime-2.1", scheme: str = "ws", **options: Any
    ) -> connect:
        defaults: dict[str, Any] = {
            "additional_headers": HEADERS,
            "compression": None,
            "max_size": None,
            "ping_interval": None,
            "proxy": None,
        }
        return connect(self.url(query, scheme), **{**defaults, **options})

    def publish(
        self,
        *keys: Key,
        providers: tuple[Provider, ...] = (),
        webhooks: tuple[Webhook, ...] = (),
        operator: str = ORG,
        hung_up: tuple[str, ...] = (),
    ) -> None:
        fresh = self.snapshot_path.with_suffix(".new")
        content = Snapshot(
            keys=keys,
            providers=providers,
            webhooks=webhooks,
            default_org_id=operator,
            hung_up=hung_up,
        )
        fresh.write_bytes(snapshot.encode(content))
        fresh.rename(self.snapshot_path)


def key(text: str = KEY, **changes: Any) -> Key:
    fields: dict[str, Any] = {
        "key_id": "key_1",
        "org_id": ORG,
        "name": "test",
        "sha256": sha256_of_key(text),
    }
    return Key(**{**fields, **changes})


def listening(host: str = "127.0.0.1") -> socket.socket:
    public = socket.create_server((host, 0))
    public.setblocking(False)
    return public


@contextlib.asynccontextmanager
async def world(
    directory: Path,
    talk: Talk | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    server_socket: Path | None = None,
    provider: dict[str, Any] | None = None,
    host: str = "127.0.0.1",
    journal_bytes: int = 16 * 1024 * 1024,
    vault: Vault | None = None,
    **settings: Any,
) -> AsyncIterator[World]:
    """Yield a gateway on `host` whose OpenAI is `talk`, or as `settings` say.

    `journal_bytes`: what all records of the test take; more costs time.
    """
    seen: list[Headers] = []

    async def noted(connection: ServerConnection) -> None:
        if connection.request is not None:
            seen.append(connection.request.headers)
        if talk is not None:
            await talk(connection)

    options: dict[str, Any] = {"compression": None, "max_size": None, "ping_interval": None}
    async with serve(noted, "127.0.0.1", 0, **{**options, **(provider or {})}) as served:
        port = next(iter(served.sockets)).getsockname()[1]
        chosen = Settings(**{"openai_url": f"ws://127.0.0.1:{port}/v1/realtime", **settings})
        journal = BatchJournal(journal_bytes) if short_way.get() else ListJournal()
        gateway = Gateway(
            chosen,
            journal,
            snapshot_path=directory / "snapshot.json",
            server_socket=server_socket,
            instance=INSTANCE,
            tls=tls,
            lanes=Lanes(journal.batch, pump()) if isinstance(journal, BatchJournal) else None,
            vault=vault,
        )
        public = listening(host)
        made = World(
            gateway,
            journal,
            public.getsockname()[1],
            directory / "snapshot.json",
            seen,
            f"ws://127.0.0.1:{port}/v1/realtime",
        )
        made.publish(key())
        gateway.start(public)
        try:
            yield made
        finally:
            await gateway.stop()


async def echo(connection: ServerConnection) -> None:
    """A provider that says what it hears."""
    async for message in connection:
        await connection.send(message)


async def raw(port: int, request: bytes) -> bytes:
    """Send `request` as it is; return all that comes back until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(PATIENCE_S):
        answer = await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return answer


@contextlib.asynccontextmanager
async def tcp(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    path: Path | None = None,
) -> AsyncIterator[int]:
    """Serve plain TCP, or a unix socket at `path`; yield the port. Ends with all connections."""
    tasks: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            ends = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
            with contextlib.suppress(*ends):
                await talk(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    if path is None:
        server = await asyncio.start_server(one, "127.0.0.1", 0)
    else:
        server = await asyncio.start_unix_server(one, path)
    async with server:
        name = server.sockets[0].getsockname()
        yield name[1] if path is None else 0
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
