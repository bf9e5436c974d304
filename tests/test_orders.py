"""What a process is told, and when it ends by itself."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from trunkline.orders import Orders


async def a_bug() -> None:
    raise RuntimeError("a bug of ours")


async def test_work_that_fails_ends_the_process_and_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    orders = Orders(supervised=False)
    forever = orders.to_the_end(asyncio.sleep(3600))
    orders.to_the_end(a_bug())
    async with asyncio.timeout(10):
        await orders.stop.wait()
    assert orders.status == 1
    assert not forever.done()
    told = capsys.readouterr().out
    assert '"work": "a_bug"' in told
    assert "RuntimeError: a bug of ours" in told
    forever.cancel()


async def test_work_that_is_over_or_called_off_ends_nothing() -> None:
    orders = Orders(supervised=False)
    over, called_off = orders.to_the_end(asyncio.sleep(0)), orders.to_the_end(asyncio.sleep(3600))
    called_off.cancel()
    await asyncio.wait([over, called_off])
    await asyncio.sleep(0)
    assert (orders.stop.is_set(), orders.status) == (False, 0)


FAILING = """
import sys
from pathlib import Path
from trunkline import wiring
from trunkline.orders import Given
from trunkline.settings import Settings
from trunkline.store.retention import Retention

async def fails(self, now_ns):
    raise RuntimeError("a bug of ours")

Retention.run = fails
wiring.run(wiring.server(Settings(data=Path(sys.argv[1])), Path(sys.argv[1], "s.sock"), Given()))
"""


def test_a_server_of_which_a_part_fails_stops_in_order_and_with_a_status(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-c", FAILING, str(tmp_path)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert process.returncode == 1, process.stderr
    assert "RuntimeError: a bug of ours" in process.stdout + process.stderr
    assert not list((tmp_path / "run").glob("server.vitals"))
