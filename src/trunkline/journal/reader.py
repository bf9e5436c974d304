"""I/O. The recorder's end of the journal: reads from anywhere, tolerates everything.

reader = JournalReader(directory)
while True:
    batch = reader.read(position)
    ... batch.instance, batch.records, batch.damage ...
    position = batch.position        # save it: reading goes on from there
    if batch.idle:
        ... wait; if batch.ended: the writer is gone, finish its calls ...
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from trunkline.journal import lock
from trunkline.journal.record import (
    SEGMENT_HEADER_BYTES,
    Damaged,
    Record,
    SegmentHeader,
    TooNew,
    decode_segment_header,
)
from trunkline.journal.scan import Damage, Scan, scan
from trunkline.journal.segments import segment_numbers, segment_path

BATCH_BYTES = 1024 * 1024


class Position(msgspec.Struct, frozen=True, order=True):
    """A place between two records. `START` comes before everything."""

    segment: int = 0
    offset: int = 0


START = Position()


class Batch(msgspec.Struct, frozen=True):
    """What was read at once; all of one segment."""

    records: list[tuple[Record, memoryview | bytes]]
    """Each with its bytes, as `record.encode` writes them. The bytes are a part of all that
    was read at once: whoever keeps them for long copies them."""
    position: Position
    """Where to read on."""
    instance: bytes = b""
    """ULID of the process that wrote these, 16 bytes; empty when the segment's header is lost
    or nothing was read. Another one than before: the calls of the one before are over."""
    damage: tuple[Damage, ...] = ()
    """Skipped, and reported once."""
    idle: bool = False
    """There is nothing more to read for now."""
    ended: bool = False
    """`idle`, and the writer was gone before we looked: this was everything it wrote."""
    alive: bool = False
    """A process held the journal for writing before we looked."""


class Glance(msgspec.Struct, frozen=True):
    """What a journal looks like from outside. While it stays, nothing was written."""

    alive: bool
    """A process holds it for writing."""
    directory_ns: int
    """When a segment was begun or deleted, by the file system's clock."""
    size_bytes: int
    """Of the segment that is read, and when it was written."""
    written_ns: int


