"""I/O. What is made of a finished call, from files to files.

`Seal`: archive, recording and waveform, in one pass over the call's spool. `Compress`: Ogg Opus of
a recording that is lossless yet. A job that was cut off is done again, with the same outcome:
the same files give the same files.
"""

from __future__ import annotations

import errno
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final, TypeAlias

import msgspec

from trunkline.journal.record import Record
from trunkline.recorder import audio
from trunkline.recorder.echo import Suspect, echoes
from trunkline.recorder.peaks import Peaks
from trunkline.recorder.playback import playback
from trunkline.store import archive, codec
from trunkline.store.codec import Codec
from trunkline.store.holes import Holes
from trunkline.store.spool import scan

_DISK: Final = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS}

_SCRATCH_BYTES: Final = 1024 * 1024
"""Written at once: chunks of sound are small, and a write for each is a sixth of sealing."""


class Stopped(Exception):
    """The job was given up: somebody was told to stop."""


class Seal(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Seal a call. Paths are those of the files to be made, and of its spool."""

    call_id: str
    last_seq: int
    """Of the call's last record, as the fold saw it."""
    spool: str
    archive: str
    recording: str
    peaks: str
    codec: Codec
    suspects: tuple[Suspect, ...] = ()
    """Barge-ins, any of which may be the assistant's own echo."""
    recorded: bool = True
    """False: do without a recording, which has crashed whoever made it."""


class Sealed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What became of it."""

    damaged_records: int
    """Missing in the archive."""
    has_audio: bool
    """There is a recording, and its peaks."""
    echoes: tuple[int, ...] = ()
    """Turns of the suspects that are one."""
    problem: str = ""
    """Why there is none that should be: a traceback. It is a bug, and the archive is whole."""


class Compress(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Make Ogg Opus of a recording."""

    recording: str
    opus: str


class Compressed(msgspec.Struct, frozen=True, tag=True):
    """It is made."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """It could not be done. It may be later."""

    why: str


Job: TypeAlias = Seal | Compress
Outcome: TypeAlias = Sealed | Compressed | Failed


def perform(job: Job, stopped: Callable[[], bool] = lambda: False) -> Outcome:
    """Do `job`, in the calling thread, and return what became of it.

    Raises:
        Stopped: `stopped` said so.
    """
    try:
        return _seal(job, stopped) if isinstance(job, Seal) else _compress(job)
    except Stopped:
        raise
    except Exception as exc:
        # Of a disk, of a codec: whoever asked logs it, and asks again.
        return Failed(f"{type(exc).__name__}: {str(exc).splitlines()[:1]}")


def _compress(job: Compress) -> Compressed:
    codec.encode(codec.decode(Path(job.recording)), 2, Path(job.opus))
    return Compressed()


def _seal(job: Seal, stopped: Callable[[], bool]) -> Sealed:
    peaks: Peaks | None = None
    problem = ""
    with Path(job.archive).open("wb") as out:
        call = _Call(job, archive.Packer(out), stopped)
        records = call.records()
        try:
            if job.recorded:
                peaks = call.record(records)
        except Exception as exc:
            if call.failed or (isinstance(exc, OSError) and exc.errno in _DISK):
                raise
            # A recording that cannot be made must not keep the archive from being.
            problem = traceback.format_exc()
        for _ in records:
            pass
        call.packer.finish(job.call_id)
    if peaks is not None:
        Path(job.peaks).write_bytes(msgspec.json.encode(peaks))
    missing = call.holes.missed + max(0, job.last_seq - call.holes.last_seq)
    return Sealed(
        damaged_records=missing,
        has_audio=peaks is not None,
        echoes=call.echoes,
        problem=problem,
    )


class _Call:
    """The records of a spool: packed as they go by."""

    def __init__(self, job: Seal, packer: archive.Packer, stopped: Callable[[], bool]) -> None:
        self._job = job
        self.echoes: tuple[int, ...] = ()
        self._spool = Path(job.spool)
        self._stopped = stopped
        self.packer = packer
        self.holes = Holes()
        self.failed = False
        """Not all of them could be read, or packed."""

    def records(self) -> Iterator[Record]:
        try:
            for item in scan(self._spool):
                if self._stopped():
                    raise Stopped
                self.holes.note(item.record)
                self.packer.add(item.record.seq, item.data)
                yield item.record
        except Exception:
            self.failed = True
            raise

    def record(self, records: Iterator[Record]) -> Peaks | None:
        """Make the recording, if there is any sound, and look at it."""
        recording = Path(self._job.recording)
        with TemporaryFile(dir=recording.parent, buffering=_SCRATCH_BYTES) as scratch:
            heard = playback(records, scratch)
            self.echoes = echoes(heard.tracks, self._job.suspects)
            return audio.render(heard.chunks, heard.ends_us, recording, self._job.codec)
