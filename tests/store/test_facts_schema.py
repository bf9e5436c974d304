"""A facts store becomes what this release needs, and is given up by nobody else meanwhile."""

import itertools
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import get_type_hints

import clickhouse_connect
import msgspec
import pytest
from clickhouse_connect.driver.client import Client
from tests.support.facts import NOON_US, SECOND_US, a_call, engine_path, parts_of, whole
from tests.support.patience import PATIENCE_S

from trunkline.clock import wall_ns
from trunkline.errors import OperatorError
from trunkline.settings import Settings
from trunkline.store.facts import ddl, schema
from trunkline.store.facts.listed import listed
from trunkline.store.facts.query import Query
from trunkline.store.facts.rows import CallRow, Gathered, ItemRow, Row, ToolCallRow, TurnRow
from trunkline.store.facts.store import FactsStore

_number = itertools.count(1)
DAY_US = 24 * 3600 * SECOND_US


@pytest.fixture
def empty(facts: FactsStore) -> Iterator[Client]:
    """A database of its own in this process's engine, without tables."""
    name = f"schema_{next(_number)}"
    with clickhouse_connect.get_client(interface="chdb", path=str(engine_path())) as root:
        root.command(f"CREATE DATABASE {name}")
    client = clickhouse_connect.get_client(interface="chdb", path=str(engine_path()), database=name)
    yield client
    client.close()


def put(client: Client, *rows: Row) -> None:
    for row in rows:
        client.raw_insert(
            ddl.TABLE_OF[type(row)].name, insert_block=msgspec.json.encode(row), fmt="JSONEachRow"
        )


def count(client: Client, table: str) -> int:
    client.command(f"OPTIMIZE TABLE {table} FINAL")
    return int(str(client.command(f"SELECT count() FROM {table}")))


@pytest.mark.parametrize("table", ddl.TABLES, ids=lambda table: table.name)
def test_a_table_has_a_column_for_every_field(table: ddl.Table) -> None:
    assert list(ddl.columns(table)) == list(get_type_hints(table.row))
    assert set(table.few_values) <= set(ddl.columns(table))
    assert {*table.key, "org_id", "call_id"} <= set(ddl.columns(table))


def test_preparing_twice_changes_nothing(empty: Client) -> None:
    schema.prepare(empty, 0)
    put(empty, a_call("o"))
    made = empty.command("SELECT groupArray(create_table_query) FROM system.tables")
    schema.prepare(empty, 0)
    assert empty.command("SELECT groupArray(create_table_query) FROM system.tables") == made
    assert count(empty, "calls") == 1


def test_a_field_that_a_row_gains_is_a_column_with_its_default(empty: Client) -> None:
    schema.prepare(empty, 0)
    for column in ("caller_dialect", "tokens", "wait_p50_us"):
        empty.command(f"ALTER TABLE calls DROP COLUMN {column}")
    old = msgspec.to_builtins(a_call("o"))
    del old["caller_dialect"], old["tokens"], old["wait_p50_us"]
    empty.raw_insert("calls", insert_block=msgspec.json.encode(old), fmt="JSONEachRow")
    schema.prepare(empty, 0)
    row = empty.raw_query("SELECT * FROM calls", fmt="JSONEachRow")
    call = msgspec.json.decode(row, type=CallRow)
    assert (call.caller_dialect, call.tokens.input_text, call.wait_p50_us) == ("ga", 0, None)


def test_what_was_said_before_it_could_be_searched_is_found(empty: Client) -> None:
    schema.prepare(empty, 0)
    call = a_call("o")
    empty.command("ALTER TABLE items DROP INDEX said_3, DROP INDEX said_2")
    empty.command("ALTER TABLE items DROP COLUMN folded")
    empty.command("TRUNCATE TABLE schema_versions")
    empty.command("INSERT INTO schema_versions (version) VALUES (2)")
    put(empty, *(row for row in parts_of(call) if isinstance(row, ItemRow)))
    for _ in range(2):
        schema.prepare(empty, 0)
        found = empty.query("SELECT item_id FROM items FINAL WHERE folded LIKE '%HELLO?%'")
        assert found.result_rows == [("item_a",)]
    made = str(empty.command("SHOW CREATE TABLE items"))
    assert "INDEX said_3" in made
    assert "INDEX said_2" in made