class JournalReader:
    """Reads one directory. Holds no file open between calls; any number of readers may be."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def read(self, position: Position, max_bytes: int = BATCH_BYTES) -> Batch:
        """Return what follows `position`: about `max_bytes`, at least one record if there is one.

        A torn end is waited for while its writer lives, skipped and reported when it
        is dead or has begun another segment. A position whose segment is gone leads
        to the next that exists, or, beyond the newest, to the oldest: the journal
        was replaced.

        Raises:
            TooNew: the next record was written by a later release.
            OSError: the disk cannot be read.
        """
        alive = self.writer_alive()  # Before anything is read: else its last words are missed.
        numbers = segment_numbers(self.directory)
        if numbers and position.segment > numbers[-1]:
            position = START
        for number in numbers:
            if number < position.segment:
                continue
            position = position if number == position.segment else Position(number)
            newest = number == numbers[-1]
            batch = self._read_segment(position, max_bytes, not newest or not alive)
            if batch.records or batch.damage:
                return msgspec.structs.replace(batch, alive=alive)
            if newest:
                return msgspec.structs.replace(batch, idle=True, ended=not alive, alive=alive)
        return Batch([], position, idle=True, ended=not alive, alive=alive)

    def batches(self, position: Position = START, max_bytes: int = BATCH_BYTES) -> Iterator[Batch]:
        """Yield batch after batch until there is nothing more for now. The last one is idle."""
        while True:
            batch = self.read(position, max_bytes)
            yield batch
            if batch.idle:
                return
            position = batch.position

    def _read_segment(self, position: Position, max_bytes: int, final: bool) -> Batch:
        path = segment_path(self.directory, position.segment)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return Batch([], position)  # Deleted between the listing and now.
        try:
            return _Segment(fd, position.segment, final).read(position.offset, max_bytes)
        finally:
            os.close(fd)

    def unread_bytes(self, position: Position) -> int:
        """Return how much lies behind `position`, now, heads of segments included."""
        found = 0
        for number in segment_numbers(self.directory):
            if number >= position.segment:
                with contextlib.suppress(FileNotFoundError):  # Deleted since it was listed.
                    size_bytes = segment_path(self.directory, number).stat().st_size
                    offset = position.offset if number == position.segment else 0
                    found += max(0, size_bytes - offset)
        return found

    def glance(self, segment: int) -> Glance:
        """Return what the journal looks like, read up to `segment`: some microseconds.

        Raises `OSError` when there is no such segment, or the disk cannot be read.
        """
        alive = self.writer_alive()  # As in `read`: before anything else is looked at.
        directory, file = os.stat(self.directory), os.stat(segment_path(self.directory, segment))
        return Glance(alive, directory.st_mtime_ns, file.st_size, file.st_mtime_ns)

    def writer_alive(self) -> bool:
        """Return whether a process holds this journal for writing."""
        return lock.is_held(self.directory)

    def segments(self) -> list[int]:
        """Return the numbers of the segments that exist, rising."""
        return segment_numbers(self.directory)

    def header(self, number: int) -> SegmentHeader | None:
        """Return who began segment `number`, and when; None when that is lost."""
        try:
            with segment_path(self.directory, number).open("rb") as file:
                return decode_segment_header(file.read(SEGMENT_HEADER_BYTES))
        except (OSError, Damaged):
            return None

    def delete_before(self, position: Position) -> int:
        """Delete the segments that end before `position`; return how many. Never the newest."""
        done = [number for number in self.segments()[:-1] if number < position.segment]
        for number in done:
            segment_path(self.directory, number).unlink(missing_ok=True)
        return len(done)

    def is_spent(self, position: Position) -> bool:
        """Return whether the writer is gone, and all that it left lies before `position`."""
        if self.writer_alive() or self.segments()[-1:] != [position.segment]:
            return False
        size_bytes = segment_path(self.directory, position.segment).stat().st_size
        return SEGMENT_HEADER_BYTES < size_bytes <= position.offset

    def empty_spent(self, position: Position) -> None:
        """Take the records out of the newest segment, if `is_spent`.

        Its head stays, so that its number is not used again: a position in it means
        the same as before. No writer ever goes on in a segment of another.
        """
        if self.is_spent(position):
            os.truncate(segment_path(self.directory, position.segment), SEGMENT_HEADER_BYTES)


class _Segment:
    """One open segment."""

    def __init__(self, fd: int, number: int, final: bool) -> None:
        self._fd = fd
        self._number = number
        self._final = final
        self._size_bytes = os.fstat(fd).st_size
        """Fixed here: what is written from now on is for the next read."""

    def read(self, offset: int, max_bytes: int) -> Batch:
        instance, damage = self._header(offset)
        offset = max(offset, min(SEGMENT_HEADER_BYTES, self._size_bytes))
        if self._size_bytes < SEGMENT_HEADER_BYTES:
            # Torn before its first record. Nothing to report but the header itself.
            return Batch([], Position(self._number, offset if self._final else 0), instance, damage)
        data = self._pread(offset, max_bytes)
        found = self._scan(data, offset, max_bytes)
        if not found.used and offset + len(data) < self._size_bytes:
            # Damage, or a record larger than `max_bytes`: look at all that is left.
            data = self._pread(offset, self._size_bytes - offset)
            found = self._scan(data, offset, max_bytes)
        return Batch(
            found.records,
            Position(self._number, offset + found.used),
            instance,
            damage
            + tuple(
                Damage(self._number, offset + start, end - start, why)
                for start, end, why in found.damage
            ),
        )

    def _scan(self, data: bytes, offset: int, max_bytes: int) -> Scan:
        complete = offset + len(data) >= self._size_bytes
        try:
            return scan(data, max_bytes, complete, self._final)
        except TooNew as exc:
            raise TooNew(f"segment {self._number}, byte {offset}: {exc}") from exc

    def _header(self, offset: int) -> tuple[bytes, tuple[Damage, ...]]:
        data = self._pread(0, SEGMENT_HEADER_BYTES)
        try:
            return decode_segment_header(data).instance, ()
        except Damaged as exc:
            unseen = offset == 0 and len(data) > 0
            settled = self._final or len(data) == SEGMENT_HEADER_BYTES
            if not unseen or not settled:
                return b"", ()
            return b"", (Damage(self._number, 0, len(data), str(exc)),)

    def _pread(self, offset: int, count: int) -> bytes:
        """Return `count` bytes, or what there is of them."""
        end = min(offset + count, self._size_bytes)
        parts: list[bytes] = []
        while offset < end:
            part = os.pread(self._fd, end - offset, offset)
            if not part:
                break
            parts.append(part)
            offset += len(part)
        return b"".join(parts)
