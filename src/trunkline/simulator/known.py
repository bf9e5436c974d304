"""Pure. What was said, told by its loudness: recognises recordings, not words.

The simulator has no speech recognition. It knows a recording again by its
envelope, the loudness of each 40 ms, wherever it lies in what was committed
and however loud it is. A turn that holds only a part of a recording is not
recognised: half of a known sentence must not be transcribed as all of it.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from trunkline.simulator.audio import RATE, Samples

Envelope = npt.NDArray[np.float64]

_FRAME = RATE // 25
_ENOUGH = 0.85
"""Correlation from which two envelopes are one recording. G.711 and other levels give > 0.95,
other speech of the same length below 0.7."""
_CERTAIN = 0.97
"""From here on no other recording is tried."""
_COVERED = 0.7
"""Part of the recording's length that must be there."""
_FAINT = 0.03
"""Frames fainter than this part of the loudest are edges, and are cut off."""

_FAINTEST_VOICE = 60.0
"""RMS of 40 ms: about -55 dBFS."""


class Known(msgspec.Struct, frozen=True):
    """A recording that is recognised, and its words."""

    text: str
    envelope: Envelope


def envelope(samples: Samples) -> Envelope:
    """Return the loudness of each 40 ms of 24 kHz audio, silent edges cut off."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    if not len(frames):
        return np.zeros(0)
    loudness = np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1))
    heard = np.flatnonzero(loudness > max(1.0, loudness.max() * _FAINT))
    return loudness[heard[0] : heard[-1] + 1] if len(heard) else np.zeros(0)


def is_silent(samples: Samples) -> bool:
    """Whether nothing in `samples` is as loud as the faintest voice."""
    heard = envelope(samples)
    return not len(heard) or bool(heard.max() < _FAINTEST_VOICE)


def _correlation(a: Envelope, b: Envelope) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = float((a @ a) * (b @ b))
    return float(a @ b) / scale**0.5 if scale > 0 else 0.0


def _likeness(one: Envelope, other: Envelope) -> float:
    """The highest correlation of the two over all offsets at which they overlap enough."""
    best, shortest = 0.0, int(_COVERED * len(other))
    for offset in range(shortest - len(one), len(other) - shortest + 1):
        a = one[max(0, -offset) : len(other) - offset]
        b = other[max(0, offset) : max(0, offset) + len(a)]
        if len(b) >= shortest:
            best = max(best, _correlation(a[: len(b)], b))
    return best


def recognise(samples: Samples, known: tuple[Known, ...]) -> str | None:
    """Return the words of the recording that `samples` are, None when it is none of `known`."""
    heard = envelope(samples)
    if len(heard) < 5:
        return None
    best, text = _ENOUGH, None
    for candidate in known:
        length = len(candidate.envelope)
        if length and _COVERED * length <= len(heard) <= 1.5 * length + 25:
            score = _likeness(heard, candidate.envelope)
            if score > best:
                best, text = score, candidate.text
            if best > _CERTAIN:
                break
    return text
