"""Pure. The figures of all processes as one: what the System page and `/v1/system` show.

Sums and extremes over the processes that run; of those that do not, only their absence is
known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import ceil
from typing import Literal, TypeAlias

import msgspec

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
from trunkline.vitals.fleet import Fleet, Seen, State
from trunkline.vitals.ready import Verdict, verdict

Kind: TypeAlias = Literal["gateway", "server", "supervisor"]


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One process. Its figures are those that it told last."""

    name: str
    kind: Kind
    state: State
    age_ns: int
    """Of its figures."""
    version: str
    started_wall_ns: int
    machine: Machine
    live_calls: int | None
    """None for what is not a gateway."""
    retiring: bool = False
    """A gateway in whose place others accept."""


class Relay(msgspec.Struct, frozen=True, kw_only=True):
    """What all gateways have relayed since they were started, and how fast in the last minute."""

    caller: Leg
    provider: Leg
    recent_frames: int
    p50_ns: int | None
    """Relay time that half the frames of the last minute did not exceed; None: there were none."""
    p99_ns: int | None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The whole installation at one moment."""

    verdict: Verdict
    processes: tuple[Process, ...]
    live_calls: int
    attempts: int
    refused: dict[str, int]
    """By code, the most frequent first."""
    ended: dict[str, int]
    relay: Relay
    journal: Journal
    """Of all gateways: sums, the highest age, and what one of them fails with."""
    recorder: Recorder | None
    """None: no server runs."""
    stores: Stores | None
    audit: Audit | None
    web: Web | None
    supervisor: Supervisor | None
    """None: the processes were started one by one."""
    disk_free_bytes: int
    disk_bytes: int


def summary(fleet: Fleet, here: str) -> Summary:
    """Return all that is known, as process `here` sees it."""
    gateways = [told for seen, told in fleet.gateways() if seen.running]
    server = next((told for seen, told in fleet.servers() if seen.running), None)
    supervised = (one.figures for one in fleet.seen if one.running)
    disks = [seen.figures.machine for seen in fleet.seen if seen.running]
    fullest = min(disks, key=lambda machine: machine.disk_free_bytes, default=Machine())
    return Summary(
        verdict=verdict(fleet, here),
        processes=tuple(_process(seen) for seen in fleet.seen),
        live_calls=sum(told.live_calls for told in gateways),
        attempts=sum(told.attempts for told in gateways),
        refused=_counts(told.refused for told in gateways),
        ended=_counts(told.ended for told in gateways),
        relay=_relay(gateways),
        journal=_journal([told.journal for told in gateways]),
        recorder=server.recorder if server else None,
        stores=server.stores if server else None,
        audit=server.audit if server else None,
        web=server.web if server else None,
        supervisor=next((told for told in supervised if isinstance(told, Supervisor)), None),
        disk_free_bytes=fullest.disk_free_bytes,
        disk_bytes=fullest.disk_bytes,
    )


def _process(seen: Seen) -> Process:
    told = seen.figures
    return Process(
        name=seen.name,
        kind=_kind(told),
        state=seen.state,
        age_ns=seen.age_ns,
        version=told.version,
        started_wall_ns=told.started_wall_ns,
        machine=told.machine,
        live_calls=told.live_calls if isinstance(told, Gateway) else None,
        retiring=isinstance(told, Gateway) and told.retiring,
    )


def _kind(told: Figures) -> Kind:
    match told:
        case Gateway():
            return "gateway"
        case Server():
            return "server"
        case Supervisor():
            return "supervisor"


def _counts(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    whole: Counter[str] = Counter()
    for one in counts:
        whole.update(one)
    return dict(sorted(whole.items(), key=lambda item: (-item[1], item[0])))


def _relay(gateways: Sequence[Gateway]) -> Relay:
    recent = _added(told.recent_relay for told in gateways)
    return Relay(
        caller=_leg([told.caller for told in gateways]),
        provider=_leg([told.provider for told in gateways]),
        recent_frames=sum(recent),
        p50_ns=quantile_ns(recent, 0.5),
        p99_ns=quantile_ns(recent, 0.99),
    )


def _leg(legs: Sequence[Leg]) -> Leg:
    return Leg(
        frames=sum(leg.frames for leg in legs),
        bytes=sum(leg.bytes for leg in legs),
        relay=_added(leg.relay for leg in legs),
        relay_ns=sum(leg.relay_ns for leg in legs),
        buffered_bytes=max((leg.buffered_bytes for leg in legs), default=0),
    )


def _journal(journals: Sequence[Journal]) -> Journal:
    return Journal(
        records=sum(one.records for one in journals),
        written_bytes=sum(one.written_bytes for one in journals),
        backlog_bytes=sum(one.backlog_bytes for one in journals),
        unwritten_age_ns=max((one.unwritten_age_ns for one in journals), default=0),
        unsynced_age_ns=max((one.unsynced_age_ns for one in journals), default=0),
        gaps=sum(one.gaps for one in journals),
        lost_frames=sum(one.lost_frames for one in journals),
        lost_bytes=sum(one.lost_bytes for one in journals),
        lost_at_ns=max((one.lost_at_ns for one in journals), default=0),
        suspect_segments=sum(one.suspect_segments for one in journals),
        suspect_at_ns=max((one.suspect_at_ns for one in journals), default=0),
        failing=next((one.failing for one in journals if one.failing), ""),
    )


def _added(counts: Iterable[Sequence[int]]) -> tuple[int, ...]:
    """Return sums, place by place, of counts that may be none: nothing was told yet."""
    told = [one for one in counts if one]
    return tuple(sum(column) for column in zip(*told, strict=True))


def quantile_ns(counts: Sequence[int], share: float) -> int | None:
    """Return the time that `share` of all do not exceed; None when there are none.

    `counts` are by the bits of ns, see `figures.Leg.relay`. Within a bucket times are taken
    to be spread evenly on a scale of doublings, which is at most a factor of two from true,
    and mostly far less.
    """
    whole = sum(counts)
    if not whole:
        return None
    # Its rank. A little less, because 0.07 * 100 is more than 7.
    needed = max(1, ceil(share * whole - 1e-6))
    for bits, count in enumerate(counts):
        if count and needed <= count:
            return round(2 ** (bits - 1 + needed / count)) if bits else 0
        needed -= count
    return None
