"""I/O. All facts anew: from the archives, and from the journals and spools that are no archive yet;
and from the marks, what was said of calls afterwards.

For when the facts are lost or damaged, when a metric is defined better, or when prices
were corrected. The rows are the same that the recorder stored, since both fold the
same records with the same function.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from trunkline.protocol.prices import PriceTable
from trunkline.recorder import checkpoint
from trunkline.recorder.refold import archived_rows, stored_parts
from trunkline.recorder.run import MAX_ROWS, Facts, Recorder
from trunkline.store.archive import ArchiveDamaged
from trunkline.store.blobs import BlobMissing, Blobs
from trunkline.store.facts.rows import Row
from trunkline.store.marks import MarksDamaged, read_marks
from trunkline.store.tombstones import ERASED, Tombstones

log = structlog.get_logger("trunkline.recorder")


class ClearableFacts(Facts, Protocol):
    """The part of the facts store that a rebuild needs."""

    async def clear(self) -> None:
        """Forget everything, and know that it is incomplete until `rebuilt`."""

    async def rebuilt(self) -> None:
        """Take note that everything is there again."""


class Report(msgspec.Struct, frozen=True):
    """What a rebuild did."""

    calls: int
    """Rebuilt from archives."""
    rows: int
    """Of those calls."""
    unreadable: tuple[str, ...]
    """What could not be rebuilt, and why: whole calls, and damaged parts of calls."""


async def reindex(facts: ClearableFacts, blobs: Blobs, data: Path, prices: PriceTable) -> Report:
    """Empty `facts` and fill it again; return what was done when all is stored.

    No recorder may run on the same data directory meanwhile. Calls that are still live
    go on, and are recorded as far as they are.
    """
    await facts.clear()
    erased = Tombstones(data / ERASED)
    report = await _archives(facts, blobs, prices, erased)
    # Without its checkpoint a recorder folds every spool and journal from the beginning.
    checkpoint.forget(data / "recorder")
    recorder = Recorder(data, facts, blobs, prices, erased=erased)
    task = asyncio.create_task(recorder.run())
    try:
        await recorder.caught_up()
    finally:
        await recorder.stop()
        await task
    await facts.rebuilt()
    return report


async def _archives(facts: Facts, blobs: Blobs, prices: PriceTable, erased: Tombstones) -> Report:
    calls, stored = 0, 0
    rows: list[Row] = []
    unreadable: list[str] = []
    async for org_id, call_id, part in stored_parts(blobs):
        if call_id in erased:
            continue
        try:
            if part == "marks.json":
                rows += await read_marks(blobs, org_id, call_id)
            elif part == "archive":
                found, damage = await archived_rows(blobs, org_id, call_id, prices)
                rows += found
                unreadable += [f"{call_id}: {what}" for what in damage]
                calls += 1
        except (ArchiveDamaged, BlobMissing, MarksDamaged) as exc:
            log.error("call cannot be rebuilt", call=call_id, error=str(exc))
            unreadable.append(f"{call_id}: {exc}")
        if len(rows) >= MAX_ROWS:
            await facts.insert(rows)
            stored, rows = stored + len(rows), []
    await facts.insert(rows)
    return Report(calls, stored + len(rows), tuple(unreadable))
