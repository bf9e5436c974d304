"""I/O. What this process holds, measured against what it has room for."""

from __future__ import annotations

import os
import resource
from collections.abc import Sized
from contextlib import suppress
from pathlib import Path

from trunkline.relay.refusal import Refusal
from trunkline.relay.room import (
    CALL_BYTES,
    FILES_PER_CALL,
    Load,
    Machine,
    Memory,
    Room,
    memory_after,
    no_room,
)
from trunkline.vitals.machine import open_files

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc/self")
_CGROUPS = Path("/sys/fs/cgroup")
_UNLIMITED_BYTES = 1 << 60
"""Version 1 of control groups says so, about, for no limit."""


class Capacity:
    """Whether there is room for another call. `look` is to be called a few times a second."""

    def __init__(self, room: Room, waiting: Sized = ()) -> None:
        """`waiting`: connections that are not calls. They have a share of the files of their own.

        Counted with the calls', those who were refused a moment ago, and still read why,
        would have the next ones refused.
        """
        self.room = room
        self._waiting = waiting
        self.calls = 0
        """Live, and attempts under way. Whoever gives seats keeps it."""
        self.load = Load()
        """As `look` found it."""
        self.memory = Memory()
        # One descriptor kept open: an overloaded process may have none to open it with.
        self._statm = (_PROC / "statm").open("rb", buffering=0)
        self.look()

    def close(self) -> None:
        """Let go of what is looked at. May be called twice."""
        self._statm.close()

    def look(self) -> None:
        """Measure what this process holds: some µs."""
        pages = os.pread(self._statm.fileno(), 128, 0).split()
        self.load = Load(
            calls=self.calls,
            files=self._files() - len(self._waiting),
            resident_bytes=int(pages[1]) * _PAGE_BYTES,
            address_bytes=int(pages[0]) * _PAGE_BYTES,
        )
        self.memory = memory_after(self.room, self.load, self.memory)

    def _files(self) -> int:
        try:
            return open_files()
        except OSError:
            # To count them takes one on older kernels, and there is none left.
            return self.room.files + len(self._waiting)

    def refusal(self) -> Refusal | None:
        """Return why another call cannot be taken, or None."""
        now = self._now()
        return no_room(self.room, now, memory_after(self.room, now, self.memory))

    def _now(self) -> Load:
        """Return what is held, with what those will need that have begun since the last look."""
        found = self.load
        begun = max(0, self.calls - found.calls)
        return Load(
            self.calls,
            found.files + begun * FILES_PER_CALL,
            found.resident_bytes + begun * CALL_BYTES,
            found.address_bytes + begun * CALL_BYTES,
        )


def this_machine() -> Machine:
    """Return what the system lets this process have, now."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    address_bytes = resource.getrlimit(resource.RLIMIT_AS)[0]
    physical_bytes = os.sysconf("SC_PHYS_PAGES") * _PAGE_BYTES
    return Machine(
        files=files if files != resource.RLIM_INFINITY else 1 << 20,
        memory_bytes=min([physical_bytes, *_of_control_groups()]),
        address_bytes=address_bytes if address_bytes != resource.RLIM_INFINITY else 0,
    )


def _of_control_groups() -> list[int]:
    """Return the memory limits of the control groups that this process is in."""
    found: list[int] = []
    for line in _text(_PROC / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            found += _limits(_CGROUPS, path, "memory.max")
        elif "memory" in controllers.split(","):
            found += _limits(_CGROUPS / "memory", path, "memory.limit_in_bytes")
    return found


def _limits(root: Path, path: str, name: str) -> list[int]:
    """Return the limits at `path` and above it: the least one holds.

    In a container `path` may be the host's, and only the root be there.
    """
    steps = [step for step in path.split("/") if step]
    places = [root.joinpath(*steps[:depth]) for depth in range(len(steps) + 1)]
    texts = (_text(place / name).strip() for place in places)
    limits = [int(text) for text in texts if text.isdecimal()]
    return [limit for limit in limits if limit < _UNLIMITED_BYTES]


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text("ascii")
    return ""
