"""I/O. Which calls have a recording that is lossless yet: an empty file for each, by its name.

It is there before the recording is, and until that is compressed: whatever is interrupted, no
recording stays as large as it is for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator
from pathlib import Path

from trunkline.store.spool import sync_path


class Lossless:
    """The notes in one directory. Made for one event loop."""

    def __init__(self, directory: Path) -> None:
        """`directory` need not exist."""
        self._directory = directory
        self._making: set[str] = set()
        self._some = asyncio.Event()

    @contextlib.contextmanager
    def making(self, org_id: str, call_id: str) -> Generator[None]:
        """Note that a lossless recording is being stored. Raises `OSError`."""
        self._making.add(call_id)
        try:
            self.note(org_id, call_id)
            yield
        finally:
            self._making.discard(call_id)
            self._some.set()

    def note(self, org_id: str, call_id: str) -> None:
        """Note that a call has one, on the disk when this returns. Raises `OSError`."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path(org_id, call_id).touch(0o600)
        sync_path(self._directory)
        self._some.set()

    def done(self, org_id: str, call_id: str) -> None:
        """Note that a call has none any more, or never got it, unless one is being stored."""
        if call_id not in self._making:
            self._path(org_id, call_id).unlink(missing_ok=True)

    def noted(self) -> list[tuple[str, str]]:
        """Return organisation and call id of all of them that are stored, oldest first."""
        if not self._directory.exists():
            return []
        names = sorted(path.name for path in self._directory.iterdir())
        pairs = [
            (org_id, call_id) for call_id, _, org_id in (name.partition(".") for name in names)
        ]
        return [(org_id, call_id) for org_id, call_id in pairs if call_id not in self._making]

    async def more(self, seconds: float) -> bool:
        """Wait until one was noted since this was last asked; False: none was for `seconds`."""
        # Not `wait_for`: Python 3.11's does not end when it is cancelled just as one was noted.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._some.wait()
        found = self._some.is_set()
        self._some.clear()
        return found

    def _path(self, org_id: str, call_id: str) -> Path:
        return self._directory / f"{call_id}.{org_id}"
