"""Pure. Column lists of the tables, for queries that return whole rows."""

# ruff: noqa: S608 (what is put into SQL here are constants of this package)

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from trunkline.ids import parse_call_id
from trunkline.store.facts.ddl import TABLE_OF, columns
from trunkline.store.facts.rows import Row


def about_call(call_id: str) -> dict[str, Any]:
    """Return the parameters of a query about one call: its id, and where its parts lie.

    The hour is worked out here as the table's column `hour` has it: the engine would not
    see that it is a constant, and would look through every month.
    """
    try:
        seconds = int.from_bytes(parse_call_id(call_id)[:6], "big") // 1000
    except ValueError:
        seconds = 0
    return {"call_id": call_id, "hour": min(seconds, 2**32 - 1) // 3600 * 3600}


def month_of_call(call_id: str) -> int:
    """Return the partition in which the parts of a call lie, as 202611."""
    opened = datetime.fromtimestamp(about_call(call_id)["hour"], UTC)
    return opened.year * 100 + opened.month


def rows_of_call(row: type[Row], order: str) -> str:
    """Return SQL for all rows of one type that belong to one call, see `about_call`."""
    return f"{parts_of_call(row)} ORDER BY {order}"


def parts_of_call(row: type[Row]) -> str:
    """Return SQL as `rows_of_call` does, open for more predicates."""
    return (
        f"SELECT {names(row)} FROM {TABLE_OF[row].name} FINAL"
        " WHERE org_id = {org_id:String} AND hour = toDateTime({hour:UInt32}, 'UTC')"
        " AND call_id = {call_id:String}"
    )


def names(row: type[Row]) -> str:
    """Return the columns of a row type, as SQL."""
    return ", ".join(columns(TABLE_OF[row]))
