"""Pure. Which rounds count, and what they say together."""

import statistics
from collections.abc import Sequence

import msgspec

from bench.cells import DIRECT, Plan
from bench.mixes import MIXES
from bench.results import Relayed, Times
from bench.talk import Percentiles, Talked

MAX_BUSY = 0.95
"""Share of the time that the ends may have something to do; beyond it they limit the load."""
MAX_LATE_US = 5_000
"""How late they may send, of a hundred frames all but one."""
MAX_FOREIGN = 0.15
"""Cores that others on the machine may use meanwhile."""
BEHIND_US = 20_000
"""Of round trips half take longer: a queue that grows. The load is not held."""


class Round(msgspec.Struct, frozen=True):
    """What one proxy did in one round."""

    talked: Talked
    cpu_ns: int
    """Of the proxy's processes."""
    resident_kb: int
    foreign: float
    """Cores that neither the proxy nor the ends used."""
    unopened: str = ""
    """What became of calls that did not open; empty when all did."""

    @property
    def pressed(self) -> str:
        """Say when the ends had too much to do for the load to be what was asked for."""
        busy = self.talked.busy
        return f"the ends were {busy:.0%} busy" if busy > MAX_BUSY else ""

    @property
    def late(self) -> str:
        """Say when the ends sent too late, and then read too late, for times to be told."""
        late_us = self.talked.late_us.p99 or self.talked.late_us.p50 or 0
        return f"the ends were {late_us / 1000:.1f} ms late" if late_us > MAX_LATE_US else ""

    @property
    def crowded(self) -> str:
        """Say when others needed the machine."""
        return f"others used {self.foreign:.0%} of a core" if self.foreign > MAX_FOREIGN else ""

    @property
    def disturbed(self) -> str:
        """Say why this round says nothing of the proxy; empty when it does."""
        return self.pressed or self.late or self.crowded

    @property
    def failed(self) -> str:
        """Say why the proxy did not hold the load; empty when it did."""
        talked = self.talked
        half_us = talked.round_trip_us.p50 or 0
        if self.unopened:
            return self.unopened
        if talked.broken:
            return f"{talked.broken} of {talked.calls} calls broke"
        if talked.lost:
            return f"{talked.lost} of {talked.sent + talked.expected} frames did not come in time"
        return f"it fell behind by {half_us / 1000:.0f} ms" if half_us > BEHIND_US else ""

    @property
    def why_not(self) -> str:
        """Say why this round does not count; empty when it does."""
        return self.disturbed or self.failed


def relayed(plan: Plan, proxy: str, rounds: Sequence[Round], direct: Times) -> Relayed:
    """Return what `rounds` say together. `direct` is the round trip without a proxy."""
    counted = [one for one in rounds if not one.why_not]
    about = Relayed(
        plan=plan.name, mix=plan.mix, calls=plan.calls, secure=plan.secure, proxy=proxy,
        rounds=len(counted), refused=tuple(one.why_not for one in rounds if one.why_not),
        held=bool(counted) if any(not one.disturbed for one in rounds) else None,
        frames_per_s=round(MIXES[plan.mix].frames_per_s * plan.calls),
    )  # fmt: skip
    if not counted:
        return about
    trip = _medians([one.talked.round_trip_us for one in counted])
    about = msgspec.structs.replace(
        about,
        round_trip_us=trip,
        ends_busy=round(statistics.median(one.talked.busy for one in counted), 2),
        ends_late_us=_median([one.talked.late_us.p99 for one in counted]),
    )
    if proxy == DIRECT:
        return about
    cpu_us = [one.cpu_ns / one.talked.relayed / 1000 for one in counted]
    return msgspec.structs.replace(
        about,
        cpu_us=round(statistics.median(cpu_us), 2),
        cpu_range_us=(round(min(cpu_us), 2), round(max(cpu_us), 2)),
        added_us=trip.since(direct),
        resident_kb=round(statistics.median(one.resident_kb for one in counted)),
    )


def _medians(found: Sequence[Percentiles]) -> Times:
    return Times(
        _median([one.p50 for one in found]),
        _median([one.p99 for one in found]),
        _median([one.p999 for one in found]),
    )


def _median(found: Sequence[float | None]) -> float | None:
    known = [one for one in found if one is not None]
    return round(statistics.median(known), 1) if known else None
