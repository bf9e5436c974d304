"""I/O. The recorder: journals in; facts, archives and recordings out.

    read a little of every journal ▸ fold it, spool it         every 50 ms
    store the rows ▸ checkpoint ▸ delete what is covered       about every second
    seal the calls that are over                               beside it

Each step may be interrupted at any instruction. What is lost then is made again from
the checkpoint, the spools and the journals, with the same outcome: rows are
identified by key and version, raw records by sequence, blobs by key.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from trunkline import ids
from trunkline.clock import monotonic_ns
from trunkline.live.board import Board
from trunkline.protocol.prices import PriceTable
from trunkline.recorder import checkpoint
from trunkline.recorder.audit import Sealed
from trunkline.recorder.calls import Calls
from trunkline.recorder.checkpoint import Checkpoint
from trunkline.recorder.counts import Counts
from trunkline.recorder.journals import Journals
from trunkline.recorder.lossless import Lossless
from trunkline.recorder.refold import archived_rows, sealed_calls, uncompressed_calls
from trunkline.recorder.room import Room
from trunkline.recorder.seal import Sealer
from trunkline.recorder.sealing import Sealing
from trunkline.recorder.showing import Showing
from trunkline.recorder.sweep import SpoolSuspect, Sweeper
from trunkline.recorder.workers import Threads, Workers
from trunkline.store.archive import ArchiveDamaged
from trunkline.store.blobs import BlobMissing, Blobs
from trunkline.store.facts.rows import Row
from trunkline.store.spool import SUFFIX, renew, spool_path
from trunkline.store.tombstones import ERASED, Tombstones
from trunkline.vitals import figures

POLL_SECONDS = 0.05
SETTLE_SECONDS = 1.0
"""How old the dashboard is, at most, when the recorder keeps up."""
SETTLE_SOON_SECONDS = 0.2
"""The same, when a call has just ended."""
MAX_ROWS = 20_000
"""Stored at once, and in one batch."""
MAX_WAITING_ROWS = 200_000
"""While the facts store refuses: then nothing more is read. The journals keep it."""
ROOM_SECONDS = 0.5
"""Between looks at a disk that is nearly full."""
RETRY_SECONDS = (0.5, 1, 2, 5, 10, 30)
MAX_NEWLY_SEALED = 100_000
STOP_SECONDS = 5.0
"""For what is under way, when told to stop."""

log = structlog.get_logger("trunkline.recorder")


class Facts(Protocol):
    """The part of the facts store that a recorder needs."""

    async def insert(self, rows: list[Row]) -> None:
        """Store `rows`; may be repeated."""


class Status(msgspec.Struct, frozen=True):
    """How the recorder is doing."""

    behind: bool
    """There is more in the journals than was read."""
    unread_bytes: int
    """How much that is."""
    behind_ns: int
    """How old the oldest record may be that is unread; while nothing is behind, how long ago
    the journals were looked at. Monotonic clock."""
    live_calls: int
    waiting_to_be_sealed: tuple[str, ...]
    """Call ids, oldest first."""
    waiting_rows: int
    damaged_bytes: int
    """Of journals, skipped since the start."""
    errors: tuple[str, ...]
    """What keeps us from going on, in words for the operator; empty when nothing does."""


class Recorder:
    """Records every call of the journals under one directory.

    One per data directory; `run` it in a task and `stop` it. It holds no lock: who starts
    it has made sure that it is the only one.
    """

    def __init__(
        self,
        data: Path,
        facts: Facts,
        blobs: Blobs,
        prices: PriceTable,
        *,
        erased: Tombstones | None = None,
        min_free_bytes: int = 0,
        sealing: Workers | None = None,
        board: Board | None = None,
    ) -> None:
        """`data` is the data directory: its `journal`, `spool` and `recorder` are used.

        What is in `erased`, by default the tombstones in `data`, is not recorded.
        With less than `min_free_bytes` free there, nothing is written, and the journals keep
        everything until there is room. `sealing` makes archives and recordings: by default a
        thread. What runs is shown on `board`.
        """
        self._sealing_workers = sealing or Threads()
        self._erased = Tombstones(data / ERASED) if erased is None else erased
        self._room = Room(data, min_free_bytes)
        self._journal = data / "journal"
        self._spool = data / "spool"
        self._own = data / "recorder"
        self._facts = facts
        self._blobs = blobs
        self._prices = prices
        self._showing = Showing(board or Board())
        self._stop = asyncio.Event()
        self._rounds = 0
        self._round = asyncio.Event()
        self._errors: dict[str, str] = {}
        self._failures = 0
        self._spools_suspect = False
        self._counts = Counts()
        self.lossless = Lossless(self._own / "lossless")
        """For whoever compresses them."""
        self.newly_sealed: deque[Sealed] = deque(maxlen=MAX_NEWLY_SEALED)
        """For whoever compares them with the facts."""
        self._forget()

    def use_prices(self, prices: PriceTable) -> None:
        """Take these from now on. What was priced before stays as it is."""
        self._prices = prices
        self._calls.prices = prices

    def _forget(self) -> None:
        """Know nothing, as after a start."""
        self._calls = Calls(self._spool, self._prices, self._counts, self._erased)
        self._journals = Journals(self._journal, self._counts)
        sealer = Sealer(
            self._blobs,
            self._spool,
            self._counts,
            self._erased,
            self._sealing_workers,
            self.lossless,
            is_ample=self._room.is_ample,
            has_room=self._room.there_is,
        )
        self._sealing = Sealing(sealer, self._spool)
        self._sweeper = Sweeper(self._own, self._spool, self._calls)
        self._settled_ns = self._settling_ns = self._retry_ns = 0

    # --- from outside

    async def run(self) -> None:
        """Record until stopped. Goes on after any failure, which `status` and the log tell."""
        while not self._stop.is_set():
            try:
                await self._resume()
                await self._record()
            except Exception as exc:
                # The disk is full, or a bug: what is in memory is not trusted any more. All of
                # it is in the journals, and is read again from the last checkpoint.
                log.exception("recorder failed")
                self._spools_suspect |= isinstance(exc, SpoolSuspect)
                await self._pause(self._failed("recorder", exc))
            finally:
                await self._abandon()

    async def stop(self) -> None:
        """Make `run` return after what was written to the journals up to now is stored.

        Sealing gets a few seconds; what is not done then is done after the next start.
        """
        self._stop.set()

    def status(self) -> Status:
        """Return how we are doing, now."""
        now_ns = monotonic_ns()
        return Status(
            behind=not self._journals.idle,
            unread_bytes=self._journals.unread_bytes(),
            behind_ns=now_ns - self._journals.unread_since_ns(now_ns),
            live_calls=len(self._calls.live),
            waiting_to_be_sealed=tuple(sorted(self._calls.closed)),
            waiting_rows=len(self._calls.rows),
            damaged_bytes=self._counts.damaged_bytes,
            errors=(
                *([self._room.problem] if self._room.problem else ()),
                *self._errors.values(),
                *self._journals.problems(),
            ),
        )

    def tell(self) -> figures.Recorder:
        """Return what this process publishes of its recorder."""
        status = self.status()
        journals = ("journal" for _ in self._journals.problems())
        disk = ("disk",) if self._room.problem else ()
        return figures.Recorder(
            unread_bytes=status.unread_bytes,
            unread_age_ns=status.behind_ns if status.unread_bytes else 0,
            live_calls=status.live_calls,
            waiting_rows=status.waiting_rows,
            waiting_calls=len(status.waiting_to_be_sealed),
            stuck=tuple(sorted({*self._errors, *journals, *disk})),
            **msgspec.structs.asdict(self._counts),
        )

    async def caught_up(self) -> None:
        """Wait until all that is in the journals now is stored, and what is over is sealed.

        For ever, if `run` does not run.
        """
        began = self._rounds
        # The round that is under way may have read before what is meant was written.
        while self._rounds < began + 2 or not self._done():
            await self._round.wait()

    def _done(self) -> bool:
        status = self.status()
        waiting = status.behind or status.waiting_rows or status.waiting_to_be_sealed
        return not (waiting or self._journals.unsaved)

    # --- from start to stop

    async def _resume(self) -> None:
        self._forget()
        for directory in (self._journal, self._spool, self._own):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for scratch in self._spool.glob("*.part"):
            scratch.unlink()
        if self._spools_suspect:
            for path in self._spool.glob("*" + SUFFIX):
                await asyncio.to_thread(renew, path)
            self._spools_suspect = False
        saved = await asyncio.to_thread(checkpoint.load, self._own)
        if saved is not None:
            try:
                await asyncio.to_thread(self._calls.resume, saved)
            except OSError as exc:
                log.error("checkpoint does not match the spools", error=str(exc))
                self._forget()
                saved = None
        if saved is not None:
            self._journals.places = saved.journals
        else:
            await self._rebuild()

    async def _rebuild(self) -> None:
        """Begin without a checkpoint: from archives, spools and whole journals."""
        async for org_id, call_id in sealed_calls(self._blobs):
            path = spool_path(self._spool, call_id)
            if path.exists() and call_id not in self._erased:
                # It is sealed whole; whether its last rows were stored we do not know.
                try:
                    rows, _ = await archived_rows(self._blobs, org_id, call_id, self._prices)
                except (ArchiveDamaged, BlobMissing):
                    continue  # It is sealed again.
                self._calls.rows += rows
                path.unlink()
            self._calls.ignore(ids.parse_call_id(call_id))
        async for org_id, call_id in uncompressed_calls(self._blobs):
            await asyncio.to_thread(self.lossless.note, org_id, call_id)
        await asyncio.to_thread(self._calls.rebuild)

    async def _record(self) -> None:
        while not self._stop.is_set():
            if not self._room.there_is():
                await self._pause(ROOM_SECONDS)
                continue
            moved = False
            full = len(self._calls.rows) >= MAX_WAITING_ROWS
            # Another thread costs more than a look, and most looks of an idle server see nothing.
            if not full and not self._journals.are_quiet(monotonic_ns()):
                moved = await asyncio.to_thread(self._journals.read, self._calls)
            await self._show_when_due()
            await self._settle_when_due()
            self._sweeper.sweep_when_due(monotonic_ns(), self._journals)
            self._errors.pop("recorder", None)
            self._rounds += 1
            self._round.set()
            self._round.clear()
            if not moved:
                await self._pause(POLL_SECONDS)
        if self._room.there_is():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._finish(), STOP_SECONDS)

    async def _finish(self) -> None:
        """Store what is written by now, and seal what is over."""
        while await asyncio.to_thread(self._journals.read, self._calls):
            pass
        while self._journals.unsaved or self._calls.rows or self._calls.closed:
            await self._settle()
            await asyncio.sleep(POLL_SECONDS)
        await self._sweeper.sweep(self._journals)

    async def _abandon(self) -> None:
        self._sealing.cancel()
        await self._sealing_workers.stop()
        await self._sealing.cancelled()
        try:
            await self._sweeper.rest()
        except OSError as exc:
            self._spools_suspect |= isinstance(exc, SpoolSuspect)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    # --- to whoever watches

    async def _show_when_due(self) -> None:
        now_ns = monotonic_ns()
        if self._showing.due(now_ns):
            live = list(self._calls.live.values())
            read_ns = self._journals.unread_since_ns(now_ns)
            self._showing.show(await asyncio.to_thread(self._showing.look, live, now_ns, read_ns))

    # --- to the stores

    async def _settle_when_due(self) -> None:
        now_ns = monotonic_ns()
        if now_ns < self._retry_ns:
            return
        ended = len(self._calls.closed) > len(self._sealing)
        sealed = self._sealing.some_sealed
        wait_ns = self._settle_after_ns(soon=ended or sealed)
        due = now_ns - self._settled_ns >= wait_ns and (self._journals.unsaved or ended or sealed)
        if due or len(self._calls.rows) >= MAX_ROWS:
            await self._settle()

    def _settle_after_ns(self, *, soon: bool) -> float:
        """Return how long to wait after the last time. It costs much, however little it brings.

        So it gets a quarter of the time while calls end all the time, until it is as rare as ever.
        """
        wait = SETTLE_SOON_SECONDS if soon else SETTLE_SECONDS
        return min(max(wait * 1e9, 3 * self._settling_ns), SETTLE_SECONDS * 1e9)

    async def _settle(self) -> None:
        """Bring what we hold into the stores, and then remember that it is there."""
        began_ns = monotonic_ns()
        await asyncio.to_thread(self._calls.flush)
        sealed, rows = self._sealing.harvest()
        self._calls.rows += [*rows, *self._calls.live_rows()]
        try:
            await self._store()
        except Exception as exc:
            # Whatever it is: rows are never dropped. They stay, and are stored again.
            self._counts.store_errors += 1
            log.error("facts cannot be stored", error=repr(exc), rows=len(self._calls.rows))
            self._retry_ns = monotonic_ns() + int(self._failed("facts", exc) * 1e9)
            return
        self._errors.pop("facts", None)
        self._failures = 0
        for call_id in sealed:
            self.newly_sealed.append(Sealed(self._calls.closed[call_id].row.org_id, call_id))
            del self._calls.closed[call_id]
        self._sealing.forget(sealed)
        await asyncio.to_thread(self._save)
        for call_id in sealed:
            spool_path(self._spool, call_id).unlink(missing_ok=True)
        self._sealing.begin(self._calls.closed.values(), self._prices)
        self._settled_ns = monotonic_ns()
        self._settling_ns = self._settled_ns - began_ns

    async def _store(self) -> None:
        rows = self._calls.rows
        # What was erased while its rows waited here.
        rows[:] = [row for row in rows if row.call_id not in self._erased]
        for start in range(0, len(rows), MAX_ROWS):
            await self._facts.insert(rows[start : start + MAX_ROWS])
        rows.clear()

    def _save(self) -> None:
        """Write the checkpoint. In a thread."""
        saved = Checkpoint(self._journals.cover(), self._calls.saved(), self._calls.closed)
        checkpoint.save(self._own, saved)
        self._journals.covered()

    def _failed(self, what: str, exc: Exception) -> float:
        """Note a failure; return how many seconds to wait before the next attempt."""
        self._errors[what] = f"{what}: {exc!r}"
        self._failures += 1
        return RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS)) - 1]
