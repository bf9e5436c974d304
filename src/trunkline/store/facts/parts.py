"""Pure. Column lists of the tables, for queries that return whole rows."""

# ruff: noqa: S608 (what is put into SQL here are constants of this package)

from __future__ import annotations

from trunkline.store.facts.ddl import HOUR_OF_CALL, TABLE_OF, columns
from trunkline.store.facts.rows import Row

SAME_HOUR = HOUR_OF_CALL.replace("call_id", "{call_id:String}")
"""Where the parts of the call in question lie, so that nothing else is read."""


def rows_of_call(row: type[Row], order: str) -> str:
    """Return SQL for all rows of one type that belong to one call."""
    return f"{parts_of_call(row)} ORDER BY {order}"


def parts_of_call(row: type[Row]) -> str:
    """Return SQL as `rows_of_call` does, open for more predicates."""
    return (
        f"SELECT {names(row)} FROM {TABLE_OF[row].name} FINAL"
        f" WHERE org_id = {{org_id:String}} AND hour = {SAME_HOUR} AND call_id = {{call_id:String}}"
    )


def names(row: type[Row]) -> str:
    """Return the columns of a row type, as SQL."""
    return ", ".join(columns(TABLE_OF[row]))
