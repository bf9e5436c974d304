"""Processes that the journal's tests start, kill and starve. Run as a script.

python children.py write DIRECTORY      append for ever, print what is surely written
python children.py starve DIRECTORY     meet a full disk, then have room again
"""

import asyncio
import os
import resource
import signal
import sys
from pathlib import Path

from trunkline.journal.record import Flag, Kind, Leg
from trunkline.journal.writer import JournalWriter
from trunkline.settings import Settings

CALLS = [b"call-%011d" % number for number in range(3)]


def payload_of(seq: int) -> bytes:
    """What frame `seq` holds: sizes vary, a few are larger than the buffer."""
    size = 1_100_000 if seq % 97 == 96 else seq * 37 % 5_000
    return b"%d " % seq + bytes(size)


def append(writer: JournalWriter, call: bytes, seq: int) -> None:
    writer.append(Kind.FRAME, call, seq, Leg.CALLER, Flag(0), seq, seq, payload_of(seq))


async def write(directory: Path) -> None:
    writer = JournalWriter(directory, os.urandom(16), Settings(flush_interval_ms=1))
    writer.start()
    seq = 0
    while True:
        for _ in range(20):
            for call in CALLS:
                append(writer, call, seq)
            seq += 1
        await writer.flush()
        os.write(1, b"%d\n" % (seq - 1))


async def starve(directory: Path) -> None:
    """Print how many frames and bytes the writer says were lost."""
    limit_bytes = 256 * 1024
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    writer = JournalWriter(
        directory, bytes(16), Settings(flush_interval_ms=1), max_backlog_bytes=400_000
    )
    writer.start()
    for seq in range(1_000):
        for call in CALLS:
            append(writer, call, seq)
        if seq % 10 == 0:
            await writer.flush()
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await writer.flush()
    for seq in range(1_000, 1_010):
        for call in CALLS:
            append(writer, call, seq)
    await writer.close()
    os.write(1, b"%d %d %d\n" % (writer.lost_frames, writer.lost_bytes, writer.gaps))


if __name__ == "__main__":
    what, where = sys.argv[1:]
    asyncio.run({"write": write, "starve": starve}[what](Path(where)))
