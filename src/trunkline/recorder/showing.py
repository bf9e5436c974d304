"""I/O. The running calls, shown to whoever watches a few times a second; to nobody, nothing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from trunkline.live.board import Board, Seen
from trunkline.live.running import UNKNOWN
from trunkline.recorder.calls import Call
from trunkline.recorder.ears import Ears
from trunkline.recorder.present import now_us, running
from trunkline.recorder.recall import recall
from trunkline.recorder.tape import Tape

LOOK_NS: Final = 250_000_000
"""Between looks: what is shown is no older than this and the recorder's own delay."""
DELAY_US: Final = 1_000_000
"""How far behind the call one listens in: for its frames to be read, and answers to be cut."""


class Look(NamedTuple):
    """What was seen, and heard."""

    seen: dict[str, dict[str, Seen]]
    """By organisation and call."""
    sounds: dict[str, bytes]
    """By call that somebody listens in to."""
    over: tuple[str, ...]
    """Such calls that run no more."""


class Showing:
    """Looks at the calls that are watched, and puts them on the board."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._next_ns = 0
        self._watched = self._listened = frozenset[str]()
        self._taped: dict[str, Call] = {}
        """Calls that are listened in to, by id."""

    def due(self, now_ns: int) -> bool:
        """Return whether it is time to look, at calls that somebody watches."""
        before, self._watched = self._watched, self._board.watched
        self._listened = self._board.listeners.calls
        if not (self._watched or before):
            return False
        # Who has just come waits for nothing.
        return now_ns >= self._next_ns or not self._watched <= before

    def look(self, calls: Collection[Call], now_ns: int, read_ns: int) -> Look:
        """Return what is to be shown of `calls`, while nobody changes them.

        Everything that happened until `read_ns` has been read. Both gateway monotonic clock.
        """
        self._next_ns = now_ns + LOOK_NS
        seen: dict[str, dict[str, Seen]] = {org_id: {} for org_id in self._watched}
        for call in calls:
            opened = call.state.opened
            if opened is None or call.stored < 0:
                # What is shown can be asked about, ended and watched: the facts have it.
                continue
            if opened.org_id in seen:
                seen[opened.org_id][call.call_id] = self._see(call, now_ns)
            else:
                call.ears = None
        sounds = self._listen(calls, read_ns)
        return Look(seen, sounds, tuple(self._listened - self._taped.keys()))

    def show(self, look: Look) -> None:
        """Put it on the board, whose loop this is."""
        self._board.put(look.seen)
        self._board.listeners.sound(look.sounds, look.over)

    def _see(self, call: Call, now_ns: int) -> Seen:
        at_us = now_us(call.state, now_ns)
        if call.ears is None:
            call.ears = Ears(at_us, call.state.sound.assistant.cursor_us)
        levels = UNKNOWN if call.state.direct else call.ears.levels(at_us)
        return running(call.state, at_us, call.stored), levels

    def _listen(self, calls: Collection[Call], read_ns: int) -> dict[str, bytes]:
        """Return what is heard next of the calls that somebody listens in to."""
        sounds: dict[str, bytes] = {}
        running_now = {call.call_id: call for call in calls if call.call_id in self._listened}
        for call_id, call in running_now.items():
            if call.ears is None:
                continue
            until_us = (read_ns - call.state.opened_ns) // 1000 - DELAY_US
            if call.ears.tape is None:
                tape = call.ears.tape = Tape(max(0, until_us))
                for placed in recall(call, until_us):
                    tape.hear(placed)
            sounds[call_id] = call.ears.tape.until(until_us)
        for call_id, call in self._taped.items():
            if call_id in running_now or call.ears is None or call.ears.tape is None:
                continue
            # It has ended, or nobody listens any more: its last words, for those who do.
            sounds[call_id] = call.ears.tape.until(call.state.last_us)
            call.ears.tape = None
        self._taped = running_now
        return sounds
