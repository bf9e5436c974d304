"""I/O. What recording costs behind the gateway: folding, storing, sealing.

    python -m bench.recording [--calls 50] [--seconds 48]

A journal of conversations with real speech is read, folded and stored by a `Recorder` in a
process of its own, pinned to one core, first while all its calls are live, then when they
end all at once. Nothing waits for anybody, so that what it does in a second is what it could.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from bench import journals, threads
from trunkline.journal.reader import JournalReader
from trunkline.journal.record import Kind, Record
from trunkline.protocol.prices import shipped
from trunkline.recorder.fold import fold
from trunkline.recorder.run import Recorder
from trunkline.recorder.state import State
from trunkline.store.blobs import Blobs
from trunkline.store.facts.store import FactsStore

FRAMES_PER_CALL_S = 50
"""What a call is taken for that talks all the time: 25 frames a second each way."""
LIMIT_S = 240
"""For the whole measurement; what takes longer hangs."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What one run gave."""

    calls: int
    call_seconds: int
    """Of one call."""
    frames: int
    read_us: float
    """CPU per record: the journal's reader alone, decoding and checking."""
    fold_us: float
    """CPU per record: `fold` alone."""
    recorder_us: float
    """CPU per record: all that the process does while calls are live."""
    recorder_parts_us: dict[str, float]
    """The same by thread; `engine` is the facts engine's own."""
    recorded_per_s: float
    """Frames folded and stored in a second of the clock, on one core."""
    seal_parts_us: dict[str, float]
    """CPU per second of call by thread, µs, while finished calls are sealed."""
    sealed_per_cpu_s: float
    """Seconds of a call, both voices, made playable and archived by a second of CPU."""
    seal_s: float
    """Until the last of the calls that ended at once was playable and archived."""
    bytes_per_call_minute: dict[str, int]
    """Journal, spool, archive, recording, peaks, facts."""

    @property
    def frames_per_core(self) -> float:
        """Frames a second that one core folds and stores."""
        return 1e6 / self.recorder_us

    @property
    def live_calls_per_core(self) -> float:
        """Calls that talk all the time, both ways, that one core keeps up with."""
        return self.frames_per_core / FRAMES_PER_CALL_S


def measure(calls: int, seconds: int, core: int | None) -> Measured:
    """Run the measurement in a process of its own, on `core` if there is a choice."""
    with tempfile.TemporaryDirectory(prefix="trunkline-bench-") as directory:
        # The facts engine must be spawned, never forked; nor may it share our memory.
        command = [sys.executable, "-m", "bench.recording", "--in", directory]
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        done = subprocess.run(
            [*pinned, *command, "--calls", str(calls), "--seconds", str(seconds)],
            stdout=subprocess.PIPE, check=True, timeout=LIMIT_S,
        )  # fmt: skip
    return msgspec.json.decode(done.stdout, type=Measured)


# --- in the process that is measured ------------------------------------------------------


async def _measure(data: Path, count: int, seconds: int) -> Measured:
    of_calls = journals.calls(count, seconds)
    live = journals.interleaved(records[:-1] for records in of_calls)
    frames = sum(record.kind is Kind.FRAME for record in live)
    journal = journals.Journal(data)
    journal.write(live)
    del live
    read_ns, fold_ns, records = _alone(journal.directory)
    settled: dict[str, Any] = {}
    async with FactsStore.opened(data / "facts") as facts:
        blobs = Blobs.open("", data / "blobs")
        recorder = Recorder(data, facts, blobs, shipped())
        before, began_ns = _used(), time.perf_counter_ns()
        running = asyncio.create_task(recorder.run())
        await recorder.caught_up()
        took_ns = time.perf_counter_ns() - began_ns
        live_ns = _spent(before)
        settled["spool"] = _bytes(data / "spool")
        before, began_ns = _used(), time.perf_counter_ns()
        journal.write(of_records[-1] for of_records in of_calls)
        await recorder.caught_up()
        seal_ns = time.perf_counter_ns() - began_ns
        sealing_ns = _spent(before)
        await recorder.stop()
        await running
    journal.close()
    minutes = count * seconds / 60
    stored = {
        "journal": journal.bytes, **settled, "archive": _bytes(data / "blobs", "archive"),
        "recording": _bytes(data / "blobs", "audio.opus"),
        "peaks": _bytes(data / "blobs", "peaks.json"), "facts": _bytes(data / "facts"),
    }  # fmt: skip
    return Measured(
        calls=count,
        call_seconds=seconds,
        frames=frames,
        read_us=read_ns / records / 1000,
        fold_us=fold_ns / records / 1000,
        recorder_us=sum(live_ns.values()) / frames / 1000,
        recorder_parts_us={part: ns / frames / 1000 for part, ns in live_ns.items()},
        recorded_per_s=frames / took_ns * 1e9,
        seal_parts_us={part: ns / count / seconds / 1000 for part, ns in sealing_ns.items()},
        sealed_per_cpu_s=count * seconds / sum(sealing_ns.values()) * 1e9,
        seal_s=seal_ns / 1e9,
        bytes_per_call_minute={what: round(size / minutes) for what, size in stored.items()},
    )


