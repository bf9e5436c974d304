"""I/O. One gateway process: its public port, its live calls, and how they end with it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from picows import WSProtocolError

from trunkline.clock import monotonic_ns, wall_ns
from trunkline.journal.record import Leg
from trunkline.relay.allowance import overdue
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
from trunkline.relay.ringing import Ringers
from trunkline.relay.room import Room
from trunkline.relay.seats import Seats
from trunkline.relay.shell import Call
from trunkline.relay.sideband import Sideband
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
        self._keys = Keys(snapshot_path, vault)
        self._applied = self._keys.snapshot
        """What the live calls were last compared with: an attempt may have read a later one."""
        room = Room.of(settings, this_machine())
        self.waiting = Waiting(room.handshakes)
        self.capacity = Capacity(room, self.waiting)
        # Beside the keys: gateways that have these in common have the counts in common too.
        self._seats = Seats(self.capacity, snapshot_path.parent / TALLIES)
        self._trim = Trim()
        self._calls: dict[Call | Sideband, int] = {}
        """Those that run, and since when, ns of the monotonic clock."""
        self._empty = asyncio.Event()
        self._empty.set()
        self._meter = Meter()
        self._lanes = lanes
        self.refused = Counter[str]()
        """Answers in place of a call or a page, by code, since the start."""
        self.buffered = tuple(Peak() for _ in Leg)
        """Most bytes that waited for one leg of one call, by `Leg`, seen at each heartbeat."""
        provider_tls = provider_context(settings)
        uses = Uses(snapshot_path.parent / USES)
        self._attempts = Attempts(
            settings,
            journal,
            self._keys,
            self._seats,
            self._meter,
            lanes,
            instance,
            provider_tls,
            self._begun,
            uses,
        )
        beside_keys = snapshot_path.parent
        self._incoming = Incoming(
            journal,
            self._keys,
            instance,
            provider_tls,
            Ringers(beside_keys / RINGING),
            Deliveries(beside_keys / DELIVERIES),
            self._attempts.ended,
        )
        self._direct = Direct(
            settings,
            journal,
            self._keys,
            self._seats,
            uses,
            instance,
            provider_tls,
            self._begun,
            self._attempts.ended,
            self._incoming,
        )
        seal = None if vault is None else vault.seal
        self._errands = Errands(
            settings, self._keys, provider_tls, seal, self._direct, self._incoming
        )
        self._port = Port(
            settings=settings,
            server_socket=server_socket,
            attempt=self._attempts.answer,
            errand=self._errands.answer,
            waiting=self.waiting,
            refused=self.refused,
            secure=tls is not None,
        )
        self.retiring = False
        self._door: Door | None = None
        self._heart: asyncio.Task[None] | None = None

    @property
    def meter(self) -> Meter:
        """What was relayed up to now."""
        if self._lanes is not None:
            self._lanes.drain(self._meter)
        return self._meter

    @property
    def live_calls(self) -> int:
        """Calls that run now."""
        return len(self._calls)

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
        return self._attempts.ended

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
        return self._seats.uncounted_at_ns

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
        await self._empty.wait()

    async def stop(self, limit_s: float | None = None) -> None:
        """Refuse new calls, let live ones end until `limit_s`, then end them.

        By default the limit is the setting `drain_timeout_ms`.
        """
        self._attempts.draining = self._errands.draining = self._direct.draining = True
        drain_s = self._settings.drain_timeout_ms / 1000
        await self._wait_until_empty(drain_s if limit_s is None else limit_s)
        self._attempts.give_up()
        self._direct.close()
        for call in tuple(self._calls):
            call.end("drained")
        await self._wait_until_empty(LAST_CLOSES_S)
        for call in tuple(self._calls):
            call.abort()
        if self._door is not None:
            await self._door.clear()
        if self._heart is not None:
            self._heart.cancel()
        self._trim.stop()
        self._seats.close()

    def _crowded(self) -> None:
        self.refused[CROWDED.counted_as] += 1

    def _front(self) -> Front:
        return Front(self._port)

    def _begun(self, call: Call | Sideband) -> Callable[[], None]:
        self._calls[call] = monotonic_ns()
        self._empty.clear()

        def ended() -> None:
            self._calls.pop(call, None)
            if not self._calls:
                self._empty.set()

        return ended

    async def _wait_until_empty(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                # In this order: an attempt that goes well is a call.
                await self._attempts.idle.wait()
                await self._empty.wait()
        except TimeoutError:
            log.info("calls still live", calls=len(self._calls))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            try:
                self._keys.refresh()
                if self._keys.snapshot is not self._applied:
                    self._applied = self._keys.snapshot
                    self._end_revoked()
                self._end_hung_up()
                self.capacity.look()
                now_ns = monotonic_ns()
                if self.capacity.memory.short:
                    self._trim.needed(now_ns)
                self._end_overdue(now_ns)
                self._incoming.sweep(now_ns)
                for call in tuple(self._calls):
                    for_caller, for_provider = call.tick(now_ns)
                    if for_caller or for_provider:
                        self.buffered[Leg.CALLER].note(for_caller)
                        self.buffered[Leg.PROVIDER].note(for_provider)
            except Exception:
                # Without the heartbeat no dead peer would be found: it goes on after any bug.
                log.exception("heartbeat failed")

    def _end_revoked(self) -> None:
        for call in tuple(self._calls):
            if not self._keys.may_go_on(call.key_id):
                call.end("key_revoked")

    def _end_hung_up(self) -> None:
        # Not once for each snapshot: an attempt may become such a call a moment later.
        hung_up = self._keys.hung_up
        if hung_up:
            for call in tuple(self._calls):
                if call.call_id in hung_up:
                    call.end("hung_up")

    def _end_overdue(self, now_ns: int) -> None:
        bounded = self._keys.bounded
        if not bounded:
            return
        wall_us = wall_ns() // 1000
        for call, began_ns in tuple(self._calls.items()):
            key = bounded.get(call.key_id)
            if key is not None and (why := overdue(key, now_ns - began_ns, wall_us)):
                call.end(why)


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
