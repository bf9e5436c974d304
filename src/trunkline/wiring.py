"""The only module that names every concrete class: what each process is made of."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import secrets
import shutil
import socket
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import structlog
import uvloop

from trunkline import footprint, logs
from trunkline.clock import monotonic_ns, wall_ns
from trunkline.errors import OperatorError
from trunkline.ids import RANDOM_BYTES, ulid_bytes
from trunkline.layout import DataLock, Layout
from trunkline.orders import Given, Orders
from trunkline.priority import give_way, go_first
from trunkline.sealing import Vault
from trunkline.settings import Settings
from trunkline.sockets import bind_public, unix_socket
from trunkline.tls import provider_context, public_context

if TYPE_CHECKING:
    from trunkline.journal._batch import Batch
    from trunkline.journal.writer import JournalWriter
    from trunkline.live.board import Board
    from trunkline.protocol.prices import PriceTable
    from trunkline.recorder.audit import Audit
    from trunkline.recorder.compress import Compressor
    from trunkline.recorder.pricing import Pricing
    from trunkline.recorder.run import Recorder
    from trunkline.relay.lanes import Lanes
    from trunkline.relay.selector import PumpSelector
    from trunkline.store.control.store import ControlStore
    from trunkline.stores import Kept, Stores
    from trunkline.vitals import figures
    from trunkline.vitals.server import StoreWatch
    from trunkline.web.traffic import Traffic

# Each process imports only what it is made of, inside its function: a gateway
# must stay small, and the facts engine must never be loaded in it.

log = structlog.get_logger("trunkline.wiring")

T = TypeVar("T")
_Work = Coroutine[Any, Any, None]

MAX_FILES = 1024 * 1024
SERVER_NICE = 5
"""Whatever has waited for speech, recording can wait for it: on a busy machine the kernel gives
a gateway three times as much, and at once."""
ANOTHER_ENDS_NS = 60 * 10**9
"""For a server whose supervisor is gone to end."""


def run(
    main: Coroutine[Any, Any, T],
    loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop,
) -> T:
    """Run one process's work to its end."""
    # Whatever is written is for its owner: a data directory that others made may be open.
    os.umask(0o077)
    _raise_limits()
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(main)


def _raise_limits() -> None:
    """Allow this process, and those it starts, as many open files as the system lets it.

    Each call is two sockets, and many a shell allows 1024 files.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


# --- processes -----------------------------------------------------------------------


def gateway(
    settings: Settings,
    name: str,
    server_socket: Path | None,
    given: Given,
) -> None:
    """Be one gateway process until told to stop; then drain."""
    logs.configure(settings, name)
    selector = _selector(settings)
    work = _gateway(settings, name, server_socket, given, selector)
    if selector is None:
        run(work)
    else:
        run(work, lambda: asyncio.SelectorEventLoop(selector))


async def _gateway(
    settings: Settings,
    name: str,
    server_socket: Path | None,
    given: Given,
    selector: PumpSelector | None,
) -> None:
    from trunkline.journal.writer import JournalWriter
    from trunkline.relay.gateway import Gateway
    from trunkline.relay.loads import Loads
    from trunkline.relay.vitals import GatewayVitals
    from trunkline.vitals.desk import Desk
    from trunkline.vitals.machine import Gauge
    from trunkline.vitals.publisher import published

    orders = Orders(supervised=given.supervised)
    layout = Layout(settings.data)
    layout.create()
    public = given.listening() or bind_public(settings.host, settings.port)
    instance = ulid_bytes(wall_ns(), secrets.token_bytes(RANDOM_BYTES))
    journal = JournalWriter(layout.journal / name, instance, settings)
    # Not before: whoever starts computes for a while, and others have calls meanwhile.
    if settings.urgent and (refusal := go_first()):
        log.info("frames have no precedence over other processes", why=refusal.strerror)
    journal.start()
    relay = Gateway(
        settings,
        journal,
        snapshot_path=layout.snapshot,
        server_socket=server_socket,
        instance=instance,
        tls=public_context(settings),
        lanes=_lanes(journal, selector),
        vault=Vault(layout.master_key, settings.master_key),
    )
    gauge = Gauge(settings.data)
    vitals = GatewayVitals(relay, journal.tell, gauge)
    relay.have_told_by(Desk(layout.run, name, vitals, settings.metrics_token))
    loads = None if given.loads_fd is None else Loads(given.loads_fd, given.place)
    async with published(layout.run, name, gauge, vitals):
        relay.start(public, loads)
        footprint.settle()
        orders.ready()
        await orders.told()
        if not orders.stop.is_set():
            relay.retire()
            await orders.unless_stopped(relay.retired(), settings.retire_timeout_ms / 1000)
        if orders.alone:
            # Nobody accepts with us, and whoever starts everything anew needs the port.
            relay.retire()
        await relay.stop(settings.drain_timeout_ms / 1000 if orders.stop.is_set() else 0)
        await journal.close()


def _selector(settings: Settings) -> PumpSelector | None:
    """Return what waits for the gateway's sockets in compiled code; None where it was not built."""
    if not settings.compiled:
        return None
    try:
        from trunkline.relay.selector import PumpSelector
    except ImportError as exc:
        log.warning("frames cost twice the CPU: nothing was compiled", why=str(exc))
        return None
    return PumpSelector()


