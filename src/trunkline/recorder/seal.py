"""I/O. Sealing: what a finished call leaves, made from its spool.

Recording and waveform first, the archive last, so that a call that has an archive has
everything. All of it can be repeated, and after a crash is: the same spool gives the same
blobs. The work is done in threads of its own; the codecs release the interpreter.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import structlog

from trunkline.recorder import audio
from trunkline.recorder.counts import Counts
from trunkline.recorder.peaks import Peaks
from trunkline.recorder.playback import playback
from trunkline.store import archive, blobs
from trunkline.store.blobs import Blobs
from trunkline.store.facts.rows import CallRow
from trunkline.store.holes import Holes
from trunkline.store.spool import Spooled, scan, spool_path
from trunkline.store.tombstones import Tombstones

ROOM_SECONDS = 1.0
RETRY_SECONDS = (1, 5, 15, 60, 300)

log = structlog.get_logger("trunkline.recorder")


class Stopping(Exception):
    """The process ends: what was begun is begun anew after the next start."""


class Sealer:
    """Seals calls, a few at once; the others wait."""

    def __init__(
        self,
        store: Blobs,
        spool: Path,
        counts: Counts,
        erased: Tombstones,
        threads: int = 1,
        *,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        """`has_room` says whether the disk has room for more. `erased` is not sealed."""
        self._erased = erased
        self._has_room = has_room
        self._blobs = store
        self._counts = counts
        self._spool = spool
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="seal")
        # One is made while another is uploaded; more would only fill the disk with scratch.
        self._slots = asyncio.Semaphore(2 * threads)
        self._stopping = threading.Event()

    async def seal(self, row: CallRow) -> CallRow:
        """Store archive and recording of the call whose last row is `row`; return its new row.

        Goes on trying while the blob store refuses. Raises `Stopping` when told to stop.
        """
        for attempt in range(1_000_000_000):
            try:
                async with self._slots:
                    while not self._has_room():  # noqa: ASYNC110 (nobody tells when there is)
                        await asyncio.sleep(ROOM_SECONDS)
                    return await self._seal(row) if row.call_id not in self._erased else row
            except Stopping:
                raise
            except Exception as exc:
                if self._stopping.is_set():
                    raise Stopping from exc
                # Whatever it is, the spool stays and the next attempt begins from it.
                self._counts.store_errors += 1
                why = f"{type(exc).__name__}: {str(exc).splitlines()[:1]}"
                log.error("sealing failed", call=row.call_id, error=why, attempt=attempt)
                await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
        raise AssertionError

    def stop(self) -> None:
        """Give up soon what is under way."""
        self._stopping.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _seal(self, row: CallRow) -> CallRow:
        loop = asyncio.get_running_loop()
        sealed, sound = self._scratch(row, "archive"), self._scratch(row, "opus")
        try:
            damaged = await loop.run_in_executor(self._threads, self._pack, row, sealed)
            peaks = await loop.run_in_executor(self._threads, self._render, row, sound)
            if peaks is not None:
                await self._blobs.put(blobs.key(row.org_id, row.call_id, "audio.opus"), sound)
                await self._blobs.put(
                    blobs.key(row.org_id, row.call_id, "peaks.json"), msgspec.json.encode(peaks)
                )
            await self._blobs.put(blobs.key(row.org_id, row.call_id, "archive"), sealed)
            if row.call_id in self._erased:
                # Meanwhile: what was there then was deleted, and this was not there yet.
                await self._blobs.delete_call(row.org_id, row.call_id)
        finally:
            sealed.unlink(missing_ok=True)
            sound.unlink(missing_ok=True)
        return sealed_row(row, has_audio=peaks is not None, damaged_records=damaged)

    def _scratch(self, row: CallRow, suffix: str) -> Path:
        return spool_path(self._spool, row.call_id).with_suffix(f".{suffix}.part")

    def _pack(self, row: CallRow, sealed: Path) -> int:
        """Write the archive; return how many records of the call are missing in it."""
        holes = Holes()

        def encoded() -> Iterator[tuple[int, bytes]]:
            for item in self._records(spool_path(self._spool, row.call_id)):
                holes.note(item.record)
                yield item.record.seq, item.data

        with sealed.open("wb") as out:
            archive.pack(out, row.call_id, encoded())
        # The end of a call whose gateway died is a record that nobody wrote.
        last_seq = row.version - (row.end_reason == "gateway_died")
        return holes.missed + max(0, last_seq - holes.last_seq)

    def _render(self, row: CallRow, sound: Path) -> Peaks | None:
        path = spool_path(self._spool, row.call_id)
        try:
            heard = playback(lambda: (item.record for item in self._records(path)))
            return audio.render(heard.chunks, heard.ends_us, sound)
        except Stopping:
            raise
        except Exception:  # A recording that cannot be made must not keep the archive from being.
            log.exception("recording not rendered", call=row.call_id)
            return None

    def _records(self, path: Path) -> Iterator[Spooled]:
        for spooled in scan(path):
            if self._stopping.is_set():
                raise Stopping
            yield spooled


def sealed_row(row: CallRow, *, has_audio: bool, damaged_records: int = 0) -> CallRow:
    """Return the last row of a call, above all that the fold gave.

    `damaged_records`: missing in what was sealed, if that is more than the fold missed.
    """
    damaged_records = max(damaged_records, row.damaged_records)
    if not has_audio and damaged_records == row.damaged_records:
        return row
    return msgspec.structs.replace(
        row, has_audio=has_audio, damaged_records=damaged_records, version=row.version + 1
    )
