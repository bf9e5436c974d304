"""I/O. Recordings as people want them: both sides or one, Opus or WAV, as a file.

Sealed is one thing only, the stereo Opus, or WAV until it is compressed. All else is made
from it when it is asked for, and kept in a cache of bounded size:
`<cache>/<org_id>/<call_id>-<track>.<format>`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Literal, TypeAlias
from weakref import WeakValueDictionary

import numpy as np

from trunkline.store import blobs as keys
from trunkline.store import codec
from trunkline.store.blobs import BlobMissing, Blobs

Track: TypeAlias = Literal["mix", "caller", "assistant"]
Form: TypeAlias = Literal["opus", "wav"]

CACHE_BYTES = 2 * 1024 * 1024 * 1024
MEDIA_TYPE: dict[Form, str] = {"opus": "audio/ogg", "wav": "audio/wav"}
_CHANNEL: dict[Track, int] = {"caller": 0, "assistant": 1}


class Recordings:
    """Playable files of sealed calls. Made for one event loop; the work is done in threads."""

    def __init__(self, blobs: Blobs, cache: Path, cache_bytes: int = CACHE_BYTES) -> None:
        """`cache` need not exist. Files in it may be deleted at any time."""
        self._blobs = blobs
        self._cache = cache
        self._cache_bytes = cache_bytes
        self._making: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()

    async def audio(
        self, org_id: str, call_id: str, track: Track = "mix", form: Form = "opus"
    ) -> Path:
        """Return a file with that sound, to be opened soon and not changed.

        `mix` is stereo, caller left and assistant right; a single track is mono.
        The caller of this has checked that the call is of that organisation.

        Raises:
            BlobMissing: the call has no recording, or is not sealed yet.
            BadKey: one of the ids is none.
        """
        opus, wav = (keys.key(org_id, call_id, part) for part in ("audio.opus", "audio.wav"))
        sealed = opus if form == "opus" else wav
        if (
            track == "mix"
            and (local := self._blobs.local_path(sealed))
            and await self._blobs.exists(sealed)
        ):
            return local
        path = self._cache / (org_id or keys.NO_ORG) / f"{call_id}-{track}.{form}"
        lock = self._making.setdefault(path, asyncio.Lock())
        async with lock:
            if not await asyncio.to_thread(_touch, path):
                # In this order: one is deleted only after the other is there.
                await self._make((opus, wav, opus), path, track, form)
                if not any([await self._blobs.exists(blob) for blob in (wav, opus)]):
                    # It was erased meanwhile, and this must not outlive it.
                    await asyncio.to_thread(path.unlink, missing_ok=True)
                    raise BlobMissing(opus)
        return path

    async def playable(self, org_id: str, call_id: str, track: Track = "mix") -> tuple[Path, Form]:
        """Return the sound in the form in which it can be had soonest, and which that is.

        Half an hour takes ten seconds and more to compress: nobody waits for that who only
        wants to listen. Until it is done, the recording is listened to as it was sealed.

        Raises: as `audio` does.
        """
        opus = keys.key(org_id, call_id, "audio.opus")
        form: Form = "opus" if await self._blobs.exists(opus) else "wav"
        return await self.audio(org_id, call_id, track, form), form

    async def peaks(self, org_id: str, call_id: str) -> bytes:
        """Return the waveform as JSON, `recorder.peaks.Peaks`. Raises `BlobMissing`, `BadKey`."""
        return await self._blobs.get(keys.key(org_id, call_id, "peaks.json"))

    async def forget(self, org_id: str, call_id: str) -> None:
        """Delete what the cache has of a call. Raises `BadKey`."""
        keys.call_prefix(org_id, call_id)
        await asyncio.to_thread(self._forget, self._cache / (org_id or keys.NO_ORG), call_id)

    def _forget(self, directory: Path, call_id: str) -> None:
        for path in directory.glob(f"{call_id}-*"):
            path.unlink(missing_ok=True)

    async def _make(self, sources: Sequence[str], path: Path, track: Track, form: Form) -> None:
        """Make a rendition of the first of `sources` that is there."""
        await asyncio.to_thread(path.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
        for blob in sources:
            try:
                await self._make_of(blob, path, track, form)
                break
            except (BlobMissing, FileNotFoundError):
                continue
        else:
            raise BlobMissing(sources[0])
        await asyncio.to_thread(_evict, self._cache, self._cache_bytes, path)

    async def _make_of(self, blob: str, path: Path, track: Track, form: Form) -> None:
        source = self._blobs.local_path(blob)
        if source is not None:
            await asyncio.to_thread(_render, source, path, track, form)
            return
        copy = path.with_suffix(f".{os.urandom(4).hex()}.{blob.rpartition('.')[2]}")
        try:
            await self._blobs.download(blob, copy)
            if (track, f".{form}") == ("mix", copy.suffix):
                await asyncio.to_thread(os.replace, copy, path)
            else:
                await asyncio.to_thread(_render, copy, path, track, form)
        finally:
            await asyncio.to_thread(copy.unlink, missing_ok=True)


def _touch(path: Path) -> bool:
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _render(source: Path, path: Path, track: Track, form: Form) -> None:
    """Write a rendition of `source` to `path`: whole or not at all."""
    with NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        part = Path(file.name)
    try:
        codec.encode(_channel(source, track), 2 if track == "mix" else 1, part, form)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _channel(source: Path, track: Track) -> Iterator[codec.Block]:
    for block in codec.decode(source):
        if track == "mix":
            yield block
        else:
            channel = _CHANNEL[track]
            yield np.ascontiguousarray(block[:, channel : channel + 1])


def _evict(cache: Path, limit_bytes: int, keep: Path) -> None:
    """Delete what was not asked for the longest, until `limit_bytes` are kept; never `keep`."""
    found = [(path.stat(), path) for path in cache.glob("*/call_*-*.*") if path.is_file()]
    total = sum(status.st_size for status, _ in found)
    for status, path in sorted(found, key=lambda entry: entry[0].st_mtime_ns):
        if total <= limit_bytes:
            return
        if path != keep:
            path.unlink(missing_ok=True)
            total -= status.st_size
