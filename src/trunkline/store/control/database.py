"""I/O. The database behind the control store: opening, migrating, transactions."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, event, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    TimeoutError,  # noqa: A004 the pool's, which is no kin of the builtin
)
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from trunkline.errors import OperatorError

MIGRATIONS: Final = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_MS: Final = 5_000
"""For how long one process waits for another one's write."""
SYNCHRONOUS = "FULL"
"""Of SQLite: what was changed is on the disk before anybody is told so."""
_WRITES: Final = "trunkline_writes"
_DOWN: Final = (OperationalError, InterfaceError, TimeoutError)
"""What drivers, and the pool of connections, say of a database that is away or locked."""


class ControlUnavailable(OperatorError):
    """The database is away or locked: that may pass."""


class Database:
    """An engine, and the two kinds of transaction.

    Whatever is done in either raises `ControlUnavailable` when the database does not answer.
    """

    def __init__(self, engine: AsyncEngine, must_exist: bool) -> None:
        self._engine = engine
        self._must_exist = must_exist
        self._open = False
        self._opening = asyncio.Lock()
        self._held: list[Changes] = []

    @classmethod
    async def open(cls, url: str, *, must_exist: bool = False, wait: bool = False) -> Database:
        """Return the database with the tables of this release.

        `must_exist`: there were accounts, so an absent file is not a new installation.
        `wait`: what cannot be reached now is opened at its first use that it answers.

        Raises:
            ControlUnavailable: it cannot be reached now, and nobody wants to wait.
            OperatorError: it can never be used, or a later release has migrated it.
        """
        database = cls(_engine(url), must_exist)
        try:
            await database._prepare()
        except ControlUnavailable:
            if not wait:
                await database.close()
                raise
        except OperatorError:
            await database.close()
            raise
        return database

    async def _prepare(self) -> None:
        """Connect for the first time, and bring the tables to this release's. Does so once."""
        async with self._opening:
            if self._open:
                return
            try:
                await asyncio.to_thread(_try_sqlite, self._engine.url, self._must_exist)
                engine = self._engine.execution_options(**{_WRITES: True})
                async with engine.begin() as connection:
                    await connection.run_sync(migrate)
            except (*_DOWN, sqlite3.OperationalError, OSError) as exc:
                raise ControlUnavailable(_cannot_open(exc)) from exc
            except (DBAPIError, sqlite3.Error) as exc:
                raise OperatorError(_cannot_open(exc)) from exc
            self._open = True

    async def close(self) -> None:
        """Let go of every connection."""
        for changes in self._held:
            changes.close()
        await self._engine.dispose()

    def changes(self) -> Changes:
        """Return something that says whether anybody has written. It lasts as long as this."""
        self._held.append(Changes(self._engine.url))
        return self._held[-1]

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncSession]:
        """Yield a session on one consistent state of the database."""
        async with (
            self._answering(),
            AsyncSession(self._engine, expire_on_commit=False) as session,
        ):
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncSession]:
        """Yield a session that commits at the end, or rolls back when an exception leaves it."""
        engine = self._engine.execution_options(**{_WRITES: True})
        async with (
            self._answering(),
            AsyncSession(engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @asynccontextmanager
    async def _answering(self) -> AsyncGenerator[None]:
        if not self._open:
            await self._prepare()
        try:
            yield
        except _DOWN as exc:
            why = _reason(exc)
            raise ControlUnavailable(f"the control database does not answer: {why}") from exc


class Changes:
    """Whether anybody else has written to a SQLite file, asked on a connection that is held.

    Of other databases nothing is known. One for each who wants to know.
    """

    def __init__(self, url: URL) -> None:
        is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
        self._path = Path(str(url.database)) if is_file else None
        self._connection: sqlite3.Connection | None = None
        self._version: int | None = None

    def may_be(self) -> bool:
        """Return whether anybody may have written since this was last asked: in some microseconds.

        False says nothing of whether the database answers.
        """
        if self._path is None:
            return True
        before = self._version
        try:
            self._connection = self._connection or _look_only(self._path)
            (self._version,) = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            self.close()
        return self._version is None or self._version != before

    def close(self) -> None:
        """Let go of the connection. Who asks again gets another one."""
        self._version = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _look_only(path: Path) -> sqlite3.Connection:
    """Return a connection that makes no file, and waits for nobody: it is used in the loop."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0)


def migrate(connection: Connection) -> None:
    """Bring the tables to this release's, in the transaction of `connection`.

    Raises:
        OperatorError: a later release has migrated it.
    """
    if _revision(connection) == newest():
        return
    # Alembic takes longer to load than a command to run: only who migrates needs it.
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as exc:
        raise OperatorError(
            f"the control database was migrated by a later release: {exc}; upgrade Trunkline"
        ) from exc


def newest() -> str:
    """Return the revision of this release's tables, which its last migration is named by."""
    return max(file.stem.partition("_")[0] for file in MIGRATIONS.glob("versions/*.py"))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


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


def _try_sqlite(url: URL, must_exist: bool) -> None:
    """Raises `sqlite3.Error` for a file that is no database, or cannot be one.

    aiosqlite would say so too, but leave a thread behind that speaks to the event loop later.
    """
    if url.get_backend_name() == "sqlite":
        if must_exist and url.database and not Path(url.database).exists():
            raise FileNotFoundError(
                f"{url.database} is gone, which gateways know keys of: bring it back"
            )
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
        f"synchronous = {SYNCHRONOUS}",
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once when another process
    # has written between: whoever means to write says so at the start, and waits its turn.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _cannot_open(exc: BaseException) -> str:
    return f"cannot open the control database: {_reason(exc)}"


def _reason(exc: BaseException) -> str:
    cause = exc.orig if isinstance(exc, DBAPIError) and exc.orig else exc
    return (str(cause).splitlines() or [type(cause).__name__])[0][:300]
