"""Pure. Rows of calls as texts, so that a list reads each of its calls in one place."""

# ruff: noqa: S608 (what is put into SQL here are constants of this package)

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from trunkline.store.facts.rows import CallRow, Gathered, Relayed


class ListedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A `CallRow` once more, as one text: the facts store writes it, with each row of a call.

    What is asked of all calls reads few columns of many rows; a list shows all columns of few
    rows, for which it would read as many places as there are columns and calls.
    """

    org_id: str
    call_id: str
    version: int
    row: str
    """JSON of the call's row, without what is there for sums: see `shown`."""
    expires_at_us: int = 0


_FOR_SUMS: Final[dict[str, Any]] = {"gathered": Gathered(), "relayed": Relayed()}
"""Long, and of use only together with those of other calls."""
_SHOWN: Final = tuple(name for name in CallRow.__struct_fields__ if name not in _FOR_SUMS)
_BESIDE: Final = tuple(name for name in ListedRow.__struct_fields__ if name != "row")
COLUMNS: Final = ", ".join((*_BESIDE, "row"))


def shown(call: CallRow) -> CallRow:
    """Return `call` as lists have it: without what is there for sums over many calls."""
    return replace(call, **_FOR_SUMS)


def listed(call: CallRow, text: str) -> ListedRow:
    """Return the row that has `text`, the JSON of what is shown of `call`."""
    return ListedRow(**{name: getattr(call, name) for name in _BESIDE}, row=text)


def listing(calls: str) -> str:
    """Return SQL that gives `COLUMNS` of the rows of calls that the subquery `calls` selects."""
    text = f"formatRowNoNewline('JSONEachRow', {', '.join(_SHOWN)})"
    return f"SELECT {', '.join(_BESIDE)}, {text} AS row FROM ({calls})"
