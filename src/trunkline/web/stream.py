"""I/O. An answer that goes on: sent piece by piece until it ends, or whoever asked is gone."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable
from typing import Final

from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from trunkline.clock import monotonic_ns
from trunkline.store.control.database import ControlUnavailable
from trunkline.web.auth import Reader, cookie_name, current_user, require_reader
from trunkline.web.deps import deps_of
from trunkline.web.recent import Recent
from trunkline.web.refusals import Refusal

STUCK_S: Final = 30.0
"""For a reader to take a piece. Who takes none would keep sockets, and what waits in them."""
CHECK_S: Final = 0.4
"""Between looks whether whoever asked still may."""
HEADERS: Final = {
    # Proxies must neither keep nor collect what is worth something now.
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
}


class Stream(Response):
    """Sends `pieces`, and calls `end` when that is over, however it is over."""

    def __init__(
        self, pieces: AsyncGenerator[bytes], media_type: str, end: Callable[[], None]
    ) -> None:
        super().__init__(media_type=media_type, headers=HEADERS)
        del self.headers["content-length"]
        self._pieces = pieces
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send, and notice at once when whoever asked has left."""
        writing = asyncio.ensure_future(self._write(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait([writing, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            writing.cancel()
            leaving.cancel()
            await asyncio.gather(writing, leaving, return_exceptions=True)
            await self._pieces.aclose()
            self._end()
        if not writing.cancelled():
            writing.result()

    async def _write(self, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        async for piece in self._pieces:
            try:
                async with asyncio.timeout(STUCK_S):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            except TimeoutError:
                # Not whole, so the connection is closed: they may come back.
                return
        await send({"type": "http.response.body", "body": b""})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Standing:
    """Whether whoever asked may go on: one look for all streams of the same credential."""

    def __init__(self) -> None:
        self._looks: Recent[bool] = Recent(CHECK_S)

    async def holds(self, request: Request, reader: Reader) -> bool:
        """Return whether `request` would still be answered as `reader` was.

        Not where that cannot be known: they may ask anew.
        """
        credential = request.headers.get("authorization") or request.cookies.get(
            cookie_name(deps_of(request).settings), ""
        )
        about = hashlib.sha256(f"{reader.org_id} {credential}".encode()).hexdigest()
        return await self._looks.get(
            about, monotonic_ns() // 1000, lambda: _may_read(request, reader)
        )


async def _may_read(request: Request, reader: Reader) -> bool:
    deps = deps_of(request)
    try:
        found = await require_reader(request, deps, await current_user(request, deps))
    except (Refusal, ControlUnavailable):
        return False
    return found.org_id == reader.org_id


def standing_of(request: Request) -> Standing:
    """Return the application's own. A FastAPI dependency."""
    state = request.app.state
    if not hasattr(state, "standing"):
        state.standing = Standing()
    return state.standing
