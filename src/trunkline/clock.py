"""The only place that asks what time it is.

Pure modules take times as `int` nanoseconds. Shells read them here, so that a
search for `clock.` finds every place where time enters.
"""

from __future__ import annotations

import time

monotonic_ns = time.monotonic_ns
"""Gateway monotonic clock, ns. Every latency is a difference of two of these."""

wall_ns = time.time_ns
"""Wall clock, ns since 1970-01-01 UTC. Only to tell people when; never subtracted."""


def until_next_s(period_s: float) -> float:
    """Return how long to sleep until the next multiple of `period_s` on the monotonic clock.

    Whatever a process does now and then it does at such moments: so it wakes up once for all.
    """
    now_s = time.monotonic()
    return period_s - now_s % period_s
