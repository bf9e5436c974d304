"""Pure. The waveform of a call, small enough to draw at once.

Three lanes of loudest samples per slice of time, 0 (below 1/128 of full scale) to
127, from the call's opening on: what the caller sent, what of the assistant was heard, and what
was generated but never heard. Stored as JSON: `Peaks`.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from trunkline.protocol.audio import Samples

Lane: TypeAlias = Literal["caller", "assistant", "assistant_unheard"]

RATE_HZ = 24_000
MAX_SLICES = 18_000
"""Per lane: about 100 kB of JSON, for a call of any length."""
_PER_SECOND = (50, 25, 10, 5, 2, 1)
_SLOWEST = _PER_SECOND[-1]


class Peaks(msgspec.Struct, frozen=True, kw_only=True):
    """What the player draws. All lanes have the same length."""

    version: int = 1
    duration_ms: int
    """Of the recording. The last slice may reach beyond."""
    per_second: int
    """Slices per second: 50 up to 6 minutes, 25 to 12, 10 to 30, 5 to 60, then 2 or 1."""
    caller: tuple[int, ...]
    assistant: tuple[int, ...]
    assistant_unheard: tuple[int, ...]


def slices_per_second(duration_us: int) -> int:
    """Return the finest that keeps a lane of this length within `MAX_SLICES`."""
    fits = (rate for rate in _PER_SECOND if duration_us * rate <= MAX_SLICES * 1_000_000)
    return next(fits, _SLOWEST)


class PeakMeter:
    """Collects the peaks of sound that is fed in any order, in samples of 24 kHz."""

    def __init__(self, duration_us: int) -> None:
        self._duration_us = duration_us
        self._per_second = slices_per_second(duration_us)
        self._width = RATE_HZ // self._per_second
        count = -(-duration_us * self._per_second // 1_000_000)
        self._lanes: dict[Lane, npt.NDArray[np.int32]] = {
            lane: np.zeros(count, np.int32) for lane in ("caller", "assistant", "assistant_unheard")
        }

    def add(self, lane: Lane, start: int, samples: Samples) -> None:
        """Take `samples`, whose first one is number `start` of the call. What is beyond is cut."""
        peaks = self._lanes[lane]
        samples = samples[: max(0, len(peaks) * self._width - start)]
        if not len(samples):
            return
        first, last = start // self._width, (start + len(samples) - 1) // self._width
        edges = np.arange(first, last + 1) * self._width - start
        edges[0] = 0
        loudest = np.maximum.reduceat(np.abs(samples.astype(np.int32)), edges)
        peaks[first : last + 1] = np.maximum(peaks[first : last + 1], loudest)

    def result(self) -> Peaks:
        """Return the waveform."""
        lanes = {
            lane: tuple((peaks >> 8).clip(0, 127).tolist()) for lane, peaks in self._lanes.items()
        }
        return Peaks(
            duration_ms=-(-self._duration_us // 1000),
            per_second=self._per_second,
            caller=lanes["caller"],
            assistant=lanes["assistant"],
            assistant_unheard=lanes["assistant_unheard"],
        )
