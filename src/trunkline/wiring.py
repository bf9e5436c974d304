"""The only module that names every concrete class: what each process is made of."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from trunkline import logs
from trunkline.clock import wall_ns
from trunkline.errors import OperatorError
from trunkline.ids import RANDOM_BYTES, ulid_bytes
from trunkline.layout import DataLock, Layout
from trunkline.settings import Settings
from trunkline.tls import public_context

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run one process's work to its end on uvloop."""
    return uvloop.run(main)


# --- processes -----------------------------------------------------------------------


async def gateway(
    settings: Settings,
    name: str,
    listen_fd: int | None,
    server_socket: Path | None,
    *,
    supervised: bool,
) -> None:
    """Be one gateway process until told to stop; then drain."""
    from trunkline.journal.writer import JournalWriter
    from trunkline.relay.gateway import Gateway
    from trunkline.supervisor import bind_public

    logs.configure(settings, name)
    layout = Layout(settings.data)
    layout.create()
    public = _inherited(listen_fd) or bind_public(settings.host, settings.port)
    instance = ulid_bytes(wall_ns(), secrets.token_bytes(RANDOM_BYTES))
    journal = JournalWriter(layout.journal / name, instance, settings)
    journal.start()
    relay = Gateway(
        settings,
        journal,
        snapshot_path=layout.snapshot,
        server_socket=server_socket,
        instance=instance,
        tls=public_context(settings),
    )
    await relay.start(public)
    await _told_to_stop(supervised=supervised)
    await relay.stop()
    await journal.close()


async def server(
    settings: Settings, listen_fd: int | None, socket_path: Path | None, *, supervised: bool
) -> None:
    """Be the recorder and the web until told to stop."""
    import uvicorn

    from trunkline.recorder.run import Recorder
    from trunkline.web.app import create_app

    logs.configure(settings, "server")
    listening = _inherited(listen_fd) or _unix_socket(socket_path)
    async with _stores(settings) as stores:
        recorder = Recorder(settings, stores.layout, stores.facts, stores.blobs, stores.prices)
        recording = asyncio.create_task(recorder.run())
        publishing = asyncio.create_task(stores.control.watch_and_publish(stores.layout.snapshot))
        config = uvicorn.Config(
            create_app(stores.dependencies(settings, recorder)),
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            proxy_headers=True,
            forwarded_allow_ips="*",
            timeout_graceful_shutdown=3,
        )
        web = _Web(config)
        serving = asyncio.create_task(web.serve(sockets=[listening]))
        await _told_to_stop(supervised=supervised)
        web.should_exit = True
        await serving
        publishing.cancel()
        await recorder.stop()
        await recording


async def simulator(
    host: str,
    port: int,
    seed: int,
    switches: Sequence[str],
    listen_fd: int | None,
    *,
    supervised: bool,
) -> None:
    """Be a provider until told to stop."""
