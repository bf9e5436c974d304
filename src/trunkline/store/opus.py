"""I/O. Ogg Opus files: written and read second by second, so that any length fits in memory.

24 kHz because that is what providers send; `application=audio` because it keeps the two
sides of a call apart to the last bit (`voip` codes them jointly and lets one whisper into
the other, 46 dB down). 24 kb/s for each side, variable. One core encodes two sides 500 times
faster than real time at complexity 0. Complexity 5 takes twice as long and a sixth more space for
speech whose spectrum is a twentieth of a decibel closer to what was said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame

RATE_HZ = 24_000
BIT_RATE = 24_000
"""Per channel."""
COMPLEXITY = 0

Block: TypeAlias = npt.NDArray[np.int16]
"""Samples by channels. Caller is channel 0, assistant 1."""


def encode(blocks: Iterable[Block], channels: int, out: Path) -> None:
    """Write `blocks`, one after the other, to the file `out`. The same sound, the same bytes."""
    layout = "stereo" if channels == 2 else "mono"
    with av.open(str(out), "w", format="ogg", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libopus", rate=RATE_HZ, layout=layout, format="s16")
        stream.bit_rate = BIT_RATE * channels
        stream.options = {
            "application": "audio",
            "vbr": "on",
            "compression_level": str(COMPLEXITY),
        }
        start = 0
        for block in blocks:
            frame = AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
            container.mux(stream.encode(frame))
            start += len(block)
        container.mux(stream.encode(None))


def decode(path: Path) -> Iterator[Block]:
    """Yield the sound of a file that `encode` wrote with two channels."""
    resampler = av.AudioResampler(format="s16", layout="stereo", rate=RATE_HZ)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            yield from _blocks(resampler.resample(frame))
        yield from _blocks(resampler.resample(None))


def _blocks(frames: list[AudioFrame]) -> Iterator[Block]:
    for frame in frames:
        yield frame.to_ndarray().astype(np.int16, copy=False).reshape(-1, 2)
