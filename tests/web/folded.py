"""Golden conversations as the pages get them: folded, sorted into tables."""

from typing import Any

from tests.support import golden

from trunkline.recorder.fold import finish, fold
from trunkline.recorder.state import State
from trunkline.store.facts.rows import (
    CallRow,
    ErrorRow,
    EventRow,
    ItemRow,
    ResponseRow,
    Row,
    ToolCallRow,
    TurnRow,
    UsageRow,
)
from trunkline.web.pages.call_facts import Facts


def events_of(name: str) -> list[EventRow]:
    """Return the index of the frames of the golden call `name`."""
    return [row for row in _rows(name) if isinstance(row, EventRow)]


def _rows(name: str) -> list[Row]:
    state, rows = State.new(), list[Row]()
    for record in golden.records(name):
        state, new = fold(state, record)
        rows += new
    # One of them ends with the death of its gateway: the recorder says so.
    rows += finish(state)[1]
    return golden.latest(rows)


def facts_of(name: str) -> Facts:
    """Return the rows of the golden call `name`."""
    latest = _rows(name)

    def of(kind: type[Any]) -> list[Any]:
        return [row for row in latest if isinstance(row, kind)]

    return Facts(
        call=of(CallRow)[0],
        turns=of(TurnRow),
        responses=of(ResponseRow),
        items=of(ItemRow),
        tool_calls=of(ToolCallRow),
        errors=of(ErrorRow),
        usage=of(UsageRow),
    )
