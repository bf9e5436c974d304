"""What is loaded and never used costs every process memory."""

import subprocess
import sys


def test_nothing_loads_what_only_shows_colours() -> None:
    code = "import sys, trunkline.cli, trunkline.wiring, structlog; print('rich' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
