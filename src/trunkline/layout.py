"""Where things lie under the data directory."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from trunkline.errors import OperatorError

FORMAT = 1
"""Of all that lies under a data directory. Raised by a release that writes what the one before
cannot read: another version of records, other archives, other names."""


class Layout:
    """The names under one data directory. Nothing is created by asking for a name."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.lock = data / "lock"
        self.server_lock = data / "server.lock"
        self.control = data / "control.sqlite3"
        self.facts = data / "facts"
        self.blobs = data / "blobs"
        self.journal = data / "journal"
        self.spool = data / "spool"
        self.recorder = data / "recorder"
        self.cache = data / "cache"
        self.run = data / "run"
        self.scratch = data / "scratch"
        self.snapshot = self.run / "snapshot.json"
        self.format = data / "format"
        self.master_key = data / "master.key"

    def create(self) -> None:
        """Make the directories. Raises `OperatorError` when that is not possible."""
        try:
            for directory in (self.data, self.journal, self.spool, self.recorder, self.run):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = self.run / f".writable-{os.getpid()}"
            probe.touch()
            probe.unlink()
            self._check_format()
        except OSError as exc:
            raise OperatorError(
                f"data directory {self.data} is not writable: {exc.strerror}; "
                "choose another with --data or TRUNKLINE_DATA"
            ) from exc

    def clear_scratch(self) -> None:
        """Make the directory for temporary files anew: a killed process left some, perhaps."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(mode=0o700, exist_ok=True)

    def _check_format(self) -> None:
        try:
            found = self.format.read_text("ascii", "replace").strip()
        except FileNotFoundError:
            self.format.write_text(f"{FORMAT}\n")
            return
        # Whatever is written there that we do not know is a later release's.
        if not found.isdigit() or int(found) > FORMAT:
            raise OperatorError(
                f"data directory {self.data} was written by a later release: it has format"
                f" {found[:20]!r}, this release knows {FORMAT}; upgrade Trunkline"
            )


class DataLock:
    """The right to run on a data directory: one process at a time.

    Held by an advisory lock, so that it goes with the process, however it ends.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises `OperatorError` naming the process that has it."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise OperatorError(f"cannot lock {path}: {exc.strerror}") from exc
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise OperatorError(
                f"data directory {path.parent} is in use by process {holder}; "
                "stop it, or choose another directory with --data"
            ) from exc
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the directory back."""
        os.close(self._descriptor)


def lock_holder(path: Path) -> int | None:
    """Return the process that has the lock at `path`; None when none has."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.pread(descriptor, 32, 0) or 0) or None
    finally:
        os.close(descriptor)
    return None