def test_calls_that_were_written_before_they_gathered_anything_do(
    empty: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is worked out from the tables is what the recorder would have written."""
    schema.prepare(empty, 0)
    calls = [a_call("o", NOON_US + number * DAY_US // 3) for number in range(5)]
    live = a_call("o", NOON_US, status="live", turns=0)
    monkeypatch.setattr(schema, "_TOGETHER", 2)
    rows = [*(part for call in calls for part in parts_of(call)), *calls, live]
    put(empty, *rows)
    empty.command("ALTER TABLE calls DROP COLUMN gathered")
    empty.command("TRUNCATE TABLE schema_versions")
    empty.command("INSERT INTO schema_versions (version) VALUES (3)")
    for _ in range(2):
        schema.prepare(empty, 0)
        lines = empty.raw_query(
            "SELECT * EXCEPT hour FROM calls FINAL ORDER BY call_id", fmt="JSONEachRow"
        )
        found = msgspec.json.Decoder(CallRow).decode_lines(lines)
        wanted = [row for row in whole(rows) if isinstance(row, CallRow)]
        assert found == sorted(wanted, key=lambda call: call.call_id)
        assert any(call.gathered.bills for call in found)


def test_calls_that_were_written_before_they_were_listed_are(
    empty: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine writes the text that we would have written, whatever is in a row."""
    schema.prepare(empty, 0)
    more = {"scores": {"a'b": 0.25}, "tags": ("x\ty", "é"), "feedback": False, "unpriced": ("m",)}
    calls = [
        a_call("o", NOON_US),
        a_call("o", NOON_US + DAY_US, properties={'"\n\\': "\u2028"}, cost_usd=None, **more),
    ]
    monkeypatch.setattr(schema, "_TOGETHER", 1)
    put(empty, *(row for row in whole([*calls, *parts_of(calls[1])]) if isinstance(row, CallRow)))
    empty.command("DROP TABLE listed")
    empty.command("TRUNCATE TABLE schema_versions")
    empty.command("INSERT INTO schema_versions (version) VALUES (4)")
    for _ in range(2):
        schema.prepare(empty, 0)
        lines = empty.raw_query("SELECT row FROM listed FINAL ORDER BY call_id", fmt="TSVRaw")
        assert msgspec.json.Decoder(CallRow).decode_lines(lines) == calls


def test_arguments_that_were_written_before_they_were_judged_are(empty: Client) -> None:
    """As far as they can be without the tools' schemas: which cannot be read is known."""
    schema.prepare(empty, 0)
    texts = {
        "": "json", "{}": "json", ' {"at": [1, {"deep": null}]} ': "json",
        '{"day": "Mon': "no_json", "[1]": "no_json",
        "null": "no_json", "{} {}": "no_json", "day=Mon": "no_json",
    }  # fmt: skip
    old = [
        ToolCallRow(
            org_id="o", call_id=a_call("o").call_id, version=1, tool_call_id=f"t{n}", turn=1,
            name="x", called_us=n, arguments=text,
        )
        for n, text in enumerate(texts)
    ]  # fmt: skip
    new = msgspec.structs.replace(old[0], tool_call_id="new", arguments_are="valid")
    put(empty, *old)
    empty.command(
        "ALTER TABLE tool_calls DROP COLUMN arguments_are, DROP COLUMN arguments_error",
        settings={"alter_sync": 2},
    )
    empty.command("TRUNCATE TABLE schema_versions")
    empty.command("INSERT INTO schema_versions (version) VALUES (5)")
    schema.prepare(empty, 0)
    put(empty, new)
    for _ in range(2):
        schema.prepare(empty, 0)
        found = empty.query("SELECT arguments, arguments_are FROM tool_calls FINAL WHERE 1")
        told = dict(row for row in found.result_rows if row[1] != "valid")
        assert told == texts


def test_bills_that_were_written_before_input_was_told_apart_stay_readable(empty: Client) -> None:
    schema.prepare(empty, 0)
    new = ("told_apart", "new_tokens", "again_tokens", "priced_apart", "new_usd", "again_usd")
    before = ddl.column_type(Gathered)
    for name in new:
        before = re.sub(rf", {name} [A-Za-z0-9]+(\([0-9, ]+\))?", "", before)
    empty.command(f"ALTER TABLE calls MODIFY COLUMN gathered {before}")
    empty.command("ALTER TABLE usage DROP COLUMN again_tokens, DROP COLUMN again_usd")
    empty.command("TRUNCATE TABLE schema_versions")
    empty.command("INSERT INTO schema_versions (version) VALUES (6)")
    call = a_call("o")
    (row,) = (row for row in whole([call, *parts_of(call)]) if isinstance(row, CallRow))
    old = msgspec.to_builtins(row)
    for bill in old["gathered"]["bills"]:
        for name in new:
            del bill[name]
    empty.raw_insert("calls", insert_block=msgspec.json.encode(old), fmt="JSONEachRow")
    for _ in range(2):
        schema.prepare(empty, 0)
        line = empty.raw_query("SELECT * EXCEPT hour FROM calls FINAL", fmt="JSONEachRow")
        (bill,) = msgspec.json.decode(line, type=CallRow).gathered.bills
        assert bill == msgspec.structs.replace(
            row.gathered.bills[0],
            **{name: Decimal(0) if name.endswith("usd") else 0 for name in new},
        )
        assert bill.cost_usd == Decimal("0.0004")


def test_a_store_of_a_later_release_is_left_alone(empty: Client) -> None:
    schema.prepare(empty, 0)
    empty.command(f"INSERT INTO schema_versions (version) VALUES ({schema.VERSION + 1})")
    with pytest.raises(OperatorError, match="upgrade Trunkline"):
        schema.prepare(empty, 0)


def test_rows_are_forgotten_after_the_days_that_were_set(empty: Client) -> None:
    now_us = wall_ns() // 1000
    old, recent = a_call("o", now_us - 40 * DAY_US), a_call("o", now_us - DAY_US)
    schema.prepare(empty, 30)
    texts = [listed(call, "{}") for call in (old, recent)]
    put(empty, old, recent, *texts, *parts_of(old), *parts_of(recent))
    assert {table.name: count(empty, table.name) for table in ddl.TABLES} == {
        "calls": 1,
        "listed": 1,
        "turns": 1,
        "responses": 1,
        "items": 2,
        "tool_calls": 1,
        "errors": 1,
        "usage": 1,
        "findings": 1,
        "marks": 1,
        "events": 5,
    }
    schema.prepare(empty, 0)
    put(empty, old, *parts_of(old))
    assert (count(empty, "calls"), count(empty, "turns")) == (2, 2)


def test_a_call_may_be_forgotten_before_the_others(empty: Client) -> None:
    now_us = wall_ns() // 1000
    schema.prepare(empty, 0)
    put(
        empty,
        a_call("o", now_us, expires_at_us=now_us - DAY_US),
        a_call("o", now_us, expires_at_us=now_us + DAY_US),
        a_call("o", now_us, expires_at_us=0),
    )
    assert count(empty, "calls") == 2


def test_the_parts_of_a_call_lie_in_the_month_of_its_id(empty: Client) -> None:
    schema.prepare(empty, 0)
    turn = next(row for row in parts_of(a_call("o", NOON_US)) if isinstance(row, TurnRow))
    put(empty, turn)
    assert str(empty.command("SELECT toString(hour) FROM turns")) == "2026-11-18 12:00:00"
    parts = "SELECT partition FROM system.parts WHERE active AND table = 'turns'"
    assert str(empty.command(f"{parts} AND database = currentDatabase()")) == "202611"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM calls FINAL",
        "SELECT * FROM calls WHERE org_id = {org_id:String}",
        "SELECT * FROM calls FINAL WHERE call_id = 'x' AND org_id = {org_id:String}",
        "SELECT * FROM calls FINAL WHERE org_id = {org_id:String} AND call_id IN"
        " (SELECT call_id FROM turns FINAL)",
        "SELECT * FROM (SELECT * FROM calls FINAL) WHERE org_id = {org_id:String}",
        "SELECT * FROM calls FINAL WHERE org_id = {org_id:String} UNION ALL"
        " SELECT * FROM turns FINAL",
        "SELECT * FROM calls FINAL WHERE org_id = {org_id:String} OR 1",
        "SELECT * FROM calls FINAL WHERE org_id = {org_id:String} AND (a OR b) AND c OR d",
        "SELECT * FROM calls FINAL JOIN turns FINAL USING call_id",
    ],
)
def test_a_query_beyond_one_organisation_cannot_be_made(sql: str) -> None:
    with pytest.raises(ValueError, match="org_id"):
        Query(sql, CallRow)


