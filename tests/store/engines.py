"""An embedded facts engine in a process of its own: `python -m tests.store.engines PATH STEP…`.

Prints one JSON line for each step. A test process has one engine for life, and what happens
when one starts can only be seen in another.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import structlog
from tests.support.facts import a_call, parts_of

from trunkline.store.facts import ddl
from trunkline.store.facts.line import FactsUnavailable
from trunkline.store.facts.parts import names
from trunkline.store.facts.query import Query
from trunkline.store.facts.rows import ItemRow, MarkRow
from trunkline.store.facts.store import FactsStore

ROOT = Path(__file__).parent.parent.parent
ORG = "org_engine"
_ALL = "SELECT * FROM {} FINAL WHERE org_id = {{org_id:String}}"
_OTHERS = Query(
    "SELECT count() AS n FROM calls FINAL WHERE org_id = {org_id:String}", dict[str, int]
)


def engine(path: Path, *steps: str) -> list[Any]:
    """Run an engine on `path` through `steps`; return what each one said."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.engines", str(path), *steps],
        capture_output=True, text=True, timeout=600, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def columns_of(path: Path, column: str = "call_id") -> list[Path]:
    """Return the files of one column, or of all of a small part, in every part that has it."""
    parts = [
        names.parent
        for names in sorted(path.glob("store/*/*/*/columns.txt"))
        if f"`{column}`" in names.read_text()
    ]
    return [file for part in parts for file in part.glob("*.bin") if file.stem in ("data", column)]


async def insert(facts: FactsStore) -> str:
    """Store a call with all its parts; return its id."""
    call = a_call(ORG)
    await facts.insert([*parts_of(call), call])
    return call.call_id


async def plant(facts: FactsStore) -> str:
    """Store a call with words in it that no compression hides; return its id."""
    call = a_call(ORG, user_id=f"planted-{os.urandom(16).hex()}")
    parts = parts_of(call)
    said = [
        msgspec.structs.replace(row, text=f"planted-{os.urandom(16).hex()}")
        for row in parts
        if isinstance(row, ItemRow)
    ]
    comment = MarkRow(
        org_id=ORG,
        call_id=call.call_id,
        version=1,
        kind="comment",
        text=f"planted-{os.urandom(16).hex()}",
    )
    tag = msgspec.structs.replace(comment, kind="tag", name=f"planted-{os.urandom(16).hex()}")
    await facts.insert([*parts, *said, comment, tag, call])
    return call.call_id


async def hurry(facts: FactsStore) -> None:
    """Let the engine delete what is old at once, not in eight minutes."""
    for table in ddl.TABLES:
        settings = (
            "old_parts_lifetime = 0, cleanup_delay_period = 0, max_cleanup_delay_period = 1,"
            " cleanup_delay_period_random_add = 0"
        )
        await facts._run(
            facts._writes.client.command, f"ALTER TABLE {table.name} MODIFY SETTING {settings}"
        )


async def cleaned(facts: FactsStore) -> None:
    """Wait until the engine has deleted what is old."""
    sql = "SELECT count() FROM system.parts WHERE NOT active AND database = currentDatabase()"
    while int(str(await facts._run(facts._writes.client.command, sql))):
        await asyncio.sleep(0.05)


async def damage(facts: FactsStore) -> str:
    return facts.damage


async def read(facts: FactsStore) -> dict[str, int] | str:
    """Count the rows of every table, having read them whole; or say what is wrong."""
    wrong = ""
    for table in ddl.TABLES:
        try:
            await facts.ask(Query(_ALL.format(table.name), msgspec.Raw), ORG)
        except FactsUnavailable as exc:
            wrong = str(exc)
            # Whoever asks next, however often, gets an answer to that.
            assert await facts.ask(_OTHERS, "org_other") == [{"n": 0}]
    return wrong or await facts.counts()


async def dump(facts: FactsStore) -> dict[str, list[Any]]:
    """Return all rows of all tables, of all organisations."""
    found: dict[str, list[Any]] = {}
    for table in ddl.TABLES:
        sql = f"SELECT {names(table.row)} FROM {table.name} FINAL"
        lines = await facts._run(facts._writes.client.raw_query, sql, None, None, "JSONEachRow")
        found[table.name] = [json.loads(line) for line in lines.splitlines()]
    return found


async def still(facts: FactsStore) -> None:
    """Have the engine merge nothing: each insert stays a part of its own."""
    await facts._run(facts._writes.client.command, "SYSTEM STOP MERGES")


async def merge(facts: FactsStore) -> None:
    for table in ddl.TABLES:
        await facts._run(facts._writes.client.command, f"OPTIMIZE TABLE {table.name} FINAL")


async def erase(facts: FactsStore) -> None:
    """Delete every call."""
    found = await facts._run(facts._writes.client.query, "SELECT org_id, call_id FROM calls FINAL")
    for org_id, call_id in found.result_rows:
        await facts.delete_call(org_id, call_id)
    while await facts.deletions():
        await asyncio.sleep(0.01)


async def die(_facts: FactsStore) -> None:
    """Be gone at once."""
    sys.stdout.flush()
    os._exit(0)


STEPS = {
    step.__name__: step
    for step in (
        insert,
        plant,
        hurry,
        cleaned,
        damage,
        read,
        dump,
        still,
        merge,
        erase,
        die,
        FactsStore.clear,
        FactsStore.rebuilt,
    )
}


async def main(path: Path, steps: list[str]) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    async with FactsStore.opened(path, beside=path.parent) as facts:
        for step in steps:
            sys.stdout.write(msgspec.json.encode(await STEPS[step](facts)).decode() + "\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
