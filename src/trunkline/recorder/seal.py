"""I/O. Sealing: what a finished call leaves, made from its spool.

Recording and waveform first, the archive last, so that a call that has an archive can be played.
All of it can be repeated, and after a crash is: the same spool gives the same blobs. The
work is done by workers; here is what is asked of them and where it goes.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from trunkline.errors import TrunklineError
from trunkline.recorder.counts import Counts
from trunkline.recorder.echo import Suspect
from trunkline.recorder.jobs import Failed, Seal, Sealed, Stopped
from trunkline.recorder.lossless import Lossless
from trunkline.recorder.workers import WorkerDied, Workers
from trunkline.store import blobs
from trunkline.store.blobs import Blobs
from trunkline.store.codec import Codec
from trunkline.store.facts.rows import CallRow
from trunkline.store.spool import spool_path
from trunkline.store.tombstones import Tombstones

ROOM_SECONDS = 1.0
RETRY_SECONDS = (1, 5, 15, 60, 300)
HASTE_SECONDS = 300
"""Of calls that wait, for each worker: making Ogg Opus of these takes a second."""
MAX_CRASHES = 2
"""Of processes that made a call's recording; then it has none. Its sound is in the archive."""

log = structlog.get_logger("trunkline.recorder")


class JobFailed(TrunklineError):
    """A worker could not do what it was asked, for now."""


class SealedCall(NamedTuple):
    """A call that is sealed."""

    row: CallRow
    """Its new one."""
    echoes: tuple[int, ...] = ()
    """Turns of the suspects that the assistant's own voice began."""


class Sealer:
    """Seals calls, a few at once; the others wait."""

    def __init__(
        self,
        store: Blobs,
        spool: Path,
        counts: Counts,
        erased: Tombstones,
        workers: Workers,
        lossless: Lossless,
        *,
        has_room: Callable[[], bool] = lambda: True,
        is_ample: Callable[[], bool] = lambda: True,
    ) -> None:
        """`has_room` says whether the disk has room for more, `is_ample` whether for much more.

        `erased` is not sealed.
        """
        self._lossless = lossless
        self._is_ample = is_ample
        self._waiting_us = 0
        self._erased = erased
        self._has_room = has_room
        self._blobs = store
        self._counts = counts
        self._spool = spool
        self._workers = workers
        # One is made while another is uploaded; more would only fill the disk with scratch.
        self._slots = asyncio.Semaphore(2 * workers.count)

    async def seal(self, row: CallRow, suspects: tuple[Suspect, ...] = ()) -> SealedCall:
        """Store archive and recording of the call whose last row is `row`.

        Goes on trying while the blob store refuses. Raises `Stopped` when the workers were
        told to stop.
        """
        self._waiting_us += row.duration_us or 0
        try:
            return await self._try_on(row, suspects)
        finally:
            self._waiting_us -= row.duration_us or 0

    async def _try_on(self, row: CallRow, suspects: tuple[Suspect, ...]) -> SealedCall:
        crashes = 0
        for attempt in range(1_000_000_000):
            recorded = crashes < MAX_CRASHES
            try:
                async with self._slots:
                    while not self._has_room():  # noqa: ASYNC110 (nobody tells when there is)
                        await asyncio.sleep(ROOM_SECONDS)
                    if row.call_id in self._erased:
                        return SealedCall(row)
                    sealed = await self._seal(row, suspects, recorded=recorded)
                    if not recorded:
                        log.error("recording given up", call=row.call_id, crashes=crashes)
                    return sealed
            except Stopped:
                raise
            except Exception as exc:
                # Whatever it is, the spool stays and the next attempt begins from it.
                crashes += isinstance(exc, WorkerDied) and exc.crashed
                self._counts.store_errors += 1
                why = f"{type(exc).__name__}: {str(exc).splitlines()[:1]}"
                log.error("sealing failed", call=row.call_id, error=why, attempt=attempt)
                await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
        raise AssertionError

    async def _seal(
        self, row: CallRow, suspects: tuple[Suspect, ...], *, recorded: bool
    ) -> SealedCall:
        codec: Codec = "wav" if self._in_haste() else "opus"
        # A name of its own: what a killed process had begun may be written for a while yet.
        scratch = spool_path(self._spool, row.call_id).with_suffix(f".{secrets.token_hex(4)}")
        archive, recording, peaks = (
            scratch.with_suffix(f"{scratch.suffix}.{part}.part")
            for part in ("archive", "recording", "peaks")
        )
        job = Seal(
            call_id=row.call_id,
            # The end of a call whose gateway died is a record that nobody wrote.
            last_seq=row.version - (row.end_reason == "gateway_died"),
            spool=str(spool_path(self._spool, row.call_id)),
            archive=str(archive),
            recording=str(recording),
            peaks=str(peaks),
            codec=codec,
            suspects=suspects,
            recorded=recorded,
        )
        try:
            sealed = await self._workers.perform(job)
            if not isinstance(sealed, Sealed):
                raise JobFailed(sealed.why if isinstance(sealed, Failed) else "not sealed")
            if sealed.problem:
                log.error("recording not rendered", call=row.call_id, exception=sealed.problem)
            if sealed.has_audio:
                await self._put_recording(row, codec, recording)
                await self._put(row, "peaks.json", peaks)
            await self._put(row, "archive", archive)
            if row.call_id in self._erased:
                # Meanwhile: what was there then was deleted, and this was not there yet.
                await self._blobs.delete_call(row.org_id, row.call_id)
        finally:
            for path in (archive, recording, peaks):
                path.unlink(missing_ok=True)
        whole = sealed_row(row, has_audio=sealed.has_audio, damaged_records=sealed.damaged_records)
        return SealedCall(whole, sealed.echoes)

    def _in_haste(self) -> bool:
        """Say whether to leave the longest part of the work for later: calls wait for it."""
        waiting_s = self._waiting_us / 1e6 / self._workers.count
        return waiting_s > HASTE_SECONDS and self._is_ample()

    async def _put_recording(self, row: CallRow, codec: Codec, path: Path) -> None:
        if codec == "opus":
            await self._put(row, "audio.opus", path)
            return
        with self._lossless.making(row.org_id, row.call_id):
            await self._put(row, "audio.wav", path)

    async def _put(self, row: CallRow, part: blobs.Part, path: Path) -> None:
        await self._blobs.put(blobs.key(row.org_id, row.call_id, part), path)


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
