"""Who follows the feed of running calls."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from tests.support.web import Site

from trunkline.web.serving import web_server

FEED = "/v1/live/events"
WAIT_S = 30.0


class Feed:
    """One who reads server-sent events."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()
        self.last_id = ""

    async def next(self, name: str = "") -> dict[str, Any]:
        """Return the data of the next event, or of the next of that name."""
        async with asyncio.timeout(WAIT_S):
            event: dict[str, str] = {}
            async for line in self._lines:
                if line:
                    field, _, value = line.partition(": ")
                    event[field] = value
                elif "event" in event:
                    self.last_id = event["id"]
                    if name in ("", event["event"]):
                        return {"event": event["event"], **json.loads(event["data"])}
                    event = {}
                else:
                    event = {}
        raise EOFError

    async def line(self) -> str:
        """Return the next line, whatever it is."""
        async with asyncio.timeout(WAIT_S):
            return await anext(self._lines)

    async def until_it_ends(self) -> None:
        """Wait for the end of the feed."""
        async with asyncio.timeout(WAIT_S):
            async for _ in self._lines:
                pass


@asynccontextmanager
async def following(
    client: httpx2.AsyncClient, headers: dict[str, str], query: str = ""
) -> AsyncGenerator[Feed]:
    async with client.stream("GET", FEED + query, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        yield Feed(answer)


@asynccontextmanager
async def serving(site: Site) -> AsyncGenerator[httpx2.AsyncClient]:
    """Yield a client of the application on a port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = web_server(site.app)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            async with httpx2.AsyncClient(base_url=url, timeout=WAIT_S) as client:
                yield client
        finally:
            site.stage.board.close()
            server.should_exit = True
            await task
