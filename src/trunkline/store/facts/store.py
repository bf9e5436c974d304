"""I/O. The facts store: one ClickHouse, embedded or a server, behind an async API.

It has lines to the engine: one writes, the others are asked, so that a slow question does not
hold up what the recorder has to store, nor all other questions. What was stored when a question
is asked is in its answer.

Rows go in and come out as JSON lines, encoded and decoded by msgspec in that thread:
there is one form for both engines, and it is the fastest that Python can write.

Beside the embedded engine lie two small files: what it must have (`manifest`), and the rows
that it refused (`quarantine`).
"""

# ruff: noqa: S608 (what is put into SQL here are names of tables)

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import structlog
from clickhouse_connect.driver.exceptions import Error as EngineError

from trunkline.clock import monotonic_ns
from trunkline.settings import Settings
from trunkline.store.facts import ddl
from trunkline.store.facts.engine import again, connect, first_line
from trunkline.store.facts.line import Line, Lines
from trunkline.store.facts.listed import listed, shown
from trunkline.store.facts.manifest import Manifest
from trunkline.store.facts.marked import calls_of, with_marks
from trunkline.store.facts.parts import month_of_call
from trunkline.store.facts.quarantine import Quarantine, RowsRefused, sift
from trunkline.store.facts.query import Query
from trunkline.store.facts.rows import CallRow, MarkRow, Row
from trunkline.store.thresholds import DEFAULT, Thresholds, filled, judges

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

T = TypeVar("T")

MANIFEST: Final = "facts-manifest"
QUARANTINE: Final = "facts-refused.jsonl"

ASKED: Final = 2
"""Questions at once."""

_NOT_THE_ROWS: Final = frozenset(
    {
        "MEMORY_LIMIT_EXCEEDED",
        "NETWORK_ERROR",
        "NOT_ENOUGH_SPACE",
        "QUERY_WAS_CANCELLED",
        "READONLY",
        "SOCKET_TIMEOUT",
        "TABLE_IS_READ_ONLY",
        "TIMEOUT_EXCEEDED",
        "TOO_MANY_PARTS",
        "TOO_MANY_SIMULTANEOUS_QUERIES",
        "UNKNOWN_TABLE",
    }
)
"""Errors of an engine that takes nothing at the moment, by ClickHouse's names."""
_THE_ROWS: Final = (
    "ARGUMENT_OUT_OF_BOUND",
    "CANNOT_CONVERT",
    "CANNOT_PARSE",
    "CANNOT_READ",
    "DECIMAL_OVERFLOW",
    "INCORRECT_DATA",
    "TOO_LARGE_",
    "TYPE_MISMATCH",
    "VALUE_IS_OUT_OF_RANGE",
)
"""What the names begin with of errors that are certainly about what was inserted."""


log = structlog.get_logger("trunkline.store.facts")


async def _default(_org_id: str) -> Thresholds:
    return DEFAULT


