"""The web application on real stores, and two organisations that must not see each other."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient, Response
from msgspec import structs
from tests.support.control import ManualClock, open_control
from tests.support.facts import a_call, parts_of, whole
from tests.support.live import Stage

from trunkline.ids import parse_call_id
from trunkline.journal.record import Kind, Record, encode
from trunkline.live.board import Board
from trunkline.sealing import Vault
from trunkline.settings import Settings
from trunkline.store import archive, blobs
from trunkline.store.archives import Archives
from trunkline.store.blobs import Blobs
from trunkline.store.control.accounts import NewSession
from trunkline.store.control.store import ControlStore
from trunkline.store.erasure import Erasure
from trunkline.store.facts.rows import CallRow
from trunkline.store.facts.store import FactsStore
from trunkline.store.marks import Marks
from trunkline.store.recordings import Recordings
from trunkline.store.spool import spool_path
from trunkline.store.tombstones import ERASED, Tombstones
from trunkline.vitals.desk import Desk
from trunkline.vitals.figures import Figures, Server
from trunkline.web import auth
from trunkline.web.app import create_app
from trunkline.web.deps import Dependencies
from trunkline.web.traffic import Traffic

ORIGIN = "http://trunkline.test"
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Member:
    """An organisation with an owner who is signed in, and keys of each kind."""

    org_id: str
    session: NewSession
    key: str
    """May call and read."""
    call_key: str
    """May call only."""
    manage_key: str
    """May manage keys and erase calls, and neither call nor read."""
    spare_id: str
    """Of a key that nothing here uses."""

    @property
    def manager(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.manage_key}"}

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    @property
    def cookie(self) -> dict[str, str]:
        return {"Cookie": f"trunkline={self.session.token}"}

    @property
    def csrf_token(self) -> str:
        return auth._masked_token(self.session.token)  # pyright: ignore[reportPrivateUsage]


class Told:
    """A process that tells what it is given to tell."""

    def __init__(self, figures: Figures) -> None:
        self.figures = figures

    def second(self, now_ns: int) -> None: ...

    def tell(self, now_ns: int) -> Figures:
        return structs.replace(self.figures, at_ns=now_ns)


def a_server(**figures: Any) -> Server:
    return Server(pid=os.getpid(), at_ns=0, started_wall_ns=0, **figures)


@dataclass
class Site:
    """Everything that a web test needs."""

    app: FastAPI
    transport: ASGITransport
    client: AsyncClient
    control: ControlStore
    facts: FactsStore
    blobs: Blobs
    spool: Path
    clock: ManualClock
    server: Told
    """What the server says of itself."""
    stage: Stage
    """What runs."""
    members: list[Member] = field(default_factory=list[Member])

    def serve(self, app: FastAPI) -> None:
        """Answer with another application, on the same stores."""
        app.state.deps = self.app.state.deps
        self.app = self.transport.app = app

    async def join(self) -> Member:
        """Return a new organisation."""
        number = len(self.members) + 1
        new = await self.control.sign_up(f"owner{number}@example.com", PASSWORD, f"Org {number}")
        return await self._member(new)

    async def operator(self) -> Member:
        """Return the organisation of whoever runs this installation."""
        await self.control.ensure_operator()
        new = await self.control.consume_sign_in_link(await self.control.issue_sign_in_link())
        assert new is not None
        return await self._member(new)

    async def _member(self, new: NewSession) -> Member:
        org_id = new.signed_in.org.id
        both = await self.control.create_key(org_id, "Both")
        call_only = await self.control.create_key(org_id, "Calls", ("call",))
        manager = await self.control.create_key(org_id, "Scripts", ("manage", "erase"))
        spare = await self.control.create_key(org_id, "Spare", ("call",))
        self.members.append(
            Member(org_id, new, both.text, call_only.text, manager.text, spare.key.id)
        )
        return self.members[-1]

    async def post(self, member: Member, path: str, **form: str) -> Response:
        """Send a form of a page, as its browser does."""
        return await self.client.post(
            path,
            data={"csrf_token": member.csrf_token, **form},
            headers={**member.cookie, "Origin": ORIGIN},
        )

    async def add_call(self, call: CallRow) -> CallRow:
        """Store `call` with one part of every kind."""
        await self.facts.insert(whole([*parts_of(call), call]))
        return call

    async def add_whole_call(self, org_id: str) -> CallRow:
        """Store a call that has everything: facts, frames, recording and waveform."""
        call = await self.add_call(a_call(org_id, has_audio=True))
        await self.seal(call, [Record(Kind.FRAME, parse_call_id(call.call_id), 0)])
        await self.put(call, "audio.opus", b"OggS" + bytes(range(256)) * 40)
        await self.put(
            call,
            "peaks.json",
            b'{"version":1,"duration_ms":40,"per_second":50,"caller":[0,1],'
            b'"assistant":[2,3],"assistant_unheard":[0,0]}',
        )
        return call

    async def put(self, call: CallRow, part: blobs.Part, content: bytes) -> None:
        await self.blobs.put(blobs.key(call.org_id, call.call_id, part), content)

    async def seal(self, call: CallRow, records: list[Record]) -> None:
        packed = io.BytesIO()
        archive.pack(packed, call.call_id, ((item.seq, encode(item)) for item in records))
        await self.put(call, "archive", packed.getvalue())

    def write_spool(self, call: CallRow, records: list[Record]) -> None:
        spool_path(self.spool, call.call_id).write_bytes(b"".join(map(encode, records)))


@cache
def application(*, secure: bool) -> FastAPI:
    """Return the application of this process, whose dependencies are those of one test at a time.

    Its routes are made ready as they are first asked for, which takes longer than most tests.
    `secure`: browsers reach it by TLS.
    """
    url = "https://trunkline.test" if secure else ORIGIN
    return bare_application(Settings(public_url=url))


def bare_application(settings: Settings) -> FastAPI:
    """Return an application that has no stores, yet."""
    deps = Dependencies.__new__(Dependencies)
    object.__setattr__(deps, "settings", settings)
    return create_app(deps)


@asynccontextmanager
async def open_site(
    directory: Path, facts: FactsStore, settings: Settings | None = None
) -> AsyncGenerator[Site]:
    """Yield the application on stores in `directory`; `facts` is shared by the process."""
    settings = settings or Settings(data=directory, public_url=ORIGIN)
    clock = ManualClock()
    control = await open_control(directory, clock)
    facts = facts.judged_by(control.thresholds)
    store = Blobs.open("", directory / "blobs")
    spool = directory / "spool"
    spool.mkdir()
    server = Told(a_server())
    archives, recordings = Archives(store, spool), Recordings(store, directory / "cache")
    tombstones, stage = Tombstones(directory / ERASED), Stage(Board())
    erasure = Erasure(tombstones, facts, store, archives, recordings)
    app = application(secure=auth.is_secure(settings))
    app.state.deps = Dependencies(
        settings=settings,
        control=control,
        facts=facts,
        archives=archives,
        recordings=recordings,
        erasure=erasure,
        marks=Marks(store, facts, erasure),
        desk=Desk(directory, "server", server, settings.metrics_token),
        traffic=Traffic(),
        board=stage.board,
        seal=Vault(directory / "master.key").seal,
        wall_ns=clock.wall_ns,
    )
    transport = ASGITransport(app, raise_app_exceptions=False)
    try:
        async with (
            AsyncClient(transport=transport, base_url=ORIGIN) as client,
            stage.showing(),
        ):
            yield Site(app, transport, client, control, facts, store, spool, clock, server, stage)
    finally:
        await control.close()