def _lanes(journal: JournalWriter, selector: PumpSelector | None) -> Lanes | None:
    """Return the short way of frames into `journal`, if the loop waits with `selector`."""
    if selector is None:
        return None
    from trunkline.relay.lanes import Lanes

    # Built together: where the one is, the other is not in Python.
    return Lanes(cast("Batch", journal.batch), selector.pump)


async def server(settings: Settings, path: Path | None, given: Given) -> None:
    """Be the recorder and the web until told to stop."""
    footprint.begin()
    logs.configure(settings, "server")
    give_way(SERVER_NICE)
    # numpy's products are small here: threads that wait for each other cost more than they do.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    layout = Layout(settings.data)
    layout.create()
    # `trunkline up` has the lock for its processes.
    lock = None if given.supervised else DataLock(layout.lock)
    listening = given.listening() or unix_socket(path or layout.run / "server.sock")
    async with _only_one(layout):
        # Not before: who waits for another server may be killed.
        orders = Orders(supervised=given.supervised)
        await _serve(settings, layout, listening, orders)
    if lock is not None:
        lock.release()
    if orders.status:
        raise SystemExit(orders.status)


async def _serve(
    settings: Settings, layout: Layout, listening: socket.socket, orders: Orders
) -> None:
    from trunkline.live.board import Board
    from trunkline.stores import opened
    from trunkline.vitals.desk import Desk
    from trunkline.vitals.machine import Gauge
    from trunkline.vitals.publisher import published
    from trunkline.vitals.server import ServerVitals, StoreWatch
    from trunkline.web.app import create_app
    from trunkline.web.serving import web_server
    from trunkline.web.traffic import Traffic

    async with opened(settings, control_url(settings)) as stores:
        kept, board = stores.kept(), Board()
        table = prices(settings)
        recording = await _recording(settings, stores, kept, board, table)
        traffic, gauge = Traffic(), Gauge(settings.data)
        watch = StoreWatch(stores.facts, stores.control)
        web_tell = partial(_tell_of_web, traffic, board)
        recorder, audit = recording.recorder, recording.audit
        vitals = ServerVitals(recorder.tell, audit.tell, web_tell, watch, gauge)
        desk = Desk(layout.run, "server", vitals, settings.metrics_token)
        given = stores.dependencies(settings, table, desk, traffic, kept, board)
        web = web_server(create_app(given))
        beside = (*recording.beside(), *_upkeep(settings, stores, kept, watch))
        watching = [orders.to_the_end(work) for work in beside]
        working = [
            orders.to_the_end(recorder.run()),
            orders.to_the_end(web.serve(sockets=[listening])),
        ]
        async with published(layout.run, "server", gauge, vitals):
            footprint.settle()
            orders.ready()
            await orders.stop.wait()
            for task in watching:
                task.cancel()
            web.should_exit = True
            board.close()
            await recorder.stop()
            await asyncio.gather(*working, *watching, return_exceptions=True)


@dataclass(frozen=True)
class _Recording:
    """What records, prices, compares and compresses."""

    recorder: Recorder
    pricing: Pricing
    audit: Audit
    compressor: Compressor

    def beside(self) -> tuple[_Work, ...]:
        """Return what runs beside the recorder until it is cancelled."""
        return self.pricing.run(self.recorder.use_prices), self.audit.run(), self.compressor.run()


async def _recording(
    settings: Settings, stores: Stores, kept: Kept, board: Board, table: PriceTable
) -> _Recording:
    from trunkline.recorder.audit import Audit
    from trunkline.recorder.compress import Compressor
    from trunkline.recorder.pricing import Pricing
    from trunkline.recorder.run import Recorder
    from trunkline.recorder.workers import Processes, process_count

    pricing = Pricing(table, stores.control.prices)
    known = await pricing.look() or table
    recorder = Recorder(
        settings.data,
        stores.facts,
        stores.blobs,
        known,
        erased=kept.erased,
        min_free_bytes=settings.min_free_bytes,
        sealing=Processes(process_count(settings.sealing_processes), "soon"),
        board=board,
    )
    audit = Audit(stores.blobs, stores.facts, recorder.newly_sealed, settings.retention_days)
    scratch, idle = stores.layout.scratch, Processes(1, "idle")
    compressor = Compressor(stores.blobs, scratch, recorder.lossless, kept.erased, idle)
    return _Recording(recorder, pricing, audit, compressor)


