"""I/O. The facts store: one ClickHouse, embedded or a server, behind an async API.

The embedded engine (chDB) lives in this process. It hangs for ever after a fork, and
one process may have one data directory: whoever opens a `FactsStore` must have been
spawned, and must be the only one. Its calls block, so they are made one after the
other in one thread of their own.

Rows go in and come out as JSON lines, encoded and decoded by msgspec in that thread:
there is one form for both engines, and it is the fastest that Python can write.
"""

# ruff: noqa: S608 (what is put into SQL here are names of tables)

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

import clickhouse_connect
import msgspec
from clickhouse_connect.driver.exceptions import Error as EngineError

from trunkline.errors import OperatorError, TrunklineError
from trunkline.settings import Settings
from trunkline.store.facts import ddl, schema
from trunkline.store.facts.query import Query
from trunkline.store.facts.rows import CallRow, Row

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

T = TypeVar("T")

QUERY_SECONDS: Final = 30
"""A question that takes longer is given up."""

SESSION_SETTINGS: Final[dict[str, int | str]] = {
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_decimals": 1,
    "do_not_merge_across_partitions_select_final": 1,
    "max_execution_time": QUERY_SECONDS,
    # The recorder's batches are whole already: waiting for more would only delay pages.
    "async_insert": 0,
}

MIB: Final = 1024 * 1024


class FactsUnavailable(TrunklineError):
    """The engine did not do what it was asked: down, out of memory, or out of time."""


class FactsStore:
    """What can be asked of every call. Make one with `open`, end it with `close`.

    Whatever is asked of it raises `FactsUnavailable` when the engine fails.

    Not bound to an event loop: a store opened in one may be used from another.
    """

    def __init__(self, client: Client, thread: ThreadPoolExecutor) -> None:
        self._client = client
        self._thread = thread
        self._closed = False

    @classmethod
    async def open(cls, path: Path, settings: Settings | None = None) -> FactsStore:
        """Return a store whose tables are as this release needs them.

        `path` is the directory of the embedded engine; it is not used when the
        settings name a server.

        Raises:
            OperatorError: the directory is in use or unusable, the server cannot be
                reached, or a later release has written the store.
        """
        settings = settings or Settings()
        thread = ThreadPoolExecutor(1, thread_name_prefix="facts")
        loop = asyncio.get_running_loop()
        try:
            client = await loop.run_in_executor(thread, _connect, path, settings)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        return cls(client, thread)

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, path: Path, settings: Settings | None = None
    ) -> AsyncGenerator[FactsStore]:
        """Yield what `open` returns, and close it at the end."""
        store = await cls.open(path, settings)
        try:
            yield store
        finally:
            await store.close()

    async def close(self) -> None:
        """Wait for what is under way, then let go of the engine. May be called twice."""
        if not self._closed:
            self._closed = True
            await self._run(self._client.close)
            self._thread.shutdown()

    async def insert(self, rows: Iterable[Row]) -> None:
        """Store `rows`, one batch per table, on the disk when this returns.

        May be repeated with the same rows, and after a failure must be: tables are
        written one after the other, `calls` last, so that a call that is seen has
        its parts.
        """
        batches: dict[type[Row], list[Row]] = {}
        for row in rows:
            batches.setdefault(type(row), []).append(row)
        if batches:
            await self._run(self._insert, batches)

    def _insert(self, batches: dict[type[Row], list[Row]]) -> None:
        for kind in sorted(batches, key=lambda kind: kind is CallRow):
            self._client.raw_insert(
                ddl.TABLE_OF[kind].name, insert_block=_lines(batches[kind]), fmt="JSONEachRow"
            )

    async def ask(self, query: Query[T], org_id: str, **parameters: Any) -> list[T]:
        """Return the answer to `query` for one organisation."""
        return await self._run(self._ask, query, {**parameters, "org_id": org_id})

    def _ask(self, query: Query[T], parameters: dict[str, Any]) -> list[T]:
        return query.decode(
            self._client.raw_query(query.sql, parameters=parameters, fmt="JSONEachRow")
        )

    async def delete_call(self, org_id: str, call_id: str) -> None:
        """Forget everything about one call. It is gone from answers when this returns."""
        await self._run(self._delete_call, {"org_id": org_id, "call_id": call_id})

    def _delete_call(self, parameters: dict[str, str]) -> None:
        # The call first: if we are interrupted, what is left of it shows nowhere.
        for table in ddl.TABLES:
            self._client.command(
                f"DELETE FROM {table.name}"
                " WHERE org_id = {org_id:String} AND call_id = {call_id:String}",
                parameters=parameters,
            )

    async def counts(self) -> dict[str, int]:
        """Return the number of different rows by table, of all organisations."""
        return await self._run(self._counts)

    def _counts(self) -> dict[str, int]:
        return {
            table.name: int(str(self._client.command(f"SELECT count() FROM {table.name} FINAL")))
            for table in ddl.TABLES
        }

    async def damaged_parts(self) -> int:
        """Return how many parts the engine has set aside as damaged: rows are missing.

        The engine does that silently at its start. The remedy is `trunkline reindex`.
        """
        sql = "SELECT count() FROM system.detached_parts WHERE reason LIKE '%broken%'"
        return int(str(await self._run(self._client.command, sql)))

    async def clear(self) -> None:
        """Forget everything, for a rebuild from archives and journals."""
        for table in ddl.TABLES:
            await self._run(self._client.command, f"TRUNCATE TABLE {table.name}")

    async def ping(self) -> bool:
        """Return whether the engine answers."""
        return await self._run(self._client.ping)

    async def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, function, *arguments)
        except EngineError as exc:
            # The engine's text names tables and values: for the log, not for whoever asked.
            raise FactsUnavailable(f"facts store: {_first_line(exc)}") from exc


