"""I/O. What recording costs behind the gateway: folding, storing, sealing, and all of it again.

    python -m bench.recording [--calls 50] [--seconds 48] [--json]

A journal of conversations with real speech is read, folded and stored by a `Recorder` in a
process of its own, pinned to one core, first while all its calls are live, then when they
end all at once. Nothing waits for anybody, so that what it does in a second is what it could.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench import journals, threads
from bench.process import Cores
from bench.results import Recording
from trunkline.journal.reader import JournalReader
from trunkline.journal.record import Kind, Record
from trunkline.protocol.prices import shipped
from trunkline.recorder.compress import Compressor
from trunkline.recorder.fold import fold
from trunkline.recorder.jobs import Compress, Seal, perform
from trunkline.recorder.reindex import reindex
from trunkline.recorder.run import Recorder
from trunkline.recorder.state import State
from trunkline.recorder.workers import Threads
from trunkline.store import codec
from trunkline.store.blobs import Blobs
from trunkline.store.facts.store import FactsStore
from trunkline.store.spool import call_of
from trunkline.store.tombstones import Tombstones

CALLS = 50
SECONDS = 48
CALL_FRAMES_PER_S = 50
"""Of a call that talks all the time: 25 each way."""
LIMIT_S = 240
"""For the whole measurement; what takes longer hangs."""


def measure(calls: int = CALLS, seconds: int = SECONDS) -> Recording:
    """Run the measurement in a process of its own, on one core."""
    cores = Cores()
    with tempfile.TemporaryDirectory(prefix="trunkline-bench-") as directory:
        # The facts engine must be spawned, never forked; nor may it share our memory.
        command = [sys.executable, "-m", "bench.recording", "--in", directory]
        command += ["--calls", str(calls), "--seconds", str(seconds)]
        done = subprocess.run(
            cores.pinned(cores.proxies, command),
            stdout=subprocess.PIPE, check=True, timeout=LIMIT_S,
        )  # fmt: skip
    return msgspec.json.decode(done.stdout, type=Recording)


# --- in the process that is measured ------------------------------------------------------


class _Watched:
    """What this process has used since it was last asked."""

    def __init__(self) -> None:
        self._used = _used()
        self._began_ns = time.perf_counter_ns()

    def spent(self) -> tuple[float, dict[str, int]]:
        """Return seconds of the clock, and CPU ns by part."""
        took_s = (time.perf_counter_ns() - self._began_ns) / 1e9
        return took_s, _spent(self._used)


async def _measure(data: Path, count: int, seconds: int) -> Recording:
    of_calls = journals.calls(count, seconds)
    live = journals.interleaved(records[:-1] for records in of_calls)
    frames = sum(record.kind is Kind.FRAME for record in live)
    journal = journals.Journal(data)
    journal.write(live)
    del live
    read_us, fold_us = _alone(journal.directory)
    async with FactsStore.opened(data / "facts") as facts:
        blobs = Blobs.open("", data / "blobs")
        recorder = Recorder(data, facts, blobs, shipped())
        watched = _Watched()
        running = asyncio.create_task(recorder.run())
        await recorder.caught_up()
        _, living_ns = watched.spent()
        spool_bytes = _bytes(data / "spool")
        jobs_per_cpu_s, lossless_bytes = _jobs_alone(data / "spool", data / "jobs", seconds)
        watched = _Watched()
        journal.write(of_records[-1] for of_records in of_calls)
        await recorder.caught_up()
        seal_s, sealing_ns = watched.spent()
        await recorder.stop()
        await running
        compressor = Compressor(
            blobs, data / "jobs", recorder.lossless, Tombstones(data / "erased"), Threads()
        )
        for lossless in recorder.lossless.noted():
            await compressor.compress(*lossless)
        stored = {
            "journal": journal.bytes, "spool": spool_bytes,
            "archive": _bytes(data / "blobs", "archive"),
            "recording": _bytes(data / "blobs", "audio.opus"),
            "until it is compressed": lossless_bytes * count,
            "peaks": _bytes(data / "blobs", "peaks.json"),
            "facts": _bytes(data / "facts"),
        }  # fmt: skip
        watched = _Watched()
        await reindex(facts, blobs, data, shipped())
        reindex_s, _ = watched.spent()
    journal.close()
    minutes = count * seconds / 60
    return Recording(
        calls=count,
        call_seconds=seconds,
        frames=frames,
        read_us=read_us,
        fold_us=fold_us,
        recorder_us=round(sum(living_ns.values()) / frames / 1000, 2),
        recorder_parts_us={
            part: round(ns / frames / 1000, 2) for part, ns in living_ns.items()
        },
        seal_parts_us={
            part: round(ns / count / seconds / 1000) for part, ns in sealing_ns.items()
        },
        sealed_per_cpu_s=round(count * seconds / sum(sealing_ns.values()) * 1e9),
        jobs_per_cpu_s=jobs_per_cpu_s,
        seal_s=round(seal_s, 1),
        reindexed_per_s=round(frames / reindex_s),
        bytes_per_call_minute={what: round(size / minutes) for what, size in stored.items()},
    )  # fmt: skip


def _alone(directory: Path) -> tuple[float, float]:
    """Return CPU µs per record of reading a journal, and of folding it."""
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
    fold_ns = time.process_time_ns() - began_ns
    return round(read_ns / len(read) / 1000, 2), round(fold_ns / len(read) / 1000, 2)


def _jobs_alone(spool: Path, directory: Path, seconds: int) -> tuple[dict[str, int], int]:
    """Return how many seconds of a call one CPU second seals, by way; and the size of its WAV."""
    directory.mkdir()
    path = next(spool.glob("*.records"))
    archive, recording, peaks = (
        str(directory / part) for part in ("archive", "recording", "peaks")
    )
    opus = Seal(
        call_id=call_of(path), last_seq=0, spool=str(path), codec="opus",
        archive=archive, recording=recording, peaks=peaks,
    )  # fmt: skip
    wav = msgspec.structs.replace(opus, codec="wav")
    spent_s = {"sealed with Opus": _cpu_s(lambda: perform(opus))}
    spent_s["with WAV"] = _cpu_s(lambda: perform(wav))
    compress = Compress(recording=wav.recording, opus=str(directory / "opus"))
    spent_s["compressed later"] = _cpu_s(lambda: perform(compress))
    blocks = list(codec.decode(Path(wav.recording)))
    spent_s["encoded alone"] = _cpu_s(lambda: codec.encode(blocks, 2, directory / "opus"))
    size_bytes = Path(wav.recording).stat().st_size
    return {way: round(seconds / cpu_s) for way, cpu_s in spent_s.items()}, size_bytes


def _cpu_s(work: Callable[[], object]) -> float:
    """Return the CPU time of `work`, the best of three."""
    spent_ns: list[int] = []
    for _ in range(3):
        began_ns = time.process_time_ns()
        work()
        spent_ns.append(time.process_time_ns() - began_ns)
    return min(spent_ns) / 1e9


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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What recording costs behind the gateway.")
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--in", dest="directory", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.directory is not None:
        result = asyncio.run(_measure(options.directory, options.calls, options.seconds))
        sys.stdout.buffer.write(msgspec.json.encode(result))
        return
    measured = measure(options.calls, options.seconds)
    if options.json:
        print(msgspec.json.format(msgspec.json.encode(measured), indent=1).decode())
        return
    from bench.tables import recording

    print(recording(measured))


if __name__ == "__main__":
    main()
