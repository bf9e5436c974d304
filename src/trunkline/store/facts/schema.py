"""I/O. Bringing the tables of a facts store to what this release needs.

Each step leaves the store usable and may be run again: a start that was killed in
the middle is finished by the next one. A new field of a row needs no migration
(its column is added); anything else is a numbered step in `MIGRATIONS`, which is
never edited once released.
"""

# ruff: noqa: S608 (what is put into SQL here are constants of this package)

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from clickhouse_connect.driver.client import Client

from trunkline.errors import OperatorError
from trunkline.store.facts import listed
from trunkline.store.facts.ddl import (
    FOLDED,
    KEEP_EMPTY_PARTS,
    SAID_INDEXES,
    SESSION_INDEX,
    TABLES,
    Table,
    add_column,
    column_type,
    columns,
    create_table,
    keep_for,
)
from trunkline.store.facts.gathering import with_gathered
from trunkline.store.facts.parts import names
from trunkline.store.facts.rows import CallRow, Gathered


def _keep_empty_parts(client: Client) -> None:
    for table in TABLES:
        client.command(f"ALTER TABLE {table.name} MODIFY SETTING {KEEP_EMPTY_PARTS}")


def _search_items(client: Client) -> None:
    """Fold what was said, and index it. What is stored is rewritten in the background; until
    then it is folded at each question."""
    for what in (f"COLUMN IF NOT EXISTS {FOLDED}", *map(_if_missing, SAID_INDEXES)):
        client.command(f"ALTER TABLE items ADD {what}")
    if not int(str(client.command("SELECT count() FROM items"))):
        return
    client.command(
        "ALTER TABLE items MATERIALIZE COLUMN folded, MATERIALIZE INDEX said_3,"
        " MATERIALIZE INDEX said_2"
    )


def _if_missing(index: str) -> str:
    return index.replace("INDEX", "INDEX IF NOT EXISTS", 1)


def _gather_parts(client: Client) -> None:
    """Give the calls that there are what their rows gather of their parts, some at a time.

    A second or two for ten thousand calls, once; while it lasts, the store is not open.
    """
    for table in TABLES:
        _widen(client, table)
    between = "hour >= toDateTime({}, 'UTC') AND hour < toDateTime({}, 'UTC')"
    for from_s, to_s in _spans(client):
        # The hour of a call's id is that of its opening, or one beside it.
        parts = between.format(max(0, from_s - _NEAR_S), to_s + _NEAR_S)
        calls = f"SELECT {names(CallRow)} FROM calls FINAL WHERE {between.format(from_s, to_s)}"
        client.command(
            f"INSERT INTO calls ({names(CallRow)}) {with_gathered(calls, parts)}",
            settings={"max_execution_time": 0},
        )


def _list_calls(client: Client) -> None:
    """Write the rows of the calls that there are as texts, too: a second for ten thousand calls.

    And index their sessions, in the background.
    """
    for table in TABLES:
        _widen(client, table)
    client.command(f"ALTER TABLE calls ADD {_if_missing(SESSION_INDEX)}")
    # Of an empty table there is nothing to do, and even that would take the first block's number.
    if int(str(client.command("SELECT count() FROM calls"))):
        client.command("ALTER TABLE calls MATERIALIZE INDEX session_id_index")
    for from_s, to_s in _spans(client):
        calls = (
            f"SELECT {names(CallRow)} FROM calls FINAL"
            f" WHERE hour >= toDateTime({from_s}, 'UTC') AND hour < toDateTime({to_s}, 'UTC')"
        )
        client.command(
            f"INSERT INTO listed ({listed.COLUMNS}) {listed.listing(calls)}",
            settings={"max_execution_time": 0},
        )