def _connect(path: Path, settings: Settings) -> Client:
    where = _without_password(settings.facts_url) or str(path)
    client = _server(settings) if settings.facts_url else _embedded(path, settings)
    try:
        schema.prepare(client, settings.retention_days)
    except EngineError as exc:
        client.close()
        raise OperatorError(f"cannot prepare the facts store {where}: {_first_line(exc)}") from exc
    except OperatorError:
        client.close()
        raise
    return client


def _embedded(path: Path, settings: Settings) -> Client:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _engine(path, settings.facts_max_memory_bytes)
    except (EngineError, OSError) as exc:
        # The engine says why on standard error, and not here.
        raise OperatorError(
            f"cannot open the facts store {path}: another process uses it, or it is not writable"
        ) from exc


def _engine(path: Path, limit: int) -> Client:
    return clickhouse_connect.get_client(
        interface="chdb",
        path=str(path),
        database="default",
        settings={**SESSION_SETTINGS, "max_memory_usage": limit * 3 // 4, "max_threads": 2},
        # The engine's own defaults are 90 % of the machine and caches of 5 GB each.
        chdb_options={
            "max_server_memory_usage": limit,
            "mark_cache_size": limit // 16,
            "primary_index_cache_size": limit // 16,
            "index_mark_cache_size": limit // 32,
            "uncompressed_cache_size": 0,
            "max_thread_pool_size": 64,
            "max_thread_pool_free_size": 8,
        },
    )


def _server(settings: Settings) -> Client:
    url = urlsplit(settings.facts_url)
    try:
        return clickhouse_connect.get_client(
            interface="https" if url.scheme.endswith("s") else "http",
            host=url.hostname or "localhost",
            port=url.port or 0,
            username=unquote(url.username or "default"),
            password=unquote(url.password or ""),
            database=url.path.strip("/") or "default",
            settings=SESSION_SETTINGS,
        )
    except (EngineError, ValueError, OSError) as exc:
        where = _without_password(settings.facts_url)
        raise OperatorError(f"cannot reach the facts store {where}: {_first_line(exc)}") from exc


def _lines(rows: Sequence[Row]) -> bytes:
    """Return `rows` as JSON lines.

    Text that a peer sent may hold half a surrogate pair, which is no Unicode: it is
    replaced, since a row that cannot be stored would stop all that follow it.
    """
    try:
        return msgspec.json.Encoder().encode_lines(rows)
    except UnicodeEncodeError:
        return msgspec.json.Encoder().encode_lines([_whole_text(row) for row in rows])


def _whole_text(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_whole_text(name): _whole_text(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return tuple(_whole_text(part) for part in value)
    if isinstance(value, msgspec.Struct):
        return {name: _whole_text(getattr(value, name)) for name in value.__struct_fields__}
    return value


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] + parts.path


def _first_line(exc: Exception) -> str:
    return (str(exc).splitlines() or ["no reason given"])[0][:300]
