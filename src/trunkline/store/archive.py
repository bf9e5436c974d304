"""I/O. The archive: every record of one finished call in one sealed file.

A sequence of independent zstd frames, each at most 256 KiB of raw records (a larger
record has a frame of its own), so that any place is read with one range request.

    frame            zstd of whole journal records, as `record.encode` wrote them
    …
    index            `Index` as msgpack
    footer           magic 8s, index_offset u64, index_bytes u32, index_crc u32, crc u32

Little endian. The same records give the same bytes. An archive alone is enough to
rebuild the call's facts. It holds every credential-free byte that was relayed, and
it ends without a `closed` record when the call's gateway died.
"""

from __future__ import annotations

import asyncio
import struct
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterable
from typing import BinaryIO

import msgspec
import structlog
import zstandard
from isal.isal_zlib import crc32

from trunkline.errors import TrunklineError
from trunkline.journal import record
from trunkline.journal.record import Damaged, Kind, Record
from trunkline.store.blobs import Blobs

MAGIC = b"TRUNKAR1"
FRAME_BYTES = 256 * 1024
FOOTER = struct.Struct("<8sQII")
CRC = struct.Struct("<I")
FOOTER_BYTES = FOOTER.size + CRC.size
_TAIL_BYTES = 64 * 1024
"""Read at once from the end: footer and, of all but very long calls, the index."""
_LEVEL = 1
"""Of zstd. 3 takes four times as long, and 3 % less space for frames that are mostly base64."""
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
EVENTS = frozenset({Kind.FRAME, Kind.BRIDGED})
"""Records with a row in `events`."""


log = structlog.get_logger("trunkline.store.archive")


class ArchiveDamaged(TrunklineError):
    """A part of an archive is not what was sealed. The message says which part of which."""


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """Where one zstd frame lies, and what is in it."""

    first_seq: int
    last_seq: int
    records: int
    offset: int
    size_bytes: int
    raw_bytes: int
    crc: int
    """CRC-32 of the compressed bytes."""


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """The manifest of an archive."""

    call_id: str
    records: int
    raw_bytes: int
    crc: int
    """CRC-32 of all raw records, one after the other."""
    frames: tuple[Frame, ...]
    events: int = -1
    """Records that the facts have a row of in `events`: frames, and what was made of them.
    -1: not counted when this was sealed."""


class Page(msgspec.Struct, frozen=True):
    """Some records of a call, in order."""

    records: tuple[Record, ...]
    more: bool
    """There is at least one record after these, now."""
    damaged_to: int = -1
    """The last number of what was here and cannot be read any more; -1: nothing."""

    @property
    def last_seq(self) -> int | None:
        """What to ask the next page after; None when this one is empty."""
        return self.records[-1].seq if self.records else None


def pack(out: BinaryIO, call_id: str, records: Iterable[tuple[int, bytes]]) -> Index:
    """Write the archive of a call to `out`; return its manifest.

    `records` are pairs of sequence and encoded record, in rising order. They are taken
    one by one: a call of any length needs memory for one frame.
    """
    packer = Packer(out)
    for seq, data in records:
        packer.add(seq, data)
    return packer.finish(call_id)


