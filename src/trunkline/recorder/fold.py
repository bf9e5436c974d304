"""Pure. A call's records, one after the other, into the facts of the call.

`fold` is total: it takes any record in any state. It is idempotent: a record at or
below `last_seq` changes nothing and gives no rows, because the journal delivers at
least once. It knows no time but the records'. So recovery after a crash is folding
the tail onto the last checkpoint, and a changed metric is a refold.

`fold` owns the state that it is given and changes it in place: copying would cost more
than everything else it does to a frame of audio. Whoever needs the state before must
encode it first.

Folded are the frames of both legs as they were received. What was sent in their place
(`bridged`) only has its row in the index of events, and so has what the gateway said
itself, except that its errors are errors of the call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from trunkline import ids
from trunkline.journal.record import Flag, Kind, Leg, Record
from trunkline.protocol import prices as price_data
from trunkline.protocol.call import Closed, EndReason, Gap, Note, Opened
from trunkline.protocol.decode import Peek, decode, decode_and_peek, peek
from trunkline.protocol.events import ErrorDetail, ErrorEvent
from trunkline.protocol.formats import Format
from trunkline.protocol.prices import PriceTable
from trunkline.protocol.profiles.catalogue import PROFILES
from trunkline.recorder import (
    caller,
    gathering,
    histogram,
    lines,
    lint,
    meter,
    provider,
    speech,
    turns,
)
from trunkline.recorder.bounds import MAX_ID_CHARS, MAX_NUMBER, MAX_WALL_US, clamped, id_of
from trunkline.recorder.errors import ended, error
from trunkline.recorder.sound import Heard
from trunkline.recorder.state import State, Step
from trunkline.recorder.summary import call_row
from trunkline.store.facts.rows import EventRow, Row
from trunkline.store.holes import missed

__all__ = ["call_row", "finish", "fold"]

T = TypeVar("T")

# Of plain integers: operators of `Flag` cost more than decoding the frame does.
_ALTERED: Final = int(Flag.ALTERED)
_OURS: Final = int(Flag.OURS)
_BINARY: Final = int(Flag.BINARY)

_HANDLERS: Final = {Leg.CALLER: caller.HANDLERS, Leg.PROVIDER: provider.HANDLERS, Leg.NONE: {}}
_LEGS: Final = {Leg.CALLER: "caller", Leg.PROVIDER: "provider", Leg.NONE: ""}


def fold(
    state: State,
    record: Record,
    prices: PriceTable | None = None,
    hear: Callable[[Heard], None] | None = None,
) -> tuple[State, tuple[Row, ...]]:
    """Return the state after `record`, which is `state` itself, and the rows that it gives.

    `prices` are those of the day on which the record is folded; None: those of this release.
    `hear` is told of all sound, and where it belongs.
    """
    if record.seq <= state.last_seq:
        return state, ()
    if record.seq != state.last_seq + 1:
        state.sums.damaged_records += missed(state.last_seq, record)
    if state.last_seq < 0 and not state.call_id:
        _begin(state, record)
    state.last_seq = record.seq
    if state.closed is not None:
        # Nothing follows `closed`; a stray must not make a finished call live again.
        return state, ()
    step = Step(record, prices or price_data.shipped(), hear=hear)
    _KINDS[record.kind](state, step)
    gathering.gather(state.parts, step.rows)
    return state, tuple(step.rows)


def finish(
    state: State, end_reason: EndReason = "gateway_died", at_ns: int | None = None
) -> tuple[State, tuple[Row, ...]]:
    """End a call that will never have its `closed` record, as `recovered`.

    `at_ns` is when it ended, gateway monotonic clock; None: with its last record, which
    is all that is known when the gateway died. A call that is over stays as it is.
    """
    if state.closed is not None:
        return state, ()
    seq = state.last_seq + 1
    received_ns = state.opened_ns + state.last_us * 1000 if at_ns is None else at_ns
    record = Record(Kind.CLOSED, b"", seq, received_ns=received_ns)
    step = Step(record, price_data.shipped())
    state.last_seq = seq
    _stamp(state, step)
    _end(state, step, Closed(status="recovered", end_reason=end_reason))
    return state, tuple(step.rows)


def _begin(state: State, record: Record) -> None:
    """Take from the first record what even a lost `opened` cannot take away."""
    state.call_id = ids.call_id(record.call)
    state.opened_ns = record.received_ns
    state.wall_us = int.from_bytes(record.call[:6], "big") * 1000


def _stamp(state: State, step: Step) -> None:
    """Turn the record's times into those of the call's clock."""
    record = step.record
    opened_ns = state.opened_ns
    at_us = (record.received_ns - opened_ns) // 1000
    step.at_us = at_us = at_us if 0 <= at_us <= MAX_NUMBER else clamped(at_us)
    if record.handed_ns:
        handed_us = (record.handed_ns - opened_ns) // 1000
        step.handed_us = handed_us if 0 <= handed_us <= MAX_NUMBER else clamped(handed_us)
    if at_us > state.last_us:
        state.last_us = at_us


def _opened(state: State, step: Step) -> None:
    opened = _payload(step.record.payload, Opened)
    if opened is not None and state.opened is None:
        state.opened = opened
        state.opened_ns = opened.opened_ns
        state.wall_us = min(MAX_WALL_US, max(0, opened.wall_ns // 1000))
        if (profile := PROFILES.get(opened.provider)) is not None:
            state.sound.caller_format = Format("pcm", profile.hears_hz)
    _stamp(state, step)
    step.rows.append(call_row(state))


def _frame(state: State, step: Step) -> None:
    _stamp(state, step)
    record = step.record
    flags = int(record.flags)
    if flags & (_OURS | _BINARY):
        _index(state, step, "frame", peek(record.payload))
        if flags & _OURS:
            _our_error(state, step)
        else:
            _count(state, record)
        return
    event, peeked = decode_and_peek(record.payload)
    _index(state, step, "frame", peeked)
    _count(state, record)
    handler = _HANDLERS[record.leg].get(type(event))
    heard = state.sound.observe(record.leg, event, step.at_us, step.handed_us)
    if step.hear is not None:
        step.hear(heard)
    if handler is not None:
        handler(state, step, event, heard)
    if state.meter is not None:
        meter.passed(state, step)


def _count(state: State, record: Record) -> None:
    sums, size_bytes = state.sums, len(record.payload)
    if record.leg is Leg.CALLER:
        sums.caller_frames += 1
        sums.caller_bytes += size_bytes
    elif record.leg is Leg.PROVIDER:
        sums.provider_frames += 1
        sums.provider_bytes += size_bytes
    handed_ns = record.handed_ns
    if handed_ns and not int(record.flags) & _ALTERED:
        time_ns = handed_ns - record.received_ns
        histogram.add(sums.relayed_ns, time_ns if time_ns <= MAX_NUMBER else MAX_NUMBER)


def _bridged(state: State, step: Step) -> None:
    _stamp(state, step)
    _index(state, step, "bridged", peek(step.record.payload))
    if int(step.record.flags) & _OURS:
        _our_error(state, step)


def _our_error(state: State, step: Step) -> None:
    event = decode(step.record.payload)
    if isinstance(event, ErrorEvent):
        error(state, step, "gateway", event.error)


def _index(state: State, step: Step, kind: str, peeked: Peek) -> None:
    record = step.record
    type_, item_id, response_id = peeked
    row = EventRow(
        org_id=state.opened.org_id if state.opened else "",
        call_id=state.call_id,
        seq=record.seq,
        at_us=step.at_us,
        handed_us=step.handed_us,
        leg=_LEGS[record.leg],
        record=kind,
        type=type_ if len(type_) <= MAX_ID_CHARS else id_of(type_),
        item_id=item_id if len(item_id) <= MAX_ID_CHARS else id_of(item_id),
        response_id=response_id if len(response_id) <= MAX_ID_CHARS else id_of(response_id),
        size_bytes=len(record.payload),
    )
    step.rows.append(row)


def _gap(state: State, step: Step) -> None:
    _stamp(state, step)
    gap = _payload(step.record.payload, Gap)
    if gap is not None:
        state.sums.lost_frames += clamped(gap.frames)
        state.sums.lost_bytes += clamped(gap.bytes)


def _note(state: State, step: Step) -> None:
    _stamp(state, step)
    note = _payload(step.record.payload, Note)
    if note is None:
        return
    if note.kind == "connected" and isinstance(connect_ns := note.data.get("connect_ns"), int):
        state.dialled_us = max(0, step.at_us - clamped(connect_ns // 1000))
    elif note.kind == "dialect" and note.data.get("caller_dialect") in ("ga", "beta"):
        state.caller_dialect = note.data["caller_dialect"]
    elif note.kind == "bad_price" and isinstance(header := note.data.get("header"), str):
        lint.price(state, step, header)
    elif note.kind == "bad_traceparent":
        lint.no_traceparent(state, step)
    elif note.kind == "sideband_again":
        _unheard(state, step, note)


def _unheard(state: State, step: Step, note: Note) -> None:
    """What was told while a sideband was away is not known, not even how much it was."""
    gap_ns = note.data.get("gap_ns")
    away_us = clamped(gap_ns) // 1000 if isinstance(gap_ns, int) else 0
    # The provider's clock went on: what it tells from here on counts the time that is missing.
    state.sound.caller.origin_us -= away_us
    state.sums.away_us += away_us
    detail = ErrorDetail(
        type="recording_error",
        code="sideband_gap",
        message=f"the sideband broke off: of {away_us / 1e6:.1f} s nothing is recorded",
    )
    error(state, step, "gateway", detail)


def _closed(state: State, step: Step) -> None:
    _stamp(state, step)
    closed = _payload(step.record.payload, Closed)
    _end(state, step, closed or Closed(status="recovered", end_reason="internal_error"))


def _end(state: State, step: Step, closed: Closed) -> None:
    """The call is over: nothing more is heard or transcribed, and every row is final."""
    ended(state, step, closed)
    meter.end(state, step)
    stop = state.sound.stop(step.at_us)
    cut = stop.item_ids if stop else ()
    for line in state.lines.kept.values():
        if line.transcript_status == "pending":
            line.transcript_status, line.dirty = "failed", True
        line.dirty = line.dirty or line.item_id in cut
    lines.emit_dirty(state, step)
    step.rows.extend(
        turns.response_row(state, answer, step.seq) for answer in state.answers.values()
    )
    for turn in state.turns.copy():
        turns.finish(state, step, turn)
    for response_id in list(state.answers):
        turns.finish_answer(state, step, response_id)
    speech.end(state, step)
    lint.end(state, step)
    state.closed, state.ended_us = closed, step.at_us
    gathering.gather(state.parts, step.rows)
    step.rows.append(call_row(state))


def _payload(payload: bytes, kind: type[T]) -> T | None:
    """Return the payload of a record that is no frame; None when it cannot be read."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


_KINDS: Final[dict[Kind, Callable[[State, Step], None]]] = {
    Kind.OPENED: _opened,
    Kind.FRAME: _frame,
    Kind.BRIDGED: _bridged,
    Kind.GAP: _gap,
    Kind.NOTE: _note,
    Kind.CLOSED: _closed,
}
