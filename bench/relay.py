"""I/O. Rounds of relaying: the proxies of a plan take turns under the same load."""

from collections.abc import Callable

from bench import proxies
from bench.cells import DIRECT, Effort, Plan
from bench.results import Relayed, Times
from bench.rounds import Round, relayed
from bench.standing import Standing, standing

Tell = Callable[[str], None]


def measure(plan: Plan, effort: Effort, tell: Tell) -> list[Relayed]:
    """Return what each proxy of `plan` does, as far as it is installed."""
    names = [name for name in plan.proxies if name in (DIRECT, *proxies.installed())]
    rounds: dict[str, list[Round]] = {name: [] for name in names}
    with standing(names, plan.secure) as stands:
        for name in names:
            _round(stands, plan, name, effort.warm_seconds)
        for attempt in range(effort.tries):
            for name in names:
                if _wanted(rounds[name], effort):
                    one = _round(stands, plan, name, effort.seconds)
                    rounds[name].append(one)
                    tell(f"{plan.name} {attempt + 1}: {name:10} {_line(one)}")
    direct = relayed(plan, DIRECT, rounds[DIRECT], Times()).round_trip_us
    return [relayed(plan, name, rounds[name], direct) for name in names]


def _wanted(rounds: list[Round], effort: Effort) -> bool:
    """Say whether another round is needed: more for those that others have disturbed."""
    return sum(not one.disturbed for one in rounds) < effort.rounds


def _round(stands: Standing, plan: Plan, name: str, seconds: float) -> Round:
    return stands.round(name, plan.secure, plan.mix, plan.calls, seconds)


def _line(one: Round) -> str:
    talked = one.talked
    cpu_us = one.cpu_ns / max(talked.relayed, 1) / 1000
    trip = talked.round_trip_us
    why = one.why_not
    return (
        f"{cpu_us:6.1f} µs/frame, round trip {trip.p50 or 0:.0f}/{trip.p99 or 0:.0f} µs, "
        f"ends {talked.busy:.0%} busy" + (f": does not count, {why}" if why else "")
    )