_OPEN = """
import asyncio, sys
from pathlib import Path
from trunkline.errors import OperatorError
from trunkline.store.facts.store import FactsStore
from tests.support.facts import a_call, parts_of

async def main(path, inserts):
    async with FactsStore.opened(path, beside=path.parent) as facts:
        while inserts:
            call = a_call("o")
            await facts.insert([*parts_of(call), call])
            print("stored", flush=True)
        print(await facts.counts(), repr(facts.damage), flush=True)

try:
    asyncio.run(main(Path(sys.argv[1]), len(sys.argv) > 2))
except OperatorError as exc:
    sys.exit(str(exc))
"""


def engine(path: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a process of its own on an engine: this one has its engine already."""
    return subprocess.Popen(
        [sys.executable, "-c", _OPEN, str(path), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent.parent,
    )


@pytest.mark.usefixtures("facts")
def test_a_directory_in_use_is_one_clear_line() -> None:
    said = engine(engine_path()).communicate(timeout=PATIENCE_S)[1].splitlines()
    assert said[-1].startswith(f"cannot open the facts store {engine_path()}: another process")


async def test_a_server_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    url = "clickhouse://me:secret@127.0.0.1:1/facts"
    with pytest.raises(OperatorError, match="cannot reach the facts store") as no:
        await FactsStore.open(tmp_path, Settings(facts_url=url))
    assert "secret" not in str(no.value)


def test_what_was_stored_survives_kill_9(tmp_path: Path) -> None:
    writer = engine(tmp_path / "facts", "insert")
    assert writer.stdout is not None
    for _ in range(5):
        assert writer.stdout.readline() == "stored\n"
    writer.send_signal(signal.SIGKILL)
    stored = 5 + writer.communicate(timeout=PATIENCE_S)[0].count("stored\n")
    said, problems = engine(tmp_path / "facts").communicate(timeout=PATIENCE_S)
    counted = {"calls": 1, "turns": 1, "responses": 1, "items": 2, "tool_calls": 1}
    counted |= {"listed": 1, "errors": 1, "usage": 1, "findings": 1, "events": 5}
    assert problems == ""
    # The batch under way may be there too, whole tables of it or none.
    for name, each in counted.items():
        found = int(said.partition(f"'{name}': ")[2].partition("}")[0].partition(",")[0])
        assert found in (stored * each, (stored + 1) * each)
    assert said.rstrip().endswith("} ''")
