"""I/O. How long after its end a call is seen, and heard: through a whole installation."""

import statistics
import tempfile
import time
from pathlib import Path

from tests.support.running import Running, running

from bench import load
from bench.process import Cores
from bench.relay import Tell
from bench.results import Ended
from bench.sharing import open_through

CALLS = 20
SECONDS = 5.0
WAIT_S = 40.0
POLL_S = 0.02


def measure(tell: Tell) -> Ended:
    """Have calls talk, end them all at once, and ask for them until all are playable."""
    with (
        tempfile.TemporaryDirectory(prefix="trunkline-bench-") as name,
        load.running(Path(name), Cores()) as ends,
    ):
        provider = f"ws://127.0.0.1:{ends.plain.port}/v1/realtime"
        data = Path(name) / "data"
        with running(data, env={"TRUNKLINE_OPENAI_URL": provider}) as started:
            open_through(started, ends, CALLS)
            ends.talk("pcm16", SECONDS)
            ended_s = time.monotonic()
            ends.stop()
            visible, playable = _wait(started, ended_s)
    tell(f"ended: seen after {max(visible):.2f} s, playable after {max(playable):.2f} s")
    return Ended(
        calls=CALLS, call_seconds=SECONDS,
        visible_p50_s=round(statistics.median(visible), 2), visible_max_s=round(max(visible), 2),
        playable_p50_s=round(statistics.median(playable), 2),
        playable_max_s=round(max(playable), 2),
    )  # fmt: skip


def _wait(started: Running, ended_s: float) -> tuple[list[float], list[float]]:
    """Return for each call after how many seconds it was seen to be over, and playable."""
    visible: dict[str, float] = {}
    playable: dict[str, float] = {}
    while len(playable) < CALLS:
        now_s = time.monotonic() - ended_s
        if now_s > WAIT_S:
            raise SystemExit(f"{CALLS - len(playable)} calls are not playable after {WAIT_S} s")
        for call in started.get("/v1/calls?limit=100").json()["data"]:
            if call["status"] != "live":
                visible.setdefault(call["id"], now_s)
            if call["audio"]["recorded"]:
                playable.setdefault(call["id"], now_s)
        time.sleep(POLL_S)
    return list(visible.values()), list(playable.values())
