"""Pure. Fields that a call's own row has not: its session's and its user's sums, what was said of
it, what was said in it, and what its parts have. As SQL over a row of `calls`.

Sums are of all calls of the session or user, whatever else is asked for.
"""

# ruff: noqa: S608 (what is put into SQL here are constants of this package)

from __future__ import annotations

from typing import Final, Literal

import msgspec

from trunkline.store.facts.catalogue_calls import INPUT, OUTPUT
from trunkline.store.facts.ddl import FOLD

Home = Literal["session", "user", "feedback"]


class Grouped(msgspec.Struct, frozen=True):
    """One field."""

    home: Home
    value: str
    """SQL over the rows of its home: sums of calls, or a mark's column."""
    kind: Literal["text", "number", "time"]


_CALLS_OF: Final = (
    "{key} IN (SELECT {key} FROM calls FINAL WHERE org_id = {{org_id:String}} AND {key} != ''"
    " GROUP BY {key} HAVING "
)
_HOMES: Final[dict[Home, str]] = {
    "session": _CALLS_OF.format(key="session_id"),
    "user": _CALLS_OF.format(key="user_id"),
    "feedback": (
        "call_id IN (SELECT call_id FROM marks FINAL WHERE org_id = {org_id:String}"
        " AND kind = 'feedback' AND part = '' AND NOT gone AND "
    ),
}
_DAYS: Final = (
    "(1 + intDiv(max(opened_at_us), 86400000000) - intDiv(min(opened_at_us), 86400000000))"
)
"""UTC days, from the first call's to the last one's."""
_SUMS: Final = {
    "calls": "toFloat64(count())",
    "cost": "toFloat64(sum(ifNull(cost_usd, 0)))",
    "input": f"toFloat64(sum({INPUT}))",
    "output": f"toFloat64(sum({OUTPUT}))",
    "total": f"toFloat64(sum({INPUT} + {OUTPUT}))",
}
_FIRST: Final = "min(opened_at_us)"
_LAST: Final = "max(opened_at_us)"

GROUPED: Final[dict[str, Grouped]] = {
    "session.calls": Grouped("session", _SUMS["calls"], "number"),
    "session.cost": Grouped("session", _SUMS["cost"], "number"),
    "session.priced_cost": Grouped("session", "toFloat64(sumOrNull(cost_usd))", "number"),
    "session.unheard_cost": Grouped("session", "toFloat64(sumOrNull(unheard_usd))", "number"),
    "session.talk": Grouped("session", "toFloat64(sumOrNull(duration_us))", "number"),
    "session.wait_max": Grouped("session", "toFloat64(max(wait_max_us))", "number"),
    "session.input_tokens": Grouped("session", _SUMS["input"], "number"),
    "session.output_tokens": Grouped("session", _SUMS["output"], "number"),
    "session.total_tokens": Grouped("session", _SUMS["total"], "number"),
    "session.first_at": Grouped("session", _FIRST, "time"),
    "session.last_at": Grouped("session", _LAST, "time"),
    "session.tag": Grouped(
        "session",
        "argMin(properties['Helicone-Session-Tag'], (opened_at_us, call_id))",
        "text",
    ),
    "user.calls": Grouped("user", _SUMS["calls"], "number"),
    "user.cost": Grouped("user", _SUMS["cost"], "number"),
    "user.input_tokens": Grouped("user", _SUMS["input"], "number"),
    "user.output_tokens": Grouped("user", _SUMS["output"], "number"),
    "user.first_at": Grouped("user", _FIRST, "time"),
    "user.last_at": Grouped("user", _LAST, "time"),
    "user.days": Grouped("user", f"toFloat64({_DAYS})", "number"),
    "user.calls_per_day": Grouped("user", f"count() / {_DAYS}", "number"),
    "user.tokens_per_call": Grouped("user", f"{_SUMS['total']} / count()", "number"),
    "feedback_at": Grouped("feedback", "version", "time"),
}

SAID: Final = {
    "said.input": "role IN ('caller', 'system', 'tool')",
    "said.output": "role = 'assistant'",
}
"""Whose lines of the transcript: what went into the model, and what came out of it."""


def has_said(words: str) -> str:
    """Return SQL over `items`: a line holds `words`, in letters of any case, width or composition.

    `words` is SQL, too. What is found is what was written: a pattern's signs are made letters
    after folding, since some letters fold to them.
    """
    folded = FOLD.format(words)
    return f"folded LIKE concat('%', replaceRegexpAll({folded}, {_SIGNS}), '%')"


_SIGNS: Final = "'[\\\\\\\\%_]', '\\\\\\\\\\\\0'"
HAS_SAID: Final = (
    "call_id IN (SELECT call_id FROM items FINAL WHERE org_id = {{org_id:String}} AND {field} AND "
    + has_said("{{{name}:String}}")
    + ")"
)
"""One of `SAID` is `field`, the parameter `name`."""
PART_HOURS: Final = "_PART_HOURS_"
"""Where the parts of the calls lie goes here."""
HAS_PART: Final = (
    "call_id IN (SELECT call_id FROM {table} FINAL WHERE org_id = {{org_id:String}}"
    f" AND {PART_HOURS} AND {{predicate}})"
)
"""A row of `table` is as `predicate` says."""


def of_home(field: str, predicate: str) -> str:
    """Return `predicate`, which is over a field, as one over a row of `calls`."""
    grouped = GROUPED.get(field)
    return predicate if grouped is None else f"{_HOMES[grouped.home]}{predicate})"
