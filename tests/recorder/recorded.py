"""A recorded golden call, measured by hand: protocol.md 6 word for word, without the recorder.

Symbols are those of protocol.md 6.1. Everything is looked up in the whole list of events, so
it is slow, obvious, and shares nothing with `fold` but the decoding of JSON and base64.
"""

import json
from base64 import b64decode
from typing import Any, NamedTuple

from tests.support import golden

from trunkline.journal.record import Kind, Leg


class Event(NamedTuple):
    """One frame; times in µs on the call's clock."""

    seq: int
    leg: Leg
    type: str
    fields: dict[str, Any]
    came_us: int
    """`up` or `dn`."""
    went_us: int
    """`fw` or `dl`."""


class Measured:
    """All frames of one golden call, and what can be said of them with a ruler."""

    def __init__(self, name: str) -> None:
        self.events = [
            Event(
                record.seq, record.leg, (fields := json.loads(record.payload))["type"], fields,
                (record.received_ns - golden.OPENED_NS) // 1000,
                (record.handed_ns - golden.OPENED_NS) // 1000,
            )
            for record in golden.records(name)
            if record.kind is Kind.FRAME
        ]  # fmt: skip
        session = self.all("session.updated")[-1].fields["session"]
        detection = session["audio"]["input"]["turn_detection"]
        self.window_ms: int = detection["silence_duration_ms"]
        self.prefix_ms: int = detection["prefix_padding_ms"]
        telephone = session["audio"]["input"]["format"]["type"] == "audio/pcmu"
        self.bytes_per_ms = 8 if telephone else 48

    def all(self, type_: str, **where: Any) -> list[Event]:
        return [e for e in self.events if e.type == type_ and where.items() <= e.fields.items()]

    def length_us(self, event: Event) -> int:
        """Duration of the sound in one frame."""
        sound = event.fields["audio" if event.leg is Leg.CALLER else "delta"]
        return len(b64decode(sound)) * 1000 // self.bytes_per_ms

    def spoken_us(self, offset_ms: int) -> int:
        """`A(x)`: an append of duration d received at t covers [X, X+d); t - (X + d - x)."""
        before_us = 0
        for append in self.all("input_audio_buffer.append"):
            after_us = before_us + self.length_us(append)
            if offset_ms * 1000 < after_us:
                return append.came_us - (after_us - offset_ms * 1000)
            before_us = after_us
        raise AssertionError(f"nothing was appended at {offset_ms} ms")

    def user_start_us(self, item_id: str) -> int:
        """`A(audio_start_ms + P)`."""
        (event,) = self.all("input_audio_buffer.speech_started", item_id=item_id)
        return self.spoken_us(event.fields["audio_start_ms"] + self.prefix_ms)

    def user_end_us(self, item_id: str) -> int:
        """`A(audio_end_ms - S)`."""
        (event,) = self.all("input_audio_buffer.speech_stopped", item_id=item_id)
        return self.spoken_us(event.fields["audio_end_ms"] - self.window_ms)

    def sound_of(self, response_id: str) -> list[Event]:
        return self.all("response.output_audio.delta", response_id=response_id)

    def play_start_us(self, response_id: str) -> int:
        """`p = dl(F)`: here no answer begins before the one before it was played."""
        return self.sound_of(response_id)[0].went_us

    def stalled_us(self, response_id: str) -> int:
        """How late sound came that was due: `if dl(i) > due: stall += dl(i) - due`."""
        due_us, stalled_us = self.play_start_us(response_id), 0
        for delta in self.sound_of(response_id):
            stalled_us += max(0, delta.went_us - due_us)
            due_us = max(due_us, delta.went_us) + self.length_us(delta)
        return stalled_us

    def made_us(self, response_id: str) -> int:
        """`D`."""
        return sum(map(self.length_us, self.sound_of(response_id)))
