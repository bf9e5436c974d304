"""I/O. How several gateway processes share the calls of one port."""

import tempfile
from pathlib import Path

from tests.support.running import Running, running

from bench import threads
from bench.load import Load
from bench.load import running as load_running
from bench.process import Cores
from bench.relay import Tell
from bench.results import Worker
from bench.talk import Open
from trunkline.journal.reader import JournalReader
from trunkline.journal.record import Kind

WORKERS = 2
CALLS = 100


def measure(seconds: float, tell: Tell) -> list[Worker]:
    """Start a whole installation with two workers, and see who relays what."""
    with (
        tempfile.TemporaryDirectory(prefix="trunkline-bench-") as name,
        load_running(Path(name), Cores()) as load,
    ):
        data = Path(name) / "data"
        provider = f"ws://127.0.0.1:{load.plain.port}/v1/realtime"
        options = ("--workers", str(WORKERS))
        with running(data, *options, env={"TRUNKLINE_OPENAI_URL": provider}) as started:
            found = _talk(started, load, seconds)
    for worker in found:
        tell(
            f"workers: {worker.name} {worker.calls} calls, {worker.frames} frames, "
            f"{worker.cpu_us:.1f} µs/frame"
        )
    return found


def open_through(started: Running, load: Load, calls: int) -> None:
    """Open calls through an installation."""
    headers = (("Authorization", "Bearer sk-bench"), *started.headers.items())
    port = int(started.url.rpartition(":")[2])
    load.open(Open("127.0.0.1", port, "/v1/realtime?model=gpt-realtime", headers, calls))


def _talk(started: Running, load: Load, seconds: float) -> list[Worker]:
    open_through(started, load, CALLS)
    gateways = {
        name: pid for name, pid in started.children().items() if name.startswith("gateway-")
    }
    before = {name: threads.of_process(pid) for name, pid in gateways.items()}
    load.talk("pcm16", seconds)
    used = {name: threads.of_process(pid) - before[name] for name, pid in gateways.items()}
    load.stop()
    return [_worker(started.data / "journal" / name, used[name]) for name in sorted(gateways)]


def _worker(journal: Path, cpu_ns: int) -> Worker:
    kinds = [
        record.kind for batch in JournalReader(journal).batches() for record, _ in batch.records
    ]
    frames = kinds.count(Kind.FRAME)
    return Worker(
        name=journal.name, calls=kinds.count(Kind.OPENED), frames=frames,
        cpu_us=round(cpu_ns / max(frames, 1) / 1000, 1),
    )  # fmt: skip
