"""I/O. Publishes what a process tells of itself, every second."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Protocol

import structlog

from trunkline.clock import monotonic_ns, until_next_s
from trunkline.vitals.figures import Figures
from trunkline.vitals.files import VitalsFile
from trunkline.vitals.machine import Gauge

EVERY_S = 1.0

log = structlog.get_logger("trunkline.vitals")


class Source(Protocol):
    """A process that can be asked how it is."""

    def second(self, now_ns: int) -> None:
        """A second is over: move on what is kept for the last minute."""
        ...

    def tell(self, now_ns: int) -> Figures:
        """Return how it is now."""
        ...


@contextlib.asynccontextmanager
async def published(run: Path, name: str, gauge: Gauge, source: Source) -> AsyncGenerator[None]:
    """Publish as `name` in the directory `run` as long as the context lasts."""
    file = VitalsFile(run, name)
    tasks = [
        asyncio.create_task(gauge.watch_loop()),
        asyncio.create_task(_publish(file, gauge, source)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        file.remove()


async def _publish(file: VitalsFile, gauge: Gauge, source: Source) -> None:
    failing = False
    while True:
        try:
            await asyncio.to_thread(gauge.look)
            await asyncio.to_thread(file.write, source.tell(monotonic_ns()))
            failing = False
        except Exception as exc:
            # A full disk, or a bug: the process goes on, and a second later it is tried again.
            # Said once, and for a bug with where it is.
            if not failing:
                bug = not isinstance(exc, OSError)
                log.error("vitals cannot be published", error=repr(exc), exc_info=bug)
            failing = True
        await asyncio.sleep(until_next_s(EVERY_S))
        _pass_second(source)


def _pass_second(source: Source) -> None:
    try:
        source.second(monotonic_ns())
    except Exception:
        # Else one bug in what is kept for the last minute would end all that is told.
        log.exception("vitals of the last second are lost")
