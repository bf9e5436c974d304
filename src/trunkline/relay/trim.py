"""I/O. Gives memory that is free in this process back to the system.

The C library keeps what was freed, for the next time. After many calls with much in
their buffers a process may so hold twice what it uses, and would refuse calls for want
of memory that it has.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

from trunkline.worker import Worker

EVERY_NS = 2 * 10**9
"""It takes some 10 ms for 100 MB, and stops whoever asks for memory meanwhile."""


class Trim:
    """Trims while it is needed, now and then, in a thread."""

    def __init__(self) -> None:
        self._next_ns = 0
        self._worker = Worker[None]("trim")

    def start(self) -> None:
        """Start the thread: once memory is short, that may fail."""
        self._worker.start()

    def needed(self, now_ns: int) -> None:
        """Memory is short: trim, unless that was done a moment ago."""
        if self._worker.is_done():
            self._worker.take()
        if now_ns >= self._next_ns and not self._worker.busy:
            self._next_ns = now_ns + EVERY_NS
            self._worker.give(give_back)

    def stop(self) -> None:
        """Have the thread end."""
        self._worker.stop()


def give_back() -> None:
    """Return what is free to the system, where the C library can."""
    with suppress(AttributeError):  # Only glibc can.
        ctypes.CDLL(None).malloc_trim(0)
