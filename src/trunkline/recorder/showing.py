"""I/O. The running calls, shown to whoever watches a few times a second; to nobody, nothing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from trunkline.live.board import Board, Seen
from trunkline.live.running import UNKNOWN
from trunkline.recorder.calls import Call
from trunkline.recorder.ears import Ears
from trunkline.recorder.present import now_us, running

LOOK_NS: Final = 250_000_000
"""Between looks: what is shown is no older than this and the recorder's own delay."""


class Showing:
    """Looks at the calls that are watched, and puts them on the board."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._next_ns = 0
        self._watched: frozenset[str] = frozenset()

    def due(self, now_ns: int) -> bool:
        """Return whether it is time to look, at calls that somebody watches."""
        before, self._watched = self._watched, self._board.watched
        if not (self._watched or before):
            return False
        # Who has just come waits for nothing.
        return now_ns >= self._next_ns or not self._watched <= before

    def look(self, calls: Collection[Call], now_ns: int) -> dict[str, dict[str, Seen]]:
        """Return what is to be shown of `calls`, while nobody changes them."""
        self._next_ns = now_ns + LOOK_NS
        seen: dict[str, dict[str, Seen]] = {org_id: {} for org_id in self._watched}
        for call in calls:
            opened = call.state.opened
            if opened is None or call.stored < 0:
                # What is shown can be asked about, ended and watched: the facts have it.
                continue
            if opened.org_id not in seen:
                call.ears = None
                continue
            at_us = now_us(call.state, now_ns)
            if call.ears is None:
                call.ears = Ears(at_us, call.state.sound.assistant.cursor_us)
            levels = call.ears.levels(at_us) if opened.transport == "websocket" else UNKNOWN
            shown = running(call.state, at_us, call.stored)
            seen[opened.org_id][call.call_id] = shown, levels
        return seen

    def show(self, seen: dict[str, dict[str, Seen]]) -> None:
        """Put it on the board, whose loop this is."""
        self._board.put(seen)
