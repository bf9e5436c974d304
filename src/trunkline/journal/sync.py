"""I/O. Makes written segments survive a loss of power: `fdatasync`, in a thread of its own.

A failed `fdatasync` is never repeated: the kernel may have dropped the pages and
would then report success (the PostgreSQL `fsync` affair). The segment is suspect,
the next record begins a new one, and the suspect one is closed as it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from trunkline import clock
from trunkline.worker import Worker


class Syncer:
    """Owns the thread, and every descriptor that was retired. Call from the loop only."""

    def __init__(
        self,
        directory: Path,
        mode: Literal["interval", "always", "never"],
        interval_ms: int,
        on_error: Callable[[OSError], None],
    ) -> None:
        self._directory = directory
        self._mode = mode
        self._interval_ns = interval_ms * 1_000_000 if mode == "interval" else 0
        self._on_error = on_error
        on_done = self._again if mode == "always" else None
        self._worker = Worker[list[_Failed]]("journal-sync", on_done)
        self._fd = -1
        self._suspect: set[int] = set()
        """Open descriptors whose sync has failed."""
        self._retired: list[int] = []
        self._dirty_since_ns = 0
        self._began_ns = 0
        self._syncing_since_ns = 0
        self._new_file = True

    def start(self) -> None:
        """Start the thread, which the first sync does otherwise."""
        self._worker.start()

    def written(self, fd: int, retired: Sequence[int], any_bytes: bool) -> None:
        """Take note of a write to `fd`, and of segments that are complete."""
        if any_bytes and self._mode != "never" and not self._dirty_since_ns:
            self._dirty_since_ns = clock.monotonic_ns()
        self._new_file = self._new_file or fd != self._fd
        self._fd = fd
        self._retired += retired
        if self._mode == "always":
            self.tick(clock.monotonic_ns())

    def age_ns(self, now_ns: int) -> int:
        """Return for how long the oldest byte that is not yet synced has been written."""
        since = self._syncing_since_ns or self._dirty_since_ns
        return now_ns - since if since else 0

    def tick(self, now_ns: int) -> None:
        """Start a sync when there is something to sync and it is time."""
        self._look()
        due = now_ns - self._began_ns >= self._interval_ns
        if not self._worker.busy and due and (self._dirty_since_ns or self._retired):
            self._start(now_ns)

    def _start(self, now_ns: int) -> None:
        retired, self._retired = set(self._retired), []
        suspect = retired & self._suspect
        self._suspect -= suspect
        self._began_ns, self._syncing_since_ns = now_ns, self._dirty_since_ns
        self._dirty_since_ns = 0
        directory = self._directory if self._new_file else None
        self._new_file = False
        syncs = self._mode != "never"
        fd = -1 if self._fd in self._suspect else self._fd
        self._worker.give(partial(_sync, fd, retired - suspect, suspect, directory, syncs))

    def _look(self) -> None:
        """Take what has become of the last sync, if that is known by now."""
        if not self._worker.is_done():
            return
        self._syncing_since_ns = 0
        for failed in self._worker.take():
            if failed.is_open:
                self._suspect.add(failed.fd)
            self._on_error(failed.error)

    def _again(self) -> None:
        self.tick(clock.monotonic_ns())

    async def close(self) -> None:
        """Sync and close everything. The descriptor that was written is closed too."""
        await self._finish()
        if self._fd >= 0:
            self._retired.append(self._fd)
            self._fd = -1
        self._start(clock.monotonic_ns())
        await self._finish()
        self._worker.stop()

    async def _finish(self) -> None:
        while self._worker.busy:
            await self._worker.wait()
            self._look()


class _Failed(NamedTuple):
    """A sync that failed."""

    fd: int
    is_open: bool
    """It is being written, and is neither closed by now nor a directory."""
    error: OSError


def _sync(
    fd: int, retired: set[int], suspect: set[int], directory: Path | None, syncs: bool
) -> list[_Failed]:
    """In the thread: sync `retired` and close them and `suspect`, then `fd`, then the directory."""
    failed: list[_Failed] = []
    for old in sorted(retired):
        if syncs:
            _try_sync(old, False, failed)
        os.close(old)
    for old in suspect:
        os.close(old)
    if syncs and fd >= 0:
        _try_sync(fd, True, failed)
    if syncs and directory is not None:
        _sync_directory(directory, failed)
    return failed


def _try_sync(fd: int, is_open: bool, failed: list[_Failed]) -> None:
    try:
        os.fdatasync(fd)
    except OSError as exc:
        failed.append(_Failed(fd, is_open, exc))


def _sync_directory(directory: Path, failed: list[_Failed]) -> None:
    """A new file survives only when the directory that names it was synced."""
    try:
        fd = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as exc:
        failed.append(_Failed(-1, False, exc))
        return
    try:
        _try_sync(fd, False, failed)
    finally:
        os.close(fd)
