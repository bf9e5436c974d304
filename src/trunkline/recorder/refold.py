"""I/O. The facts of calls that are over, once more from their archives and spools."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryFile

from trunkline import ids
from trunkline.journal.record import Kind, Record
from trunkline.protocol.call import Opened
from trunkline.protocol.prices import PriceTable
from trunkline.recorder.echo import Suspect, echoes
from trunkline.recorder.fold import call_row, finish, fold
from trunkline.recorder.interruptions import echoed
from trunkline.recorder.playback import Listener
from trunkline.recorder.seal import sealed_row
from trunkline.recorder.state import State
from trunkline.store import blobs as keys
from trunkline.store.archive import ArchiveReader
from trunkline.store.blobs import Blobs, Part
from trunkline.store.facts.rows import Row, TurnRow
from trunkline.store.spool import scan


async def sealed_calls(blobs: Blobs) -> AsyncIterator[tuple[str, str]]:
    """Yield organisation and call id of every sealed call."""
    async for org_id, call_id, part in stored_parts(blobs):
        if part == "archive":
            yield org_id, call_id


async def uncompressed_calls(blobs: Blobs) -> AsyncIterator[tuple[str, str]]:
    """Yield organisation and call id of every call whose recording is lossless yet."""
    async for org_id, call_id, part in stored_parts(blobs):
        if part == "audio.wav":
            yield org_id, call_id


async def stored_parts(blobs: Blobs) -> AsyncIterator[tuple[str, str, Part]]:
    """Yield organisation, call id and part of everything that is kept of calls."""
    async for blob in blobs.list("org"):
        parsed = keys.parse_key(blob)
        if parsed is not None:
            yield parsed


async def archived_rows(
    blobs: Blobs, org_id: str, call_id: str, prices: PriceTable
) -> tuple[list[Row], list[str]]:
    """Return all rows of a sealed call, and what of it is damaged, in words.

    Of an archive that is whole they are the same that were stored when it was recorded.

    Raises:
        BlobMissing: it has been deleted.
        ArchiveDamaged: nothing of it can be read.
    """
    reader = await ArchiveReader.open(blobs, keys.key(org_id, call_id, "archive"))
    state, rows, over = State.new(), list[Row](), False
    async for record in reader.records():
        if state.last_seq < 0 and record.kind is not Kind.OPENED:
            state = _beheaded(org_id, record)
        state, found = fold(state, record, prices)
        rows += found
        over = record.kind is Kind.CLOSED
    if not over:
        state, found = finish(state)
        rows += found
    recordings = (keys.key(org_id, call_id, "audio.opus"), keys.key(org_id, call_id, "audio.wav"))
    has_audio = any([await blobs.exists(blob) for blob in (*recordings, recordings[0])])
    damage, row = reader.damage.copy(), sealed_row(call_row(state), has_audio=has_audio)
    rows.append(row)
    if found := await _echoes(reader, state.suspects):
        rows += echoed(row, _turns(rows), found)
    return rows, damage


def spooled_turns(path: Path, prices: PriceTable) -> list[TurnRow]:
    """Return the final rows of the turns of a call that is over, from its spool.

    Raises:
        OSError: it cannot be read.
    """
    state, rows, over = State.new(), list[Row](), False
    for spooled in scan(path):
        state, found = fold(state, spooled.record, prices)
        rows += [row for row in found if isinstance(row, TurnRow)]
        over = spooled.record.kind is Kind.CLOSED
    if not over:
        rows += finish(state)[1]
    return _turns(rows)


def _turns(rows: Iterable[Row]) -> list[TurnRow]:
    """Return the last row of each turn."""
    return list({row.turn: row for row in rows if isinstance(row, TurnRow)}.values())


async def _echoes(reader: ArchiveReader, suspects: Sequence[Suspect]) -> tuple[int, ...]:
    """Return which barge-ins of a call were echoes. Reads all of it again, if it has any."""
    if not suspects:
        return ()
    with TemporaryFile() as scratch:
        listener = Listener(scratch)
        async for record in reader.records():
            listener.take(record)
        return echoes(listener.playback().tracks, suspects)


def _beheaded(org_id: str, first: Record) -> State:
    """Return the state of a call whose beginning is damaged: its archive's key says whose it is."""
    call_id = ids.call_id(first.call)
    wall_ns = int.from_bytes(first.call[:6], "big") * 1_000_000
    opened = Opened(call_id=call_id, wall_ns=wall_ns, opened_ns=first.received_ns, org_id=org_id)
    return State(
        call_id=call_id, opened=opened, opened_ns=first.received_ns, wall_us=wall_ns // 1000
    )
