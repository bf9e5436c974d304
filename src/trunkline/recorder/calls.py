"""I/O. The calls that are being recorded: their states, their spools, their rows.

What is here and not in the stores yet is what a checkpoint does not cover yet. It is
used by one thread at a time.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import structlog

from trunkline import ids
from trunkline.journal.record import Kind, Record
from trunkline.protocol.prices import PriceTable
from trunkline.recorder import checkpoint
from trunkline.recorder.counts import Counts
from trunkline.recorder.ears import Ears
from trunkline.recorder.fold import call_row, finish, fold
from trunkline.recorder.state import State
from trunkline.store.facts.rows import Row
from trunkline.store.spool import SpoolWriter, call_of, scan, spool_path, spooled_calls
from trunkline.store.tombstones import Tombstones

_REMEMBERED = 100_000
"""Calls that are over, so that a stray record does not begin them anew."""

log = structlog.get_logger("trunkline.recorder")


class Call:
    """One call that is not over."""

    __slots__ = ("call_id", "changed", "ears", "instance", "spool", "state", "stored", "ulid")

    def __init__(self, call_id: str, state: State, instance: bytes, spool: SpoolWriter) -> None:
        self.call_id = call_id
        self.ulid = ids.parse_call_id(call_id)
        self.state = state
        self.instance = instance
        """The gateway process that it runs in."""
        self.spool = spool
        self.changed = True
        """Its row is not in the facts as it is now."""
        self.stored = -1
        """Version of its row that is, once the facts take it; -1: there never was one."""
        self.ears: Ears | None = None
        """While somebody watches it."""


class Calls:
    """Takes the records of all calls; keeps what must be stored next."""

    def __init__(self, spool: Path, prices: PriceTable, counts: Counts, erased: Tombstones) -> None:
        self._spool = spool
        self._erased = erased
        self.prices = prices
        """Of what is used from now on."""
        self._counts = counts
        self.live: dict[bytes, Call] = {}
        self.closed: dict[str, checkpoint.Closed] = {}
        """Over, and not sealed yet, by call id."""
        self.rows: list[Row] = []
        """To be stored, in order."""
        self.strays = 0
        """Records of calls that were over already."""
        self._over: OrderedDict[bytes, None] = OrderedDict()

    # --- from the journal

    def take(self, record: Record, data: memoryview | bytes, instance: bytes) -> None:
        """Take the next record of a journal, written by process `instance`. Duplicates are known.

        `data` are its bytes.

        Raises:
            OSError: the call's spool cannot be written.
        """
        call = self.live.get(record.call)
        if call is None:
            if record.call in self._over or self._erased.has(record.call):
                self.strays += 1
                return
            call = self._begin(record.call, instance)
        call.instance = instance
        if record.seq <= call.state.last_seq:
            return
        call.spool.append(data)
        call.changed = True
        if record.kind is Kind.GAP:
            self._take_gap(call, record)
        else:
            call.state = self._fold(call.call_id, call.state, record, call.ears)
        if record.kind is Kind.CLOSED:
            self._close(call)

    def _take_gap(self, call: Call, record: Record) -> None:
        lost = call.state.sums.lost_frames, call.state.sums.lost_bytes
        call.state = self._fold(call.call_id, call.state, record)
        self._counts.gaps += 1
        self._counts.lost_frames += call.state.sums.lost_frames - lost[0]
        self._counts.lost_bytes += call.state.sums.lost_bytes - lost[1]

    def finish(self, call: Call) -> None:
        """End a call whose gateway died: there will be no `closed` record."""
        log.warning("call recovered: its gateway died", call=call.call_id)
        call.state, rows = finish(call.state)
        self.rows += rows
        self._close(call)

    def ignore(self, ulid: bytes) -> None:
        """Take no more records of this call: it is sealed."""
        self._over[ulid] = None
        if len(self._over) > _REMEMBERED:
            self._over.popitem(last=False)

    def _begin(self, ulid: bytes, instance: bytes) -> Call:
        call_id = ids.call_id(ulid)
        writer = SpoolWriter(spool_path(self._spool, call_id))
        call = self.live[ulid] = Call(call_id, State.new(), instance, writer)
        return call

    def _fold(self, call_id: str, state: State, record: Record, ears: Ears | None = None) -> State:
        try:
            state, rows = fold(state, record, self.prices, ears.hear if ears else None)
        except Exception:  # A bug of ours must cost one record's facts, not all later calls.
            log.exception("record not understood", call=call_id, seq=record.seq)
            state.last_seq = max(state.last_seq, record.seq)
            return state
        self.rows += rows
        return state

    def _close(self, call: Call) -> None:
        call.spool.flush()
        row = call_row(call.state)
        del self.live[call.ulid]
        self.ignore(call.ulid)
        self.closed[call.call_id] = checkpoint.Closed(
            row, call.spool.length_bytes, tuple(call.state.suspects)
        )

    # --- to the stores

    def flush(self) -> None:
        """Write the spools of all calls. Raises `OSError`."""
        for call in self.live.values():
            call.spool.flush()

    def live_rows(self) -> list[Row]:
        """Return the present row of every live call that changed since this was last asked."""
        changed = [call for call in self.live.values() if call.changed]
        for call in changed:
            call.changed = False
            call.stored = call.state.last_seq
        return [call_row(call.state) for call in changed]

    def spools(self) -> list[Path]:
        """Return the spools that hold what no archive holds yet."""
        return [spool_path(self._spool, call_id) for call_id in self.closed] + [
            call.spool.path for call in self.live.values()
        ]

    def has(self, spool: Path) -> bool:
        """Return whether this is the spool of a call that is not sealed."""
        call_id = call_of(spool)
        return call_id in self.closed or ids.parse_call_id(call_id) in self.live

    def saved(self) -> dict[str, checkpoint.Live]:
        """Return the live calls as a checkpoint has them. Only right after `flush`."""
        return {
            call.call_id: checkpoint.Live(call.state, call.instance, call.spool.length_bytes)
            for call in self.live.values()
        }

    # --- after a restart

    def resume(self, saved: checkpoint.Checkpoint) -> None:
        """Go on from a checkpoint; spools that it does not know are deleted.

        Raises:
            OSError: a spool has lost what the checkpoint covers.
        """
        for call_id in [*saved.live, *saved.closed]:
            if call_id in self._erased:
                saved.live.pop(call_id, None)
                saved.closed.pop(call_id, None)
        for call_id, live in saved.live.items():
            writer = SpoolWriter(spool_path(self._spool, call_id), live.spool_bytes)
            call = Call(call_id, live.state, live.instance, writer)
            self.live[call.ulid] = call
        for call_id, closed in saved.closed.items():
            SpoolWriter(spool_path(self._spool, call_id), closed.spool_bytes)
            self.closed[call_id] = closed
            self.ignore(ids.parse_call_id(call_id))
        for call_id in spooled_calls(self._spool):
            if call_id not in saved.live and call_id not in saved.closed:
                spool_path(self._spool, call_id).unlink()

    def rebuild(self) -> None:
        """Go on without a checkpoint: fold every spool from its beginning. Raises `OSError`."""
        for call_id in spooled_calls(self._spool):
            path = spool_path(self._spool, call_id)
            if call_id in self._erased:
                path.unlink()
                continue
            state, length_bytes, over = State.new(), 0, False
            for spooled in scan(path):
                state = self._fold(call_id, state, spooled.record)
                length_bytes, over = spooled.end, spooled.record.kind is Kind.CLOSED
            call = Call(call_id, state, _gateway(state), SpoolWriter(path, length_bytes))
            self.live[call.ulid] = call
            if over:
                self._close(call)


def _gateway(state: State) -> bytes:
    """Return the process instance that a call says it ran in; empty if it does not."""
    try:
        return ids.parse_ulid(state.opened.gateway if state.opened else "")
    except ValueError:
        return b""
