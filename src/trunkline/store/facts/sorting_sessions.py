"""Pure. In which order sessions are listed, and where in it a page ended: as `sorting` of calls.

A session is what its calls say, so all of this is SQL over the calls of one session.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from trunkline.store.facts.attention import FAILED
from trunkline.store.facts.sorting import Moment, past

SessionSort = Literal[
    "last_at",
    "first_at",
    "name",
    "calls",
    "failed",
    "turns",
    "talk_ms",
    "duration_ms",
    "wait_p50_ms",
    "cost_usd",
]


class SessionSorting(msgspec.Struct, frozen=True):
    """By what sessions are listed. Among those that are equal: by the end of their last call."""

    by: SessionSort = "last_at"
    descending: bool = True


LATEST_FIRST: Final = SessionSorting()


class SessionCursor(msgspec.Struct, frozen=True):
    """Where a page ended: the next one begins right behind this session."""

    last_at_us: Moment
    session_id: str
    sorting: SessionSorting = LATEST_FIRST
    value: Moment | str | None = None
    """What the session was sorted by. None: it has none, or it is the last end."""


TEXTS: Final[dict[SessionSort, str]] = {"name": "if(name = '', session_id, name)"}
_NUMBERS: Final[dict[SessionSort, str]] = {
    "last_at": "last_at_us",
    "first_at": "min(opened_at_us)",
    "calls": "count()",
    "failed": f"countIf({FAILED})",
    "turns": "sum(turns)",
    "talk_ms": "sum(ifNull(duration_us, 0))",
    "duration_ms": "last_at_us - min(opened_at_us)",
    "wait_p50_ms": (
        "if(sum(length(gathered.waits_us)) = 0, NULL, quantileExactArray(0.5)(gathered.waits_us))"
    ),
    # Whole numbers of the smallest part that money is kept to.
    "cost_usd": "toDecimal128(sumOrNull(cost_usd), 9) * 1000000000",
}


def value(sorting: SessionSorting) -> str:
    """Return what sessions are sorted by, as SQL over the calls of one; `name` and `last_at_us`
    are there already."""
    return TEXTS.get(sorting.by) or f"toInt64({_NUMBERS[sorting.by]})"


def order(sorting: SessionSorting) -> str:
    """Return the terms of ORDER BY."""
    way = "DESC" if sorting.descending else "ASC"
    return f"sorted_by {way} NULLS LAST, last_at_us {way}, session_id {way}"


def behind(cursor: SessionCursor) -> tuple[str, dict[str, Any]]:
    """Return the predicate for what comes behind a session, and its parameters.

    Raises:
        BadCondition: the cursor was not made by us.
    """
    sorting = cursor.sorting
    sign = "<" if sorting.descending else ">"
    parameters = {"cursor_us": cursor.last_at_us, "cursor_id": cursor.session_id}
    tied = f"(last_at_us, session_id) {sign} ({{cursor_us:Int64}}, {{cursor_id:String}})"
    if sorting.by == "last_at":
        return tied, parameters
    predicate, more = past("sorted_by", tied, cursor.value, sign, is_text=sorting.by in TEXTS)
    return predicate, parameters | more
