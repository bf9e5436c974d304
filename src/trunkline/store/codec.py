"""I/O. Sound files, written and read second by second, so that any length fits in memory.

`opus` is what is kept: Ogg Opus, 24 kb/s for each side, variable. `application=audio` because it
keeps the two sides of a call apart to the last bit (`voip` codes them jointly and lets one
whisper into the other, 46 dB down). One core encodes two sides 500 times faster than real
time at complexity 0. Complexity 5 takes twice as long and a sixth more space for speech whose
spectrum is a twentieth of a decibel closer to what was said.

`wav` is for the time until then: it costs nothing but room, sixteen times as much, about what the
frames of the call took while they were in its spool.

24 kHz because that is what providers send.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame

RATE_HZ = 24_000
OPUS_BIT_RATE = 24_000
"""Per channel."""
OPUS_COMPLEXITY = 0

Codec: TypeAlias = Literal["opus", "wav"]
Block: TypeAlias = npt.NDArray[np.int16]
"""Samples by channels. Caller is channel 0, assistant 1."""

_CONTAINER: dict[Codec, str] = {"opus": "ogg", "wav": "wav"}
_ENCODER: dict[Codec, Literal["libopus", "pcm_s16le"]] = {"opus": "libopus", "wav": "pcm_s16le"}


def encode(blocks: Iterable[Block], channels: int, out: Path, codec: Codec = "opus") -> None:
    """Write `blocks`, one after the other, to the file `out`. The same sound, the same bytes."""
    layout = "stereo" if channels == 2 else "mono"
    bitexact = {"fflags": "+bitexact"}
    with av.open(str(out), "w", format=_CONTAINER[codec], options=bitexact) as container:
        stream = container.add_stream(_ENCODER[codec], rate=RATE_HZ, layout=layout, format="s16")
        if codec == "opus":
            stream.bit_rate = OPUS_BIT_RATE * channels
            stream.options = {
                "application": "audio",
                "vbr": "on",
                "compression_level": str(OPUS_COMPLEXITY),
            }
        start = 0
        for block in blocks:
            frame = AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
            container.mux(stream.encode(frame))
            start += len(block)
        container.mux(stream.encode(None))


def decode(path: Path) -> Iterator[Block]:
    """Yield the sound of a file that `encode` wrote with two channels, about a second at a time."""
    pending: list[Block] = []
    for block in _frames(path):
        pending.append(block)
        if sum(map(len, pending)) >= RATE_HZ:
            yield np.concatenate(pending)
            pending.clear()
    if pending:
        yield np.concatenate(pending)


def _frames(path: Path) -> Iterator[Block]:
    resampler = av.AudioResampler(format="s16", layout="stereo", rate=RATE_HZ)
    with av.open(str(path)) as container:
        for packet in container.decode(audio=0):
            for frame in resampler.resample(packet):
                yield _block(frame)
        for frame in resampler.resample(None):
            yield _block(frame)


def _block(frame: AudioFrame) -> Block:
    return frame.to_ndarray().astype(np.int16, copy=False).reshape(-1, 2)
