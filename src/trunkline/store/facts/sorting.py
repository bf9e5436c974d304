"""Pure. In which order calls are listed, and where in it a page ended.

A page goes on behind its last call, by what the call was sorted by and not by its place: calls
that come or go meanwhile move no other. What has no value comes last, both ways.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from trunkline.store.facts.attention import MASK
from trunkline.store.facts.catalogue_calls import INPUT, OUTPUT
from trunkline.store.facts.conditions import BadCondition
from trunkline.store.facts.dimensions import DIMENSION_OF

Moment: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]
"""Wall time, µs since 1970 UTC, within what the engine can compare."""

Sort = Literal[
    "opened_at",
    "status",
    "model",
    "user",
    "session",
    "key",
    "provider",
    "voice",
    "feedback",
    "duration_ms",
    "turns",
    "wait_p50_ms",
    "barge_ins",
    "tool_calls",
    "errors",
    "unheard_ms",
    "cost_usd",
    "attention",
    "input_tokens",
    "output_tokens",
    "total_tokens",
]


class Sorting(msgspec.Struct, frozen=True):
    """By what calls are listed. Among those that are equal: by their opening."""

    by: Sort = "opened_at"
    descending: bool = True


LATEST_FIRST: Final = Sorting()


class Cursor(msgspec.Struct, frozen=True):
    """Where a page ended: the next one begins right behind this call."""

    opened_at_us: Moment
    call_id: str
    sorting: Sorting = LATEST_FIRST
    value: Moment | str | None = None
    """What the call was sorted by. None: it has none, or it is the opening."""


TEXTS: Final[dict[Sort, str]] = {
    "status": "status",
    "model": DIMENSION_OF["model"].value,
    "user": "user_id",
    "session": "if(session_name = '', session_id, session_name)",
    "key": "key_name",
    "provider": "provider",
    "voice": "voice",
}
"""Empty text is no value."""
_NUMBERS: Final[dict[Sort, str]] = {
    "opened_at": "opened_at_us",
    "feedback": "toInt64(feedback)",
    "duration_ms": "duration_us",
    "turns": "turns",
    "wait_p50_ms": "wait_p50_us",
    "barge_ins": "barge_ins",
    "tool_calls": "tool_calls",
    "errors": "errors",
    "unheard_ms": "greatest(0, assistant_audio_us - heard_audio_us)",
    # Whole numbers of the smallest part that money is kept to.
    "cost_usd": "toInt64(toDecimal128(cost_usd, 9) * 1000000000)",
    "attention": MASK,
    "input_tokens": INPUT,
    "output_tokens": OUTPUT,
    "total_tokens": f"{INPUT} + {OUTPUT}",
}
_VALUES: Final = _NUMBERS | {name: f"nullIf(toString({sql}), '')" for name, sql in TEXTS.items()}
_HOUR: Final = "toStartOfHour(toDateTime(intDiv({cursor_us:Int64}, 1000000), 'UTC'))"


def value(sorting: Sorting) -> str:
    """Return what calls are sorted by, as SQL over a row of `calls`."""
    return f"({_VALUES[sorting.by]})"


def order(sorting: Sorting) -> str:
    """Return the terms of ORDER BY."""
    way = "DESC" if sorting.descending else "ASC"
    first = "" if sorting.by == "opened_at" else f"{value(sorting)} {way} NULLS LAST, "
    return f"{first}opened_at_us {way}, call_id {way}"


def behind(cursor: Cursor) -> tuple[str, dict[str, Any]]:
    """Return the predicate for what comes behind a call, and its parameters.

    Raises:
        BadCondition: the cursor was not made by us.
    """
    sorting = cursor.sorting
    sign = "<" if sorting.descending else ">"
    parameters = {"cursor_us": cursor.opened_at_us, "cursor_id": cursor.call_id}
    tied = f"(opened_at_us, call_id) {sign} ({{cursor_us:Int64}}, {{cursor_id:String}})"
    if sorting.by == "opened_at":
        return f"{tied} AND hour {sign}= {_HOUR}", parameters
    predicate, more = past(value(sorting), tied, cursor.value, sign, is_text=sorting.by in TEXTS)
    return predicate, parameters | more


def past(
    own: str, tied: str, last: int | str | None, sign: Literal["<", ">"], *, is_text: bool
) -> tuple[str, dict[str, Any]]:
    """Return the predicate for rows behind one whose `own` is `last`, and its parameters.

    `tied` is that for rows which have the same; None comes last, both ways.

    Raises:
        BadCondition: `last` is no text where texts are compared, or the reverse.
    """
    if last is None:
        return f"{own} IS NULL AND {tied}", {}
    if isinstance(last, str) != is_text:
        raise BadCondition("cursor: use `next_cursor` of the page before, as it is")
    its = "{cursor_value:String}" if is_text else "{cursor_value:Int64}"
    predicate = f"({own} {sign} {its} OR {own} IS NULL OR ({own} = {its} AND {tied}))"
    return predicate, {"cursor_value": last}
