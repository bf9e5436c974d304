"""I/O. What one journalled frame costs: ns per record of 3.5 kB, and the share of its checksum.

    python -m bench.journal_append

`append` is timed alone, with the writer's threads at rest; `append and write` includes
the hand-over to the thread and its `pwrite`, as CPU of the whole process.
"""

import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path

from isal.isal_zlib import crc32

from trunkline.journal.record import HEADER, Flag, Kind, Leg
from trunkline.journal.writer import BUFFER_BYTES, JournalWriter
from trunkline.settings import Settings

PAYLOAD = b"x" * 3_500
CALL = b"call-a-012345678"
ROUNDS = 9
RECORDS = BUFFER_BYTES // (len(PAYLOAD) + HEADER.size + 4)
"""Of one buffer, so that nothing is written while the clock runs."""
BUFFERS = 200


def append_all(writer: JournalWriter) -> None:
    append = writer.append
    kind, leg, flags = Kind.FRAME, Leg.CALLER, Flag(0)
    for seq in range(RECORDS):
        append(kind, CALL, seq, leg, flags, 1_000_000, 1_000_001, PAYLOAD)


async def measure(directory: Path) -> tuple[float, float]:
    """Return ns per record: of `append` alone, and of CPU with everything that follows."""
    settings = Settings(fsync="never", flush_interval_ms=3_600_000)
    writer = JournalWriter(directory, os.urandom(16), settings)
    writer.start()
    alone_ns: list[int] = []
    before_ns = time.process_time_ns()
    for _ in range(BUFFERS):
        began_ns = time.perf_counter_ns()
        append_all(writer)
        alone_ns.append(time.perf_counter_ns() - began_ns)
        await writer.flush()
    cpu_ns = time.process_time_ns() - before_ns
    await writer.close()
    return statistics.median(alone_ns) / RECORDS, cpu_ns / RECORDS / BUFFERS


def checksum_ns() -> float:
    data = memoryview(bytearray(HEADER.size) + PAYLOAD)
    times: list[int] = []
    for _ in range(BUFFERS):
        began_ns = time.perf_counter_ns()
        for _ in range(RECORDS):
            crc32(data)
        times.append(time.perf_counter_ns() - began_ns)
    return statistics.median(times) / RECORDS


def main() -> None:
    alone: list[float] = []
    whole: list[float] = []
    checksum: list[float] = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="trunkline-bench-") as name:
            append_ns, cpu_ns = asyncio.run(measure(Path(name)))
        alone.append(append_ns)
        whole.append(cpu_ns)
        checksum.append(checksum_ns())
    print(f"payload                {len(PAYLOAD):>7} bytes")
    print(f"append                 {statistics.median(alone):>7.0f} ns")
    print(f"  of it CRC-32         {statistics.median(checksum):>7.0f} ns")
    print(f"append and write, CPU  {statistics.median(whole):>7.0f} ns")


if __name__ == "__main__":
    main()