def _upkeep(settings: Settings, stores: Stores, kept: Kept, watch: StoreWatch) -> tuple[_Work, ...]:
    """Return what keeps the stores in order until it is cancelled."""
    from trunkline.store.retention import Retention
    from trunkline.store.spending import Spending

    retention = Retention(stores.blobs, kept.recordings, settings.retention_days)
    return (
        stores.control.watch_and_publish(stores.layout.snapshot),
        watch.run(),
        Spending(stores.control, stores.facts, wall_ns).run(),
        kept.erasure.run(),
        retention.run(wall_ns),
    )


def _tell_of_web(traffic: Traffic, board: Board) -> figures.Web:
    """Return what this process publishes of its web."""
    import msgspec

    return msgspec.structs.replace(
        traffic.tell(), watchers=board.watchers, listeners=board.listeners.count
    )


@contextlib.asynccontextmanager
async def _only_one(layout: Layout) -> AsyncGenerator[None]:
    """Be the only recorder of the directory, and the only owner of the embedded facts engine.

    A server that outlived its supervisor ends by itself, when it has stored what it read.
    """
    deadline_ns = monotonic_ns() + ANOTHER_ENDS_NS
    while True:
        try:
            lock = DataLock(layout.server_lock)
            break
        except OperatorError:
            if monotonic_ns() > deadline_ns:
                raise
        await asyncio.sleep(0.1)
    try:
        yield
    finally:
        lock.release()


def check(settings: Settings) -> None:
    """Look at every file that `settings` name. Raises `OperatorError` for one of no use."""
    public_context(settings)
    provider_context(settings)
    prices(settings)


def prices(settings: Settings) -> PriceTable:
    """Return the prices that ship with us, with the operator's laid over them."""
    from trunkline.protocol.prices import shipped

    if settings.prices is None:
        return shipped()
    try:
        return shipped().overlaid(json.loads(settings.prices.read_bytes()))
    except (OSError, ValueError) as exc:
        raise OperatorError(f"cannot read the prices in {settings.prices}: {exc}") from exc


async def simulator(settings: Settings, host: str, port: int, given: Given) -> None:
    """Be a provider until told to stop."""
    from trunkline.simulator.app import Simulator
    from trunkline.simulator.config import SimulatorConfig, switched

    logs.configure(settings, "simulator")
    orders = Orders(supervised=given.supervised)
    known = [resources.files("trunkline") / "assets" / "trial", settings.simulator_speech]
    config = switched(
        SimulatorConfig(known_speech=tuple(str(path) for path in known if path)),
        settings.simulator_switches,
    )
    provider = Simulator(config)
    port = await provider.start(host, port, sock=given.listening())
    if not given.supervised:
        sys.stdout.write(f"ws://{host}:{port}/v1/realtime\n")
        sys.stdout.flush()
    orders.ready()
    await orders.stop.wait()
    await provider.stop()


# --- trunkline keys, providers, webhooks, reindex ------------------------------------


def asked(settings: Settings, question: Callable[[ControlStore, str], Awaitable[T]]) -> T:
    """Return what `question` makes of the accounts and the id of the operator's organisation.

    Raises:
        OperatorError: what it does with them was refused.
    """
    return run(_asked(settings, question))


async def _asked(settings: Settings, question: Callable[[ControlStore, str], Awaitable[T]]) -> T:
    from trunkline.store.control.accounts import AccountError
    from trunkline.store.control.store import ControlStore

    layout = Layout(settings.data)
    layout.create()
    vault = Vault(layout.master_key, settings.master_key)
    async with ControlStore.opened(
        control_url(settings), publish_to=layout.snapshot, vault=vault
    ) as control:
        try:
            return await question(control, (await control.ensure_operator()).id)
        except AccountError as exc:
            raise OperatorError(str(exc)) from exc


async def reindex(settings: Settings) -> str:
    """Rebuild the facts from archives and journals; return a sentence that says of how many."""
    from trunkline.recorder.reindex import reindex as rebuild
    from trunkline.store.facts.manifest import Manifest
    from trunkline.store.facts.store import MANIFEST
    from trunkline.stores import opened

    logs.configure(settings, "reindex")
    layout = Layout(settings.data)
    layout.create()
    lock = DataLock(layout.lock)
    async with _only_one(layout):
        if not settings.facts_url:
            # From here on until the end, the facts are incomplete, also if we are killed.
            Manifest(layout.recorder / MANIFEST).begin_rebuild()
            # Whatever is damaged there, parts or the engine's own files, is not worth keeping.
            shutil.rmtree(layout.facts, ignore_errors=True)
        async with opened(settings, control_url(settings)) as stores:
            own = await stores.control.prices.by_organisation()
            table = prices(settings).with_own(own)
            done = await rebuild(stores.facts, stores.blobs, settings.data, table)
    lock.release()
    unreadable = f"; unreadable: {', '.join(done.unreadable)}" if done.unreadable else ""
    return f"{done.calls} calls, {done.rows} rows{unreadable}"


def control_url(settings: Settings) -> str:
    """Return where the accounts are: the configured database, or SQLite under `data`."""
    from trunkline.store.control.database import sqlite_url

    return settings.control_url or sqlite_url(Layout(settings.data).control)
