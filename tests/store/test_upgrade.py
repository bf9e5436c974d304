"""From the release before to this one: killed in the middle, begun again, nothing lost."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from tests.store.engines import ROOT

from trunkline.errors import OperatorError
from trunkline.store.control import database
from trunkline.store.control.database import MIGRATIONS, sqlite_url
from trunkline.store.control.store import ControlStore
from trunkline.store.facts import schema

_OTHER_RELEASE = """
import asyncio, os, sys
from pathlib import Path
from trunkline.errors import OperatorError
from trunkline.store.facts import ddl, schema
from trunkline.store.facts.store import FactsStore
from tests.support.facts import NOON_US, SECOND_US, a_call, parts_of

which, path = sys.argv[1], Path(sys.argv[2])
if which == "before":
    # As a release before had it: three migrations, one table and five columns fewer.
    schema.MIGRATIONS = schema.MIGRATIONS[:-3]
    schema.VERSION -= 3
if which == "dies":
    # While it lists the calls: the last step but two.
    step, *last = schema.MIGRATIONS[-3:]
    altered = []
    schema._TOGETHER = 1

    class Dying:
        def __init__(self, client):
            self.client = client

        def __getattr__(self, name):
            return getattr(self.client, name)

        def command(self, sql, **more):
            if sql.startswith("INSERT"):
                if altered:
                    os._exit(9)
                altered.append(sql)
            return self.client.command(sql, **more)

    schema.MIGRATIONS = (*schema.MIGRATIONS[:-3], lambda client: step(Dying(client)), *last)

async def main():
    async with FactsStore.opened(path, beside=path.parent) as facts:
        if which == "before":
            # Of three days: the upgrade that dies takes them one by one.
            calls = [a_call("o", NOON_US + day * 86_400 * SECOND_US) for day in range(3)]
            rows = [row for call in calls for row in (*parts_of(call), call)]
            await facts.insert(rows)
            print(len(rows) + len(calls), repr(""), flush=True)
            for drop in (
                "ALTER TABLE calls DROP COLUMN damaged_records",
                "ALTER TABLE usage DROP COLUMN again_tokens, DROP COLUMN again_usd",
                "ALTER TABLE tool_calls DROP COLUMN arguments_are, DROP COLUMN arguments_error",
                "DROP TABLE listed",
            ):
                await facts._run(facts._writes.client.command, drop)
        else:
            print(sum((await facts.counts()).values()), repr(facts.damage), flush=True)

try:
    asyncio.run(main())
except OperatorError as exc:
    sys.exit(str(exc))
"""


def release(which: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Let another release open the facts at `path`."""
    return subprocess.run(
        [sys.executable, "-c", _OTHER_RELEASE, which, str(path)],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip


@pytest.mark.guarantee("D11")
def test_the_facts_of_the_release_before_survive_an_upgrade_that_is_killed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "facts"
    before = release("before", path)
    assert before.returncode == 0
    assert release("dies", path).returncode == 9
    assert release("this", path).stdout == before.stdout
    said = release("before", path)
    assert said.returncode == 1
    told = f"has version {schema.VERSION}, this release knows {schema.VERSION - 3}: upgrade"
    assert told in said.stderr
    assert "trunkline reindex" in said.stderr


_NEXT = '''
"""The release after this one."""

import os
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{head}"


def upgrade() -> None:
    """Change the tables, as migrations do, and fall over half-way if that is wanted."""
    op.add_column("organisations", sa.Column("colour", sa.String(20), nullable=True))
    op.execute("UPDATE organisations SET colour = 'green'")
    with op.batch_alter_table("api_keys") as batch:
        batch.add_column(sa.Column("colour", sa.String(20), nullable=True))
    if Path({flag!r}).exists():
        os._exit(9)
'''
_DIE = """
import asyncio, sys
from pathlib import Path
from trunkline.store.control import database

database.MIGRATIONS = Path(sys.argv[2])
asyncio.run(database.Database.open(sys.argv[1]))
"""


async def keys_of(database: Path) -> list[str]:
    """Return the names of the operator's keys; a first one is made if there is none."""
    async with ControlStore.opened(sqlite_url(database)) as control:
        org = await control.ensure_operator()
        if not await control.list_keys(org.id):
            await control.create_key(org.id, "before the upgrade")
        return [key.name for key in await control.list_keys(org.id)]


@pytest.mark.guarantee("D11")
async def test_the_accounts_survive_an_upgrade_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, later, flag = tmp_path / "control.sqlite3", tmp_path / "later", tmp_path / "fall"
    before = await keys_of(path)
    with sqlite3.connect(path) as connection:
        (head,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    connection.close()
    (later / "versions").mkdir(parents=True)
    for file in (MIGRATIONS / "env.py", *MIGRATIONS.glob("versions/*.py")):
        (later / file.relative_to(MIGRATIONS)).write_bytes(file.read_bytes())
    (later / "versions" / "next.py").write_text(_NEXT.format(head=head, flag=str(flag)))
    flag.touch()
    died = subprocess.run(
        [sys.executable, "-c", _DIE, sqlite_url(path), str(later)], check=False, cwd=ROOT
    )
    assert died.returncode == 9
    assert await keys_of(path) == before
    flag.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", later)
        assert await keys_of(path) == before
    with pytest.raises(OperatorError, match=r"was migrated by a later release.*upgrade Trunkline"):
        await keys_of(path)
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", later)
        assert await keys_of(path) == before
