"""Recorded human speech for every test: tests/speech/, decoded to PCM16, 24 kHz, mono.

The names are the keys of tests/speech/manifest.json. See there for source and licence.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import TypedDict

import av
import numpy as np

RATE = 24_000
BYTES_PER_MS = RATE * 2 // 1000
_HERE = Path(__file__).parent.parent / "speech"


class Clip(TypedDict):
    """What the manifest says of one clip. Times from the clip's first sample."""

    text: str
    duration_ms: int
    speech_begins_ms: int
    speech_ends_ms: int
    source: str
    licence: str


@lru_cache
def _manifest() -> dict[str, Clip]:
    clips: dict[str, Clip] = json.loads((_HERE / "manifest.json").read_text("utf-8"))["clips"]
    return clips


def names() -> list[str]:
    """All clips."""
    return list(_manifest())


def about(name: str) -> Clip:
    """Everything that is known of a clip: duration, where speech begins and ends, licence."""
    return _manifest()[name]


def transcript(name: str) -> str:
    """The words that are spoken in a clip."""
    return _manifest()[name]["text"]


@lru_cache
def load(name: str) -> bytes:
    """PCM16 little endian, 24 kHz, mono: exactly `duration_ms` of the manifest."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(str(_HERE / f"{name}.opus")) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    pcm = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype("<i2")
    # The encoder pads the last packet.
    return pcm.tobytes()[: about(name)["duration_ms"] * BYTES_PER_MS]


def silence(duration_ms: int) -> bytes:
    """That much digital silence, in the same format."""
    return bytes(duration_ms * BYTES_PER_MS)


def chunks(pcm: bytes, chunk_ms: int = 100) -> list[bytes]:
    """`pcm` in pieces of `chunk_ms`, the last one shorter, as an application appends it."""
    step = chunk_ms * BYTES_PER_MS
    return [pcm[at : at + step] for at in range(0, len(pcm), step)]