def _alone(directory: Path) -> tuple[int, int, int]:
    """Return CPU ns of reading a whole journal, of folding it, and its number of records."""
    began_ns = time.process_time_ns()
    read: list[Record] = []
    for batch in JournalReader(directory).batches():
        read += [record for record, _ in batch.records]
    read_ns = time.process_time_ns() - began_ns
    states: dict[bytes, State] = {}
    prices = shipped()
    began_ns = time.process_time_ns()
    for record in read:
        state = states.get(record.call)
        states[record.call], _ = fold(state or State.new(), record, prices)
    return read_ns, time.process_time_ns() - began_ns, len(read)


def _used() -> dict[str, int]:
    return {**threads.by_thread(), "process": time.process_time_ns()}


def _spent(before: dict[str, int]) -> dict[str, int]:
    """Return CPU ns since `before` by part; what no Python thread used is the engine's."""
    spent = {name: ns - before.get(name, 0) for name, ns in _used().items()}
    whole = spent.pop("process")
    parts: dict[str, int] = {}
    for name, ns in spent.items():
        part = _PARTS.get(name.rpartition("_")[0] or name, "other")
        parts[part] = parts.get(part, 0) + ns
    parts["engine"] = whole - sum(parts.values())
    return {part: ns for part, ns in parts.items() if ns > 0}


_PARTS = {"MainThread": "loop", "asyncio": "read and fold", "facts": "insert", "seal": "seal"}
"""What the threads do, by the first part of their names."""


def _bytes(directory: Path, name: str = "") -> int:
    """Return the size of all files under `directory` whose names end so."""
    return sum(
        path.stat().st_size
        for path in directory.rglob("*")
        if path.is_file() and path.name.endswith(name)
    )


# --- for people ---------------------------------------------------------------------------


def table(measured: Measured) -> str:
    """Return the results as lines of text."""
    parts = ", ".join(f"{part} {us:.1f}" for part, us in measured.recorder_parts_us.items())
    seal = ", ".join(f"{part} {us / 1e3:.2f}" for part, us in measured.seal_parts_us.items())
    stored = ", ".join(f"{what} {size:,}" for what, size in measured.bytes_per_call_minute.items())
    return "\n".join(
        (
            f"{measured.calls} calls of {measured.call_seconds} s, {measured.frames} frames",
            f"reading the journal     {measured.read_us:8.1f} µs/frame",
            f"fold                    {measured.fold_us:8.1f} µs/frame",
            f"recorder, calls live    {measured.recorder_us:8.1f} µs/frame ({parts})",
            f"                        {measured.frames_per_core:8.0f} frames/s of CPU, "
            f"{measured.recorded_per_s:.0f} frames/s of the clock on one core",
            f"                        {measured.live_calls_per_core:8.0f} calls that talk all the "
            f"time ({FRAMES_PER_CALL_S} frames/s each)",
            f"sealing                 {measured.sealed_per_cpu_s:8.0f} s of call per CPU s "
            f"({seal} ms/s)",
            f"                        {measured.seal_s:8.1f} s until the last was playable",
            f"bytes per call minute   {stored}",
        )
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What recording costs behind the gateway.")
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=48)
    parser.add_argument("--core", type=int, default=1)
    parser.add_argument("--in", dest="directory", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.directory is not None:
        result = asyncio.run(_measure(options.directory, options.calls, options.seconds))
        sys.stdout.write(msgspec.json.encode(result).decode())
        return
    measured = measure(options.calls, options.seconds, options.core)
    print(json.dumps(msgspec.to_builtins(measured), indent=1) if options.json else table(measured))


if __name__ == "__main__":
    main()
