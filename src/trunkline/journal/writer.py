"""I/O. The gateway's end of the journal: append now, write soon, sync in the background.

`append` copies a record into a buffer and returns. Every `flush_interval_ms`, or when
the buffer is full, a thread writes it: a slow disk delays the record, not the call. What
became of it is seen when the next buffer is given to it. What waits for the disk is
bounded; beyond the bound, records are dropped and counted, and a `gap` record says so as
soon as the disk takes bytes again (`journal.losses`). Nothing that waits is dropped, and
nothing overtakes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from functools import partial
from pathlib import Path

import structlog

from trunkline import clock
from trunkline.errors import OperatorError
from trunkline.journal import lock
from trunkline.journal.losses import KEPT, Losses
from trunkline.journal.record import (
    MAX_PAYLOAD_BYTES,
    OVERHEAD_BYTES,
    SEGMENT_BYTES,
    Flag,
    Kind,
    Leg,
    Record,
)
from trunkline.journal.segments import Outcome, Segments, why
from trunkline.journal.sync import Syncer
from trunkline.settings import Settings
from trunkline.vitals import figures
from trunkline.worker import Worker

try:
    from trunkline.journal._batch import Batch
except ImportError:
    from trunkline.journal.batch import Batch

BUFFER_BYTES = 1024 * 1024
"""Written at once. With less, busy gateways spend more on waking the thread."""
MAX_BACKLOG_BYTES = 96 * 1024 * 1024
"""May wait for the disk: the largest record, and half as much beside it."""
_SPARES = 4
_RETRY_NS = 250_000_000
"""Between attempts to write to a disk that refused."""

log = structlog.get_logger("trunkline.journal")


class JournalWriter:
    """One per gateway process and directory. Everything is called from one event loop."""

    def __init__(
        self,
        directory: Path,
        instance: bytes,
        settings: Settings,
        segment_bytes: int = SEGMENT_BYTES,
        max_backlog_bytes: int = MAX_BACKLOG_BYTES,
    ) -> None:
        self._directory = directory
        self._flush_interval_s = settings.flush_interval_ms / 1000
        self._max_backlog_bytes = max_backlog_bytes
        # Half of what the recorder leaves free: it stops first, and the journal holds it all.
        reserve_bytes = settings.min_free_bytes // 2
        self._segments = Segments(directory, instance, segment_bytes, reserve_bytes)
        self._syncer = Syncer(
            directory, settings.fsync, settings.fsync_interval_ms, self._on_sync_error
        )
        # Who wants each write synced wants to know at once that it is there.
        on_done = self._look if settings.fsync == "always" else None
        self._worker = Worker[Outcome]("journal-write", on_done)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._lock_fd = -1

        self.batch = Batch(BUFFER_BYTES)
        """What is appended to; compiled code may do it without `append`."""
        self._full: deque[memoryview] = deque()
        """Sealed buffers, oldest first; the first few may be with the thread."""
        self._full_bytes = 0
        self._begun_ns: deque[int] = deque()
        """When each of those began to fill, or a little before."""
        self._filling_ns = clock.monotonic_ns()
        """The same of the current buffer."""
        self._spares: list[memoryview] = []
        self._fresh = False
        self._failing = ""
        self._retry_ns = 0
        self._losses = Losses()

        self.gaps = 0
        """`gap` records appended."""
        self.bytes_written = 0
        self.suspect_segments = 0
        """Left because a sync or a write failed in a way that is not a full disk."""

    # What goes in.

    def append(
        self,
        kind: Kind,
        call: bytes,
        seq: int,
        leg: Leg,
        flags: int,
        received_ns: int,
        handed_ns: int,
        payload: bytes | bytearray | memoryview,
    ) -> None:
        """Take a record. `payload` is copied before this returns. Never blocks or raises."""
        batch = self.batch
        if batch.shut or not batch.add(
            kind, call, seq, leg, flags, received_ns, handed_ns, payload
        ):
            self._append_slowly(kind, call, seq, leg, flags, received_ns, handed_ns, payload)

    def _append_slowly(
        self,
        kind: Kind,
        call: bytes,
        seq: int,
        leg: Leg,
        flags: int,
        received_ns: int,
        handed_ns: int,
        payload: bytes | bytearray | memoryview,
    ) -> None:
        payload_bytes = len(payload)
        if call not in self._losses and self._make_room(payload_bytes):
            self.batch.add(kind, call, seq, leg, flags, received_ns, handed_ns, payload)
            return
        if not self.batch.shut:
            log.error("journal loses records", why=self._failing or "overrun")
        self.batch.shut = True
        if kind in KEPT and self._losses.keep(
            Record(kind, call, seq, leg, Flag(flags), received_ns, handed_ns, bytes(payload))
        ):
            return
        reason = self._failing or "overrun"
        self._losses.lose(kind, call, seq, received_ns, payload_bytes, reason)

    def _make_room(self, payload_bytes: int) -> bool:
        """Make the current buffer fit for such a record; False when too much waits already."""
        needed = OVERHEAD_BYTES + payload_bytes
        batch = self.batch
        if batch.used + needed <= len(batch.view):
            return True
        waiting = self._full_bytes + batch.used
        if payload_bytes > MAX_PAYLOAD_BYTES:
            return False
        if waiting and waiting + needed > self._max_backlog_bytes:
            return False
        self._seal()
        if needed > len(batch.view):
            batch.swap(memoryview(bytearray(needed)))
        self._write()
        return True

    def _seal(self) -> None:
        """Put the current buffer in the queue, and take an empty one."""
        if not self.batch.used:
            return
        spare = self._spares.pop() if self._spares else memoryview(bytearray(BUFFER_BYTES))
        filled = self.batch.swap(spare)
        self._full.append(filled)
        self._begun_ns.append(self._filling_ns)
        self._filling_ns = clock.monotonic_ns()
        self._full_bytes += len(filled)

    # What goes out.

    def start(self) -> None:
        """Take the directory and begin a segment in it. Needs the running loop.

        A disk that is full now is no reason to refuse calls.

        Raises:
            OperatorError: another process has the directory, or it cannot be written.
        """
        loop = asyncio.get_running_loop()
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._lock_fd = lock.hold(self._directory)
            self._begin_first()
        except OSError as exc:
            self._release()
            raise OperatorError(
                f"cannot write the journal in {self._directory}: {exc.strerror}"
            ) from exc
        self._worker.start()
        self._syncer.start()
        self._loop = loop
        self._timer = loop.call_later(clock.until_next_s(self._flush_interval_s), self._tick)

    def _begin_first(self) -> None:
        try:
            self._segments.begin()
        except OSError as exc:
            if why(exc) != "disk_full":
                raise
            self._on_write_error(exc)
        self._syncer.written(self._segments.fd, (), True)

    def _tick(self) -> None:
        assert self._loop is not None
        until_next_s = clock.until_next_s(self._flush_interval_s)
        self._timer = self._loop.call_later(until_next_s, self._tick)
        now_ns = clock.monotonic_ns()
        self._look()
        if not self._worker.busy:  # else the thread may be beginning another one just now
            self._fresh = self._fresh or self._segments.is_old(now_ns)
        self._write_soon()
        if not self.batch.used:
            self._filling_ns = now_ns
        self._syncer.tick(now_ns)

    def _write(self) -> None:
        """Hand what is sealed to the thread, unless it is at work or the disk just refused."""
        if self._loop is None:
            return
        self._look()
        if self._worker.busy or not (self._full or self._fresh or self._failing):
            return
        if self._failing and clock.monotonic_ns() < self._retry_ns:
            return
        fresh, self._fresh = self._fresh, False
        self._worker.give(partial(self._segments.write, tuple(self._full), fresh))

    def _look(self) -> None:
        """Take what has become of the last write, if that is known by now."""
        if not self._worker.is_done():
            return
        outcome = self._worker.take()
        for _ in range(outcome.written):
            self._recycle(self._full.popleft())
            self._begun_ns.popleft()
        self.bytes_written += outcome.bytes_written
        self._syncer.written(outcome.fd, outcome.retired, outcome.bytes_written > 0)
        if outcome.error is not None:
            self._on_write_error(outcome.error)
            return
        if self._failing:
            log.warning("journal is written again", directory=str(self._directory))
            self._failing = ""

    def _recycle(self, view: memoryview) -> None:
        self._full_bytes -= len(view)
        whole = memoryview(view.obj)
        if len(whole) == BUFFER_BYTES and len(self._spares) < _SPARES:
            self._spares.append(whole)

    def _tell_losses(self) -> None:
        """Append the gaps, call by call; those for which there is no room wait.

        Not while room is made for another record, which they would take.
        """
        for record in self._losses.drain():
            if not self._make_room(len(record.payload)):
                return
            self.batch.add(
                record.kind,
                record.call,
                record.seq,
                record.leg,
                record.flags,
                record.received_ns,
                record.handed_ns,
                record.payload,
            )
            self.gaps += record.kind == Kind.GAP
        self.batch.shut = False

    def _on_write_error(self, error: OSError) -> None:
        if not self._failing:
            log.error("journal cannot be written", directory=str(self._directory), error=str(error))
        self._failing = why(error)
        self._retry_ns = clock.monotonic_ns() + _RETRY_NS
        self.suspect_segments += self._failing == "io_error"

    def _on_sync_error(self, error: OSError) -> None:
        log.error("journal segment is suspect", directory=str(self._directory), error=str(error))
        self.suspect_segments += 1
        self._fresh = True

    def _write_soon(self) -> None:
        """Write the current buffer too, unless others wait: then it may go on filling."""
        if self.batch.shut and not self._failing:
            self._tell_losses()
        if not self._full:
            self._seal()
        self._write()

    async def flush(self) -> None:
        """Return when what was appended is written, or the disk has refused it."""
        self._retry_ns = 0
        self._write_soon()
        end = self.bytes_written + self.lag_bytes
        while self.bytes_written < end:
            self._write_soon()
            if not self._worker.busy:
                return
            await self._worker.wait()
            self._look()
            if self._failing:
                return

    async def close(self) -> None:
        """Write and sync everything, let go of the directory. What the disk refuses is lost."""
        if self._loop is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        await self.flush()
        while (self.lag_bytes or self.batch.shut) and not self._failing:
            await self.flush()  # The gaps that the one before gave room for.
        if self._failing:
            log.error("journal is closed, the disk refused its end", bytes=self.lag_bytes)
        self._worker.stop()
        await self._syncer.close()
        self._release()
        self._loop = None

    def _release(self) -> None:
        if self._lock_fd >= 0:
            with contextlib.suppress(OSError):
                os.close(self._lock_fd)
        self._lock_fd = -1

    # How it is.

    def tell(self) -> figures.Journal:
        """Return what this process publishes of its journal."""
        return figures.Journal(
            records=self.records,
            written_bytes=self.bytes_written,
            backlog_bytes=self.lag_bytes,
            unwritten_age_ns=self.lag_ns,
            unsynced_age_ns=self.fsync_age_ns,
            gaps=self.gaps,
            lost_frames=self.lost_frames,
            lost_bytes=self.lost_bytes,
            suspect_segments=self.suspect_segments,
            failing=self.failing,
        )

    @property
    def failing(self) -> str:
        """`disk_full` or `io_error` while the disk refuses; else empty."""
        return self._failing

    @property
    def lag_bytes(self) -> int:
        """Appended and not yet written."""
        return self._full_bytes + self.batch.used

    @property
    def records(self) -> int:
        """Accepted since the start, gaps too."""
        return self.batch.records

    @property
    def lag_ns(self) -> int:
        """For how long the oldest of it has waited, to within the flush interval. 0: none does."""
        if not self.lag_bytes:
            return 0
        return clock.monotonic_ns() - (self._begun_ns[0] if self._begun_ns else self._filling_ns)

    @property
    def lost_frames(self) -> int:
        """Frames that are in no record, since the start."""
        return self._losses.frames

    @property
    def lost_bytes(self) -> int:
        """Payload bytes of `lost_frames`."""
        return self._losses.bytes

    @property
    def fsync_age_ns(self) -> int:
        """For how long the oldest written byte has not been synced. 0: all is, or `never`."""
        return self._syncer.age_ns(clock.monotonic_ns())
