"""I/O. The files of a journal directory, and the one that is being written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import msgspec

from trunkline import clock
from trunkline.journal.record import (
    SEGMENT_BYTES,
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    encode_segment_header,
)

SUFFIX = ".journal"
MAX_AGE_NS = 600_000_000_000
"""A segment that holds something is followed by another then, so that it can be deleted."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def segment_path(directory: Path, number: int) -> Path:
    """Return where segment `number` is."""
    return directory / f"{number:08d}{SUFFIX}"


def segment_numbers(directory: Path) -> list[int]:
    """Return the numbers of the segments in `directory`, rising. Empty when it is missing."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    stems = (name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))
    return sorted(int(stem) for stem in stems if stem.isascii() and stem.isdigit())


def free_bytes(directory: Path) -> int:
    """Return how many bytes may still be written where `directory` is."""
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize


def why(error: OSError) -> str:
    """Return the `why` of the gap that `error` causes (`protocol.call.Gap`)."""
    return "disk_full" if error.errno in _FULL else "io_error"


class Outcome(msgspec.Struct, frozen=True):
    """What became of one attempt to write."""

    written: int
    """Views that are wholly in the file; the others left nothing in it."""
    error: OSError | None
    fd: int
    """Of the segment that is being written; -1 when there is none."""
    retired: tuple[int, ...]
    """Descriptors of segments that are complete: to be synced and closed."""
    bytes_written: int


class Segments:
    """The segment that is being written, and how it is followed by the next.

    Not thread safe: one call at a time, from whichever thread. Closes no
    descriptor while it might be synced; that is left to whoever takes `retired`.
    """

    def __init__(
        self,
        directory: Path,
        instance: bytes,
        segment_bytes: int = SEGMENT_BYTES,
        reserve_bytes: int = 0,
    ) -> None:
        """`reserve_bytes`: with less free, the disk counts as full."""
        self._directory = directory
        self._instance = instance
        self._segment_bytes = segment_bytes
        self._reserve_bytes = reserve_bytes
        self._began_ns = 0
        self.fd = -1
        """Of the segment that is being written; -1 when there is none."""
        self._size_bytes = 0
        self._retired: list[int] = []
        self.number = 0
        """Of the segment that is being written."""

    def begin(self) -> None:
        """Begin the segment after the newest. Raises `OSError` and leaves no file behind."""
        self.retire()
        number = max(self.number, *segment_numbers(self._directory), 0) + 1
        path = segment_path(self._directory, number)
        header = SegmentHeader(self._instance, number, clock.wall_ns())
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            _write_at(fd, memoryview(encode_segment_header(header)), 0)
        except OSError:
            os.close(fd)
            path.unlink()
            raise
        self.fd, self._size_bytes, self.number = fd, SEGMENT_HEADER_BYTES, number
        self._began_ns = clock.monotonic_ns()

    def is_old(self, now_ns: int) -> bool:
        """Return whether it is time for another segment, since this one holds something."""
        return self._size_bytes > SEGMENT_HEADER_BYTES and now_ns - self._began_ns >= MAX_AGE_NS

    def retire(self) -> None:
        """Write nothing more to this segment: it is full, or the disk is not to be trusted."""
        if self.fd >= 0:
            self._retired.append(self.fd)
            self.fd = -1

    def write(self, views: tuple[memoryview, ...], fresh: bool) -> Outcome:
        """Append `views`, each made of whole records, in order. Never raises `OSError`.

        A view that fails is cut off again, so that no torn record has another after
        it. `fresh` begins a new segment first, even if there is nothing to write.
        """
        written = bytes_written = 0
        error: OSError | None = None
        try:
            if fresh:
                self.retire()
            self._check_room()
            if self.fd < 0 and not views:
                self.begin()
            for view in views:
                self._append(view)
                written += 1
                bytes_written += len(view)
        except OSError as exc:
            error = exc
        retired, self._retired = tuple(self._retired), []
        return Outcome(written, error, self.fd, retired, bytes_written)

    def _check_room(self) -> None:
        if self._reserve_bytes and free_bytes(self._directory) < self._reserve_bytes:
            raise OSError(errno.ENOSPC, f"less than {self._reserve_bytes} bytes are free")

    def _append(self, view: memoryview) -> None:
        full = self._size_bytes + len(view) > self._segment_bytes
        if self.fd < 0 or (full and self._size_bytes > SEGMENT_HEADER_BYTES):
            self.begin()
        try:
            _write_at(self.fd, view, self._size_bytes)
        except OSError as exc:
            self._cut(exc)
            raise
        self._size_bytes += len(view)

    def _cut(self, cause: OSError) -> None:
        """Take back what a failed write left. A segment that fails otherwise is left alone."""
        try:
            os.ftruncate(self.fd, self._size_bytes)
        except OSError:
            self.retire()
        if why(cause) == "io_error":
            self.retire()


def _write_at(fd: int, view: memoryview, offset: int) -> None:
    written = 0
    while written < len(view):
        written += os.pwrite(fd, view[written:], offset + written)
