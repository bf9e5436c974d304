"""Pure. What a session without turns says: clips, one after the other, with their words."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from trunkline.simulator.agenda import Ticket
from trunkline.simulator.audio import Encoding
from trunkline.simulator.room import Room
from trunkline.simulator.speech import Chunk, Clip

Fields = Callable[[Chunk], dict[str, Any]]
"""What an event says beside the delta, for the chunk that it carries."""


class Stream:
    """Sends `session.output_transcript.delta` and `session.output_audio.delta`, paced."""

    def __init__(
        self,
        room: Room,
        chunk_ms: int,
        words: Fields,
        sound: Fields | None,
        idle: Callable[[], None],
    ) -> None:
        """`words` and `sound` add to the events; `idle` is called when all has been said.

        Without `sound` its events have no ids either, as those of GPT-Live.
        """
        self._room, self._chunk_ms = room, chunk_ms
        self._words, self._sound, self._idle = words, sound, idle
        self._waiting: deque[Chunk] = deque()
        self._next: Ticket | None = None

    @property
    def busy(self) -> bool:
        """Whether something is being said."""
        return self._next is not None

    def say(self, clip: Clip, encoding: Encoding, wait_ms: float) -> None:
        """Say `clip` after what is being said, at the earliest in `wait_ms`."""
        self._waiting += clip.chunks(encoding, self._chunk_ms)
        if self._next is None:
            self._next = self._room.later(wait_ms, self._send)

    def hush(self) -> None:
        """Say no more of it."""
        self._waiting.clear()

    def _send(self) -> None:
        self._next = None
        if not self._waiting:
            self._idle()
            return
        chunk = self._waiting.popleft()
        if chunk.transcript:
            said = {"delta": chunk.transcript, **self._words(chunk)}
            self._room.say("session.output_transcript.delta", said)
        if self._sound is None:
            self._room.say_unnamed("session.output_audio.delta", {"delta": chunk.audio})
        else:
            said = {"delta": chunk.audio, **self._sound(chunk)}
            self._room.say("session.output_audio.delta", said)
        burst = self._room.config.burst
        wait_ms = chunk.duration_ms / burst if burst > 0 else 0.0
        self._next = self._room.later(wait_ms, self._send)
