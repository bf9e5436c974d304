"""Pure. Rows of calls as texts, so that a list reads each of its calls in one place."""

# ruff: noqa: S608 (what is put into SQL here are constants of this package)

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from trunkline.store.facts.rows import CallRow, Gathered, ListedRow

_SHOWN: Final = tuple(name for name in CallRow.__struct_fields__ if name != "gathered")
_BESIDE: Final = tuple(name for name in ListedRow.__struct_fields__ if name != "row")
COLUMNS: Final = ", ".join((*_BESIDE, "row"))


def shown(call: CallRow) -> CallRow:
    """Return `call` as lists have it: without what it has gathered, which is for sums."""
    return replace(call, gathered=Gathered())


def listed(call: CallRow, text: str) -> ListedRow:
    """Return the row that has `text`, the JSON of what is shown of `call`."""
    return ListedRow(**{name: getattr(call, name) for name in _BESIDE}, row=text)


def listing(calls: str) -> str:
    """Return SQL that gives `COLUMNS` of the rows of calls that the subquery `calls` selects."""
    text = f"formatRowNoNewline('JSONEachRow', {', '.join(_SHOWN)})"
    return f"SELECT {', '.join(_BESIDE)}, {text} AS row FROM ({calls})"
