"""I/O. Opening the engine of a facts store: embedded, or a server.

The embedded engine (chDB) lives in this process. It hangs for ever after a fork, and one
process may have one data directory: whoever opens it must have been spawned.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.exceptions import Error as EngineError

from trunkline.errors import OperatorError
from trunkline.settings import Settings
from trunkline.store.facts import schema

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

QUERY_SECONDS: Final = 30
"""A question that takes longer is given up."""
THREADS: Final = 2
"""Of the embedded engine, for a question that reads much; one that reads little has one."""

SESSION_SETTINGS: Final[dict[str, int | str]] = {
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_decimals": 1,
    "do_not_merge_across_partitions_select_final": 1,
    "max_execution_time": QUERY_SECONDS,
    # The recorder's batches are whole already: waiting for more would only delay pages.
    "async_insert": 0,
}


def connect(path: Path, settings: Settings) -> Client:
    """Return the engine at `path`, or the server that the settings name, with its tables.

    Raises:
        OperatorError: the directory is in use or unusable, the server cannot be
            reached, or a later release has written the store.
    """
    where = _without_password(settings.facts_url) or str(path)
    client = _server(settings) if settings.facts_url else _embedded(path, settings)
    try:
        schema.prepare(client, settings.retention_days)
    except EngineError as exc:
        client.close()
        raise OperatorError(f"cannot prepare the facts store {where}: {first_line(exc)}") from exc
    except OperatorError:
        client.close()
        raise
    return client


def again(path: Path, settings: Settings) -> Client:
    """Return another connection to what `connect` has opened, in the same process."""
    return _server(settings) if settings.facts_url else _embedded(path, settings)


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
        settings={
            **SESSION_SETTINGS,
            "max_memory_usage": limit * 3 // 4,
            "max_threads": THREADS,
            # The engine's own rule is a thread for each free GiB: within our limit that is one.
            "max_threads_min_free_memory_per_thread": 0,
        },
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
        raise OperatorError(f"cannot reach the facts store {where}: {first_line(exc)}") from exc


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] + parts.path


def first_line(exc: Exception) -> str:
    """Return what an engine says first: the rest is where in its code."""
    return (str(exc).splitlines() or ["no reason given"])[0][:300]
