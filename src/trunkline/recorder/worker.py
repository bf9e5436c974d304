"""I/O. A process that does jobs, one after the other: `python -m trunkline.recorder.worker`.

A job is a line of JSON on standard input, its outcome a line on standard output. It ends at once
when its input does, which is when whoever started it is gone, and when nobody wanted
anything for a while. Whatever a library prints goes to standard error.
"""

from __future__ import annotations

import os
import queue
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterable
from typing import Final, NoReturn

import msgspec

from trunkline.priority import give_way
from trunkline.recorder.jobs import Job, perform

IDLE_SECONDS: Final = 300.0
ENDED_IDLE: Final = 75
"""Exit code of a process that nobody wanted."""
NICE: Final = {"soon": 10, "idle": 19}
"""By what is asked for: a call's sealing gives way to all that people wait for now, and
compression to everything."""
JOB_CPU_SECONDS: Final = 3600
"""What takes more turns in circles, and is killed: the longest recording takes a tenth of it."""


def main(urgency: str) -> NoReturn:
    """Do jobs until there will be no more."""
    # Who stops a whole group of processes stops who asked us too, which then ends our input.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    _give_way(urgency)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    asked: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, asked), daemon=True).start()
    decoder = msgspec.json.Decoder[Job](Job)
    while True:
        try:
            line = asked.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            _end(ENDED_IDLE)
        _limit_cpu()
        answers.write(msgspec.json.encode(perform(decoder.decode(line))) + b"\n")
        answers.flush()


def _give_way(urgency: str) -> None:
    give_way(NICE[urgency])
    if urgency == "idle":
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _listen(lines: Iterable[bytes], asked: queue.SimpleQueue[bytes]) -> None:
    for line in lines:
        asked.put(line)
    _end(0)


def _end(code: int) -> NoReturn:
    """End now: the job under way is nobody's, and one thread waits for input."""
    os._exit(code)


def _limit_cpu() -> None:
    until_s = int(time.process_time()) + JOB_CPU_SECONDS
    hard_s = resource.getrlimit(resource.RLIMIT_CPU)[1]
    if hard_s == resource.RLIM_INFINITY or until_s < hard_s:
        resource.setrlimit(resource.RLIMIT_CPU, (until_s, hard_s))


if __name__ == "__main__":
    main(sys.argv[1])
