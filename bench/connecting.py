"""I/O. How long it takes until a call can talk."""

import statistics

from bench import proxies
from bench.cells import CONNECT, DIRECT, GATEWAYS, Effort
from bench.relay import Tell
from bench.results import Connects
from bench.standing import standing

CALLS = 150
"""In a round, one after the other; none of them is closed before its end."""


def measure(secure: bool, effort: Effort, tell: Tell) -> list[Connects]:
    """Open calls through each proxy in turn, one at a time."""
    there = (DIRECT, *proxies.installed())
    # The configurations of the peers that are known to work dial a plain provider.
    names = [name for name in CONNECT if name in there and not (secure and name in GATEWAYS)]
    found: dict[str, list[float]] = {name: [] for name in names}
    with standing(names, secure) as stands:
        for number in range(effort.rounds + 1):
            for name in names:
                opened = stands.open(name, secure, CALLS, at_once=1)
                stands.load.stop()
                if opened.greeted < opened.asked:
                    raise SystemExit(f"{name}: {opened.asked - opened.greeted} calls did not open")
                # The first round warms up.
                if number and opened.greeting_us.p50 is not None:
                    took_us = opened.greeting_us.p50 - stands.proxy(name, secure).greet_ms * 1000
                    found[name].append(took_us)
                    tell(f"connect: {name:10} {took_us:7.0f} µs")
    direct_us = statistics.median(found[DIRECT])
    return [
        Connects(
            proxy=name, secure=secure, calls=CALLS * len(found[name]),
            greeting_us=round(statistics.median(found[name])),
            added_us=round(statistics.median(found[name]) - direct_us),
        )
        for name in names
    ]  # fmt: skip
