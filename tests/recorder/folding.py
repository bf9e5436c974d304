"""Folds records to rows, the way the recorder does."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from trunkline.journal.record import Record
from trunkline.recorder.fold import finish, fold
from trunkline.recorder.state import State
from trunkline.store.facts.rows import Row


class Folded(NamedTuple):
    state: State
    rows: list[Row]


def run(records: Sequence[Record], state: State | None = None, *, over: bool = True) -> Folded:
    """Fold `records` onto `state`; `over`: a call without its last record is finished."""
    state = state or State.new()
    rows: list[Row] = []
    for record in records:
        state, new = fold(state, record)
        rows += new
    if over:
        state, new = finish(state)
        rows += new
    return Folded(state, rows)


def saved(state: State) -> bytes:
    return msgspec.msgpack.encode(state)


def restored(checkpoint: bytes) -> State:
    return msgspec.msgpack.decode(checkpoint, type=State)
