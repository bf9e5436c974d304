"""A recorder in a process of its own, to be killed: `python -m tests.recorder.killed DATA`.

Its facts are a file of JSON lines, so that what was stored survives the process. It says
`recording` when it begins, and `caught up` when asked by a line on standard input.
"""

import asyncio
import os
import sys
from pathlib import Path

import msgspec
import structlog
from tests.recorder.journals import KEYS

from trunkline.protocol import prices
from trunkline.recorder import run, sweep
from trunkline.recorder.run import Recorder
from trunkline.store.blobs import Blobs
from trunkline.store.facts.rows import Row

TYPES = {kind.__name__: kind for kind in KEYS}


class Line(msgspec.Struct):
    """A stored row."""

    table: str
    row: msgspec.Raw


class FileFacts:
    """A facts store that is one file, appended to."""

    def __init__(self, data: Path) -> None:
        self.path = data / "facts.jsonl"

    async def insert(self, rows: list[Row]) -> None:
        lines = [
            msgspec.json.encode(Line(type(row).__name__, msgspec.Raw(msgspec.json.encode(row))))
            for row in rows
        ]
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        # In halves, so that a kill may fall between them; begun on a new line for the same reason.
        half = len(lines) // 2
        for part in (lines[:half], lines[half:]):
            os.write(descriptor, b"\n" + b"\n".join(part) + b"\n")
        os.close(descriptor)

    def rows(self) -> list[Row]:
        """Return all rows that were ever stored."""
        found: list[Row] = []
        for text in self.path.read_bytes().splitlines():
            try:
                line = msgspec.json.decode(text, type=Line)
            except msgspec.DecodeError:
                continue
            found.append(msgspec.json.decode(line.row, type=TYPES[line.table]))
        return found


async def main(data: Path) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    run.SETTLE_SECONDS = run.SETTLE_SOON_SECONDS = 0.005
    run.POLL_SECONDS = sweep.SWEEP_SECONDS = 0.005
    blobs = Blobs.open("", data / "blobs")
    recorder = Recorder(data, FileFacts(data), blobs, prices.shipped())
    task = asyncio.create_task(recorder.run())
    sys.stdout.write("recording\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    await recorder.caught_up()
    sys.stdout.write("caught up\n")
    await recorder.stop()
    await task


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
