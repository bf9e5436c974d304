"""Pure. The three wire formats of audio, and the ways between them.

Inside the simulator audio is PCM16, 24 kHz, mono, little endian. Positions on
the audio timeline are counted in its samples, whatever the wire carries.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import soxr

Samples = npt.NDArray[np.int16]
Encoding = Literal["audio/pcm", "audio/pcmu", "audio/pcma"]

RATE = 24_000
G711_RATE = 8_000
VAD_RATE = 16_000
SAMPLES_PER_MS = RATE // 1000

_BYTE = np.arange(256, dtype=np.int32)


def _ulaw_table() -> Samples:
    """ITU-T G.711, table 2a: the 14-bit value of each octet, as 16 bits."""
    octet = ~_BYTE & 0xFF
    magnitude = ((((octet & 0x0F) << 3) + 0x84) << ((octet >> 4) & 7)) - 0x84
    return np.where(octet & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_table() -> Samples:
    """ITU-T G.711, table 1a: the 13-bit value of each octet, as 16 bits."""
    octet = _BYTE ^ 0x55
    segment, step = (octet >> 4) & 7, (octet & 0x0F) << 4
    magnitude = np.where(segment == 0, step + 8, (step + 0x108) << np.maximum(segment - 1, 0))
    return np.where(octet & 0x80, magnitude, -magnitude).astype(np.int16)


def _nearest(decoded: Samples) -> npt.NDArray[np.uint8]:
    """For each int16 (as uint16 index) the octet whose value is nearest."""
    order = np.argsort(decoded, kind="stable")
    values = decoded[order].astype(np.int32)
    every = np.arange(-32768, 32768, dtype=np.int32)
    above = np.clip(np.searchsorted(values, every), 1, len(values) - 1)
    below = above - 1
    pick = np.where(every - values[below] <= values[above] - every, below, above)
    return np.roll(order[pick].astype(np.uint8), 32768)


_DECODE: dict[str, Samples] = {"audio/pcmu": _ulaw_table(), "audio/pcma": _alaw_table()}
_ENCODE = {name: _nearest(table) for name, table in _DECODE.items()}


def bytes_per_second(encoding: Encoding) -> int:
    """Return the size of one second on the wire, before base64."""
    return RATE * 2 if encoding == "audio/pcm" else G711_RATE


def decode_g711(octets: bytes, encoding: Encoding) -> Samples:
    """Return G.711 as PCM16, still at 8 kHz."""
    return _DECODE[encoding][np.frombuffer(octets, np.uint8)]


def decode(octets: bytes, encoding: Encoding) -> Samples:
    """Return wire bytes as 24 kHz samples. Half a sample at the end is dropped."""
    if encoding == "audio/pcm":
        return np.frombuffer(octets[: len(octets) & ~1], "<i2").astype(np.int16)
    return soxr.resample(decode_g711(octets, encoding), G711_RATE, RATE).astype(np.int16)


def encode(samples: Samples, encoding: Encoding) -> bytes:
    """Return 24 kHz samples as the wire has them; G.711 is resampled to 8 kHz."""
    if encoding == "audio/pcm":
        return samples.astype("<i2").tobytes()
    narrow = soxr.resample(samples, RATE, G711_RATE)
    return _ENCODE[encoding][narrow.astype(np.int16).view(np.uint16)].tobytes()


class Intake:
    """Turns appended wire bytes into PCM16 at 24 kHz, and a copy at 16 kHz for the VAD.

    An append need not end on a sample: an odd byte is kept for the next one.
    G.711 is resampled as a stream, so that the seams of appends are not heard.
    """

    def __init__(self, encoding: Encoding) -> None:
        self.encoding: Encoding = encoding
        self._odd = b""
        source = RATE if encoding == "audio/pcm" else G711_RATE
        self._to_vad = soxr.ResampleStream(source, VAD_RATE, 1, dtype="int16", quality="LQ")
        self._to_wide = soxr.ResampleStream(G711_RATE, RATE, 1, dtype="int16", quality="LQ")

    def take(self, octets: bytes, *, listen: bool) -> tuple[int, Samples, Samples]:
        """Return (samples of time at 24 kHz, the audio at 24 kHz, the audio at 16 kHz).

        The last is empty unless `listen`. Resampled audio lags behind by the
        filter's length; the count of time does not.
        """
        if self.encoding == "audio/pcm":
            octets = self._odd + octets
            self._odd = octets[len(octets) & ~1 :]
            samples = np.frombuffer(octets[: len(octets) & ~1], "<i2").astype(np.int16)
            wide, passed = samples, len(samples)
        else:
            samples = decode_g711(octets, self.encoding)
            wide, passed = self._to_wide.resample_chunk(samples), len(samples) * 3
        heard = self._to_vad.resample_chunk(samples) if listen else np.empty(0, np.int16)
        return passed, wide.astype(np.int16), heard.astype(np.int16)
