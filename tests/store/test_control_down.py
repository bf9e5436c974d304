"""Accounts whose database is away, locked or gone: that may pass, and then all is well."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Generator
from pathlib import Path

import pytest

from trunkline import snapshot
from trunkline.errors import OperatorError
from trunkline.store.control import database
from trunkline.store.control.database import ControlUnavailable, sqlite_url
from trunkline.store.control.store import ControlStore


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nobody's lock."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 10)


@contextlib.contextmanager
def locked(path: Path) -> Generator[None]:
    """Let another process be writing, and hold on to it."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        yield


async def made(path: Path, publish_to: Path | None = None) -> None:
    async with ControlStore.opened(sqlite_url(path), publish_to=publish_to) as store:
        await store.ensure_operator()
        if publish_to is not None:
            await store.publish_snapshot(publish_to)


async def test_a_database_that_is_locked_is_opened_when_it_is_not(tmp_path: Path) -> None:
    path = tmp_path / "control"
    await made(path)
    with locked(path):
        with pytest.raises(ControlUnavailable, match=r"cannot open the control database: .*locked"):
            await ControlStore.open(sqlite_url(path))
        store = await ControlStore.open(sqlite_url(path), wait=True)
        with pytest.raises(ControlUnavailable):
            await store.organisations()
        assert not await store.ping()
    assert [org.name for org in await store.organisations()] == ["Default"]
    assert await store.ping()
    await store.close()


async def test_one_that_is_locked_later_is_unavailable_until_it_is_not(tmp_path: Path) -> None:
    path = tmp_path / "control"
    async with ControlStore.opened(sqlite_url(path)) as store:
        await store.ensure_operator()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ControlUnavailable, match="does not answer: database is locked"):
            await store.sign_in("a@b", "password", address="127.0.0.1")
        other.close()
        assert await store.ping()


async def test_what_can_never_be_opened_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="does not name a database"):
        await ControlStore.open("nonsense", wait=True)
    (tmp_path / "control").write_bytes(b"no database" * 100)
    with pytest.raises(OperatorError, match="file is not a database") as raised:
        await ControlStore.open(sqlite_url(tmp_path / "control"), wait=True)
    assert not isinstance(raised.value, ControlUnavailable)


async def test_accounts_that_are_gone_are_not_made_anew(tmp_path: Path) -> None:
    """Else every key would be revoked by a file that somebody moved."""
    path, published = tmp_path / "control", tmp_path / "snapshot.json"
    await made(path, published)
    aside = path.rename(tmp_path / "aside")
    with pytest.raises(ControlUnavailable, match="is gone, which gateways know keys of"):
        await ControlStore.open(sqlite_url(path), publish_to=published)
    before = snapshot.decode(published.read_bytes())
    async with ControlStore.opened(sqlite_url(path), publish_to=published, wait=True) as store:
        assert not await store.ping()
        assert not path.exists()
        aside.rename(path)
        assert await store.ping()
    assert snapshot.decode(published.read_bytes()) == before
