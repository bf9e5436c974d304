"""I/O. One gateway process: its public port, its live calls, and how they end with it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from picows import WSProtocolError

from trunkline.clock import monotonic_ns, until_next_s
from trunkline.ids import ulid_text
from trunkline.journal.record import Leg
from trunkline.relay.attempt import Attempts
from trunkline.relay.capacity import Capacity, this_machine
from trunkline.relay.deliveries import Deliveries
from trunkline.relay.direct import Direct
from trunkline.relay.door import Door
from trunkline.relay.errands import Errands
from trunkline.relay.front import CROWDED, Front, Port
from trunkline.relay.incoming import Incoming
from trunkline.relay.keys import Keys
from trunkline.relay.ledger import Journal
from trunkline.relay.loads import Loads
from trunkline.relay.meter import Meter
from trunkline.relay.premises import Premises
from trunkline.relay.ringing import Ringers
from trunkline.relay.room import Room
from trunkline.relay.running import Running
from trunkline.relay.seats import Seats
from trunkline.relay.trim import Trim
from trunkline.relay.uses import Uses
from trunkline.relay.waiting import Waiting
from trunkline.sealing import Vault
from trunkline.settings import Settings
from trunkline.tls import provider_context
from trunkline.vitals.desk import Desk
from trunkline.vitals.window import Peak

if TYPE_CHECKING:
    from trunkline.relay.lanes import Lanes

log = structlog.get_logger("trunkline.relay")

HEARTBEAT_S = 0.2
"""How often the keys' file is looked at, and each call told that time has passed."""
TALLIES = "tallies"
"""Directory of what gateways know together of the calls of keys with limits."""
USES = "uses"
"""Directory of what they know together of how often tokens were used."""
RINGING = "ringing"
"""Directory of the calls that ring, which any of them may be asked to accept."""
DELIVERIES = "deliveries"
"""Directory of the webhooks that any of them has seen."""
LAST_CLOSES_S = 3.0
"""For close handshakes after the drain limit; then the connections are dropped."""


