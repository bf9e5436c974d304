"""A caller in a call through a whole Trunkline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.caller import Caller
from tests.support.patience import PATIENCE_S
from tests.support.running import Running
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

MODEL = "gpt-realtime-2.1"
LISTENING: dict[str, Any] = {
    "type": "realtime",
    "audio": {
        "input": {
            "transcription": {"model": "gpt-4o-mini-transcribe"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 500},
        }
    },
}
"""A session that transcribes its caller."""


class Connected(Caller):
    """A caller whose call has an id, and ends. Make one with `calling`."""

    def __init__(self, connection: ClientConnection) -> None:
        super().__init__(connection)
        assert connection.response is not None
        self.call_id = connection.response.headers["Helicone-Id"]

    async def _read(self) -> None:
        try:
            await super()._read()
        except ConnectionClosed:
            # Whoever waits for the end asks `closed` for its code.
            return

    async def configure(self, session: dict[str, Any]) -> None:
        """Update the session, and wait until it is."""
        await self.send("session.update", session=session)
        await self.until("session.updated")

    async def answered(self) -> None:
        """Wait until a response has come to its end: those that were cut off do not."""
        while (await self.until("response.done"))["response"]["status"] != "completed":
            pass

    async def hang_up(self) -> None:
        """End the call."""
        await self._connection.close()

    async def closed(self) -> int | None:
        """Wait for the end; return the code of the other side's close."""
        async with asyncio.timeout(PATIENCE_S):
            await self._connection.wait_closed()
        return self._connection.close_code


@asynccontextmanager
async def calling(started: Running, **headers: str) -> AsyncGenerator[Connected]:
    """Yield a caller in a call through `started`; `headers` come beside the usual."""
    url = f"{started.websocket_url}/v1/gateway/oai/realtime?model={MODEL}"
    usual = {"Authorization": "Bearer sk-of-the-provider", **started.headers}
    async with connect(url, additional_headers={**usual, **headers}) as connection:
        yield Connected(connection)
