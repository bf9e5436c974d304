"""I/O. What the server tells of itself: recorder, web, and whether the stores answer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Protocol

import msgspec
import structlog

from trunkline import __version__
from trunkline.clock import wall_ns
from trunkline.errors import TrunklineError
from trunkline.vitals import figures
from trunkline.vitals.machine import Gauge

LOOK_S = 5.0
"""Between looks at the stores."""
ANSWER_S = 40.0
"""A store that takes longer is down. One long question to the facts may take 30."""

log = structlog.get_logger("trunkline.vitals")


class Store(Protocol):
    """What can be asked whether it answers."""

    async def ping(self) -> bool:
        """Return whether it does."""
        ...


class Control(Store, Protocol):
    """The part of the accounts' store that is looked at."""

    @property
    def unpublished(self) -> bool:
        """Whether gateways do not hear of changes."""
        ...


class Facts(Store, Protocol):
    """The part of the facts store that is looked at."""

    @property
    def damage(self) -> str:
        """What is wrong with its rows; empty when nothing is known to be."""
        ...

    @property
    def refused_rows(self) -> int:
        """Rows put aside."""
        ...


class StoreWatch:
    """Looks at the stores now and then, so that nobody who asks has to wait for them."""

    def __init__(self, facts: Facts, control: Control) -> None:
        self._facts = facts
        self._control = control
        self.stores = figures.Stores()
        """As of the last look."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            # A cancelled query would leave its connection's thread behind: it is waited for.
            look = asyncio.ensure_future(self.look())
            try:
                await asyncio.shield(look)
            except asyncio.CancelledError:
                await look
                raise
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Look once."""
        facts, control = await asyncio.gather(_answers(self._facts), _answers(self._control))
        fresh = figures.Stores(
            facts=facts,
            control=control,
            keys_unpublished=self._control.unpublished,
            facts_damaged=bool(self._facts.damage),
            facts_refused_rows=self._facts.refused_rows,
        )
        if msgspec.structs.astuple(fresh) != msgspec.structs.astuple(self.stores):
            log.warning("stores have changed", **msgspec.structs.asdict(fresh))
        self.stores = fresh


async def _answers(store: Store) -> bool:
    try:
        async with asyncio.timeout(ANSWER_S):
            return await store.ping()
    except (TrunklineError, TimeoutError):
        return False


class ServerVitals:
    """Gathers the figures of the server."""

    def __init__(
        self,
        recorder: Callable[[], figures.Recorder],
        audit: Callable[[], figures.Audit],
        web: Callable[[], figures.Web],
        watch: StoreWatch,
        gauge: Gauge,
    ) -> None:
        self._recorder = recorder
        self._audit = audit
        self._web = web
        self._watch = watch
        self._gauge = gauge
        self._started_wall_ns = wall_ns()

    def second(self, now_ns: int) -> None:
        """A second is over: nothing here is kept by the minute."""

    def tell(self, now_ns: int) -> figures.Server:
        """Return how the server is now."""
        return figures.Server(
            pid=os.getpid(),
            at_ns=now_ns,
            started_wall_ns=self._started_wall_ns,
            version=__version__,
            machine=self._gauge.machine,
            recorder=self._recorder(),
            stores=self._watch.stores,
            audit=self._audit(),
            web=self._web(),
        )
