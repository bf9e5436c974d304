"""Pure. Audio as the wire carries it: lengths, G.711 and PCM samples.

A length in time is arithmetic on the length of the base64 text, so that nothing is
decoded to know how long it plays. No source promises that a delta ends on a
sample boundary (protocol.md 3.5): `whole_samples` carries the odd byte.
"""

from __future__ import annotations

import binascii
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pybase64

from trunkline.protocol.formats import Format

Samples: TypeAlias = npt.NDArray[np.int16]


def decoded_bytes(base64_text: str) -> int:
    """Return how many bytes `base64_text` decodes to, without decoding it."""
    padding = 0
    if base64_text.endswith("="):
        padding = 2 if base64_text.endswith("==") else 1
    return len(base64_text) * 3 // 4 - padding


def duration_us(format_: Format, base64_text: str) -> int:
    """Return how long `base64_text` plays, in µs, rounded down.

    Sum `decoded_bytes` and convert once where many are added up: each rounding
    down loses up to 1 µs.
    """
    return decoded_bytes(base64_text) * 1_000_000 // format_.bytes_per_second


def decode_base64(text: str) -> bytes:
    """Return the bytes of `text`; none if it is not base64. Foreign input: never raises."""
    try:
        return pybase64.b64decode(text)
    except (binascii.Error, ValueError):
        return b""


def whole_samples(format_: Format, carry: bytes, data: bytes) -> tuple[bytes, bytes]:
    """Return the whole samples of `carry + data`, and the odd byte to carry on."""
    joined = carry + data
    odd = len(joined) % format_.bytes_per_sample
    return (joined[:-odd], joined[-odd:]) if odd else (joined, b"")


def decode_pcm16(format_: Format, data: bytes) -> Samples:
    """Return the samples of `data` at the format's own rate. An odd last byte is left out."""
    if format_.encoding == "pcm":
        return np.frombuffer(data, dtype="<i2", count=len(data) // 2).astype(np.int16)
    table = ULAW_TO_PCM if format_.encoding == "pcmu" else ALAW_TO_PCM
    return table[np.frombuffer(data, dtype=np.uint8)]


def encode_pcm16(format_: Format, samples: Samples) -> bytes:
    """Return `samples`, which have the format's rate already, as its bytes."""
    if format_.encoding == "pcm":
        return samples.astype("<i2").tobytes()
    encode = _ulaw_of if format_.encoding == "pcmu" else _alaw_of
    return encode(samples.astype(np.int32)).tobytes()


def _ulaw_table() -> Samples:
    """ITU-T G.711 mu-law: complemented sign, 3 bits of segment, 4 of step; bias 33 × 4."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_table() -> Samples:
    """ITU-T G.711 A-law: even bits inverted, segment 0 and 1 have the same step."""
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment = (code & 0x70) >> 4
    step = ((code & 0x0F) << 4) + 8
    magnitude = np.where(segment == 0, step, (step + 0x100) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


ULAW_TO_PCM = _ulaw_table()
ALAW_TO_PCM = _alaw_table()


def _segments(magnitude: npt.NDArray[np.int32], first_end: int) -> npt.NDArray[np.int32]:
    """Return each value's segment, 0 to 7; `first_end` is the last value of segment 0."""
    ends = np.array([((first_end + 1) << shift) - 1 for shift in range(7)])
    return np.searchsorted(ends, magnitude).astype(np.int32)


def _ulaw_of(samples: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    """G.711 mu-law of 16-bit samples, on their upper 14 bits as the standard has it."""
    value = samples >> 2
    sign = np.where(value < 0, 0x7F, 0xFF)
    biased = np.minimum(np.abs(value), 8158) + 33
    segment = _segments(biased, 0x3F)
    step = (biased >> (segment + 1)) & 0x0F
    return ((segment << 4 | step) ^ sign).astype(np.uint8)


def _alaw_of(samples: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    """G.711 A-law of 16-bit samples, on their upper 13 bits as the standard has it."""
    value = samples >> 3
    sign = np.where(value < 0, 0x55, 0xD5)
    magnitude = np.where(value < 0, -value - 1, value)
    segment = _segments(magnitude, 0x1F)
    step = (magnitude >> np.maximum(segment, 1)) & 0x0F
    return ((segment << 4 | step) ^ sign).astype(np.uint8)
