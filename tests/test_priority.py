"""How nice a process is, to others of its session and to other sessions."""

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
