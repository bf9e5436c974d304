"""I/O. How many connections each gateway on a port has, in memory that they all see.

Gateways that share a listening socket are woken together, and whoever is quickest
accepts: on an idle machine that is nearly always the same one. So each writes down how
many connections it has, and one that has more than another waits a moment before it
accepts (`door`). Nobody waits for long: a gateway that hangs delays the others by that
moment, no more.

The supervisor makes the memory and hands it on by descriptor, with a place in it for each
gateway. A place has one writer at a time, and a number is written and read at once.
"""

from __future__ import annotations

import mmap
import os
import tempfile

PLACES = 128
"""To look at all of them takes 4 µs. A gateway beyond them accepts without looking."""
ABSENT = 2**29
"""In a place whose gateway accepts nobody: more than anybody has."""
_NUMBER_BYTES = 8


def new_loads() -> int:
    """Return the descriptor of memory with every place absent."""
    descriptor = _memory()
    os.ftruncate(descriptor, PLACES * _NUMBER_BYTES)
    for place in range(PLACES):
        Loads(descriptor, place).leave()
    return descriptor


def _memory() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("trunkline-loads")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class Loads:
    """All places, seen from one of them. What is written to it, its gateway writes alone."""

    def __init__(self, descriptor: int, own: int) -> None:
        """`descriptor` may be closed afterwards."""
        self._places = memoryview(mmap.mmap(descriptor, 0)).cast("q")
        self._own = own

    def tell(self, connections: int) -> None:
        """Write down how many connections we have."""
        self._places[self._own] = connections

    def leave(self) -> None:
        """Write down that we accept nobody."""
        self._places[self._own] = ABSENT

    def fewer_elsewhere(self) -> bool:
        """Return whether another gateway that accepts has fewer connections than we have."""
        return min(self._places) < self._places[self._own]
