"""Pure. The tables of the facts store, derived from the rows, in ClickHouse's dialect.

One table per row type, one column per field; a group of tokens is one named tuple.
Rows are inserted and read as JSON, so a column's name and type are all there is to
keep in step, and a field that `rows.py` gains is a column that `schema` adds.

Every table is a `ReplacingMergeTree`: the journal delivers at least once, and of two
rows with the same sorting key the later version stays. Until a merge has happened
both are there, so every query reads with `FINAL`.

All but `calls` know their call's hour from its id, which is a ULID: rows of one call
lie together, in one partition, however often they are delivered.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias, Union, get_args, get_origin, get_type_hints

import msgspec

from trunkline.store.facts import rows
from trunkline.store.facts.listed import ListedRow

_ULID_SECONDS: Final = (
    "least(4294967295, intDiv(toInt64(arraySum((letter, place) ->"
    " (position('0123456789ABCDEFGHJKMNPQRSTVWXYZ', letter) - 1) * exp2(place),"
    " splitByString('', rightPad(substring(call_id, 6, 10), 10, '0')),"
    " [45, 40, 35, 30, 25, 20, 15, 10, 5, 0])), 1000))"
)
"""Ten letters of five bits are milliseconds since 1970: exact as a float, to the year 10889.
Spelt out, because the embedded engine has no function for it."""

_HOUR_OF_CALL: Final = f"toStartOfHour(toDateTime({_ULID_SECONDS}, 'UTC'))"
"""The hour in which the gateway made the id: its last second is 2106's, as a DateTime's is."""


Stored: TypeAlias = rows.Row | ListedRow


class Table(msgspec.Struct, frozen=True):
    """Where rows of one type go, and what identifies them."""

    name: str
    row: type[Stored]
    key: tuple[str, ...]
    """Behind organisation, hour and call."""
    version: str = "version"
    """Column by which the later of two rows is known; empty when they cannot differ."""
    few_values: frozenset[str] = frozenset()
    """Text columns with few different values."""
    settings: str = ""
    """Of its own, for the engine."""


TABLES: Final = (
    Table(
        "calls",
        rows.CallRow,
        (),
        few_values=frozenset(
            (
                "status",
                "end_reason",
                "kind",
                "transport",
                "language",
                "spoken_by",
                "tracing",
                "tracing_workflow",
                "prompt",
                "error_code",
                "provider",
                "provider_url",
                "model_asked",
                "model_used",
                "caller_dialect",
                "provider_dialect",
                "voice",
                "vad",
                "key_id",
                "key_name",
                "user_agent",
                "gateway",
            )
        ),
    ),
    # A list's rows lie far apart: what is read for each of them is kept small.
    Table("listed", ListedRow, (), settings=", index_granularity = 128"),
    Table(
        "turns",
        rows.TurnRow,
        ("turn",),
        few_values=frozenset({"kind", "status", "speech_end_by", "barge_in_kind"}),
    ),
    Table(
        "responses",
        rows.ResponseRow,
        ("response_id",),
        few_values=frozenset({"status", "status_reason", "error_code"}),
    ),
    Table(
        "items",
        rows.ItemRow,
        ("item_id",),
        few_values=frozenset({"kind", "role", "modality", "transcript_status"}),
    ),
    Table(
        "tool_calls",
        rows.ToolCallRow,
        ("tool_call_id",),
        few_values=frozenset({"name", "arguments_are", "arguments_error"}),
    ),
    Table(
        "errors", rows.ErrorRow, ("seq",), few_values=frozenset({"source", "type", "code", "phase"})
    ),
    Table(
        "usage",
        rows.UsageRow,
        ("seq",),
        few_values=frozenset({"at_day", "kind", "model", "price_version"}),
    ),
    Table(
        "findings",
        rows.FindingRow,
        ("seq", "code"),
        few_values=frozenset({"code", "severity"}),
    ),
    Table(
        "marks",
        rows.MarkRow,
        ("part", "kind", "name"),
        few_values=frozenset({"kind", "name", "by"}),
    ),
    Table(
        "events",
        rows.EventRow,
        ("seq",),
        version="",
        few_values=frozenset({"leg", "record", "type"}),
    ),
)

TABLE_OF: Final[Mapping[type[Stored], Table]] = {table.row: table for table in TABLES}


def columns(table: Table) -> dict[str, str]:
    """Return the declared columns of `table` by name, each with type and default."""
    hints = get_type_hints(table.row)
    defaults = {field.name: field.default for field in msgspec.structs.fields(table.row)}
    return {
        name: _column_type(name, hint, table) + _default(defaults[name]) + _codec(table, name)
        for name, hint in hints.items()
    }


def create_table(table: Table, engine: str = "ReplacingMergeTree") -> str:
    """Return the statement that makes `table` where it is missing."""
    declared = [f"    {name} {kind}" for name, kind in columns(table).items()]
    more = [f"    {line}" for line in _MORE.get(table.row, ())]
    return "\n".join(
        (
            f"CREATE TABLE IF NOT EXISTS {table.name} (",
            ",\n".join((*declared, f"    hour DateTime('UTC') MATERIALIZED {_hour(table)}", *more)),
            f") ENGINE = {engine}({table.version})",
            "PARTITION BY toYYYYMM(hour)",
            f"ORDER BY ({', '.join(('org_id', 'hour', 'call_id', *table.key))})",
            *([f"TTL {_EXPIRY}"] if table.row in _EXPIRING else ()),
            # Once the recorder has moved on, the journal may be gone: a row is on the disk first.
            "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, "
            + KEEP_EMPTY_PARTS
            + table.settings,
        )
    )


KEEP_EMPTY_PARTS: Final = "remove_empty_parts = 0"
"""What is deleted leaves its place, so that what is missing shows: see `manifest`."""


def add_column(table: Table, name: str) -> str:
    """Return the statement that gives `table` a column that its row type has gained."""
    return f"ALTER TABLE {table.name} ADD COLUMN IF NOT EXISTS {name} {columns(table)[name]}"


def keep_for(table: Table, days: int) -> str:
    """Return the statement that lets rows of `table` be forgotten after `days`; 0 keeps them.

    Calls carry their own expiry, which may be shorter.
    """
    own = [_EXPIRY] if table.row in _EXPIRING else []
    after = [f"hour + toIntervalDay({days:d}) DELETE"] if days else []
    if not own and not after:
        return f"ALTER TABLE {table.name} REMOVE TTL"
    return f"ALTER TABLE {table.name} MODIFY TTL {', '.join(own + after)}"


_CALL_INDEX = "INDEX call_id_index call_id TYPE bloom_filter(0.01) GRANULARITY 1"
"""Finds a call by its id alone: its hour is that of its opening, not of its id."""

SESSION_INDEX: Final = "INDEX session_id_index session_id TYPE bloom_filter(0.0001) GRANULARITY 1"
"""Finds a session's calls, which are few, and lie near each other in time."""

