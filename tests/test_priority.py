"""How nice a process is, to others of its session and to other sessions; and how urgent."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

AUTOGROUP = Path("/proc/self/autogroup")
CODE = f"""
import os
from pathlib import Path
from trunkline.priority import give_way

give_way(7)
give_way(4)
group = Path("{AUTOGROUP}")
print(os.getpriority(os.PRIO_PROCESS, 0), group.read_text().split()[-1:] if group.exists() else [])
"""


@pytest.mark.parametrize("alone", [True, False])
def test_a_session_gives_way_only_if_it_is_the_processes_own(alone: bool) -> None:
    run = subprocess.run(
        [sys.executable, "-c", CODE], start_new_session=alone, capture_output=True, check=True
    )
    nice, group = run.stdout.decode().split(maxsplit=1)
    assert int(nice) >= 7
    if AUTOGROUP.exists():
        # Of the session that all others come from, the kernel says nothing.
        ours = AUTOGROUP.read_text().split()[-1:]
        assert group.strip() == str(["4"] if alone else ours)


URGENT = """
import os, resource, sys, threading
from trunkline.priority import go_first

if "refused" in sys.argv:
    resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
    if os.getuid() == 0:
        os.setuid(65534)
refusal = go_first()
policies = [os.sched_getscheduler(0)]
thread = threading.Thread(target=lambda: policies.append(os.sched_getscheduler(0)))
thread.start()
thread.join()
print(refusal and refusal.strerror, *policies, sep=",")
"""


@pytest.mark.parametrize("arguments", [[], ["refused"]])
def test_all_threads_of_a_process_go_first_where_that_is_allowed(arguments: list[str]) -> None:
    """Whether it is without `refused` is for the machine to say."""
    run = subprocess.run(
        [sys.executable, "-c", URGENT, *arguments], capture_output=True, check=True
    )
    refusal, *policies = run.stdout.decode().strip().split(",")
    urgent = refusal == "None"
    assert policies == [str(os.SCHED_RR if urgent else os.SCHED_OTHER)] * 2
    assert not (urgent and arguments)
