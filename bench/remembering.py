"""I/O. What calls take of a proxy's memory, idle and after they have talked."""

import time

from bench import proxies
from bench.cells import GATEWAYS, MEMORY, Effort
from bench.process import Process
from bench.relay import Tell
from bench.results import Memory
from bench.standing import Standing, standing

TALKED = 100
IDLE = 1_000
"""Of the gateways of others only a hundred: some take seconds to open more."""
SETTLE_S = 0.3


def measure(effort: Effort, tell: Tell) -> list[Memory]:
    """Look at each proxy, freshly started, on its own."""
    found: list[Memory] = []
    with standing() as stands:
        for name in MEMORY:
            if name in proxies.installed():
                found.append(_measure(stands, name, effort))
                tell(
                    f"memory: {name:10} {found[-1].started_kb} kB, "
                    f"{found[-1].idle_kb_per_call:.1f} kB per idle call, "
                    f"{found[-1].talked_kb_per_call:.1f} kB per call that has talked"
                )
                stands.end()
    return found


def _measure(stands: Standing, name: str, effort: Effort) -> Memory:
    watched = stands.start(name, secure=False)
    # One call first: what is loaded and made once is no call's own.
    stands.open(name, False, 1)
    started_kb = _settled_kb(watched)
    stands.open(name, False, TALKED - 1)
    silent_kb = _settled_kb(watched)
    stands.talk(name, False, "pcm16", effort.seconds)
    talked_kb = _settled_kb(watched)
    more = 0 if name in GATEWAYS else IDLE - TALKED
    stands.open(name, False, more)
    idle_kb = _settled_kb(watched)
    stands.load.stop()
    idle_calls = TALKED - 1 + more
    return Memory(
        proxy=name, started_kb=started_kb, talked_calls=TALKED, talked_kb=talked_kb,
        calls=TALKED + more, resident_kb=idle_kb,
        idle_kb_per_call=round((silent_kb - started_kb + idle_kb - talked_kb) / idle_calls, 1),
        talked_kb_per_call=round((talked_kb - started_kb) / (TALKED - 1), 1),
    )  # fmt: skip


def _settled_kb(watched: Process | None) -> int:
    time.sleep(SETTLE_S)
    return watched.resident_kb() if watched else 0
