"""I/O. Journals that nobody needs any more: deleted, beside everything else.

What a checkpoint covers may go once checkpoint and spools are on the disk. Waiting for that
takes a while with many live calls, so it is done in a thread of its own and not often.
Checkpoints that are written meanwhile cover more, and spools that are deleted meanwhile
are in archives: neither disturbs it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from trunkline.journal.reader import Position
from trunkline.recorder import checkpoint
from trunkline.recorder.calls import Calls
from trunkline.recorder.journals import Journals
from trunkline.recorder.tail import Tail
from trunkline.store.spool import sync_path

SWEEP_SECONDS = 10.0
"""From one sweep to the next. So much of the journals is there longer than it need be."""


class SpoolSuspect(OSError):
    """A spool could not be synced: what the kernel says of it from now on is worth nothing."""


class Sweeper:
    """Deletes journals, one sweep after the other."""

    def __init__(self, directory: Path, spool: Path, calls: Calls) -> None:
        """`directory` is where the checkpoint is, `spool` where the spools of `calls` are."""
        self._directory = directory
        self._spool = spool
        self._calls = calls
        self._sweeping: asyncio.Task[None] | None = None
        self._began_ns = 0

    def sweep_when_due(self, now_ns: int, journals: Journals) -> None:
        """Begin to delete what the checkpoint covers.

        Raises:
            OSError: the last sweep failed, and deleted nothing.
        """
        if self._sweeping is not None and self._sweeping.done():
            sweeping, self._sweeping = self._sweeping, None
            sweeping.result()
        if self._sweeping is None and now_ns - self._began_ns >= SWEEP_SECONDS * 1e9:
            self._began_ns = now_ns
            self._begin(journals)

    async def sweep(self, journals: Journals) -> None:
        """Delete now, and return when it is done. Raises `OSError`."""
        await self.rest()
        self._begin(journals)
        await self.rest()

    async def rest(self) -> None:
        """Wait for the sweep that is under way. Raises `OSError` if it fails."""
        sweeping, self._sweeping = self._sweeping, None
        if sweeping is not None:
            await sweeping

    def _begin(self, journals: Journals) -> None:
        old = journals.old()
        if old:
            spools = self._calls.spools()
            self._sweeping = asyncio.create_task(asyncio.to_thread(self._delete, old, spools))

    def _delete(self, old: list[tuple[Tail, Position]], spools: list[Path]) -> None:
        # From here on the spools are the only copy.
        for path in spools:
            self._sync(path)
        sync_path(self._spool)
        checkpoint.sync(self._directory)
        for tail, position in old:
            tail.delete_old_records(position)

    def _sync(self, path: Path) -> None:
        try:
            sync_path(path)
        except FileNotFoundError:
            if self._calls.has(path):
                raise  # It is not in an archive either.
        except OSError as exc:
            raise SpoolSuspect(f"spool {path.name} cannot be synced: {exc}") from exc
