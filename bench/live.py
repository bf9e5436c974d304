"""I/O. Whether the recorder keeps up with calls that talk now, and how soon they are playable.

    python -m bench.live [--calls 500] [--seconds 12]

The journal grows as if so many calls talked; a `Recorder` in a process of its own, pinned to
one core, follows it. Then the calls end, one after the other within some seconds.
"""

import argparse
import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench import journals
from bench.process import Cores, stop
from bench.results import Live
from trunkline import ids
from trunkline.journal.record import Record
from trunkline.protocol.prices import shipped
from trunkline.recorder.run import Recorder
from trunkline.store.blobs import Blobs
from trunkline.store.facts.store import FactsStore

CALLS = 500
SECONDS = 12
END_S = 5
"""In which the calls end, evenly."""
WAIT_S = 15
"""After the last has ended, for those that are not playable yet."""
BATCH_S = 0.05
"""As often as a gateway writes."""


class Told(msgspec.Struct, frozen=True):
    """What the recorder's process says when it is asked."""

    cpu_ns: int
    unread_bytes: int
    waiting: int
    """Calls to be sealed."""


class _Recorder:
    """Our handle on the recorder's process."""

    def __init__(self, data: Path, cores: Cores) -> None:
        command = [sys.executable, "-m", "bench.live", "--in", str(data)]
        self.popen = subprocess.Popen(
            cores.pinned(cores.proxies, command), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def ask(self) -> Told:
        """Return how it is doing, now."""
        if self.popen.stdin is None or self.popen.stdout is None:
            raise AssertionError("both are pipes")
        self.popen.stdin.write(b"\n")
        self.popen.stdin.flush()
        return msgspec.json.decode(self.popen.stdout.readline(), type=Told)


def measure(calls: int = CALLS, seconds: int = SECONDS) -> Live:
    """Write a journal at the pace of its calls, and see how the recorder follows."""
    of_calls = journals.calls(calls, seconds)
    live = journals.interleaved(records[:-1] for records in of_calls)
    with tempfile.TemporaryDirectory(prefix="trunkline-bench-") as name:
        data = Path(name)
        journal = journals.Journal(data)
        recorder = _Recorder(data, Cores())
        try:
            before = recorder.ask()
            began_s = time.monotonic()
            _write(journal, _paced(live))
            took_s, told = time.monotonic() - began_s, recorder.ask()
            ended_s: dict[str, float] = {}
            for at, records in enumerate(of_calls):
                _sleep_until(began_s + took_s + END_S * at / calls)
                journal.write(records[-1:])
                ended_s[ids.call_id(records[-1].call)] = time.time()
            deadline_s = time.monotonic() + WAIT_S
            while recorder.ask().waiting and time.monotonic() < deadline_s:
                time.sleep(0.1)
            playable = list(_playable(data / "blobs", ended_s))
        finally:
            stop(recorder.popen)
        journal.close()
    byte_rate = journal.bytes / took_s
    return Live(
        calls=calls,
        seconds=seconds,
        frames_per_s=round(len(live) / took_s),
        cores=round((told.cpu_ns - before.cpu_ns) / 1e9 / took_s, 2),
        behind_s=round(told.unread_bytes / byte_rate, 2),
        ended_calls=calls,
        playable=len(playable),
        wait_s=WAIT_S,
        playable_p50_s=round(statistics.median(playable), 2) if playable else None,
        playable_max_s=round(max(playable), 2) if playable else None,
    )


def _paced(records: list[Record]) -> Iterator[list[Record]]:
    """Yield records in batches, each when the last of it has happened."""
    began_s, first_ns = time.monotonic(), records[0].received_ns
    at, batch = 0, 1
    while at < len(records):
        until = at
        while (
            until < len(records) and records[until].received_ns < first_ns + batch * BATCH_S * 1e9
        ):
            until += 1
        _sleep_until(began_s + batch * BATCH_S)
        yield records[at:until]
        at, batch = until, batch + 1


def _write(journal: journals.Journal, batches: Iterator[list[Record]]) -> None:
    for batch in batches:
        journal.write(batch)


def _sleep_until(at_s: float) -> None:
    time.sleep(max(0, at_s - time.monotonic()))


def _playable(blobs: Path, ended_s: dict[str, float]) -> Iterator[float]:
    """Yield for every call that has a recording how long after its end it came."""
    for call_id, at_s in ended_s.items():
        made_s = [path.stat().st_mtime for path in blobs.glob(f"**/{call_id}/audio*")]
        if made_s:
            yield max(0.0, min(made_s) - at_s)


# --- in the process that is measured ------------------------------------------------------


async def _follow(data: Path) -> None:
    async with FactsStore.opened(data / "facts") as facts:
        recorder = Recorder(data, facts, Blobs.open("", data / "blobs"), shipped())
        running = asyncio.create_task(recorder.run())
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, sys.stdin.buffer.readline):
            status = recorder.status()
            told = Told(
                time.process_time_ns(), status.unread_bytes, len(status.waiting_to_be_sealed)
            )
            sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
            sys.stdout.buffer.flush()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Whether the recorder keeps up.")
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--in", dest="directory", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.directory is not None:
        asyncio.run(_follow(options.directory))
        return
    from bench.tables import live

    print(live(measure(options.calls, options.seconds)))


if __name__ == "__main__":
    main()
