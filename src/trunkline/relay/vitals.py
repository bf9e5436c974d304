"""I/O. What a gateway process tells of itself."""

from __future__ import annotations

import os
from collections.abc import Callable

import msgspec

from trunkline import __version__
from trunkline.clock import wall_ns
from trunkline.journal.record import Leg
from trunkline.relay.gateway import Gateway
from trunkline.vitals import figures
from trunkline.vitals.machine import Gauge
from trunkline.vitals.window import Growth, Rise


class GatewayVitals:
    """Gathers the figures of the gateway, its journal and the process."""

    def __init__(
        self, gateway: Gateway, journal: Callable[[], figures.Journal], gauge: Gauge
    ) -> None:
        self._gateway = gateway
        self._journal = journal
        self._gauge = gauge
        self._started_wall_ns = wall_ns()
        self._relayed = Growth()
        self._lost, self._suspect = Rise(), Rise()

    def second(self, now_ns: int) -> None:
        """A second is over."""
        self._relayed.second(self._relay())
        for peak in self._gateway.buffered:
            peak.second()

    def tell(self, now_ns: int) -> figures.Gateway:
        """Return how the gateway is now."""
        gateway = self._gateway
        return figures.Gateway(
            pid=os.getpid(),
            at_ns=now_ns,
            started_wall_ns=self._started_wall_ns,
            version=__version__,
            machine=self._gauge.machine,
            live_calls=gateway.live_calls,
            attempts=gateway.attempts,
            refusing=gateway.refusing,
            retiring=gateway.retiring,
            keys_unreadable=gateway.keys_unreadable,
            uncounted_at_ns=gateway.uncounted_at_ns,
            refused=dict(gateway.refused),
            ended=dict(gateway.ended),
            caller=self._leg(Leg.CALLER),
            provider=self._leg(Leg.PROVIDER),
            recent_relay=self._relayed.since(self._relay()),
            journal=self._journalled(now_ns),
        )

    def _relay(self) -> list[int]:
        relay = self._gateway.meter.relay
        return [sum(counts) for counts in zip(*relay, strict=True)]

    def _leg(self, leg: Leg) -> figures.Leg:
        meter = self._gateway.meter
        return figures.Leg(
            frames=meter.frames(leg),
            bytes=meter.bytes[leg],
            relay=tuple(meter.relay[leg]),
            relay_ns=meter.relay_ns[leg],
            buffered_bytes=self._gateway.buffered[leg].value,
        )

    def _journalled(self, now_ns: int) -> figures.Journal:
        told = self._journal()
        self._lost.note(told.lost_frames, now_ns)
        self._suspect.note(told.suspect_segments, now_ns)
        return msgspec.structs.replace(
            told, lost_at_ns=self._lost.at_ns, suspect_at_ns=self._suspect.at_ns
        )