class FactsStore:
    """What can be asked of every call. Make one with `open`, end it with `close`.

    Whatever is asked of it raises `FactsUnavailable` when the engine fails.

    Not bound to an event loop: a store opened in one may be used from another.
    """

    def __init__(
        self, writes: Line, reads: Lines, manifest: Manifest | None, quarantine: Quarantine | None
    ) -> None:
        self._writes = writes
        self._reads = reads
        self._manifest = manifest
        self._quarantine = quarantine
        self._closed = False
        self._thresholds: Callable[[str], Awaitable[Thresholds]] = _default

    def judged_by(self, thresholds: Callable[[str], Awaitable[Thresholds]]) -> FactsStore:
        """Return this store, whose answers judge by what `thresholds` says of an organisation.

        It is the same store, and whoever opened this one closes it.
        """
        judging = copy.copy(self)
        judging._thresholds = thresholds
        return judging

    @classmethod
    async def open(
        cls, path: Path, settings: Settings | None = None, *, beside: Path | None = None
    ) -> FactsStore:
        """Return a store whose tables are as this release needs them.

        `path` is the directory of the embedded engine; it is not used when the
        settings name a server. `beside` is a directory for what is kept beside the engine;
        without it nothing is checked, and a row that is refused stops the others.

        Raises:
            OperatorError: the directory is in use or unusable, the server cannot be
                reached, or a later release has written the store.
        """
        settings = settings or Settings()
        # Servers keep their own account of parts, each of its own: an answer may come from any.
        watched = beside is not None and not settings.facts_url
        manifest = Manifest(beside / MANIFEST) if beside and watched else None

        def failed(exc: EngineError) -> None:
            if manifest is not None:
                manifest.suspect(exc.name or "", str(exc))

        writes = await Line.open("facts", partial(connect, path, settings), failed)
        try:
            reads = await Lines.open("facts-asked", ASKED, partial(again, path, settings), failed)
        except BaseException:
            await writes.close()
            raise
        store = cls(writes, reads, manifest, Quarantine(beside / QUARANTINE) if beside else None)
        if manifest is not None:
            await writes.run(manifest.check, writes.client)
        return store

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, path: Path, settings: Settings | None = None, *, beside: Path | None = None
    ) -> AsyncGenerator[FactsStore]:
        """Yield what `open` returns, and close it at the end."""
        store = await cls.open(path, settings, beside=beside)
        try:
            yield store
        finally:
            await store.close()

    async def close(self) -> None:
        """Wait for what is under way, then let go of the engine. May be called twice."""
        if not self._closed:
            self._closed = True
            await self._run(self._note_all)
            await self._reads.close()
            await self._writes.close()

    def _note_all(self) -> None:
        self._note(now=True)

    @property
    def damage(self) -> str:
        """What is wrong with the rows that are stored, in words; empty when nothing is known.

        The remedy is `trunkline reindex`.
        """
        return self._manifest.damage if self._manifest else ""

    @property
    def refused_rows(self) -> int:
        """Rows in quarantine: they are in no answer, and `trunkline reindex` offers them again."""
        return self._quarantine.count if self._quarantine else 0

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
        for kind, rows in batches.items():
            if kind is not CallRow:
                self._insert_rows(rows)
        calls = [row for row in batches.get(CallRow, ()) if isinstance(row, CallRow)]
        marks = [row for row in batches.get(MarkRow, ()) if isinstance(row, MarkRow)]
        if marks:
            here = {call.call_id for call in calls}
            calls += [
                call for call in calls_of(self._writes.client, marks) if call.call_id not in here
            ]
        if calls:
            self._insert_rows(with_marks(self._writes.client, calls))
        self._note()

    def _insert_rows(self, rows: Sequence[Row]) -> None:
        """Store rows of one type; with a quarantine, without those that are refused."""
        if self._quarantine is None:
            self._insert_batch(rows)
        elif refused := sift(self._insert_batch, rows):
            log.error("facts were refused", rows=len(refused), reason=refused[0][1])
            self._quarantine.add(refused)

    def _insert_batch(self, rows: Sequence[Row]) -> None:
        """Store rows of one type. Raises `RowsRefused` when it may be their fault."""
        try:
            # The texts of calls first: a call that is seen can be shown.
            blocks = [(type(some[0]), _lines(some)) for some in (_listed(rows), rows) if some]
        except (ValueError, TypeError, OverflowError) as exc:
            raise RowsRefused(repr(exc), certain=True) from exc
        try:
            for kind, lines in blocks:
                self._writes.client.raw_insert(
                    ddl.TABLE_OF[kind].name, insert_block=lines, fmt="JSONEachRow"
                )
        except EngineError as exc:
            name = exc.name or ""
            if not name or name in _NOT_THE_ROWS:
                raise
            raise RowsRefused(first_line(exc), certain=name.startswith(_THE_ROWS)) from exc

    def _note(self, *, now: bool = False) -> None:
        if self._manifest is not None:
            self._manifest.note(self._writes.client, monotonic_ns(), now=now)

    async def ask(self, query: Query[T], org_id: str, **parameters: Any) -> list[T]:
        """Return the answer to `query` for one organisation."""
        asked = {**parameters, "org_id": org_id}
        sql = query.sql
        if judges(sql):
            sql = filled(sql, await self._thresholds(org_id))
        return await self._reads.run(partial(self._ask, query, sql), asked)

    def _ask(
        self, query: Query[T], sql: str, client: Client, parameters: dict[str, Any]
    ) -> list[T]:
        return query.decode(client.raw_query(sql, parameters=parameters, fmt=query.form))

    async def delete_call(self, org_id: str, call_id: str) -> None:
        """Forget everything about one call. It is gone from answers when this returns.

        Its parts, which nothing leads to any more, are rewritten without it in the
        background; what they were before is deleted some ten minutes later.
        """
        await self._run(self._delete_call, {"org_id": org_id, "call_id": call_id})

    def _delete_call(self, parameters: dict[str, str]) -> None:
        # The call first: if we are interrupted, what is left of it shows nowhere.
        for table in ddl.TABLES:
            is_call = table.row is CallRow
            where = "" if is_call else f" IN PARTITION {month_of_call(parameters['call_id'])}"
            self._writes.client.command(
                f"ALTER TABLE {table.name} DELETE{where}"
                " WHERE org_id = {org_id:String} AND call_id = {call_id:String}",
                parameters=parameters,
                settings={"mutations_sync": int(is_call)},
            )
        if self._quarantine is not None:
            self._quarantine.forget_call(parameters["call_id"])

    async def deletions(self) -> int:
        """Return how many deletions of calls are still being carried out."""
        sql = "SELECT count() FROM system.mutations WHERE database = currentDatabase()"
        return int(str(await self._run(self._writes.client.command, f"{sql} AND NOT is_done")))

    async def counts(self) -> dict[str, int]:
        """Return the number of different rows by table, of all organisations."""
        return await self._run(self._counts)

    def _counts(self) -> dict[str, int]:
        return {
            table.name: int(
                str(self._writes.client.command(f"SELECT count() FROM {table.name} FINAL"))
            )
            for table in ddl.TABLES
        }

    async def clear(self) -> None:
        """Forget everything, for a rebuild. Until `rebuilt`, the store says that it is damaged."""
        await self._run(self._clear)

    def _clear(self) -> None:
        if self._manifest is not None:
            self._manifest.begin_rebuild()
        for table in ddl.TABLES:
            self._writes.client.command(f"TRUNCATE TABLE {table.name}")
        if self._quarantine is not None:
            self._quarantine.clear()

    async def rebuilt(self) -> None:
        """Take note that everything is there again."""
        if self._manifest is not None:
            await self._run(self._manifest.end_rebuild, self._writes.client)

    async def ping(self) -> bool:
        """Return whether the engine answers."""
        return await self._run(self._writes.client.ping)

    async def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        return await self._writes.run(function, *arguments)


def _listed(rows: Sequence[Row]) -> list[ddl.Stored]:
    """Return the texts of those of `rows` that are calls."""
    return [
        listed(row, _lines([shown(row)]).decode().rstrip("\n"))
        for row in rows
        if isinstance(row, CallRow)
    ]


def _lines(rows: Sequence[ddl.Stored]) -> bytes:
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
