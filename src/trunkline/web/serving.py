"""I/O. The web behind its socket, which other processes listen on before and after this one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator

import uvicorn
from fastapi import FastAPI

LAST_REQUESTS_S = 0.2
"""For the requests on connections that were accepted a moment ago to arrive."""
LAST_ANSWERS_S = 5
"""For the requests under way to be answered, when told to stop."""


class _Web(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals to `orders`."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what was accepted, and accept no more: the next process does.

        uvicorn would close a connection whose request has not come yet, and whoever made
        it would never know whether to ask again.
        """
        for server in self.servers:
            server.close()
        for listening in sockets or ():
            listening.close()
        await asyncio.sleep(LAST_REQUESTS_S)
        await super().shutdown()


def web_server(app: FastAPI) -> uvicorn.Server:
    """Return a server of `app`, to be told by `should_exit` when to end."""
    return _Web(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            # The private socket is reached by gateways only, and they write these headers anew.
            forwarded_allow_ips="*",
            timeout_graceful_shutdown=LAST_ANSWERS_S,
            lifespan="off",
        )
    )
