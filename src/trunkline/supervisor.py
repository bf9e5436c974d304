"""`trunkline up`: everything on one machine, behind one public port.

Starts the simulator when wanted, the server and the gateways as processes of their own
(`child`), and restarts what dies. SIGTERM or Ctrl-C: the gateways drain first, so that
the server is there to record what they wrote; a second one ends everything at once.

SIGHUP: a reload. Settings are read again, and gateways that have them are started. When
all of them are there, and the server is with the new settings too, those before them
retire: they accept nobody any more, and end when their calls have. The public socket is
bound here and shared by descriptor, so no connection is refused meanwhile. Whatever goes
wrong before that point leaves everything as it was.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Iterable
from itertools import count
from typing import Any, Protocol

import structlog

from trunkline import __version__, systemd
from trunkline.child import Child, Duty
from trunkline.clock import wall_ns
from trunkline.errors import OperatorError
from trunkline.settings import Settings
from trunkline.vitals import figures
from trunkline.vitals.machine import Gauge

STOP_GRACE_S = 15.0
"""Beyond the drain limit; then a process that still runs is killed."""
SERVER_GRACE_S = 30.0
"""For the server to store what it has read."""
START_LIMIT_S = 60.0
"""For a process to be ready, in a reload."""

log = structlog.get_logger("trunkline.supervisor")


class Plan(Protocol):
    """What processes there are to be: `up.Installation`, or a test's."""

    def simulator(self, settings: Settings) -> Duty | None:
        """Return what a simulator is started with; None: there is none."""
        ...

    def server(self, settings: Settings) -> Duty:
        """Return what a server is started with."""
        ...

    def gateway(self, settings: Settings, number: int) -> Duty:
        """Return what a gateway is started with. Those of one time differ by number."""
        ...

    def is_free(self, number: int) -> bool:
        """Return whether no gateway of an earlier supervisor has this number."""
        ...

    def gone(self, number: int) -> None:
        """Take note that the gateway of this number will not come back."""
        ...

    def fresh(self) -> Settings:
        """Return the settings as they are now. Raises `OperatorError`: they cannot be used."""
        ...


