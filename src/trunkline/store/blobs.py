"""I/O. Blobs: what is sealed once and read whole or in ranges.

A thin wrapper of obstore: a directory, S3, Google or Azure storage by one code
path. Keys are made here and nowhere else, from an organisation and a call:

    org/<org_id>/<yyyy>/<mm>/<dd>/<call_id>/archive
                                            audio.opus, or audio.wav until it is compressed
                                            peaks.json
                                            marks.json, what was said of it afterwards

The day is that of the call id (a ULID carries its time, UTC), so a key can be
worked out without a look-up and days can be listed or expired by prefix.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

import obstore
from obstore.exceptions import NotSupportedError
from obstore.store import LocalStore, ObjectStore, from_url

from trunkline.errors import OperatorError, TrunklineError
from trunkline.ids import parse_call_id
from trunkline.store.spool import sync_path

Part: TypeAlias = Literal["archive", "audio.opus", "audio.wav", "marks.json", "peaks.json"]
PARTS: tuple[Part, ...] = ("marks.json", "audio.wav", "audio.opus", "peaks.json", "archive")
"""In the order in which they are written: a call that has an archive is sealed whole. Marks may
come at any time."""

NO_ORG = "-"
"""Stands for the organisation of a call that was refused before it had one."""

_ORG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_URL = ("s3://", "s3a://", "gs://", "az://", "azure://", "abfs://", "abfss://")


class BlobMissing(TrunklineError):
    """Nothing is stored under this key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"no blob {key}")
        self.key = key


class BadKey(TrunklineError):
    """An organisation or a call id that no key can be made of."""


def key(org_id: str, call_id: str, part: Part) -> str:
    """Return the key of one part of one call.

    Raises:
        BadKey: `org_id` or `call_id` is not an id, so that no path can be smuggled in.
    """
    return f"{call_prefix(org_id, call_id)}/{part}"


def call_prefix(org_id: str, call_id: str) -> str:
    """Return what the keys of one call begin with, without the last slash. Raises `BadKey`."""
    if org_id and not _ORG.fullmatch(org_id):
        raise BadKey(f"not an organisation id: {org_id[:40]!r}")
    try:
        ulid = parse_call_id(call_id)
    except ValueError as exc:
        raise BadKey(str(exc)) from exc
    try:
        day = datetime.fromtimestamp(int.from_bytes(ulid[:6], "big") / 1000, UTC)
    except (ValueError, OverflowError) as exc:
        raise BadKey(f"call id {call_id} is of no day on the calendar") from exc
    return f"org/{org_id or NO_ORG}/{day:%Y/%m/%d}/{call_id}"


def parse_key(blob: str) -> tuple[str, str, Part] | None:
    """Return organisation, call and part of a key that `key` made, else None."""
    pieces = blob.split("/")
    if len(pieces) != 7 or pieces[6] not in PARTS:
        return None
    org_id = "" if pieces[1] == NO_ORG else pieces[1]
    part = PARTS[PARTS.index(pieces[6])]
    try:
        return (org_id, pieces[5], part) if key(org_id, pieces[5], part) == blob else None
    except BadKey:
        return None


class Blobs:
    """The object store. Every method but `open` is a coroutine; none blocks the loop."""

    def __init__(self, store: ObjectStore, directory: Path | None = None) -> None:
        """`directory` is where a local `store` keeps its files, to sync them to the disk."""
        self._store = store
        self._directory = directory

    @classmethod
    def open(cls, url: str, directory: Path) -> Blobs:
        """Return the store at `url`, or in `directory` when there is none.

        Credentials come from where the vendor's own tools take them: `AWS_*`, `GOOGLE_*`,
        `AZURE_*` variables or the machine's role.

        Raises:
            OperatorError: the URL is of no store that we know, or the directory is unusable.
        """
        if not url:
            return cls(_local(directory), directory)
        if not url.startswith(_URL):
            raise OperatorError(
                f"setting blobs_url: {url.split('://')[0]!r} is no store that we know; "
                "use s3://, gs:// or az://, or leave it empty for the data directory"
            )
        try:
            return cls(from_url(url))
        except Exception as exc:  # obstore raises many kinds, all of them about the setting
            raise OperatorError(f"setting blobs_url: {exc}") from exc

    async def put(self, blob: str, content: bytes | Path) -> None:
        """Store `content`, or the file at that path, in place of whatever was there.

        Whole or not at all, and on the disk when this returns.
        """
        await obstore.put_async(self._store, blob, content)
        if self._directory is not None:
            await asyncio.to_thread(_sync, self._directory, blob)

    async def get(self, blob: str) -> bytes:
        """Return all of a blob. Raises `BlobMissing`."""
        try:
            result = await obstore.get_async(self._store, blob)
            return bytes(await result.bytes_async())
        except FileNotFoundError as exc:
            raise BlobMissing(blob) from exc

    async def get_range(self, blob: str, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`. Raises `BlobMissing`."""
        if length <= 0:
            return b""
        try:
            found = await obstore.get_range_async(self._store, blob, start=offset, length=length)
        except FileNotFoundError as exc:
            raise BlobMissing(blob) from exc
        return bytes(found)

    async def download(self, blob: str, path: Path) -> None:
        """Write a blob to `path`, in chunks. Raises `BlobMissing`."""
        try:
            result = await obstore.get_async(self._store, blob)
        except FileNotFoundError as exc:
            raise BlobMissing(blob) from exc
        with await asyncio.to_thread(path.open, "wb") as file:
            async for chunk in result.stream():
                await asyncio.to_thread(file.write, chunk)

    def local_path(self, blob: str) -> Path | None:
        """Return the file that a blob is, which must not be changed; None if it is elsewhere."""
        return None if self._directory is None else self._directory / blob

    async def size(self, blob: str) -> int:
        """Return how many bytes a blob has. Raises `BlobMissing`."""
        try:
            return (await obstore.head_async(self._store, blob))["size"]
        except FileNotFoundError as exc:
            raise BlobMissing(blob) from exc

    async def exists(self, blob: str) -> bool:
        """Say whether there is a blob under this key."""
        try:
            await self.size(blob)
        except BlobMissing:
            return False
        return True

    async def delete(self, blob: str) -> None:
        """Forget a blob. Without effect when there is none."""
        try:
            await obstore.delete_async(self._store, blob)
        except FileNotFoundError:
            return

    async def delete_call(self, org_id: str, call_id: str) -> None:
        """Forget all parts of a call. Raises `BadKey`."""
        for part in PARTS:
            await self.delete(key(org_id, call_id, part))

    async def folders(self, prefix: str) -> list[str]:
        """Return the prefixes that are one path segment longer, in order."""
        found = await obstore.list_with_delimiter_async(self._store, prefix)
        return sorted(found["common_prefixes"])

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """Yield the keys under `prefix` (whole path segments), in no promised order."""
        async for batch in obstore.list(self._store, prefix, chunk_size=1000):
            for entry in batch:
                yield entry["path"]


def _local(directory: Path) -> LocalStore:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Directories are named for calls: an empty one would still say that there was one.
        return LocalStore(directory, automatic_cleanup=True)
    except (OSError, NotSupportedError) as exc:
        raise OperatorError(f"blob directory {directory} is not usable: {exc}") from exc


def _sync(directory: Path, blob: str) -> None:
    path = directory / blob
    for target in (path, *path.parents):
        sync_path(target)
        if target == directory:
            return
