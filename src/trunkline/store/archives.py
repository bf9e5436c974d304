"""I/O. The raw records of any call, by pages: from its archive, or from the spool."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from pathlib import Path

from trunkline.store import blobs as keys
from trunkline.store.archive import ArchiveReader, Page
from trunkline.store.blobs import BlobMissing, Blobs
from trunkline.store.spool import scan, spool_path

_MARK_BYTES = 1024 * 1024
_KEPT = 64
"""Calls whose index or marks are kept in memory."""


class Archives:
    """What the web reads raw frames from. Safe to share between requests of one loop."""

    def __init__(self, blobs: Blobs, spool: Path) -> None:
        self._blobs = blobs
        self._spool = spool
        self._readers: OrderedDict[str, ArchiveReader] = OrderedDict()
        self._marks: OrderedDict[str, list[tuple[int, int]]] = OrderedDict()

    async def events(
        self,
        org_id: str,
        call_id: str,
        after_seq: int,
        limit: int,
        max_bytes: int = 16 * 1024 * 1024,
    ) -> Page:
        """Return up to `limit` records of a call above sequence `after_seq`; -1 is the start.

        The caller of this has checked that the call is of that organisation. A page also ends
        when its payloads pass `max_bytes`, never without a record. While the call is live,
        an empty page means: nothing new yet.

        Raises:
            BlobMissing: the call is neither sealed nor live: unknown, or deleted.
            ArchiveDamaged: the part of the archive that was asked for is not what was sealed.
            BadKey: one of the ids is none.
        """
        blob = keys.key(org_id, call_id, "archive")
        if blob not in self._readers:
            live = await asyncio.to_thread(self._live, call_id, after_seq, limit, max_bytes)
            if live is not None:
                return live
        reader = await self._reader(blob)
        try:
            return await reader.page(after_seq, limit, max_bytes)
        except BlobMissing:
            self._readers.pop(blob, None)
            raise

    def forget(self, org_id: str, call_id: str) -> None:
        """Remember nothing of a call. Raises `BadKey`."""
        self._readers.pop(keys.key(org_id, call_id, "archive"), None)
        self._marks.pop(call_id, None)

    async def _reader(self, blob: str) -> ArchiveReader:
        reader = self._readers.get(blob)
        if reader is None:
            reader = self._readers[blob] = await ArchiveReader.open(self._blobs, blob)
        self._readers.move_to_end(blob)
        if len(self._readers) > _KEPT:
            self._readers.popitem(last=False)
        return reader

    def _live(self, call_id: str, after_seq: int, limit: int, max_bytes: int) -> Page | None:
        marks = self._marks.setdefault(call_id, [(-1, 0)])
        if len(self._marks) > _KEPT:
            self._marks.popitem(last=False)
        start = max(offset for seq, offset in marks if seq <= after_seq)
        found, size_bytes = [], 0
        try:
            for spooled in scan(spool_path(self._spool, call_id), start):
                item = spooled.record
                if spooled.offset - marks[-1][1] > _MARK_BYTES:
                    marks.append((item.seq - 1, spooled.offset))
                if item.seq <= after_seq:
                    continue
                if len(found) >= limit or (found and size_bytes + len(item.payload) > max_bytes):
                    return Page(tuple(found), more=True)
                found.append(item)
                size_bytes += len(item.payload)
        except FileNotFoundError:
            self._marks.pop(call_id, None)
            return None
        return Page(tuple(found), more=False)
