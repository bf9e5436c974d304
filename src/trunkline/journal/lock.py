"""I/O. Who holds a journal directory: `flock` on `<directory>/lock`, the PID inside.

The kernel lets go of the lock when the process ends, however it ends. The file
stays: to delete it would let two processes lock two files of one name.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from trunkline.errors import OperatorError

LOCK_FILE = "lock"
_TRIES = 200
_TRY_S = 0.001


class Held(OperatorError):
    """Another process writes this journal."""

    def __init__(self, directory: Path, pid: str) -> None:
        super().__init__(
            f"{directory} is in use by process {pid or '(unknown)'}: "
            "stop it, or choose another data directory"
        )


def hold(directory: Path) -> int:
    """Return a descriptor that holds the lock of `directory` until it is closed.

    Raises:
        Held: another process has it.
        OSError: the directory cannot be written.
    """
    fd = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        if not _lock(fd):
            raise Held(directory, os.pread(fd, 32, 0).decode("ascii", "replace").strip())
        _write_pid(fd)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _lock(fd: int) -> bool:
    """Take the exclusive lock. A reader that looks holds it shared, for microseconds."""
    for _ in range(_TRIES):
        if _try(fd, fcntl.LOCK_EX):
            return True
        if not _try(fd, fcntl.LOCK_SH):
            return False
        fcntl.flock(fd, fcntl.LOCK_UN)
        time.sleep(_TRY_S)
    return False


def _try(fd: int, operation: int) -> bool:
    try:
        fcntl.flock(fd, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_pid(fd: int) -> None:
    try:
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    except OSError:
        # On a full disk the lock holds all the same; only its message is poorer.
        return


def is_held(directory: Path) -> bool:
    """Return whether a living process holds the lock of `directory`."""
    try:
        fd = os.open(directory / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _try(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)
