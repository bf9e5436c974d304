"""A backup that is taken while everything runs has all that was written before it began."""

import asyncio
import itertools
import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.recorder.journals import (
    ORG,
    Journal,
    MemoryFacts,
    a_call,
    instance,
    latest,
    recording,
    rows_of,
)
from tests.support.control import open_control

from trunkline import backup, ids
from trunkline.backup import DONE, INCOMPLETE, back_up
from trunkline.errors import OperatorError
from trunkline.journal.record import Kind, Record
from trunkline.layout import Layout
from trunkline.protocol import prices
from trunkline.recorder import run, sweep
from trunkline.recorder.reindex import reindex
from trunkline.settings import Settings
from trunkline.store import blobs
from trunkline.store.blobs import Blobs
from trunkline.store.facts.rows import EventRow
from trunkline.store.tombstones import ERASED, Tombstones

WALL_NS = 1_790_000_000_000_000_000


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Move records on as fast as can be."""
    for name in ("SETTLE_SECONDS", "SETTLE_SOON_SECONDS", "POLL_SECONDS"):
        monkeypatch.setattr(run, name, 0.002)
    monkeypatch.setattr(sweep, "SWEEP_SECONDS", 0.005)


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """A data directory with accounts in it."""
    layout = Layout(tmp_path / "data")
    layout.create()
    control = await open_control(layout.data)
    await control.ensure_operator()
    await control.close()
    return layout.data


class Load:
    """Calls that begin, talk and end, a few at once, in segments that are soon complete."""

    def __init__(self, data: Path) -> None:
        self.journal = Journal(data)
        self.journal.begin(instance(1))
        self._chance = random.Random(12)
        self._numbers = itertools.count()
        self._calls: list[Iterator[Record]] = []
        self.written: dict[bytes, list[Record]] = {}

    def step(self) -> None:
        if len(self._calls) < 5:
            self._calls.append(iter(a_call(next(self._numbers), frames=self._chance.randrange(30))))
        for call in list(self._calls):
            some = list(itertools.islice(call, self._chance.randrange(1, 6)))
            self.journal.write(some)
            for record in some:
                self.written.setdefault(record.call, []).append(record)
            if not some:
                self._calls.remove(call)
        if self._chance.random() < 0.2:
            self.journal.begin(self.journal.instance)

    def now(self) -> dict[bytes, list[Record]]:
        """Return what is written by now."""
        return {call: list(records) for call, records in self.written.items()}


@pytest.mark.guarantee("D12")
async def test_all_that_was_written_when_a_backup_began_is_in_it(
    data: Path, tmp_path: Path
) -> None:
    load = Load(data)
    before: list[dict[bytes, list[Record]]] = []
    async with recording(data, MemoryFacts()) as recorder:
        for number in range(6):
            target = tmp_path / f"backup-{number}"
            before.append(load.now())
            copying = asyncio.create_task(
                asyncio.to_thread(back_up, Settings(data=data), target, WALL_NS)
            )
            while not copying.done() or len(load.written) < 2 * number:
                load.step()
                await asyncio.sleep(0.002)
            assert copying.result().at == "2026-09-21T14:13:20.000Z"
        await recorder.caught_up()
    for number, written in enumerate(before):
        await compare(tmp_path / f"backup-{number}", written)


async def compare(restored: Path, written: dict[bytes, list[Record]]) -> None:
    """Check that a restored backup has all of `written`, and what was over as it was."""
    facts = MemoryFacts()
    await reindex(facts, Blobs.open("", restored / "blobs"), restored, prices.shipped())
    table = facts.table
    for call, records in written.items():
        call_id = ids.call_id(call)
        found = {
            row.seq
            for row in table.values()
            if isinstance(row, EventRow) and row.call_id == call_id
        }
        assert found >= {record.seq for record in records if record.kind is Kind.FRAME}
        if records[-1].kind is Kind.CLOSED:
            expected = latest(rows_of(records))
            assert {key: table[key] for key in expected} == expected
        else:
            assert facts.call(call_id).status in ("recovered", "completed")


@pytest.mark.guarantee("D12")
async def test_a_later_backup_copies_what_is_new_and_drops_what_was_erased(
    data: Path, tmp_path: Path
) -> None:
    settings, target = Settings(data=data), tmp_path / "backup"
    journal = Journal(data)
    journal.begin(instance(1))
    async with recording(data, MemoryFacts()) as recorder:
        journal.write([*a_call(1), *a_call(2)])
        await recorder.caught_up()
    first = back_up(settings, target, WALL_NS)
    erased = ids.call_id(a_call(1)[0].call)
    Tombstones(data / ERASED).add(ORG, erased)
    async with recording(data, MemoryFacts()) as recorder:
        journal.write(a_call(3))
        await recorder.caught_up()
    second = back_up(settings, target, WALL_NS)
    assert (first.calls, second.calls) == (2, 2)
    assert second.copied_files < first.copied_files + 3
    assert not [path for path in (target / "blobs").rglob("*") if erased in str(path)]
    private = [target, *(path for path in target.rglob("*") if path.is_file())]
    assert not [path for path in private if path.stat().st_mode & 0o077]
    facts = MemoryFacts()
    await reindex(facts, Blobs.open("", target / "blobs"), target, prices.shipped())
    assert facts.table == latest([*rows_of(a_call(2)), *rows_of(a_call(3))])


@pytest.mark.guarantee("D12")
async def test_accounts_are_copied_as_of_one_moment_while_they_change(
    data: Path, tmp_path: Path
) -> None:
    control = await open_control(data)
    org = await control.ensure_operator()
    for number in range(6):
        names = [key.name for key in await control.list_keys(org.id)]
        target = tmp_path / f"backup-{number}"
        copying = asyncio.create_task(
            asyncio.to_thread(back_up, Settings(data=data), target, WALL_NS)
        )
        while not copying.done():
            await control.create_key(org.id, f"key {len(names)}")
            await asyncio.sleep(0)
        copy = await open_control(target)
        found = {key.name for key in await copy.list_keys(org.id)}
        await copy.close()
        assert found >= set(names)
    await control.close()


async def test_a_backup_that_was_interrupted_says_so_and_is_made_whole_by_the_next(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, target = Settings(data=data), tmp_path / "backup"
    back_up(settings, target, WALL_NS)
    with monkeypatch.context() as patch:
        patch.setattr(backup, "_prune", lambda _: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            back_up(settings, target, WALL_NS)
    assert (target / INCOMPLETE).exists()
    assert not (target / DONE).exists()
    back_up(settings, target, WALL_NS)
    assert not (target / INCOMPLETE).exists()
    assert msgspec.json.decode((target / DONE).read_bytes())["calls"] == 0


async def test_a_backup_that_cannot_be_is_one_clear_line(data: Path, tmp_path: Path) -> None:
    settings = Settings(data=data)
    other = tmp_path / "other"
    other.mkdir()
    (other / "letters.txt").touch()
    for target, why in (
        (data / "backup", "lies in the data directory"),
        (data, "lies in the data directory"),
        (other, "is not empty, and no backup"),
        (other / "letters.txt" / "x", "Not a directory"),
    ):
        with pytest.raises(OperatorError, match=why):
            back_up(settings, target, WALL_NS)
    with pytest.raises(OperatorError, match="there is no data in"):
        back_up(Settings(data=tmp_path / "nothing"), tmp_path / "backup", WALL_NS)
    with (
        backup._held(Layout(data), tmp_path / "backup"),
        pytest.raises(OperatorError, match=r"another backup to .* is under way"),
    ):
        back_up(settings, tmp_path / "backup", WALL_NS)


async def test_what_lies_elsewhere_is_left_out_and_told(data: Path, tmp_path: Path) -> None:
    shutil.rmtree(data / "blobs", ignore_errors=True)
    settings = Settings(data=data, blobs_url="s3://bucket", control_url="postgresql+psycopg://h/d")
    done = back_up(settings, tmp_path / "backup", WALL_NS)
    assert (done.accounts, done.blobs) == (False, False)
    assert not (tmp_path / "backup" / "control.sqlite3").exists()


async def test_a_recording_that_is_compressed_is_in_it_once(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two backups, and in the middle of one."""
    folders = [
        data / "blobs" / blobs.call_prefix(ORG, ids.call_id(a_call(number)[0].call))
        for number in range(2)
    ]

    def compress(folder: Path) -> None:
        (folder / "audio.opus").write_bytes(b"opus")
        (folder / "audio.wav").unlink(missing_ok=True)

    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "audio.wav").write_bytes(b"wav")
    target = tmp_path / "backup"
    back_up(Settings(data=data), target, WALL_NS)
    compress(folders[0])
    shutil.rmtree(target / folders[1].relative_to(data))
    copy = backup._Copies.copy

    def late(self: backup._Copies, source: Path, target: Path) -> None:
        if source.name == "audio.wav":
            compress(source.parent)
        copy(self, source, target)

    monkeypatch.setattr(backup._Copies, "copy", late)
    back_up(Settings(data=data), target, WALL_NS)
    for folder in folders:
        assert [path.name for path in (target / folder.relative_to(data)).iterdir()] == [
            "audio.opus"
        ]


def test_a_file_that_moves_on_while_it_is_copied_is_no_failure(tmp_path: Path) -> None:
    copies = backup._Copies()
    copies.copy(tmp_path / "gone", tmp_path / "copy")
    assert copies.files == 0
    assert not list(tmp_path.iterdir())


def test_the_copy_of_a_database_is_a_database(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "one") as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (n)")
        connection.execute("INSERT INTO t VALUES (7)")
        connection.commit()
        backup._copy_accounts(tmp_path / "one", tmp_path / "two")
    connection.close()
    with sqlite3.connect(tmp_path / "two") as copy:
        assert copy.execute("SELECT n FROM t").fetchall() == [(7,)]
    copy.close()
