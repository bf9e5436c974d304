"""A dashboard with real stores and real calls in them, on a port of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import uvicorn
from tests.browser.processes import StillDesk
from tests.support import golden
from tests.support.control import ManualClock, open_control
from tests.support.facts import a_call, an_event, fresh_call, whole
from tests.support.live import Stage
from tests.support.patience import PATIENCE_S
from tests.web import sample

from trunkline.ids import call_id as call_id_of
from trunkline.journal.record import Record, encode
from trunkline.live.board import Board
from trunkline.recorder.fold import finish, fold
from trunkline.recorder.peaks import PeakMeter
from trunkline.recorder.state import State
from trunkline.settings import Settings
from trunkline.store import archive, blobs, codec
from trunkline.store.archives import Archives
from trunkline.store.blobs import Blobs
from trunkline.store.control.accounts import KeyLimits
from trunkline.store.control.store import ControlStore
from trunkline.store.erasure import Erasure
from trunkline.store.facts.rows import CallRow, Row
from trunkline.store.facts.store import FactsStore
from trunkline.store.marks import Marks
from trunkline.store.recordings import Recordings
from trunkline.store.tombstones import ERASED, Tombstones
from trunkline.web.app import create_app
from trunkline.web.deps import Dependencies
from trunkline.web.traffic import Traffic

T = TypeVar("T")

EMAIL = "ada@north-clinic.example"
PASSWORD = "correct horse battery"
WICKED = '</script><script>document.title="owned"</script><img src=x onerror=alert(1)>'
"""What a caller may say, or call itself."""


@dataclass
class Site:
    """Where it is, and what is in it."""

    url: str
    facts: FactsStore
    control: ControlStore
    clock: ManualClock
    spool: Path
    org_id: str = ""
    """Of whoever signs in with `EMAIL`."""
    call_id: str = ""
    """The dentist's call of `tests/web/sample.py`, with sound."""
    live_id: str = ""
    wicked_id: str = ""
    key_id: str = ""
    """Of a key with limits, whose one call has used a model without a price."""
    loop: asyncio.AbstractEventLoop | None = None
    desk: StillDesk = field(default_factory=StillDesk)
    """Knows how all processes are."""
    stage: Stage = field(default_factory=lambda: Stage(Board()))
    """What runs. Tests have their own calls on it, and take them off again."""

    def insert(self, *rows: Row) -> None:
        """Store rows, from the thread of a test."""
        self._asked(self.facts.insert(rows))

    def sign_in_link(self, email: str = EMAIL) -> str:
        """Return the path of a link that signs somebody in, once."""
        return f"/sign-in/{self._asked(self.control.issue_sign_in_link(email))}"

    def session(self, email: str) -> str:
        """Return the token of a session that has begun, which takes a browser two pages."""

        async def begun() -> str:
            link = await self.control.issue_sign_in_link(email)
            session = await self.control.consume_sign_in_link(link)
            assert session is not None
            return session.token

        return self._asked(begun())

    def _asked(self, question: Coroutine[Any, Any, T]) -> T:
        assert self.loop is not None
        return asyncio.run_coroutine_threadsafe(question, self.loop).result(PATIENCE_S)


@contextmanager
def running_site(facts: FactsStore, directory: Path) -> Generator[Site]:
    """Yield a dashboard that serves on loopback until the end."""
    ready = threading.Event()
    held: list[tuple[Site, uvicorn.Server]] = []

    async def serve() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            site, server = await _open(facts, directory, listening)
            held.append((site, server))
            ready.set()
            async with site.stage.showing():
                await server.serve(sockets=[listening])
            await site.control.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="site")
    thread.start()
    try:
        if not ready.wait(PATIENCE_S) or not held:
            raise TimeoutError("the dashboard did not start")
        yield held[0][0]
    finally:
        for _, server in held:
            server.should_exit = True
        thread.join(PATIENCE_S)


async def _open(
    facts: FactsStore, directory: Path, listening: socket.socket
) -> tuple[Site, uvicorn.Server]:
    clock = ManualClock(sample.OPENED_AT_US + 200_000_000)
    control = await open_control(directory, clock)
    store = Blobs.open("", directory / "blobs")
    spool = directory / "spool"
    spool.mkdir()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    site = Site(url, facts, control, clock, spool, loop=asyncio.get_running_loop())
    new = await control.sign_up(EMAIL, PASSWORD, "North Clinic")
    site.org_id = new.signed_in.org.id
    await control.ensure_operator()
    await _fill(site, store)
    archives, recordings = Archives(store, spool), Recordings(store, directory / "cache")
    erasure = Erasure(Tombstones(directory / ERASED), facts, store, archives, recordings)
    app = create_app(
        Dependencies(
            settings=Settings(data=directory, public_url=url, simulator=True),
            control=control,
            facts=facts.judged_by(control.thresholds),
            archives=archives,
            recordings=recordings,
            erasure=erasure,
            marks=Marks(store, facts, erasure),
            desk=site.desk,
            traffic=Traffic(),
            board=site.stage.board,
            wall_ns=clock.wall_ns,
        )
    )
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
    return site, uvicorn.Server(config)


