"""I/O. `run/<name>.vitals`: how a process tells the others how it is.

A line with the CRC-32 of what follows, then `figures` as JSON. The file's blocks are
taken when it is made and written over in place: a full disk, which is when they are
wanted most, still takes them, and a file system's log is not filled by a rename every
second. A reader that meets a writer sees that the checksum is wrong, and looks again.
"""

from __future__ import annotations

import contextlib
import os
import threading
import zlib
from pathlib import Path

import msgspec

from trunkline.vitals.figures import Figures, decode, encode
from trunkline.vitals.fleet import Fleet, Seen, fleet

SUFFIX = ".vitals"
FILE_BYTES = 32 * 1024
_TRIES = 5


class VitalsFile:
    """One process's file. Made at the first write, removed when the process is done.

    May be written in one thread and removed in another.
    """

    def __init__(self, run: Path, name: str) -> None:
        self._path = run / (name + SUFFIX)
        self._fd = -1
        self._removed = False
        self._lock = threading.Lock()

    def write(self, figures: Figures) -> None:
        """Replace what the file says; nothing once it is removed. Raises `OSError`."""
        body = encode(figures) + b"\n"
        with self._lock:
            if self._removed:
                return
            if self._fd < 0:
                self._fd = self._make()
            os.pwrite(self._fd, b"%08x\n" % zlib.crc32(body) + body, 0)

    def _make(self) -> int:
        # Another one than that of a process of this name that has died: it may be read now.
        self._path.unlink(missing_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(fd, b"\n" * FILE_BYTES, 0)
        except OSError:
            os.close(fd)
            self._path.unlink()
            raise
        return fd

    def remove(self) -> None:
        """Take the file away: the process ends as it was told to."""
        with self._lock:
            self._removed = True
            if self._fd < 0:
                return
            ours = os.fstat(self._fd)
            os.close(self._fd)
            self._fd = -1
            with contextlib.suppress(FileNotFoundError):
                # Another process of this name may have begun, and made one of its own.
                if os.path.samestat(ours, self._path.stat()):
                    self._path.unlink()


def read(run: Path, now_ns: int) -> Fleet:
    """Return what every process under `run` has told; files that are none are passed over.

    Raises:
        OSError: the directory cannot be read.
    """
    found: list[Seen] = []
    for path in run.glob("*" + SUFFIX):
        figures = _read(path)
        if figures is not None:
            age_ns = now_ns - figures.at_ns
            found.append(Seen(path.stem, figures, age_ns, _is_there(figures.pid)))
    return fleet(found, now_ns)


def _read(path: Path) -> Figures | None:
    for _ in range(_TRIES):
        try:
            data = path.read_bytes()
        except OSError:
            return None
        crc, _, rest = data.partition(b"\n")
        body = rest[: rest.find(b"\n") + 1]
        if crc == b"%08x" % zlib.crc32(body):
            try:
                return decode(body)
            except msgspec.DecodeError:
                return None
    return None


def clear(run: Path) -> None:
    """Remove the files of all processes: none of them runs."""
    for path in run.glob("*" + SUFFIX):
        path.unlink(missing_ok=True)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
