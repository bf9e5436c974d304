"""I/O. A process that does jobs, one after the other: `python -m trunkline.recorder.worker`.

A job is a line of JSON on standard input, its outcome a line on standard output. It ends when
its input does, which is also when whoever started it is gone, and when nobody wanted
anything for a while.
"""

from __future__ import annotations

import os
import select
import sys
from typing import Final

import msgspec

from trunkline.recorder.jobs import Job, perform

IDLE_SECONDS: Final = 300.0
ENDED_IDLE: Final = 75
"""Exit code of a process that nobody wanted."""
NICE: Final = {"soon": 10, "idle": 19}
"""By what is asked for: a call's sealing gives way to all that people wait for now, and
compression to everything."""


def main(urgency: str) -> int:
    """Do jobs until there will be no more; return the exit code."""
    os.nice(NICE[urgency])
    if urgency == "idle":
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    decoder = msgspec.json.Decoder[Job](Job)
    while select.select([sys.stdin], [], [], IDLE_SECONDS)[0]:
        line = sys.stdin.buffer.readline()
        if not line:
            return 0
        outcome = perform(decoder.decode(line))
        sys.stdout.buffer.write(msgspec.json.encode(outcome) + b"\n")
        sys.stdout.buffer.flush()
    return ENDED_IDLE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
