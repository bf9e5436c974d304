"""Pure. Whether what interrupted the assistant was its own voice, out of the caller's loudspeaker.

Both tracks of a call are at hand: what the assistant said, when it was played, and what the
microphone heard then. Cross-correlation finds the delay at which the one is in the other; at
that delay their coherence says how much of what the microphone heard is the assistant. A caller
who speaks over an echo is louder than it, so then it is less than half.

Times on the call's clock, µs. Source: product.md 1e.7, and `explained`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from trunkline.protocol.audio import Samples

RATE_HZ: Final = 8_000
"""Of the samples that are compared: speech is below 4 kHz, and telephones know no more."""
MOST_DELAY_US: Final = 600_000
"""A player's buffer, the room, and both ways through the network."""
SHORTEST_US: Final = 300_000
"""What is shorter is looked at with what comes before it: less is alike by chance."""
LONGEST_US: Final = 3_000_000
"""So much of it is enough."""
ECHO_SHARE: Final = 0.6
"""Of what the microphone heard. Measured with recorded speech (docs/reference/metrics.md): echoes
with nobody speaking have 0.75 and more from half a second on, callers who speak over one and are
as loud 0.4 at most."""
CLEAR_PEAK: Final = 8.0
"""How far the delay must stand out of all delays, by their root mean square. Hums do not."""

_FRAME: Final = 256
"""32 ms: echoes of a room that come later count as not explained."""
_HOP: Final = _FRAME // 2
_ROUNDING: Final = 3 / 8 * _FRAME / 12
"""Energy of whole numbers' rounding in a frame: nothing below it is sound."""
_LOWEST_HZ, _HIGHEST_HZ = 250, 3_600
_WHITENING: Final = 0.7
"""1 would give every frequency the same weight, and so noise; 0 would find the pitch of a voice."""

_Spectrum: TypeAlias = npt.NDArray[np.complex128]
_Levels: TypeAlias = npt.NDArray[np.float64]


class Suspect(msgspec.Struct, frozen=True, array_like=True):
    """A barge-in whose cause is to be found."""

    turn: int
    """That it began."""
    starts_us: int
    """True start and end of the caller's speech, as far as they are known."""
    ends_us: int | None


class Tracks(Protocol):
    """The sound of a call."""

    def caller(self, from_us: int, until_us: int) -> Samples:
        """Return what the caller sent, at `RATE_HZ`."""
        ...

    def assistant(self, from_us: int, until_us: int) -> Samples:
        """Return what the assistant sent, as it would have been played with no barge-in."""
        ...


class Explained(NamedTuple):
    """How much of what a microphone heard is an echo."""

    share: float
    """Of its energy, 0 to 1."""
    delay_us: int
    peak: float
    """How far the delay stands out of all others."""

    @property
    def is_echo(self) -> bool:
        """Whether it is nothing but an echo."""
        return self.share >= ECHO_SHARE and self.peak >= CLEAR_PEAK


def echoes(tracks: Tracks, suspects: Iterable[Suspect]) -> tuple[int, ...]:
    """Return the turns of those `suspects` that the assistant's own voice made."""
    return tuple(suspect.turn for suspect in suspects if _is_echo(tracks, suspect))


def _is_echo(tracks: Tracks, suspect: Suspect) -> bool:
    shortest_us = suspect.starts_us + SHORTEST_US // 2
    until_us = max(shortest_us, suspect.ends_us or suspect.starts_us + LONGEST_US)
    until_us = min(until_us, suspect.starts_us + LONGEST_US)
    from_us = min(suspect.starts_us, until_us - SHORTEST_US)
    heard = tracks.caller(from_us, until_us)
    said = tracks.assistant(from_us - MOST_DELAY_US, until_us)
    found = explained(heard, said)
    return found is not None and found.is_echo


def explained(heard: Samples, said: Samples) -> Explained | None:
    """Return how much of `heard` is a delayed, weaker `said`; both at `RATE_HZ`.

    `said` begins `MOST_DELAY_US` before `heard` and ends with it. The delay is where the
    cross-correlation, whitened (the phase transform, to the power of 0.7), is largest. The share
    is the magnitude-squared coherence there, 250 to 3600 Hz, weighted by what was heard: so it does
    not depend on how loud the echo is, and noise and other voices lower it by their part of the
    energy. None: one of them is silent, or too short to say.
    """
    most = len(said) - len(heard)
    if len(heard) < 2 * _FRAME or most < 0 or not (heard.any() and said.any()):
        return None
    alike = _alike(heard, said)[: most + 1]
    place = int(alike.argmax())
    level = float(np.sqrt(np.mean(np.square(alike))))
    share = _coherence(heard, said[place : place + len(heard)])
    peak = float(alike[place]) / level if level else 0.0
    return Explained(share, (most - place) * 1_000_000 // RATE_HZ, peak)


def _alike(heard: Samples, said: Samples) -> _Levels:
    """Return how alike `heard` is to `said` from each of its samples on."""
    length = 1 << (len(said) + len(heard)).bit_length()
    product = np.fft.rfft(said, length) * np.fft.rfft(heard, length).conj()
    hz = np.fft.rfftfreq(length, 1 / RATE_HZ)
    product[(hz < _LOWEST_HZ) | (hz > _HIGHEST_HZ)] = 0
    levels = np.abs(product) ** _WHITENING
    floor = 1e-9 * float(levels.max())
    if not floor:
        return np.zeros(len(said))
    return np.abs(np.fft.irfft(product / (levels + floor), length))[: len(said)]


def _coherence(heard: Samples, said: Samples) -> float:
    one, other = _spectra(heard), _spectra(said)
    heard_power = np.square(np.abs(one)).sum(axis=0) + _ROUNDING * len(one)
    said_power = np.square(np.abs(other)).sum(axis=0) + _ROUNDING * len(one)
    common = np.square(np.abs((one * other.conj()).sum(axis=0)))
    return float((common / said_power).sum() / heard_power.sum())


def _spectra(samples: Samples) -> _Spectrum:
    """Return the spectra of overlapping frames, as far as they are speech."""
    # Microphones may have an offset, which is no sound.
    levels = samples - samples.mean()
    frames = np.lib.stride_tricks.sliding_window_view(levels, _FRAME)[::_HOP]
    found: _Spectrum = np.fft.rfft(frames * np.hanning(_FRAME), axis=1)
    lowest, highest = (hz * _FRAME // RATE_HZ for hz in (_LOWEST_HZ, _HIGHEST_HZ))
    return found[:, lowest : highest + 1]
