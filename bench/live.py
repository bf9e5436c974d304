"""I/O. Whether the recorder keeps up with calls that talk now, and how soon they are there.

    python -m bench.live [--calls 500] [--seconds 25]

The journal grows as if so many calls talked, each of so many seconds, beginning one after the
other. Once as many talk, one ends whenever another begins, for as long as a call lasts. A
`Recorder` follows in a process of its own, with the processes that seal and compress, as in a
server; nothing is pinned.
"""

import argparse
import asyncio
import contextlib
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from bench import conversation, journals, threads
from bench.process import Process, stop
from bench.results import Live
from trunkline import ids
from trunkline.journal.record import Kind, Record
from trunkline.protocol.prices import shipped
from trunkline.recorder.compress import Compressor
from trunkline.recorder.run import Recorder
from trunkline.recorder.workers import Processes, process_count
from trunkline.store.blobs import Blobs
from trunkline.store.facts.rows import CallRow, Row
from trunkline.store.facts.store import FactsStore
from trunkline.store.tombstones import Tombstones

CALLS = 500
SECONDS = 25
"""Of one call: two turns."""
WAIT_S = 15
"""After the last has ended, for those that are not playable yet."""
BATCH_S = 0.05
"""As often as a gateway writes."""


class Told(msgspec.Struct, frozen=True):
    """What the recorder's process says when it is asked. Times of the monotonic clock, s."""

    unread_bytes: int
    visible_s: dict[str, float]
    """When a call was seen to be over, by its id."""
    playable_s: dict[str, float]
    lossless: int
    """Recordings that are not compressed."""


class _Recorder:
    """Our handle on the recorder's process."""

    def __init__(self, data: Path) -> None:
        command = [sys.executable, "-m", "bench.live", "--in", str(data)]
        self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self) -> Told:
        """Return how it is doing, now."""
        if self.popen.stdin is None or self.popen.stdout is None:
            raise AssertionError("both are pipes")
        self.popen.stdin.write(b"\n")
        self.popen.stdin.flush()
        return msgspec.json.decode(self.popen.stdout.readline(), type=Told)

    def cpu_s(self) -> tuple[float, float]:
        """Return the CPU time of the process, and of those that it has started."""
        own_ns = threads.of_process(self.popen.pid)
        return own_ns / 1e9, (Process(self.popen).cpu_ns() - own_ns) / 1e9


def measure(calls: int = CALLS, seconds: int = SECONDS) -> Live:
    """Write a journal at the pace of its calls, and see how the recorder follows."""
    records = _calls(calls, seconds)
    full_ns = journals.OPENED_NS + seconds * 10**9
    growing = [record for record in records if record.received_ns < full_ns]
    steady = [record for record in records if full_ns <= record.received_ns]
    with tempfile.TemporaryDirectory(prefix="trunkline-bench-") as name:
        data = Path(name)
        journal = journals.Journal(data)
        recorder = _Recorder(data)
        try:
            recorder.ask()
            dict(_written(journal, growing))
            before_s, began_s, written = recorder.cpu_s(), time.monotonic(), journal.bytes
            ended_s = dict(_written(journal, steady))
            took_s, after_s = time.monotonic() - began_s, recorder.cpu_s()
            behind = recorder.ask().unread_bytes
            deadline_s = time.monotonic() + WAIT_S
            while not ended_s.keys() <= (told := recorder.ask()).playable_s.keys():
                if time.monotonic() > deadline_s:
                    break
                time.sleep(0.1)
        finally:
            stop(recorder.popen)
        journal.close()
    playable = [told.playable_s[call] - at_s for call, at_s in ended_s.items()
                if call in told.playable_s]  # fmt: skip
    visible = [told.visible_s[call] - at_s for call, at_s in ended_s.items()
               if call in told.visible_s]  # fmt: skip
    return Live(
        calls=calls,
        seconds=seconds,
        frames_per_s=round(len(steady) / took_s),
        cores=round((after_s[0] - before_s[0]) / took_s, 2),
        sealing_cores=round((after_s[1] - before_s[1]) / took_s, 2),
        behind_s=round(behind / (journal.bytes - written) * took_s, 2),
        ended_calls=len(ended_s),
        playable=len(playable),
        lossless=told.lossless,
        wait_s=WAIT_S,
        visible_p50_s=_median(visible),
        visible_max_s=_most(visible),
        playable_p50_s=_median(playable),
        playable_max_s=_most(playable),
    )


def _median(times_s: Sequence[float]) -> float | None:
    return round(statistics.median(times_s), 2) if times_s else None


def _most(times_s: Sequence[float]) -> float | None:
    return round(max(times_s), 2) if times_s else None


def _calls(count: int, seconds: int) -> list[Record]:
    """Return what is journalled in twice the time that a call takes, in order.

    `count` calls begin evenly in the first half, and as many in the second.
    """
    said = journals.voices()
    different = [
        conversation.frames(number, seconds, said)
        for number in range(min(count, journals.DIFFERENT))
    ]
    length_ns = seconds * 10**9
    of_calls = (
        conversation.call(
            number, different[number % len(different)],
            journals.OPENED_NS + (after_ns := number * length_ns // count),
            journals.WALL_NS + after_ns,
        )
        for number in range(2 * count)
    )  # fmt: skip
    until_ns = journals.OPENED_NS + 2 * length_ns
    return journals.interleaved(
        list(itertools.takewhile(lambda record: record.received_ns < until_ns, records))
        for records in of_calls
    )


def _written(journal: journals.Journal, records: list[Record]) -> Iterator[tuple[str, float]]:
    """Write `records`, each when it has happened; yield which calls ended, and when."""
    for batch in _paced(records):
        journal.write(batch)
        for record in batch:
            if record.kind is Kind.CLOSED:
                yield ids.call_id(record.call), time.monotonic()


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
        time.sleep(max(0, began_s + batch * BATCH_S - time.monotonic()))
        yield records[at:until]
        at, batch = until, batch + 1


# --- in the process that is measured ------------------------------------------------------


class _Facts:
    """The facts store, and when it first had what people wait for."""

    def __init__(self, facts: FactsStore) -> None:
        self._facts = facts
        self.visible_s: dict[str, float] = {}
        self.playable_s: dict[str, float] = {}

    async def insert(self, rows: list[Row]) -> None:
        await self._facts.insert(rows)
        now_s = time.monotonic()
        for row in rows:
            if isinstance(row, CallRow) and row.status != "live":
                self.visible_s.setdefault(row.call_id, now_s)
                if row.has_audio:
                    self.playable_s.setdefault(row.call_id, now_s)


async def _follow(data: Path) -> None:
    blobs, scratch = Blobs.open("", data / "blobs"), data / "scratch"
    scratch.mkdir()
    async with FactsStore.opened(data / "facts") as store:
        facts = _Facts(store)
        sealing = Processes(process_count(0), "soon")
        recorder = Recorder(data, facts, blobs, shipped(), sealing=sealing)
        compressor = Compressor(
            blobs, scratch, recorder.lossless, Tombstones(data / "erased"), Processes(1, "idle")
        )
        running = [asyncio.create_task(recorder.run()), asyncio.create_task(compressor.run())]
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, sys.stdin.buffer.readline):
            told = Told(
                recorder.status().unread_bytes, facts.visible_s, facts.playable_s,
                len(recorder.lossless.noted()),
            )  # fmt: skip
            sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
            sys.stdout.buffer.flush()
        for task in running:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*running)


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
