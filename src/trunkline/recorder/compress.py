"""I/O. Ogg Opus of recordings that are lossless yet, when nobody needs the processor.

A recording is lossless when calls had to wait for their sealing. Nobody waits for this: it may
be interrupted at any instruction, and is begun anew.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from trunkline.recorder.jobs import Compress, Compressed, Failed
from trunkline.recorder.lossless import Lossless
from trunkline.recorder.seal import JobFailed
from trunkline.recorder.workers import Workers
from trunkline.store import blobs as keys
from trunkline.store.blobs import Blobs
from trunkline.store.tombstones import Tombstones

RETRY_SECONDS = 300.0

log = structlog.get_logger("trunkline.recorder")


class Compressor:
    """Compresses recordings, one after the other."""

    def __init__(
        self, blobs: Blobs, scratch: Path, lossless: Lossless, erased: Tombstones, workers: Workers
    ) -> None:
        """`scratch` is a directory for temporary files."""
        self._blobs = blobs
        self._scratch = scratch
        self._lossless = lossless
        self._erased = erased
        self._workers = workers

    async def run(self) -> None:
        """Compress whatever is noted, until cancelled."""
        failed: set[str] = set()
        try:
            while True:
                await self._compress_all(failed)
                if not await self._lossless.more(RETRY_SECONDS):
                    failed.clear()
        finally:
            await self._workers.stop()

    async def _compress_all(self, failed: set[str]) -> None:
        for org_id, call_id in await asyncio.to_thread(self._lossless.noted):
            if call_id in failed:
                continue
            try:
                await self.compress(org_id, call_id)
            except Exception as exc:
                # Of a store, of a codec: the recording stays as it is, and can be played.
                failed.add(call_id)
                why = f"{type(exc).__name__}: {str(exc).splitlines()[:1]}"
                log.error("compression failed", call=call_id, error=why)

    async def compress(self, org_id: str, call_id: str) -> None:
        """Put Ogg Opus in the place of one recording, if it is still there."""
        wav, opus = (keys.key(org_id, call_id, part) for part in ("audio.wav", "audio.opus"))
        copy, made = (self._scratch / f"{call_id}.{part}.part" for part in ("wav", "opus"))
        if not await self._wanted(wav, call_id):
            self._lossless.done(org_id, call_id)
            return
        try:
            source = self._blobs.local_path(wav)
            if source is None:
                await self._blobs.download(wav, copy)
            outcome = await self._workers.perform(
                Compress(recording=str(source or copy), opus=str(made))
            )
            if not isinstance(outcome, Compressed):
                raise JobFailed(outcome.why if isinstance(outcome, Failed) else "not done")
            # Again: it may have been erased, or was too old, and that must not bring it back.
            if await self._wanted(wav, call_id):
                await self._blobs.put(opus, made)
            if call_id in self._erased:
                await self._blobs.delete_call(org_id, call_id)
            await self._blobs.delete(wav)
        finally:
            for path in (copy, made):
                path.unlink(missing_ok=True)
        self._lossless.done(org_id, call_id)

    async def _wanted(self, wav: str, call_id: str) -> bool:
        return call_id not in self._erased and await self._blobs.exists(wav)