class Supervisor:
    """Keeps everything running until told to stop."""

    def __init__(self, plan: Plan, settings: Settings, gauge: Gauge) -> None:
        """Starts everything. Needs the running loop."""
        self._plan = plan
        self._settings = settings
        self._gauge = gauge
        self._started_wall_ns = wall_ns()
        self._restarts = 0
        """Of gateways that are gone by now, and of servers before the one there is."""
        self._reloads = 0
        self._refused = ""
        """Why the last reload was."""
        self._watching: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()
        self._listen_to_signals()
        simulator = plan.simulator(settings)
        self._simulator = Child(simulator) if simulator else None
        self._server = Child(plan.server(settings))
        self._retiring: dict[int, Child] = {}
        """Until their last call is over."""
        self._gateways: dict[int, Child] = {}
        self._gateways = self._new_gateways(settings)

    async def run(self) -> None:
        """Keep everything running; return when everything has ended."""
        await self._until_told(self._all_began())
        systemd.ready()
        while not self._stop.is_set():
            await self._until_told(self._reload.wait())
            if self._reload.is_set() and not self._stop.is_set():
                self._reload.clear()
                await self._until_told(self._reloaded())
        systemd.stopping()
        await self._end()

    async def _until_told(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do `work`, but no longer than until we are told to stop."""
        doing, told = asyncio.create_task(work), asyncio.create_task(self._stop.wait())
        await asyncio.wait([doing, told], return_when=asyncio.FIRST_COMPLETED)
        for task in (doing, told):
            task.cancel()
        await asyncio.wait([doing, told])
        if not doing.cancelled():
            doing.result()

    async def _all_began(self) -> None:
        for child in self._children():
            await asyncio.shield(child.began)

    # --- signals

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop)
        on_terminal = _has_terminal()
        loop.add_signal_handler(signal.SIGHUP, self._hung_up, on_terminal)

    def _told_to_stop(self) -> None:
        if self._stop.is_set():
            for child in self._children():
                child.kill()
        self._stop.set()

    def _hung_up(self, had_terminal: bool) -> None:
        if had_terminal and not _has_terminal():
            # The window that we were started in was closed: that is no wish to reload.
            self._told_to_stop()
        else:
            self._reload.set()

    # --- a reload

    async def _reloaded(self) -> None:
        systemd.reloading()
        try:
            await self._renew(self._plan.fresh())
        except OperatorError as exc:
            log.error("reload refused, everything is as it was", error=str(exc))
            self._refused = str(exc)
        else:
            log.info("reloaded", gateways=len(self._gateways), retiring=len(self._retiring))
            self._refused = ""
        finally:
            self._reloads += 1
            systemd.ready()

    async def _renew(self, settings: Settings) -> None:
        """Replace server and gateways. Raises `OperatorError` with the old ones in service."""
        fresh = self._new_gateways(settings)
        try:
            for child in fresh.values():
                await _begun(child)
            await self._renew_server(settings)
        except BaseException:
            # Some may have calls already; those that have none end at once.
            self._let_retire(fresh)
            raise
        old, self._gateways, self._settings = self._gateways, fresh, settings
        self._let_retire(old)

    async def _renew_server(self, settings: Settings) -> None:
        """Replace the server. There cannot be two: requests wait in its socket meanwhile."""
        await self._replace_server(settings)
        try:
            await _begun(self._server)
        except OperatorError:
            await self._replace_server(self._settings)
            raise

    async def _replace_server(self, settings: Settings) -> None:
        await self._server.stop(SERVER_GRACE_S)
        self._restarts += self._server.restarts
        self._server = Child(self._plan.server(settings))

    def _new_gateways(self, settings: Settings) -> dict[int, Child]:
        taken = self._gateways.keys() | self._retiring.keys()
        free = (number for number in count() if number not in taken and self._plan.is_free(number))
        numbers = [next(free) for _ in range(settings.workers)]
        return {number: Child(self._plan.gateway(settings, number)) for number in numbers}

    def _let_retire(self, gateways: dict[int, Child]) -> None:
        self._retiring |= gateways
        for number, child in gateways.items():
            child.retire()
            watching = asyncio.create_task(self._watch(number, child))
            self._watching.add(watching)
            watching.add_done_callback(self._watching.discard)

    async def _watch(self, number: int, child: Child) -> None:
        limit_s = child.duty.settings.retire_timeout_ms / 1000 + STOP_GRACE_S
        try:
            await asyncio.wait_for(child.ended(), limit_s)
        except TimeoutError:
            await child.stop(STOP_GRACE_S)
        del self._retiring[number]
        self._restarts += child.restarts
        self._plan.gone(number)

    # --- what it tells

    def second(self, now_ns: int) -> None:
        """A second is over: nothing here is kept by the minute."""

    def tell(self, now_ns: int) -> figures.Supervisor:
        """Return how the processes are now."""
        children = self._children()
        return figures.Supervisor(
            pid=os.getpid(),
            at_ns=now_ns,
            started_wall_ns=self._started_wall_ns,
            version=__version__,
            machine=self._gauge.machine,
            restarts=self._restarts + sum(child.restarts for child in children),
            failing=tuple(child.duty.name for child in children if child.exit_code is not None),
            retiring=len(self._retiring),
            reloads=self._reloads,
            reload_refused=self._refused,
        )

    # --- the end

    async def _end(self) -> None:
        """Stop those in front before those behind them."""
        drain_s = self._settings.drain_timeout_ms / 1000 + STOP_GRACE_S
        await _stop([*self._gateways.values(), *self._retiring.values()], drain_s)
        await asyncio.gather(*self._watching)
        await _stop([self._server], SERVER_GRACE_S)
        await _stop([self._simulator] if self._simulator else [], STOP_GRACE_S)

    def _children(self) -> list[Child]:
        simulators = [self._simulator] if self._simulator else []
        return [*simulators, self._server, *self._gateways.values(), *self._retiring.values()]


async def _stop(children: Iterable[Child], grace_s: float) -> None:
    await asyncio.gather(*(child.stop(grace_s) for child in children))


async def _begun(child: Child) -> None:
    """Wait until a process is ready. Raises `OperatorError` when it is not."""
    try:
        began = await asyncio.wait_for(asyncio.shield(child.began), START_LIMIT_S)
    except TimeoutError:
        began = False
    if not began:
        raise OperatorError(f"{child.duty.name} did not start with the new settings: see its log")


def _has_terminal() -> bool:
    try:
        return os.isatty(sys.stdin.fileno())
    except (OSError, ValueError):
        return False
