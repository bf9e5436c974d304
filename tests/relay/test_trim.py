"""Memory that is free goes back to the system, now and then."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from queue import SimpleQueue

import pytest

from trunkline.relay import trim as trim_module
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


async def test_it_is_done_in_a_thread_and_not_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trimmed = SimpleQueue[str]()
    monkeypatch.setattr(
        trim_module, "give_back", lambda: trimmed.put(threading.current_thread().name)
    )
    trim = Trim()
    trim.start()
    trim.needed(EVERY_NS)
    assert await asyncio.to_thread(trimmed.get) == "trim"
    trim.needed(2 * EVERY_NS - 1)
    while trimmed.empty():  # the first may be about to be done
        trim.needed(2 * EVERY_NS)
        await asyncio.sleep(0)
    assert trimmed.get() == "trim"
    trim.stop()
    assert trimmed.empty()
