"""I/O. The spool: the raw records of one call that is not sealed yet.

`<spool>/<call_id>.records` holds journal records of one call, as `record.encode`
writes them, in order and without duplicates. Only the recorder writes it; anybody
may read it at any time: a record that is not whole yet is not there yet.
"""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from trunkline.ids import parse_call_id
from trunkline.journal import record
from trunkline.journal.record import Damaged, Record

SUFFIX = ".records"
_BLOCK_BYTES = 1024 * 1024
_LENGTH = struct.Struct("<I")
_CALL_AT = 8
"""Where the call's ULID stands in a record's header: what a search for the next one looks for."""


class Spooled(msgspec.Struct, frozen=True, gc=False):
    """One record of a spool, and where it lies."""

    record: Record
    data: bytes
    """As written."""
    offset: int
    """Of its first byte in the file."""

    @property
    def end(self) -> int:
        """Offset of the byte after it."""
        return self.offset + len(self.data)


class SpoolWriter:
    """The recorder's end of one spool. Holds no file open: there may be thousands of calls."""

    def __init__(self, path: Path, length_bytes: int = 0) -> None:
        """Keep the first `length_bytes` of `path`: what comes after was not checkpointed.

        Raises:
            OSError: the file cannot be written, or is shorter than that.
        """
        self.path = path
        self.length_bytes = length_bytes
        """Of what was flushed."""
        self._pending = bytearray()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(descriptor).st_size < length_bytes:
                raise OSError(f"spool {path.name} is shorter than {length_bytes} bytes")
            os.ftruncate(descriptor, length_bytes)
        finally:
            os.close(descriptor)

    def append(self, data: memoryview | bytes) -> None:
        """Add one encoded record, in memory until `flush`."""
        self._pending += data

    @property
    def pending_bytes(self) -> int:
        """What `flush` would write."""
        return len(self._pending)

    def flush(self) -> None:
        """Write what was added. A killed process loses nothing of it. Raises `OSError`."""
        if not self._pending:
            return
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            while self._pending:
                written = os.pwrite(descriptor, self._pending, self.length_bytes)
                del self._pending[:written]
                self.length_bytes += written
        finally:
            os.close(descriptor)

    def sync(self) -> None:
        """Wait until all that was flushed is on the disk. Raises `OSError`."""
        sync_path(self.path)


def sync_path(path: Path) -> None:
    """Wait until a file's content, or a directory's names, are on the disk. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def renew(path: Path) -> None:
    """Copy a spool whose sync has failed to another file, which takes its place.

    What the kernel could not write it may hold to be written: only new pages are sure to be
    tried again. Nobody may append to it meanwhile. Raises `OSError`.
    """
    part = path.with_suffix(".renewed.part")
    shutil.copyfile(path, part)
    sync_path(part)
    os.replace(part, path)


def spool_path(directory: Path, call_id: str) -> Path:
    """Return where the spool of a call is. Raises `ValueError` when `call_id` is none."""
    parse_call_id(call_id)
    return directory / (call_id + SUFFIX)


def call_of(path: Path) -> str:
    """Return the id of the call whose spool `path` is."""
    return path.name.removesuffix(SUFFIX)


def spooled_calls(directory: Path) -> list[str]:
    """Return the ids of the calls that have a spool, oldest first."""
    return sorted(map(call_of, directory.glob("call_*" + SUFFIX)))


def scan(path: Path, start: int = 0) -> Iterator[Spooled]:
    """Yield the whole records from offset `start`, in file order, with rising sequence.

    A torn tail ends it. Damage in the middle is stepped over to the next intact
    record of the same call, which costs the records that it hit and no others.
    Needs memory for one block and one record.

    Raises:
        FileNotFoundError: the call has no spool.
        TooNew: a later release wrote it.
    """
    call = parse_call_id(call_of(path))
    last_seq = -1
    with path.open("rb") as file:
        file.seek(start)
        for spooled in _scan(file, start, call):
            if spooled.record.seq > last_seq:
                last_seq = spooled.record.seq
                yield spooled


def _scan(file: BinaryIO, start: int, call: bytes) -> Iterator[Spooled]:
    data, position = b"", 0
    while True:
        if _wants_more(data, position):
            block = file.read(max(_BLOCK_BYTES, len(data) - position))
            if block:
                start, data, position = start + position, data[position:] + block, 0
                continue
        if position >= len(data):
            return
        try:
            found, end = record.decode(data, position)
        except Damaged:
            position = _next_place(data, position + 1, call)
            continue
        if found.call == call:
            yield Spooled(found, data[position:end], start + position)
        position = end


def _wants_more(data: bytes, position: int) -> bool:
    left = len(data) - position
    if left < record.OVERHEAD_BYTES:
        return True
    length = int(_LENGTH.unpack_from(data, position)[0])
    return left < length <= record.OVERHEAD_BYTES + record.MAX_PAYLOAD_BYTES


def _next_place(data: bytes, position: int, call: bytes) -> int:
    """Return where a record of `call` may begin, or where too little is left to tell."""
    found = data.find(call, position + _CALL_AT)
    if found >= 0:
        return found - _CALL_AT
    return max(position, len(data) - record.OVERHEAD_BYTES + 1)