class Packer:
    """Writes one archive, record by record."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=False)
        self._frames: list[Frame] = []
        self._pending = bytearray()
        self._seqs: list[int] = []
        self._events = 0
        self._offset = 0
        self._crc = 0

    def add(self, seq: int, data: bytes) -> None:
        """Add an encoded record, whose sequence is above those before."""
        if self._pending and len(self._pending) + len(data) > FRAME_BYTES:
            self._cut()
        self._pending += data
        self._events += data[record.KIND_AT] in EVENTS
        self._seqs.append(seq)

    def finish(self, call_id: str) -> Index:
        """Write what is left, and the manifest, which is returned."""
        if self._pending:
            self._cut()
        frames = tuple(self._frames)
        index = Index(
            call_id=call_id,
            records=sum(frame.records for frame in frames),
            raw_bytes=sum(frame.raw_bytes for frame in frames),
            crc=self._crc,
            frames=frames,
            events=self._events,
        )
        packed = msgspec.msgpack.encode(index)
        self._out.write(packed + _footer(self._offset, packed))
        return index

    def _cut(self) -> None:
        raw = bytes(self._pending)
        packed = self._compressor.compress(raw)
        self._out.write(packed)
        self._crc = crc32(raw, self._crc)
        self._frames.append(
            Frame(
                self._seqs[0],
                self._seqs[-1],
                len(self._seqs),
                self._offset,
                len(packed),
                len(raw),
                crc32(packed),
            )
        )
        self._offset += len(packed)
        self._pending.clear()
        self._seqs.clear()


class ArchiveReader:
    """Reads one archive by range requests. Holds its index, no record."""

    def __init__(self, blobs: Blobs, blob: str, index: Index) -> None:
        self._blobs = blobs
        self._blob = blob
        self.index = index
        self.damage: list[str] = []
        """What was found not to be what was sealed, in words."""
        self._first_seqs = [frame.first_seq for frame in index.frames]

    @classmethod
    async def open(cls, blobs: Blobs, blob: str) -> ArchiveReader:
        """Return a reader of the archive at key `blob`.

        When its index is damaged, another is made from the frames, which takes reading all
        of it.

        Raises:
            BlobMissing: there is none.
            ArchiveDamaged: there is nothing in it that can be read.
        """
        try:
            return cls(blobs, blob, await _stored_index(blobs, blob))
        except ArchiveDamaged as exc:
            index = await asyncio.to_thread(salvaged, await blobs.get(blob))
            if not index.frames:
                raise
            log.error("archive is damaged", error=str(exc))
            reader = cls(blobs, blob, index)
            reader.damage.append(str(exc))
            return reader

    async def page(self, after_seq: int, limit: int, max_bytes: int = 1 << 30) -> Page:
        """Return up to `limit` records with a sequence above `after_seq`.

        Also ends when the payloads pass `max_bytes`, but never without a record. What is
        damaged is stepped over, and shows by the numbers that are missing.
        """
        found: list[Record] = []
        size_bytes, damaged_to = 0, -1
        for number in range(self._frame_of(after_seq + 1), len(self.index.frames)):
            records = await self._frame_unless_damaged(number)
            if not records:
                damaged_to = self.index.frames[number].last_seq
            for item in records:
                if item.seq <= after_seq:
                    continue
                if len(found) >= limit or (found and size_bytes + len(item.payload) > max_bytes):
                    return Page(tuple(found), more=True, damaged_to=damaged_to)
                found.append(item)
                size_bytes += len(item.payload)
        return Page(tuple(found), more=False, damaged_to=damaged_to)

    async def records(self) -> AsyncIterator[Record]:
        """Yield every record of the call that can be read. What cannot is in `damage`."""
        for number in range(len(self.index.frames)):
            for item in await self._frame_unless_damaged(number):
                yield item

    async def _frame_unless_damaged(self, number: int) -> list[Record]:
        try:
            return await self._frame(number)
        except ArchiveDamaged as exc:
            if str(exc) not in self.damage:
                log.error("archive is damaged", error=str(exc))
                self.damage.append(str(exc))
            return []

    def _frame_of(self, seq: int) -> int:
        return max(0, bisect_right(self._first_seqs, seq) - 1)

    async def _frame(self, number: int) -> list[Record]:
        frame = self.index.frames[number]
        packed = await self._blobs.get_range(self._blob, frame.offset, frame.size_bytes)
        where = f"{self._blob}: frame {number}, records {frame.first_seq} to {frame.last_seq}"
        if len(packed) != frame.size_bytes or crc32(packed) != frame.crc:
            raise ArchiveDamaged(f"{where}: checksum does not match")
        try:
            raw = zstandard.ZstdDecompressor().decompress(packed, max_output_size=frame.raw_bytes)
            return _decode_all(raw)
        except (zstandard.ZstdError, Damaged) as exc:
            raise ArchiveDamaged(f"{where}: {exc}") from exc


async def manifest(blobs: Blobs, blob: str) -> Index:
    """Return the manifest of the archive at key `blob`, without reading its records.

    Raises:
        BlobMissing: there is none.
        ArchiveDamaged: its end, or its manifest, is not what was sealed.
    """
    return await _stored_index(blobs, blob)


async def _stored_index(blobs: Blobs, blob: str) -> Index:
    size = await blobs.size(blob)
    tail_at = max(0, size - _TAIL_BYTES)
    tail = await blobs.get_range(blob, tail_at, size - tail_at)
    offset, length, crc = _read_footer(blob, tail, size)
    if offset >= tail_at:
        packed = tail[offset - tail_at : offset - tail_at + length]
    else:
        packed = await blobs.get_range(blob, offset, length)
    return _read_index(blob, packed, crc)


def salvaged(data: bytes) -> Index:
    """Return an index of the intact frames in `data`: an archive whose own is damaged."""
    frames: list[Frame] = []
    at = data.find(_ZSTD_MAGIC)
    while at >= 0:
        frame = _frame_at(data, at)
        if frame is not None:
            frames.append(frame)
        at = data.find(_ZSTD_MAGIC, at + (frame.size_bytes if frame else 1))
    return Index(
        call_id="",
        records=sum(frame.records for frame in frames),
        raw_bytes=sum(frame.raw_bytes for frame in frames),
        crc=0,
        frames=tuple(frames),
    )


def _frame_at(data: bytes, offset: int) -> Frame | None:
    unpacker = zstandard.ZstdDecompressor().decompressobj()
    raw, end = bytearray(), offset
    try:
        while not unpacker.eof and end < len(data):
            raw += unpacker.decompress(data[end : end + FRAME_BYTES])
            end = min(end + FRAME_BYTES, len(data))
        records = _decode_all(bytes(raw))
    except (zstandard.ZstdError, Damaged):
        return None
    if not unpacker.eof or not records:
        return None
    packed = data[offset : end - len(unpacker.unused_data)]
    first, last = records[0].seq, records[-1].seq
    return Frame(first, last, len(records), offset, len(packed), len(raw), crc32(packed))


def _decode_all(raw: bytes) -> list[Record]:
    records: list[Record] = []
    offset = 0
    while offset < len(raw):
        found, offset = record.decode(raw, offset)
        records.append(found)
    return records


def _footer(offset: int, packed_index: bytes) -> bytes:
    body = FOOTER.pack(MAGIC, offset, len(packed_index), crc32(packed_index))
    return body + CRC.pack(crc32(body))


def _read_footer(blob: str, tail: bytes, size: int) -> tuple[int, int, int]:
    body, crc = tail[-FOOTER_BYTES : -CRC.size], tail[-CRC.size :]
    if len(tail) < FOOTER_BYTES or CRC.unpack(crc)[0] != crc32(body):
        raise ArchiveDamaged(f"{blob}: its end is not that of an archive ({size} bytes)")
    magic, offset, length, index_crc = FOOTER.unpack(body)
    if magic != MAGIC:
        raise ArchiveDamaged(f"{blob}: written by another release of Trunkline ({magic!r})")
    if offset + length + FOOTER_BYTES != size:
        raise ArchiveDamaged(f"{blob}: {size} bytes, sealed with {offset + length + FOOTER_BYTES}")
    return offset, length, index_crc


def _read_index(blob: str, packed: bytes, crc: int) -> Index:
    if crc32(packed) != crc:
        raise ArchiveDamaged(f"{blob}: checksum of its index does not match")
    try:
        return msgspec.msgpack.decode(packed, type=Index)
    except msgspec.DecodeError as exc:
        raise ArchiveDamaged(f"{blob}: its index is not readable: {exc}") from exc
