"""Running calls for tests of whoever shows them: a board, and what is put on it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from msgspec import structs

from trunkline.ids import call_id as call_id_of
from trunkline.live.board import Board, Seen
from trunkline.live.running import Levels, Running

LOOK_S = 0.01


def a_running_call(org_id: str, number: int = 1, **changes: Any) -> Running:
    """Return a call that listens, the `number`-th of its second."""
    call = Running(
        call_id=call_id_of(number.to_bytes(16, "big")),
        org_id=org_id,
        opened_at_us=1_795_356_000_000_000 + number,
        doing="listening",
        model="gpt-realtime-2.1",
        provider="openai",
    )
    return structs.replace(call, **changes)


class Stage:
    """Shows on a board what a test says that runs, as the recorder would."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.calls: dict[str, dict[str, Seen]] = {}

    def run_call(self, call: Running, levels: Levels = (-20, -96)) -> Running:
        """Have a call run, or change."""
        self.calls.setdefault(call.org_id, {})[call.call_id] = call, levels
        return call

    def end_call(self, call: Running) -> None:
        """Have it end."""
        del self.calls[call.org_id][call.call_id]

    def look(self) -> None:
        """Put what runs now on the board, for those who watch."""
        self.board.put({org_id: dict(self.calls.get(org_id, {})) for org_id in self.board.watched})

    @contextlib.asynccontextmanager
    async def showing(self) -> AsyncGenerator[Stage]:
        """Look all the time."""
        looking = asyncio.create_task(self._look_on())
        try:
            yield self
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _look_on(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)
