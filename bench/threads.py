"""I/O. The CPU time of this process, thread by thread, and of others as a whole."""

import os
import threading
import time
from pathlib import Path

TICK_NS = 10**9 // os.sysconf("SC_CLK_TCK")


def of_process(pid: int) -> int:
    """Return the CPU ns that a process has used: user and system, all threads, past ones too."""
    # The clock of another process, as clock_getcpuclockid(3) makes it.
    return time.clock_gettime_ns(~pid << 3 | 2)


def of_machine() -> int:
    """Return the CPU ns that everything on this machine has used, a hypervisor's thefts too."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split(maxsplit=9)[1:9]
    )
    return (user + nice + system + irq + softirq + steal) * TICK_NS


def by_thread() -> dict[str, int]:
    """Return the CPU ns of every thread of this process that Python knows, by its name."""
    return {
        thread.name: _of_thread(thread.native_id)
        for thread in threading.enumerate()
        if thread.native_id is not None
    }


def _of_thread(native_id: int) -> int:
    return int(Path(f"/proc/self/task/{native_id}/schedstat").read_text().split()[0])
