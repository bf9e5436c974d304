"""Pure. The columns of the table of calls: which there are, and which an address asks for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from trunkline.store.facts.sorting import Sort


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `metric` names its definition in the glossary, if it has one."""

    name: str
    label: str
    exported: tuple[str, ...]
    """What of it a CSV file has: names of the API."""
    metric: str = ""
    number: bool = False
    sort: Sort | None = None
    """What sorts by it, if anything does."""
    usual: bool = True
    """It is there unless an address says otherwise."""


OPENED: Final = Column("opened", "Opened", (), sort="opened_at")
"""The first of the table: it leads to the call."""
FIRST: Final = ("id", "opened_at")
"""What every exported row begins with: the table's first column leads to the call."""

COLUMNS: Final = {
    column.name: column
    for column in (
        Column("status", "Status", ("status", "end_reason"), sort="status"),
        Column("model", "Model", ("provider", "model_asked", "model_used", "kind"), sort="model"),
        Column("user", "User", ("user_id",), sort="user"),
        Column(
            "session", "Session", ("session.id", "session.name", "session.path"), sort="session"
        ),
        Column("key", "Key", ("key.id", "key.name"), usual=False, sort="key"),
        Column("provider", "Provider", ("provider", "provider_url"), usual=False, sort="provider"),
        Column("voice", "Voice", ("voice",), usual=False, sort="voice"),
        Column("properties", "Properties", ("properties",), usual=False),
        Column("tags", "Tags", ("tags",), usual=False),
        Column("feedback", "Feedback", ("feedback",), usual=False, sort="feedback"),
        Column("scores", "Scores", ("scores",), usual=False),
        Column("length", "Length", ("duration_ms",), "duration", number=True, sort="duration_ms"),
        Column("turns", "Turns", ("counts.turns",), "turns", number=True, sort="turns"),
        Column("wait", "Wait p50", ("wait_p50_ms",), "wait_p50", number=True, sort="wait_p50_ms"),
        Column(
            "barge_ins",
            "Barge-ins",
            ("counts.barge_ins",),
            "barge_ins",
            number=True,
            sort="barge_ins",
        ),
        Column(
            "tool_calls",
            "Tool calls",
            ("counts.tool_calls",),
            number=True,
            usual=False,
            sort="tool_calls",
        ),
        Column("errors", "Errors", ("counts.errors",), number=True, sort="errors"),
        Column("cost", "Cost", ("cost_usd", "unpriced"), "cost", number=True, sort="cost_usd"),
    )
}
"""By name, in their order."""


def chosen(names: Iterable[str]) -> tuple[Column, ...]:
    """Return the columns of those names, in their order; without any, the usual ones."""
    wanted = set(names) & COLUMNS.keys()
    return tuple(
        column for column in COLUMNS.values() if (column.name in wanted if wanted else column.usual)
    )


def asked(names: Iterable[str]) -> tuple[str, ...]:
    """Return what an address must say to get these columns; nothing for the usual ones."""
    columns = chosen(names)
    return () if columns == chosen(()) else tuple(column.name for column in columns)


def exported(names: Iterable[str]) -> tuple[str, ...]:
    """Return which of the API's fields a file of these columns has; empty: all."""
    kept = asked(names)
    fields = [*FIRST, *(field for name in kept for field in COLUMNS[name].exported)]
    return tuple(dict.fromkeys(fields)) if kept else ()
