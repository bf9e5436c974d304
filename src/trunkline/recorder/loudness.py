"""Pure. Until when the caller was loud: the end of speech where no event tells it.

`semantic_vad` waits for as long as it sees fit, so `speech_stopped` says nothing of when
the caller fell silent, and who commits by hand lets go of a button when it suits. The sound
itself tells (protocol.md 6.1). It is only looked at in such sessions, since decoding it costs
more than all else that is done to a frame.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from trunkline.protocol.audio import decode_base64, decode_pcm16
from trunkline.recorder.sound import Placed

WINDOWS_PER_SECOND: Final = 50
SHORTEST: Final = 160
"""Samples of a window: 20 ms at 8 kHz. A session may claim any rate."""
QUIETEST: Final = 250.0
"""Root mean square of 16-bit samples, -42 dBFS: nothing below it is speech close to a phone."""
ABOVE_NOISE: Final = 4.0
"""Speech is so many times as loud as the noise around it: 12 dB."""
FORGETTING: Final = 1.005
"""How fast the noise is taken to rise, for each window that is louder: 12 dB in 5.5 s."""


class Loudness(msgspec.Struct):
    """Follows one call's sound."""

    noise: float = QUIETEST / ABOVE_NOISE
    until_us: int | None = None
    """End of the last loud window, as an offset of all sound appended."""

    def hear(self, placed: Placed, offset_us: int) -> None:
        """Take notice of a chunk that begins at `offset_us`."""
        samples = decode_pcm16(placed.format, decode_base64(placed.base64))
        length = max(SHORTEST, placed.format.rate_hz // WINDOWS_PER_SECOND)
        for start in range(0, len(samples), length):
            window = samples[start : start + length].astype(np.float32)
            level = float(np.sqrt(np.mean(window * window)))
            if level > max(QUIETEST, ABOVE_NOISE * self.noise):
                self.until_us = (
                    offset_us + (start + len(window)) * 1_000_000 // placed.format.rate_hz
                )
            self.noise = min(level, self.noise * FORGETTING + 0.01)