async def _fill(site: Site, store: Blobs) -> None:
    facts = sample.FACTS
    parts = [
        *facts.turns,
        *facts.responses,
        *facts.items,
        *facts.tool_calls,
        *facts.errors,
        *facts.usage,
        *sample.EVENTS,
    ]
    site.call_id = fresh_call(sample.OPENED_AT_US)
    call = _moved(facts.call, site.org_id, site.call_id)
    moved = [_moved(row, site.org_id, site.call_id) for row in parts]
    await site.facts.insert(whole([*moved, call]))
    await _seal_sound(store, site, call)
    site.live_id = fresh_call(sample.OPENED_AT_US + 150_000_000)
    await site.facts.insert(live_call(site))
    site.wicked_id = fresh_call(sample.OPENED_AT_US - 10_000_000)
    await site.facts.insert(_wicked(site))
    await _add_key(site)
    for name in golden.names():
        await _insert_golden(site, store, name)


async def _add_key(site: Site) -> None:
    limits = KeyLimits(max_calls=3, max_usd_per_month=Decimal("12.50"))
    site.key_id = (await site.control.create_key(site.org_id, "Front desk", limits=limits)).key.id
    call = a_call(site.org_id, sample.OPENED_AT_US - 20_000_000, key_id=site.key_id)
    await site.facts.insert([msgspec.structs.replace(call, cost_usd=None, unpriced=("brand-new",))])


def live_call(site: Site, version: int = 50, **changes: Any) -> list[Row]:
    """Return the rows of a call that still runs, one line into the conversation."""
    call = msgspec.structs.replace(
        _moved(sample.CALL_ROW, site.org_id, site.live_id),
        version=version,
        opened_at_us=sample.OPENED_AT_US + 150_000_000,
        **{
            "status": "live",
            "end_reason": "",
            "ended_at_us": None,
            "duration_us": None,
            "has_audio": False,
            "user_id": "user_live",
            "session_id": "",
            **changes,
        },
    )
    line = _moved(sample.ITEMS[0], site.org_id, site.live_id)
    return [msgspec.structs.replace(line, version=version), call]


def _wicked(site: Site) -> list[Row]:
    call = msgspec.structs.replace(
        _moved(sample.CALL_ROW, site.org_id, site.wicked_id),
        opened_at_us=sample.OPENED_AT_US - 10_000_000,
        user_id=WICKED,
        session_id=WICKED,
        session_name=WICKED,
        session_path=f"/{WICKED}",
        model_used=WICKED,
        properties={WICKED: WICKED},
        user_agent=WICKED,
        key_name=WICKED,
        has_audio=False,
        caller_audio_us=0,
        assistant_audio_us=0,
        heard_audio_us=0,
    )
    item = _moved(sample.ITEMS[0], site.org_id, site.wicked_id)
    tool = _moved(sample.TOOLS[0], site.org_id, site.wicked_id)
    error = _moved(sample.ERRORS[0], site.org_id, site.wicked_id)
    event = msgspec.structs.replace(an_event(call, 1), type=WICKED)
    return [
        msgspec.structs.replace(item, text=WICKED),
        msgspec.structs.replace(tool, name=WICKED, arguments=WICKED, output=WICKED),
        msgspec.structs.replace(error, message=WICKED, code=WICKED, param=WICKED),
        event,
        call,
    ]


def _moved(row: Any, org_id: str, call_id: str) -> Any:
    return msgspec.structs.replace(row, org_id=org_id, call_id=call_id)


async def _seal_sound(store: Blobs, site: Site, call: CallRow) -> None:
    """Give the dentist's call a recording: a tone wherever somebody speaks."""
    duration_us = call.duration_us or 0
    sound = np.zeros((duration_us * codec.RATE_HZ // 1_000_000, 2), dtype=np.int16)
    meter = PeakMeter(duration_us)
    for item in sample.ITEMS:
        if item.starts_us is None or item.ends_us is None or item.generated_ends_us is None:
            continue
        caller = item.role == "caller"
        start, end, made = (
            us * codec.RATE_HZ // 1_000_000
            for us in (item.starts_us, item.ends_us, item.generated_ends_us)
        )
        voice = _tone(made - start, 180 if caller else 260)
        sound[start:end, 0 if caller else 1] = voice[: end - start]
        meter.add("caller" if caller else "assistant", start, voice[: end - start])
        meter.add("assistant_unheard", end, voice[end - start :])
    path = site.spool / "sound.opus"
    codec.encode((sound[at : at + 4800] for at in range(0, len(sound), 4800)), 2, path)
    await store.put(blobs.key(call.org_id, call.call_id, "audio.opus"), path)
    peaks = msgspec.json.encode(meter.result())
    await store.put(blobs.key(call.org_id, call.call_id, "peaks.json"), peaks)


def _tone(count: int, hz: int) -> Any:
    at = np.arange(count) / codec.RATE_HZ
    envelope = np.abs(np.sin(at * 2.1) * np.sin(at * 7.3 + 1)) * 0.9 + 0.05
    return (np.sin(2 * np.pi * hz * at) * envelope * 12_000).astype(np.int16)


async def _insert_golden(site: Site, store: Blobs, name: str) -> None:
    """Store one golden conversation as the recorder would have, in our organisation."""
    records, state = golden.records(name), State.new()
    rows: list[Row] = []
    call_id = call_id_of(golden.ulid_of(name))
    for record in records:
        state, new = fold(state, record)
        rows += new
    rows += finish(state)[1]
    await site.facts.insert(_moved(row, site.org_id, call_id) for row in golden.latest(rows))
    packed = site.spool / f"{name}.packed"
    with packed.open("wb") as out:
        archive.pack(out, call_id, encoded(records))
    await store.put(blobs.key(site.org_id, call_id, "archive"), packed)


def encoded(records: Iterable[Record]) -> list[tuple[int, bytes]]:
    """Return records as the spool and the archive have them."""
    return [(record.seq, encode(record)) for record in records]
