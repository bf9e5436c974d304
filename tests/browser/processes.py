"""Processes that stand still, so that a page about them can be looked at."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path

from tests.support.web import Told, a_server

from trunkline.vitals.desk import Desk
from trunkline.vitals.figures import (
    Audit,
    Figures,
    Gateway,
    Journal,
    Leg,
    Machine,
    Recorder,
    Server,
    Stores,
    Supervisor,
    Web,
)
from trunkline.vitals.fleet import Fleet, Seen, fleet

NOW_NS = 10**15
STARTED_NS = 1_795_000_000_000_000_000
RELAY = tuple(
    400 if bits == 15 else 20 if bits == 16 else 1 if bits == 19 else 0 for bits in range(64)
)
MACHINE = Machine(
    resident_bytes=58_000_000,
    cpu_ns=372_000_000_000,
    open_files=230,
    max_open_files=20_000,
    loop_lag_ns=6_400_000,
    disk_free_bytes=80_600_000_000,
    disk_bytes=270_500_000_000,
)
LEG = Leg(frames=1_234_567, bytes=4_200_000_000, buffered_bytes=18_000)


def a_gateway(
    *, machine: Machine = MACHINE, journal: Journal | None = None, refusing: str = ""
) -> Gateway:
    return Gateway(
        pid=1,
        at_ns=NOW_NS,
        started_wall_ns=STARTED_NS,
        version="0.1.0",
        machine=machine,
        live_calls=100,
        attempts=2_345,
        refusing=refusing,
        refused={"invalid_key": 12, "gateway_full": 3, "refused_by_provider": 1},
        ended={"caller_closed": 2_200, "provider_closed": 31, "refused_by_gateway": 15},
        caller=LEG,
        provider=LEG,
        recent_relay=RELAY,
        journal=journal or Journal(records=2_500_000, written_bytes=9_100_000_000,
                                   backlog_bytes=350_000, unwritten_age_ns=41_000_000,
                                   unsynced_age_ns=93_000_000),
    )  # fmt: skip


SERVER = Server(
    pid=2,
    at_ns=NOW_NS,
    started_wall_ns=STARTED_NS,
    version="0.1.0",
    machine=MACHINE,
    recorder=Recorder(unread_bytes=180_000, unread_age_ns=62_000_000, live_calls=200),
    audit=Audit(calls=2_145, archived_frames=2_310_456, facts_frames=2_310_456,
                compared_wall_ns=STARTED_NS),
    web=Web(requests={"api 2xx": 512, "page 2xx": 1_203, "page 4xx": 4}),
)  # fmt: skip
UP = Supervisor(
    pid=3,
    at_ns=NOW_NS,
    started_wall_ns=STARTED_NS,
    version="0.1.0",
    machine=MACHINE,
    reloads=2,
)
FULL = Journal(
    records=2_500_000, backlog_bytes=96_000_000, unwritten_age_ns=71_000_000_000, gaps=3,
    lost_frames=1_204, lost_bytes=3_900_000, lost_at_ns=NOW_NS, failing="disk_full",
    suspect_segments=1, suspect_at_ns=NOW_NS,
)  # fmt: skip
BEHIND = Server(
    pid=2,
    at_ns=NOW_NS,
    started_wall_ns=STARTED_NS,
    version="0.1.0",
    machine=MACHINE,
    recorder=Recorder(unread_bytes=910_000_000, unread_age_ns=95_000_000_000, gaps=3,
                      lost_frames=1_204, lost_bytes=3_900_000, store_errors=17, stuck=("facts",)),
    stores=Stores(facts=False, facts_damaged=True, facts_refused_rows=2),
    audit=Audit(calls=10, archived_frames=1000, facts_frames=990, differing_calls=1,
                differing_frames=10, compared_wall_ns=STARTED_NS),
)  # fmt: skip


def seen(name: str, told: Figures, *, age_ns: int = 0, there: bool = True) -> Seen:
    return Seen(name, told, age_ns, there)


WELL = fleet(
    [
        seen("gateway-0", a_gateway()),
        seen("gateway-1", a_gateway()),
        seen("server", SERVER),
        seen("up", UP),
    ],
    NOW_NS,
)
IN_TROUBLE = fleet(
    [
        seen("gateway-0", a_gateway(journal=FULL, refusing="gateway_full")),
        seen("gateway-1", a_gateway(), age_ns=9 * 10**9, there=False),
        seen("server", BEHIND),
    ],
    NOW_NS,
)


class StillDesk(Desk):
    """Tells of the processes that it is given."""

    def __init__(self) -> None:
        super().__init__(Path(), "server", Told(a_server()), "")
        self._told = WELL

    async def fleet(self) -> Fleet:
        return self._told

    @contextlib.contextmanager
    def telling(self, told: Fleet) -> Generator[None]:
        """Tell of others for a while."""
        before, self._told = self._told, told
        try:
            yield
        finally:
            self._told = before
