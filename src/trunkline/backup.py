"""`trunkline backup`: a copy of the data directory, taken while everything runs.

Records go one way only: from the journal into a spool, from the spool into an archive. They are
copied in that order, so whatever was written when the backup began is in it, once at
least: a record that moves on while it is being copied is met again further on. Facts are
not copied: they are made anew from the rest, which is what `trunkline reindex` does.

A later backup into the same directory copies only what is new, and takes out of it what was
erased or compressed meanwhile. Until it is done, the directory says that it is incomplete.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from trunkline import __version__
from trunkline.errors import OperatorError
from trunkline.layout import Layout
from trunkline.settings import Settings
from trunkline.store import blobs
from trunkline.store.tombstones import ERASED, Tombstones

DONE = "backup.json"
INCOMPLETE = "backup.incomplete"
_LOCK = "backup.lock"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `backup.json` says."""

    at: str
    """Everything that was written by then is in the backup. ISO 8601, UTC."""
    release: str
    accounts: bool
    """Are the accounts in it? Not if they are in a database elsewhere."""
    blobs: bool
    """Are archives and recordings in it? Not if they are in an object store."""
    calls: int
    """That have an archive in it."""
    copied_files: int
    """By this run; the others were there."""
    copied_bytes: int


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class _Copies:
    """Copies files, and counts them."""

    def __init__(self) -> None:
        self.files = 0
        self.bytes = 0

    def copy(self, source: Path, target: Path) -> None:
        """Copy a file, whole or not at all. Without effect when it is gone."""
        part = target.with_name(target.name + ".part")
        try:
            with source.open("rb") as reading:
                part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with open(part, "wb", opener=_private) as writing:
                    shutil.copyfileobj(reading, writing, 1024 * 1024)
                times = os.fstat(reading.fileno())
        except FileNotFoundError:
            return  # It has moved on, and is copied where it is now.
        os.utime(part, ns=(times.st_atime_ns, times.st_mtime_ns))
        os.replace(part, target)
        self.files += 1
        self.bytes += target.stat().st_size


def back_up(settings: Settings, target: Path, wall_ns: int) -> Report:
    """Copy the data directory of `settings` to `target`; return what was done.

    Raises:
        OperatorError: `target` cannot be used, or there is nothing to copy.
    """
    layout = Layout(settings.data)
    if not layout.format.exists():
        raise OperatorError(f"there is no data in {settings.data}; name its directory with --data")
    try:
        with _held(layout, target):
            return _back_up(settings, layout, target, wall_ns)
    except OSError as exc:
        raise OperatorError(f"backup to {target} failed: {exc.strerror or exc}") from exc


@contextmanager
def _held(layout: Layout, target: Path) -> Generator[None]:
    """Keep `target` for this backup alone."""
    if target.resolve().is_relative_to(layout.data.resolve()):
        raise OperatorError(f"{target} lies in the data directory; choose one elsewhere")
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    known = {DONE, INCOMPLETE, _LOCK}
    there = {path.name for path in target.iterdir()}
    if there and not there & known:
        raise OperatorError(f"{target} is not empty, and no backup; choose another directory")
    descriptor = os.open(target / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as exc:
        raise OperatorError(f"another backup to {target} is under way") from exc
    finally:
        os.close(descriptor)


def _back_up(settings: Settings, layout: Layout, target: Path, wall_ns: int) -> Report:
    at = datetime.fromtimestamp(wall_ns / 1e9, UTC)
    (target / INCOMPLETE).touch(0o600)
    (target / DONE).unlink(missing_ok=True)
    copies = _Copies()
    accounts = not settings.control_url
    if accounts:
        _copy_accounts(layout.control, target / layout.control.name)
    # In this order: see above.
    _renew(copies, layout.journal, target, "*/*.journal")
    _renew(copies, layout.spool, target, "*.records")
    if not settings.blobs_url:
        _add(copies, layout.blobs, target / layout.blobs.name)
    for name in (ERASED, layout.format.name):
        copies.copy(layout.data / name, target / name)
    calls = _prune(target)
    report = Report(
        at=at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        release=__version__,
        accounts=accounts,
        blobs=not settings.blobs_url,
        calls=calls,
        copied_files=copies.files,
        copied_bytes=copies.bytes,
    )
    with open(target / DONE, "wb", opener=_private) as file:
        file.write(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    # At once, instead of each file by itself: there may be a hundred thousand.
    os.sync()
    (target / INCOMPLETE).unlink()
    return report


def _copy_accounts(source: Path, target: Path) -> None:
    """Copy a SQLite database as of one moment, while others write to it."""
    part = target.with_name(target.name + ".part")
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as reading,
        closing(sqlite3.connect(part)) as writing,
    ):
        reading.backup(writing)
    os.replace(part, target)


def _renew(copies: _Copies, source: Path, target: Path, pattern: str) -> None:
    """Copy what is under `source` now in place of what was copied before."""
    there = target / source.name
    shutil.rmtree(there, ignore_errors=True)
    there.mkdir(mode=0o700)
    for path in sorted(source.glob(pattern)):
        copies.copy(path, there / path.relative_to(source))


def _add(copies: _Copies, source: Path, target: Path) -> None:
    """Copy what is new under `source`. What lies there is written once, and replaced whole."""
    for directory, _, names in os.walk(source):
        for name in names:
            path = Path(directory) / name
            copy = target / path.relative_to(source)
            if not _is_copy(path, copy):
                copies.copy(path, copy)
            if name == "audio.wav" and not copy.exists():
                # It was compressed between our look and our reach.
                copies.copy(path.with_name("audio.opus"), copy.with_name("audio.opus"))


def _is_copy(path: Path, copy: Path) -> bool:
    try:
        one, other = path.stat(), copy.stat()
    except FileNotFoundError:
        return False
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def _prune(target: Path) -> int:
    """Take out of a backup what was erased; return how many archives are left in it."""
    root = target / "blobs"
    for org_id, call_id in Tombstones(target / ERASED).calls():
        shutil.rmtree(root / blobs.call_prefix(org_id, call_id), ignore_errors=True)
        with suppress(FileNotFoundError):
            (target / "spool" / f"{call_id}.records").unlink()
    for lossless in root.glob("org/*/*/*/*/*/audio.wav"):
        if lossless.with_name("audio.opus").exists():
            lossless.unlink()  # It was compressed after the backup before.
    return sum(1 for _ in root.glob("org/*/*/*/*/*/archive"))
