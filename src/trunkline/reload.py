"""I/O. `trunkline reload`: asks the running `up` for a reload, and says what became of it.

It is asked by a signal. Its vitals count its reloads, and say why the last was refused.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from trunkline.clock import monotonic_ns
from trunkline.errors import OperatorError
from trunkline.layout import Layout, lock_holder
from trunkline.vitals.figures import Supervisor
from trunkline.vitals.files import read

POLL_S = 0.05
PATIENCE_NS = 180 * 10**9
"""Longer than the supervisor gives the new processes."""


def reload(data: Path) -> None:
    """Have the `trunkline up` on this data directory reload; return when it has.

    Raises:
        OperatorError: none runs there, or it refused.
    """
    layout = Layout(data)
    pid = lock_holder(layout.lock)
    before = _told(layout.run, pid)
    if pid is None or before is None:
        raise OperatorError(f"no `trunkline up` runs on data directory {data}; see --data")
    os.kill(pid, signal.SIGHUP)
    deadline_ns = monotonic_ns() + PATIENCE_NS
    while (after := _told(layout.run, pid) or before).reloads == before.reloads:
        if lock_holder(layout.lock) != pid:
            raise OperatorError(f"process {pid} ended before it had reloaded")
        if monotonic_ns() > deadline_ns:
            raise OperatorError(f"process {pid} has not reloaded yet: see its log")
        time.sleep(POLL_S)
    if after.reload_refused:
        raise OperatorError(f"reload refused, everything is as it was: {after.reload_refused}")


def _told(run: Path, pid: int | None) -> Supervisor | None:
    """Return what the supervisor last told of itself."""
    if not run.is_dir():
        return None
    fleet = read(run, monotonic_ns())
    told = [one.figures for one in fleet.seen if isinstance(one.figures, Supervisor)]
    return next((one for one in told if one.pid == pid), None)