class Gateway:
    """Serves the public port from `start` until `stop`."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        *,
        snapshot_path: Path,
        server_socket: Path | None,
        instance: bytes,
        tls: ssl.SSLContext | None = None,
        lanes: Lanes | None = None,
        vault: Vault | None = None,
    ) -> None:
        """`server_socket`: where everything that is not a call goes; None: nowhere, 502.

        `lanes` write to the buffer of `journal`; without them every frame goes the long way.
        `vault` opens stored credentials of providers.
        """
        self._settings = settings
        self._tls = tls
        self._lanes = lanes
        self._keys = Keys(snapshot_path, vault)
        self._running = Running(self._keys)
        room = Room.of(settings, this_machine())
        self.waiting = Waiting(room.handshakes)
        self.capacity = Capacity(room, self.waiting)
        self._trim = Trim()
        self._meter = Meter()
        self.refused = Counter[str]()
        """Answers in place of a call or a page, by code, since the start."""
        self.buffered = tuple(Peak() for _ in Leg)
        """Most bytes that waited for one leg of one call, by `Leg`, seen at each heartbeat."""
        # Beside the keys: gateways that have these in common have the counts in common too.
        in_common = snapshot_path.parent
        self._premises = Premises(
            settings=settings,
            journal=journal,
            keys=self._keys,
            seats=Seats(self.capacity, in_common / TALLIES),
            uses=Uses(in_common / USES),
            instance=ulid_text(instance),
            tls=provider_context(settings),
            begun=self._running.begin,
            ended=Counter[str](),
        )
        self._attempts = Attempts(self._premises, self._meter, lanes)
        self._incoming = Incoming(
            self._premises, Ringers(in_common / RINGING), Deliveries(in_common / DELIVERIES)
        )
        seal = None if vault is None else vault.seal
        direct = Direct(self._premises, self._incoming)
        self._errands = Errands(self._premises, seal, direct, self._incoming)
        self._port = self._made_port(server_socket)
        self.retiring = False
        self._door: Door | None = None
        self._heart: asyncio.Task[None] | None = None

    def _made_port(self, server_socket: Path | None) -> Port:
        return Port(
            settings=self._settings,
            server_socket=server_socket,
            attempt=self._attempts.answer,
            errand=self._errands.answer,
            waiting=self.waiting,
            refused=self.refused,
            secure=self._tls is not None,
        )

    @property
    def meter(self) -> Meter:
        """What was relayed up to now."""
        if self._lanes is not None:
            self._lanes.drain(self._meter)
        return self._meter

    @property
    def live_calls(self) -> int:
        """Calls that run now."""
        return len(self._running)

    def have_told_by(self, desk: Desk) -> None:
        """Have `desk` answer how this process is, and not the server."""
        self._port = replace(self._port, desk=desk)

    @property
    def attempts(self) -> int:
        """To open a call, since the start, whatever became of them."""
        return self._attempts.attempts

    @property
    def ended(self) -> Counter[str]:
        """Attempts that are over, by end reason."""
        return self._premises.ended

    @property
    def refusing(self) -> str:
        """Why every new call is refused now, a code of `vitals.ready.REFUSING`; else empty."""
        if self._attempts.draining:
            return "draining"
        if not self._keys.ever_read:
            return "no_keys"
        full = self.capacity.refusal()
        return full.code if full else ""

    @property
    def uncounted_at_ns(self) -> int:
        """When a call of a key with limits was last let through uncounted; 0: never."""
        return self._premises.seats.uncounted_at_ns

    @property
    def keys_unreadable(self) -> bool:
        """Whether the keys' file is there and tells nothing: the last good one is in force."""
        return self._keys.unreadable

    def start(self, public: socket.socket, loads: Loads | None = None) -> None:
        """Accept connections on `public`, which the gateway closes in the end.

        `loads`: of all gateways that accept on it, if there are others.
        """
        self._keys.refresh()
        self._trim.start()
        self._heart = asyncio.create_task(self._beat())
        asyncio.get_running_loop().set_exception_handler(_tell_of_failure)
        self._door = Door(
            public,
            self._front,
            tls=self._tls,
            tls_timeout_s=self._settings.head_timeout_ms / 1000,
            loads=loads,
            waiting=self.waiting,
            crowded=self._crowded,
        )
        self._door.open()

    def retire(self) -> None:
        """Accept nobody any more: another gateway does. Calls and attempts go on."""
        self.retiring = True
        if self._door is not None:
            self._door.shut()

    async def retired(self) -> None:
        """Wait until all that was accepted has ended. Only after `retire`."""
        if self._door is not None:
            await self._door.empty()
        await self._all_over()

    async def stop(self, limit_s: float | None = None) -> None:
        """Refuse new calls, let live ones end until `limit_s`, then end them.

        By default the limit is the setting `drain_timeout_ms`.
        """
        self._attempts.draining = True
        self._errands.drain()
        drain_s = self._settings.drain_timeout_ms / 1000
        await self._wait_until_empty(drain_s if limit_s is None else limit_s)
        self._attempts.give_up()
        self._errands.close()
        for call in self._running:
            call.end("drained")
        await self._wait_until_empty(LAST_CLOSES_S)
        for call in self._running:
            call.abort()
        self._errands.abort()
        if self._door is not None:
            await self._door.clear()
        if self._heart is not None:
            self._heart.cancel()
        self._trim.stop()
        self._premises.seats.close()

    def _crowded(self) -> None:
        self.refused[CROWDED.counted_as] += 1

    def _front(self) -> Front:
        return Front(self._port)

    async def _wait_until_empty(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._all_over()
        except TimeoutError:
            log.info("calls still live", calls=len(self._running))

    async def _all_over(self) -> None:
        # In this order: an attempt, or an offer, that goes well is a call.
        await self._attempts.idle.wait()
        await self._errands.idle()
        await self._running.none()
        # And a call that we end may have to be hung up.
        await self._errands.idle()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(until_next_s(HEARTBEAT_S))
            try:
                self._look_after(monotonic_ns())
            except Exception:
                # Without the heartbeat no dead peer would be found: it goes on after any bug.
                log.exception("heartbeat failed")

    def _look_after(self, now_ns: int) -> None:
        self._keys.refresh()
        self.capacity.look()
        if self.capacity.memory.short:
            self._trim.needed(now_ns)
        self._running.end_unwanted(now_ns)
        self._incoming.sweep(now_ns)
        for call in self._running:
            for_caller, for_provider = call.tick(now_ns)
            if for_caller or for_provider:
                self.buffered[Leg.CALLER].note(for_caller)
                self.buffered[Leg.PROVIDER].note(for_provider)


def _tell_of_failure(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what nobody handled. A failed handshake is the caller's doing, and worth one line."""
    if isinstance(context.get("exception"), WSProtocolError):
        # A breach of protocol, which picows also keeps in a future for whoever asks: the
        # call was told of it, and has ended.
        return
    if str(context.get("message", "")).startswith("SSL handshake failed"):
        log.info("a caller failed to speak TLS")
        return
    loop.default_exception_handler(context)
