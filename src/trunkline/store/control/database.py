"""I/O. The database behind the control store: opening, migrating, transactions."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from trunkline.errors import OperatorError

MIGRATIONS: Final = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_MS: Final = 5_000
"""For how long one process waits for another one's write."""

_WRITES: Final = "trunkline_writes"


class Database:
    """An engine, and the two kinds of transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @classmethod
    async def open(cls, url: str) -> Database:
        """Return the database with the tables of this release.

        Raises:
            OperatorError: it cannot be opened, or a later release has migrated it.
        """
        database = cls(_engine(url))
        try:
            await asyncio.to_thread(_try_sqlite, database._engine.url)
            async with database._engine.execution_options(**{_WRITES: True}).begin() as connection:
                await connection.run_sync(migrate)
        except (DBAPIError, sqlite3.Error, OSError) as exc:
            await database.close()
            raise OperatorError(f"cannot open the control database: {_reason(exc)}") from exc
        except CommandError as exc:
            await database.close()
            raise OperatorError(
                f"the control database was migrated by a later release: {exc}; upgrade Trunkline"
            ) from exc
        return database

    async def close(self) -> None:
        """Let go of every connection."""
        await self._engine.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncSession]:
        """Yield a session on one consistent state of the database."""
        async with AsyncSession(self._engine, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncSession]:
        """Yield a session that commits at the end, or rolls back when an exception leaves it."""
        engine = self._engine.execution_options(**{_WRITES: True})
        async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            yield session


def migrate(connection: Connection) -> None:
    """Bring the tables to this release's, in the transaction of `connection`."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file."""
    return f"sqlite+aiosqlite:///{path}"


def _engine(url: str) -> AsyncEngine:
    try:
        parsed = make_url(url)
        engine = create_async_engine(parsed)
    except (ArgumentError, ImportError) as exc:
        raise OperatorError(
            f"control_url does not name a database that can be used here: {_reason(exc)}"
        ) from exc
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _try_sqlite(url: URL) -> None:
    """Raises `sqlite3.Error` for a file that is no database, or cannot be one.

    aiosqlite would say so too, but leave a thread behind that speaks to the event loop later.
    """
    if url.get_backend_name() == "sqlite":
        connection = sqlite3.connect(url.database or ":memory:", timeout=BUSY_TIMEOUT_MS / 1000)
        try:
            connection.execute("PRAGMA schema_version")
        finally:
            connection.close()


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # The driver would begin transactions by itself, and too late: `_begin_sqlite` does.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once when another process
    # has written between: whoever means to write says so at the start, and waits its turn.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _reason(exc: BaseException) -> str:
    cause = exc.orig if isinstance(exc, DBAPIError) and exc.orig else exc
    return (str(cause).splitlines() or [type(cause).__name__])[0][:300]