FOLD: Final = "upperUTF8(normalizeUTF8NFKC({}))"
"""Text in which letters that are the same to a reader are the same: of any case, width or
composition. Upper case, since it does not depend on a letter's place: Σ is both σ and ς."""

FOLDED: Final = f"folded String MATERIALIZED {FOLD.format('text')}"
SAID_INDEXES: Final = tuple(
    f"INDEX said_{letters} folded TYPE ngrambf_v1({letters}, 65536, 2, 0) GRANULARITY 1"
    for letters in (3, 2)
)
"""Which groups of letters are in some thousand lines: where the words are not, nothing is read.
Two letters are a word in Chinese and Japanese; three tell more."""

_MORE: Final[Mapping[type[Stored], tuple[str, ...]]] = {
    rows.CallRow: (_CALL_INDEX, SESSION_INDEX),
    rows.ItemRow: (FOLDED, *SAID_INDEXES),
}

_EXPIRING: Final = frozenset((rows.CallRow, ListedRow))
_EXPIRY = "toDateTime(intDiv(expires_at_us, 1000000), 'UTC') DELETE WHERE expires_at_us > 0"


def _hour(table: Table) -> str:
    if table.row is rows.CallRow:
        return "toStartOfHour(toDateTime(intDiv(opened_at_us, 1000000), 'UTC'))"
    return _HOUR_OF_CALL


def _column_type(name: str, hint: Any, table: Table) -> str:
    if get_origin(hint) in (Union, types.UnionType):
        (inner,) = (part for part in get_args(hint) if part is not type(None))
        return f"Nullable({_column_type(name, inner, table)})"
    if hint is str and name in table.few_values:
        return "LowCardinality(String)"
    return column_type(hint)


def column_type(hint: Any) -> str:
    """Return the type of a column that holds values of `hint`."""
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        parts = ", ".join(
            f"{name} {column_type(kind)}" for name, kind in get_type_hints(hint).items()
        )
        return f"Tuple({parts})"
    if get_origin(hint) is dict:
        return f"Map(LowCardinality(String), {column_type(get_args(hint)[1])})"
    return f"Array({column_type(get_args(hint)[0])})"


_SIMPLE: dict[Any, str] = {
    int: "Int64",
    str: "String",
    bool: "Bool",
    float: "Float64",
    Decimal: "Decimal(18, 9)",
}


def _codec(table: Table, name: str) -> str:
    """Return how a column is packed: texts that repeat each other's names, to half of what the
    engine's own way leaves."""
    return " CODEC(ZSTD(1))" if (table.row, name) == (ListedRow, "row") else ""


def _default(value: Any) -> str:
    """Return the DEFAULT clause for rows written before the column was there."""
    if isinstance(value, str) and value:
        return f" DEFAULT '{value}'"
    return ""
