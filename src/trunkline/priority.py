"""I/O. How a process gives way to others on a busy machine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def give_way(nice: int) -> None:
    """Have this process wait for those that are less nice, until it ends.

    Where the kernel shares the processor evenly among sessions (`sched_autogroup_enabled`), how
    nice a process is counts only within its own: there this is said of the session, too, which
    whoever started us has made ours alone.
    """
    os.setpriority(os.PRIO_PROCESS, 0, max(nice, os.getpriority(os.PRIO_PROCESS, 0)))
    if os.getsid(0) == os.getpid():
        # There is no such file where sessions do not matter, and none that we may write.
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(nice))
