"""Pure. The caller's audio: the buffer, voice activity in it, and commits.

All positions are ms, or samples at 24 kHz, on the timeline of audio appended in
this session. It never goes back: `clear` empties the buffer, not the timeline.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pybase64

from trunkline.simulator.audio import SAMPLES_PER_MS, Encoding, Intake, Samples
from trunkline.simulator.conversation import Item
from trunkline.simulator.refusal import Refused, invalid, missing
from trunkline.simulator.room import Room
from trunkline.simulator.shape import EAGERNESS_MS
from trunkline.simulator.vad import Detector, Started, Stopped, energy, silero

_LEAST_COMMIT_MS = 100
_LARGEST_APPEND = 15 << 20
_SEMANTIC_PART = 4
"""semantic_vad is played by silence alone: this part of the longest silence it would wait."""
_KEPT_MS = 2_000
"""Audio without speech that is kept, so that prefix padding can be had from it."""


class Buffer:
    """Appended audio that is not committed yet."""

    def __init__(self) -> None:
        self._pieces: deque[Samples] = deque()
        self._begins = 0
        self.ends = 0
        """Samples of the timeline at its beginning and its end."""

    def append(self, samples: Samples, passed: int) -> None:
        """Add audio that covers `passed` samples of time; the filter may give a few less."""
        self._pieces.append(samples)
        self.ends += passed

    def drop_before(self, position: int) -> None:
        """Forget whole pieces that end before `position`."""
        while self._pieces and self._begins + len(self._pieces[0]) <= position:
            self._begins += len(self._pieces.popleft())

    def cut(self, begins: int, ends: int) -> Samples:
        """Return the audio between two positions, and forget all up to the second."""
        every = np.concatenate([np.empty(0, np.int16), *self._pieces])
        offset = self._begins
        taken = every[max(0, begins - offset) : max(0, ends - offset)]
        rest = every[max(0, ends - offset) :]
        self._pieces = deque([rest])
        self._begins = min(max(ends, offset), offset + len(every))
        return taken

    def clear(self) -> None:
        """Forget everything. The timeline stays."""
        self._pieces.clear()
        self._begins = self.ends


class Hearing:
    """Turns appended audio into speech events and committed items."""

    def __init__(
        self,
        room: Room,
        on_speech: Callable[[], None],
        before_commit: Callable[[Item], None],
        on_turn: Callable[[Item, bool], None],
    ) -> None:
        self._room, self._on_speech, self._on_turn = room, on_speech, on_turn
        self._before_commit = before_commit
        self._buffer = Buffer()
        self._committed = 0
        self._intake = Intake(self._encoding())
        self._detector: Detector | None = None
        self._pending: str | None = None
        """Id of the item that the speech now heard will become."""
        self._start_ms = 0

    @property
    def speech_going_on(self) -> bool:
        """Whether the caller is speaking just now."""
        return self._pending is not None

    @property
    def position_ms(self) -> int:
        """How much audio was appended in this session."""
        return self._buffer.ends // SAMPLES_PER_MS

    def _encoding(self) -> Encoding:
        return self._room.session["audio"]["input"]["format"]["type"]

    def _rules(self) -> dict[str, Any] | None:
        return self._room.session["audio"]["input"]["turn_detection"]

    def append(self, event: dict[str, Any]) -> None:
        """Take `input_audio_buffer.append`. Never acknowledged. Raises `Refused`."""
        octets = base64_of(event.get("audio"), "audio")
        if self._intake.encoding != self._encoding():
            self._intake = Intake(self._encoding())
        rules = self._rules()
        passed, wide, heard = self._intake.take(octets, listen=rules is not None)
        self._buffer.append(wide, passed)
        if rules is None:
            self._detector = None
        else:
            self._listen(heard, rules)

    def _listen(self, heard: Samples, rules: dict[str, Any]) -> None:
        if self._detector is None:
            make = silero if self._room.config.vad == "silero" else energy
            self._detector = Detector(make(), at_ms=self.position_ms - len(heard) // 16)
        threshold, prefix_ms, silence_ms = _thresholds(rules)
        for found in self._detector.take(heard, threshold=threshold, silence_ms=silence_ms):
            match found:
                case Started():
                    self._start(found.onset_ms - prefix_ms, rules)
                case Stopped():
                    self._stop(found.end_ms + silence_ms)
        if self._pending is None:
            self._buffer.drop_before(self._buffer.ends - (prefix_ms + _KEPT_MS) * SAMPLES_PER_MS)

    def _start(self, start_ms: int, rules: dict[str, Any]) -> None:
        self._start_ms = max(start_ms, self._committed // SAMPLES_PER_MS, 0)
        self._pending = self._room.chance.id("item")
        fields = {"audio_start_ms": self._start_ms, "item_id": self._pending}
        self._room.say("input_audio_buffer.speech_started", fields)
        if rules.get("interrupt_response", False):
            self._on_speech()

    def _stop(self, end_ms: int) -> None:
        end_ms = min(end_ms, self.position_ms)
        item_id, self._pending = self._pending or self._room.chance.id("item"), None
        fields = {"audio_end_ms": end_ms, "item_id": item_id}
        self._room.say("input_audio_buffer.speech_stopped", fields)
        self._commit(item_id, self._start_ms * SAMPLES_PER_MS, end_ms * SAMPLES_PER_MS, True)

    def commit(self) -> None:
        """Take `input_audio_buffer.commit`: all that there is. Raises `Refused`."""
        since_ms = (self._buffer.ends - self._committed) / SAMPLES_PER_MS
        if since_ms < _LEAST_COMMIT_MS:
            raise Refused(
                "input_audio_buffer_commit_empty",
                f"Error committing input audio buffer: buffer too small. Expected at least "
                f"{_LEAST_COMMIT_MS}ms of audio, but buffer only has {since_ms:.2f}ms of audio.",
            )
        item_id, self._pending = self._pending or self._room.chance.id("item"), None
        self._forget_speech()
        self._commit(item_id, self._committed, self._buffer.ends, False)

    def commit_silence(self) -> None:
        """Announce an idle timeout and commit what was heard since the last commit."""
        item_id = self._room.chance.id("item")
        begins, ends = self._committed, self._buffer.ends
        fields = {
            "audio_start_ms": begins // SAMPLES_PER_MS,
            "audio_end_ms": ends // SAMPLES_PER_MS,
            "item_id": item_id,
        }
        self._room.say("input_audio_buffer.timeout_triggered", fields)
        self._commit(item_id, begins, ends, False)

    def clear(self) -> None:
        """Take `input_audio_buffer.clear`. Speech that was going on becomes no item."""
        self._buffer.clear()
        self._committed, self._pending = self._buffer.ends, None
        self._forget_speech()
        self._room.say("input_audio_buffer.cleared", {})

    def _forget_speech(self) -> None:
        # What goes on being said after a commit or a clear is a new start.
        if self._detector is not None:
            self._detector.forget()

    def _commit(self, item_id: str, begins: int, ends: int, by_vad: bool) -> None:
        body = {
            "id": item_id,
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        item = Item(body)
        item.audio = self._buffer.cut(begins, ends)
        self._committed = ends
        self._before_commit(item)
        previous = self._room.conversation.last_id
        self._room.say(
            "input_audio_buffer.committed", {"item_id": item_id, "previous_item_id": previous}
        )
        self._room.conversation.insert(item)
        # Seen on the wire: in a transcription session items are not linked.
        link = {} if self._room.transcribes_only else {"previous_item_id": previous}
        self._room.say("conversation.item.added", {**link, "item": body})
        self._room.say("conversation.item.done", {**link, "item": body})
        self._on_turn(item, by_vad)


def _thresholds(rules: dict[str, Any]) -> tuple[float, int, int]:
    """(threshold, prefix padding ms, silence ms) of the turn detection in force."""
    if rules["type"] == "semantic_vad":
        return 0.5, 300, EAGERNESS_MS[rules["eagerness"]] // _SEMANTIC_PART
    return (
        rules["threshold"] or 0.5,
        rules["prefix_padding_ms"] or 0,
        rules["silence_duration_ms"] or 0,
    )


def base64_of(audio: object, path: str) -> bytes:
    """Return the bytes of base64 text. Raises `Refused` for anything else."""
    if audio is None:
        raise missing(path)
    if not isinstance(audio, str):
        raise invalid(path, audio, "Expected base64.")
    try:
        octets = pybase64.b64decode(audio, validate=True)
    except ValueError:
        message = f"Invalid '{path}'. Expected base64-encoded audio bytes."
        raise Refused("invalid_value", message, path) from None
    if len(octets) > _LARGEST_APPEND:
        message = f"Invalid '{path}': more than 15 MiB of audio."
        raise Refused("string_above_max_length", message, path)
    return octets
