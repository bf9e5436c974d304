"""I/O. The facts of sealed calls, once more from their archives."""

from __future__ import annotations

from collections.abc import AsyncIterator

from trunkline.journal.record import Kind
from trunkline.protocol.prices import PriceTable
from trunkline.recorder.fold import call_row, finish, fold
from trunkline.recorder.seal import sealed_row
from trunkline.recorder.state import State
from trunkline.store import blobs as keys
from trunkline.store.archive import ArchiveReader
from trunkline.store.blobs import Blobs
from trunkline.store.facts.rows import Row


async def sealed_calls(blobs: Blobs) -> AsyncIterator[tuple[str, str]]:
    """Yield organisation and call id of every sealed call."""
    async for blob in blobs.list("org"):
        parsed = keys.parse_key(blob)
        if parsed is not None and parsed[2] == "archive":
            yield parsed[0], parsed[1]


async def archived_rows(blobs: Blobs, org_id: str, call_id: str, prices: PriceTable) -> list[Row]:
    """Return all rows of a sealed call, the same that were stored when it was recorded.

    Raises:
        BlobMissing: it has been deleted.
        ArchiveDamaged: the archive is not what was sealed.
    """
    reader = await ArchiveReader.open(blobs, keys.key(org_id, call_id, "archive"))
    state, rows, over = State.new(), list[Row](), False
    async for record in reader.records():
        state, found = fold(state, record, prices)
        rows += found
        over = record.kind is Kind.CLOSED
    if not over:
        state, found = finish(state)
        rows += found
    has_audio = await blobs.exists(keys.key(org_id, call_id, "audio.opus"))
    rows.append(sealed_row(call_row(state), has_audio=has_audio))
    return rows
