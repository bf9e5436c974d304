"""Memory that is free goes back to the system, now and then."""

from __future__ import annotations

import asyncio
from pathlib import Path

from trunkline.relay.trim import EVERY_NS, Trim, give_back


def resident_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def test_what_was_freed_is_given_back() -> None:
    # Too small for pages of their own; the last keeps the heap from shrinking by itself.
    held = [bytes(60_000) for _ in range(1_000)]
    last = held.pop()
    full = resident_bytes()
    held.clear()
    give_back()
    assert resident_bytes() < full - 30_000_000
    assert len(last) == 60_000


async def test_it_is_done_in_a_thread_and_not_all_the_time() -> None:
    trim = Trim()
    trim.needed(EVERY_NS)
    first = trim._trimming  # pyright: ignore[reportPrivateUsage]
    trim.needed(2 * EVERY_NS - 1)
    assert trim._trimming is first  # pyright: ignore[reportPrivateUsage]
    trim.needed(2 * EVERY_NS)
    second = trim._trimming  # pyright: ignore[reportPrivateUsage]
    assert first is not None
    assert second is not None
    assert second is not first
    await asyncio.gather(first, second)