def _judge_arguments(client: Client) -> None:
    """Tell of the tool calls that there are which arguments are no JSON, as was told of them
    before; whether they fit a schema only `trunkline reindex` can tell. In the background."""
    for table in TABLES:
        _widen(client, table)
    if int(str(client.command("SELECT count() FROM tool_calls"))):
        client.command(
            "ALTER TABLE tool_calls UPDATE arguments_are = if("
            "arguments = '' OR (isValidJSON(arguments)"
            " AND toString(JSONType(arguments)) = 'Object'), 'json', 'no_json')"
            " WHERE arguments_are = ''"
        )


def _tell_input_apart(client: Client) -> None:
    """Give bills what they have of input that is new, and of what is billed again: nothing as yet,
    which only `trunkline reindex` can tell."""
    for table in TABLES:
        _widen(client, table)
    client.command(f"ALTER TABLE calls MODIFY COLUMN gathered {column_type(Gathered)}")


def _spans(client: Client) -> Iterator[tuple[int, int]]:
    """Yield spans of hours, each with some thousand calls: what is joined is in memory."""
    sql = "SELECT toUnixTimestamp(hour), count() FROM calls GROUP BY hour ORDER BY hour"
    hours: list[int] = []
    together = 0
    for hour_s, calls in client.query(sql).result_rows:
        hours.append(hour_s)
        together += calls
        if together >= _TOGETHER:
            yield hours[0], hours[-1] + _HOUR_S
            hours, together = [], 0
    if hours:
        yield hours[0], hours[-1] + _HOUR_S


_HOUR_S: Final = 3_600
_TOGETHER: Final = 5_000
_NEAR_S: Final = 7_200

MIGRATIONS: Final[tuple[Callable[[Client], None], ...]] = (
    _keep_empty_parts,
    _search_items,
    _gather_parts,
    _list_calls,
    _judge_arguments,
    _tell_input_apart,
)
"""Step n brings a store of version n to version n + 1, counting from 1."""

VERSION: Final = len(MIGRATIONS) + 1


def prepare(client: Client, retention_days: int) -> None:
    """Create, migrate and widen the tables. Safe to call on every start.

    Raises:
        OperatorError: a later release has written this store.
    """
    version = _stored_version(client)
    if version > VERSION:
        raise OperatorError(
            f"the facts store has version {version}, this release knows {VERSION}: "
            "upgrade Trunkline, or set aside the facts and run `trunkline reindex`"
        )
    for table in TABLES:
        client.command(create_table(table))
    for number in range(max(version, 1), VERSION):
        MIGRATIONS[number - 1](client)
        _note_version(client, number + 1)
    for table in TABLES:
        _widen(client, table)
        _keep_for(client, table, retention_days)
    if version == 0:
        _note_version(client, VERSION)


def _stored_version(client: Client) -> int:
    client.command(
        "CREATE TABLE IF NOT EXISTS schema_versions (version UInt32, at DateTime DEFAULT now())"
        " ENGINE = MergeTree ORDER BY version"
        " SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
    )
    return int(str(client.command("SELECT max(version) FROM schema_versions")))


def _note_version(client: Client, version: int) -> None:
    # Not `client.insert`, which loads pandas: half of a second, for one number.
    client.command(
        "INSERT INTO schema_versions (version) VALUES ({version:UInt32})",
        parameters={"version": version},
    )


def _widen(client: Client, table: Table) -> None:
    there = client.query(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {t:String}",
        parameters={"t": table.name},
    ).result_columns
    for name in columns(table).keys() - set(there[0] if there else ()):
        client.command(add_column(table, name))


def _keep_for(client: Client, table: Table, days: int) -> None:
    """Set for how long rows stay, when that has changed: it rewrites nothing by itself."""
    made = str(
        client.command(
            "SELECT create_table_query FROM system.tables"
            " WHERE database = currentDatabase() AND name = {t:String}",
            parameters={"t": table.name},
        )
    )
    wanted = f"hour + toIntervalDay({days:d})" if days else ""
    if (wanted in made) if wanted else ("toIntervalDay" not in made):
        return
    client.command(
        keep_for(table, days), settings={"materialize_ttl_after_modify": 0, "alter_sync": 1}
    )
