"""I/O. Whose turn it is on a busy machine: who gives way to others, and who goes before them."""

from __future__ import annotations

import contextlib
import os
import threading
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


def go_first() -> OSError | None:
    """Have this thread, and those it starts, run before all that is not urgent (`SCHED_RR`).

    A process does it before it starts any: an ordinary one that has Python's lock and waits for
    its turn would keep the urgent ones waiting. Among themselves they take turns, and Linux
    leaves a twentieth of each processor to everybody else. It allows it to root, with
    `CAP_SYS_NICE`, and within `RLIMIT_RTPRIO`: otherwise everything stays as it is, and the
    refusal is returned.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError as exc:
        return exc
    return None


def may_go_first() -> bool:
    """Return whether `go_first` would be allowed."""
    refusals: list[OSError | None] = []
    thread = threading.Thread(target=lambda: refusals.append(go_first()))
    thread.start()
    thread.join()
    return refusals == [None]
