"""I/O. What this process takes of its machine, and whether its event loop is late."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from pathlib import Path

from trunkline.clock import monotonic_ns, until_next_s
from trunkline.vitals.figures import Machine
from trunkline.vitals.window import Peak

TICK_S = 0.2
_STATM = Path("/proc/self/statm")
_OPEN = Path("/proc/self/fd")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Gauge:
    """Looks at the process that it is in."""

    def __init__(self, data: Path) -> None:
        """`data` lies on the file system whose free space matters."""
        self._data = data
        self._lag = Peak()
        self.machine = Machine()
        """As of the last `look`."""

    async def watch_loop(self) -> None:
        """Note how late the event loop comes, until cancelled."""
        while True:
            wait_s = until_next_s(TICK_S)
            due_ns = monotonic_ns() + int(wait_s * 1e9)
            await asyncio.sleep(wait_s)
            self._lag.note(monotonic_ns() - due_ns)

    def look(self) -> None:
        """Look at everything, once a second. May wait for a disk: call it in a thread."""
        lag_ns = self._lag.value
        self._lag.second()
        free_bytes, whole_bytes = self._disk()
        self.machine = Machine(
            resident_bytes=_resident_bytes(),
            cpu_ns=time.process_time_ns(),
            open_files=open_files(),
            max_open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            loop_lag_ns=lag_ns,
            disk_free_bytes=free_bytes,
            disk_bytes=whole_bytes,
        )

    def _disk(self) -> tuple[int, int]:
        try:
            found = os.statvfs(self._data)
        except OSError:
            return 0, 0
        return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def open_files() -> int:
    """Return how many files this process has open."""
    # Linux 6.2 and newer tell by the size of the directory, in a third of the time.
    return os.stat(_OPEN).st_size or len(os.listdir(_OPEN))


def _resident_bytes() -> int:
    try:
        return int(_STATM.read_bytes().split()[1]) * _PAGE_BYTES
    except OSError:
        return 0  # Linux tells, others do not.
