"""Requests that arrive while one server ends and the next begins."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fastapi import FastAPI
from tests.support.patience import PATIENCE_S

from trunkline.sockets import unix_socket
from trunkline.web.serving import web_server

REQUEST = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


def app(name: str) -> FastAPI:
    made = FastAPI()

    @made.get("/")
    async def index() -> str:  # pyright: ignore[reportUnusedFunction]
        return name

    return made


async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(REQUEST)
    async with asyncio.timeout(PATIENCE_S):
        answer = await reader.read()
    writer.close()
    return answer


async def test_one_ends_and_the_next_begins_and_every_request_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with unix_socket(path) as listening:
        first, second = web_server(app("first")), web_server(app("second"))
        serving = asyncio.create_task(first.serve(sockets=[listening.dup()]))
        assert b'"first"' in await answered(*await asyncio.open_unix_connection(path))
        accepted = await asyncio.open_unix_connection(path)
        while not first.server_state.connections:
            await asyncio.sleep(0.01)
        first.should_exit = True
        while first.servers and first.servers[0].is_serving():
            await asyncio.sleep(0.01)
        waiting = await asyncio.open_unix_connection(path)
        assert b'"first"' in await answered(*accepted)
        await serving
        serving = asyncio.create_task(second.serve(sockets=[listening.dup()]))
        assert b'"second"' in await answered(*waiting)
        second.should_exit = True
        await serving
