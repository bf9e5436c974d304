"""I/O. All journals under one directory, read on and on, and how far a checkpoint has each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from trunkline.clock import monotonic_ns
from trunkline.journal.reader import Position
from trunkline.recorder.calls import Calls
from trunkline.recorder.checkpoint import Place
from trunkline.recorder.counts import Counts
from trunkline.recorder.tail import Tail

LOOK_SECONDS = 1.0
"""Read at least so often, whatever it looks like."""


class Journals:
    """A directory for each process that writes; more of them may come.

    One thread reads, and another may ask how late we are.
    """

    def __init__(self, directory: Path, counts: Counts) -> None:
        self._directory = directory
        self._counts = counts
        self._tails: dict[str, Tail] = {}
        self.places: dict[str, Place] = {}
        """What the last checkpoint covers, by name of the directory."""
        self.unsaved = True
        """More was read than that, or there is something to delete."""
        self._directory_ns = 0
        """When a journal was begun or deleted, before we last looked for new ones."""
        self._read_ns = 0
        """When they were last read, monotonic clock."""

    def are_quiet(self, now_ns: int) -> bool:
        """Return whether `read` would find nothing: so it need not be called.

        By what files look like from outside, some microseconds for each journal. A file
        system's clock stands still for milliseconds, so that once in `LOOK_SECONDS` it is to be
        called all the same. `now_ns` is the monotonic clock.
        """
        return (
            now_ns - self._read_ns < LOOK_SECONDS * 1e9
            and os.stat(self._directory).st_mtime_ns == self._directory_ns
            and all(tail.is_quiet(now_ns) for tail in self._tails.values())
        )

    def read(self, calls: Calls) -> bool:
        """Read a little of each into `calls`. Returns whether there was anything."""
        moved = False
        self._read_ns = monotonic_ns()
        for tail in self._found():
            batch = tail.read(monotonic_ns())
            tail.instance = batch.instance or tail.instance
            for record, data in batch.records:
                calls.take(record, data, tail.instance)
            moved = moved or bool(batch.records or batch.damage)
            # Also when there is nothing to record, what is recorded must not stay in the journal.
            self.unsaved = self.unsaved or tail.has_left_some
        if self.idle:
            self._finish_orphans(calls)
        self.unsaved = self.unsaved or moved
        return moved

    def _found(self) -> list[Tail]:
        self._directory_ns = os.stat(self._directory).st_mtime_ns
        for directory in sorted(self._directory.iterdir()):
            if directory.name not in self._tails and directory.is_dir():
                place = self.places.get(directory.name, Place())
                self._tails[directory.name] = Tail(directory, place, self._counts)
        return list(self._tails.values())

    def _finish_orphans(self, calls: Calls) -> None:
        """End the calls whose process is gone: all that it wrote has been read."""
        alive = {tail.instance for tail in self._tails.values() if not tail.ended}
        for call in list(calls.live.values()):
            if call.instance not in alive:
                calls.finish(call)
                self.unsaved = True

    # --- how far

    def cover(self) -> dict[str, Place]:
        """Return the places of a checkpoint that covers all that was read."""
        self.places = self.places | {name: tail.place for name, tail in self._tails.items()}
        return self.places

    def covered(self) -> None:
        """That checkpoint is written."""
        self.unsaved = False
        for tail in self._tails.values():
            tail.has_left_some = False

    def old(self) -> list[tuple[Tail, Position]]:
        """Return the journals of which something may go, each with where it is covered up to."""
        covered = [
            (tail, self.places[name].position)
            for name, tail in self._tails.items()
            if name in self.places
        ]
        return [(tail, position) for tail, position in covered if tail.has_old_records(position)]

    # --- how late

    @property
    def idle(self) -> bool:
        """Nothing more is to be read for now."""
        return all(tail.idle for tail in list(self._tails.values()))

    def unread_bytes(self) -> int:
        """Return how much is not read yet."""
        return sum(tail.unread_bytes() for tail in list(self._tails.values()))

    def unread_since_ns(self, now_ns: int) -> int:
        """Return since when there may be records that are unread; `now_ns` if nothing is known."""
        since = (tail.unread_since_ns for tail in list(self._tails.values()))
        return min((ns for ns in since if ns), default=now_ns)

    def problems(self) -> Iterator[str]:
        """Yield what keeps us from reading on, a sentence for each journal."""
        for tail in list(self._tails.values()):
            if tail.error:
                yield f"journal {tail.name}: {tail.error}"
