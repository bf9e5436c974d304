"""A supervisor that is killed: nobody is left behind, and the next one can begin at once."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from tests.support.patience import PATIENCE_S
from tests.support.running import Running, running
from tests.support.traffic import echoing_provider
from websockets.asyncio.client import connect

DRAIN_MS = 3_000


def dial(started: Running) -> connect:
    return connect(
        f"{started.websocket_url}/v1/realtime?model=gpt-realtime-2.1",
        additional_headers={"Authorization": "Bearer sk-p", **started.headers},
    )


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def test_the_next_begins_while_the_calls_of_the_last_still_drain(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with echoing_provider() as url:
        env = {"TRUNKLINE_OPENAI_URL": url, "TRUNKLINE_DRAIN_TIMEOUT_MS": str(DRAIN_MS)}
        with running(data, env=env) as started:
            orphans = list(started.children().values())
            port = started.url.rpartition(":")[2]
            old = await dial(started)
            os.kill(started.process.pid, signal.SIGKILL)
            started.process.wait()
            started.stopped = True
            with running(data, "--port", port, env=env) as again:
                async with dial(again) as new:
                    await new.send("new")
                    assert await new.recv() == "new"
                async with asyncio.timeout(PATIENCE_S):
                    await old.wait_closed()
                assert old.close_code == 1012
                await asyncio.to_thread(again.wait, lambda: not any(map(alive, orphans)))
                assert old.response is not None
                call_id = old.response.headers["Helicone-Id"]
                call = await asyncio.to_thread(again.sealed, call_id, audio=False)
                assert call["end_reason"] == "drained"
                again.wait(lambda: again.get("/ready").json()["status"] == "ok")
