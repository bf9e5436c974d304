"""I/O. One journal directory, read on and on."""

from __future__ import annotations

from pathlib import Path

import structlog

from trunkline.journal.reader import Batch, Glance, JournalReader, Position
from trunkline.journal.record import TooNew
from trunkline.recorder.checkpoint import Place
from trunkline.recorder.counts import Counts

BATCH_BYTES = 512 * 1024
"""Read and folded at once: about 10 ms of work."""

log = structlog.get_logger("trunkline.recorder")


class Tail:
    """Where we are in one directory, and who writes there."""

    def __init__(self, directory: Path, place: Place, counts: Counts) -> None:
        self._counts = counts
        self._reader = JournalReader(directory)
        self.name = directory.name
        self.position = place.position
        self.instance = place.instance
        """The process that wrote what was read last."""
        self.idle = False
        """Nothing more is to be read for now."""
        self.ended = False
        """Idle, and its writer is gone."""
        self.unread_since_ns = 0
        """There may be records that are unread since then, gateway monotonic clock. Of a writer
        that is gone, whose clock may be another, since when they were found."""
        self.has_left_some = False
        """There may be old records that were not looked for since."""
        self.error = ""
        """Why we cannot read on; empty when we can."""
        self._glance: Glance | None = None
        """What the journal looked like before it was read to its end, if it was."""

    @property
    def place(self) -> Place:
        """What a checkpoint says of this directory."""
        return Place(self.position, self.instance)

    def read(self, now_ns: int) -> Batch:
        """Return what comes next, and move on. Reports damage; never raises.

        `now_ns` is the monotonic clock before that.
        """
        before = self._look()
        try:
            batch = self._reader.read(self.position, BATCH_BYTES)
        except (TooNew, OSError) as exc:
            if str(exc) != self.error:
                log.error("journal cannot be read", journal=self.name, error=str(exc))
            self.error, self.idle, self.ended = str(exc), True, False
            self._glance = None
            return Batch([], self.position, idle=True)
        for damage in batch.damage:
            log.error("journal is damaged", journal=self.name, at=damage.offset, lost=damage.bytes)
            self._counts.damaged_bytes += damage.bytes
        began = self.idle or not self.unread_since_ns
        left = batch.position.segment != self.position.segment or (batch.ended and not self.ended)
        self.has_left_some = self.has_left_some or left
        self.error, self.idle, self.ended = "", batch.idle, batch.ended
        # What was seen of another segment than the one that we are in now says nothing of it.
        stayed = batch.idle and batch.position.segment == self.position.segment
        self._glance = before if stayed else None
        self.position = batch.position
        if batch.idle or (began and not batch.alive):
            self.unread_since_ns = now_ns
        elif batch.alive and batch.records:
            self.unread_since_ns = min(now_ns, batch.records[-1][0].received_ns)
        return batch

    def is_quiet(self, now_ns: int) -> bool:
        """Return whether `read` would find nothing, for sure, without reading.

        `now_ns` is the monotonic clock before that.
        """
        quiet = self._glance is not None and self._look() == self._glance
        if quiet:
            self.unread_since_ns = now_ns
        return quiet

    def _look(self) -> Glance | None:
        try:
            return self._reader.glance(self.position.segment)
        except OSError:
            return None

    def unread_bytes(self) -> int:
        """Return how much there is now behind `position`; 0 when that cannot be known."""
        try:
            return self._reader.unread_bytes(self.position)
        except OSError:
            return 0

    def has_old_records(self, position: Position) -> bool:
        """Return whether a segment ends before `position`, or there, and grows no more."""
        old = any(number < position.segment for number in self._reader.segments()[:-1])
        return old or (self.ended and self._reader.is_spent(position))

    def delete_old_records(self, position: Position) -> None:
        """Delete those segments. Only when a checkpoint on the disk covers `position`."""
        self._reader.delete_before(position)
        if self.ended:
            self._reader.empty_spent(position)
