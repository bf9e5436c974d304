"""Pure. The mixes of frames that are relayed: what callers send, and what they are answered.

Both sides send events of the GA dialect as the Realtime API has them, with audio that
cannot be compressed. Every frame carries the time at which its caller sent it; an answer
carries the time of the frame that it answers, so that its caller can tell the round trip.
"""

import json
from base64 import b64encode
from typing import Any

import msgspec
import numpy as np

from bench.conversation import SESSION

STAMP_BYTES = 20
"""A time in ns, in digits; the first of them is 0."""
MARK = b'"event_0'
"""Comes in every stamped frame once, however its JSON was written, and ends in the stamp."""
MARK_WITHIN_BYTES = 128
"""Of the beginning of the frame."""


class Mix(msgspec.Struct, frozen=True):
    """How a call sounds on the wire."""

    name: str
    title: str
    interval_us: int
    """Between two frames of a caller."""
    audio_bytes: int
    """In each of them, before base64."""
    answers: tuple[int, ...]
    """Bytes of audio in each frame of one answer."""
    answer_every: int = 1
    """So many frames of the caller bring one answer."""

    @property
    def frames_per_s(self) -> float:
        """Frames of one call that are relayed in a second, both ways."""
        answers = len(self.answers) / self.answer_every
        return 1e6 / self.interval_us * (1 + answers)

    @property
    def mean_frame_bytes(self) -> int:
        """Mean size of the relayed frames."""
        caller = len(append(self)) * self.answer_every
        return round(
            (caller + sum(map(len, deltas(self)))) / (self.answer_every + len(self.answers))
        )


G711 = Mix("g711", "20 ms of G.711", 20_000, 160, (160,))
PCM16 = Mix("pcm16", "40 ms of PCM16", 40_000, 1_920, (1_920,))
BURSTS = Mix(
    "bursts", "40 ms of PCM16, answered in bursts", 40_000, 1_920,
    (12_000, 24_000, 48_000, 12_000), 25,
)  # fmt: skip
"""Once a second come two seconds of speech at once, in frames of 16 to 64 kB."""
MIXES = {mix.name: mix for mix in (G711, PCM16, BURSTS)}


def append(mix: Mix) -> bytes:
    """Return what a caller of `mix` sends, with an empty stamp."""
    return _event("input_audio_buffer.append", audio=_audio(mix.audio_bytes))


def deltas(mix: Mix) -> list[bytes]:
    """Return the frames of one answer, with empty stamps."""
    return [
        _event(
            "response.output_audio.delta", response_id="resp_bench", item_id="item_bench",
            output_index=0, content_index=0, delta=_audio(audio_bytes),
        )
        for audio_bytes in mix.answers
    ]  # fmt: skip


def greeting() -> bytes:
    """Return the first frame of a provider."""
    event = {"type": "session.created", "event_id": "event_created", "session": SESSION}
    return json.dumps(event, separators=(",", ":")).encode()


def stamp_at(frame: bytes) -> int:
    """Return where the stamp of a frame begins. Raises `ValueError` when it has none."""
    return frame.index(MARK, 0, MARK_WITHIN_BYTES) + len(MARK) - 1


def _event(kind: str, **fields: Any) -> bytes:
    event = {"type": kind, "event_id": f"event_{0:0{STAMP_BYTES}}", **fields}
    return json.dumps(event, separators=(",", ":")).encode()


def _audio(count: int) -> str:
    return b64encode(np.random.default_rng(count).bytes(count)).decode()
