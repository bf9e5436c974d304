"""Pure. The drawing beside the sign-in form: a conversation, as a waveform of two voices."""

from __future__ import annotations

import math
from typing import NamedTuple


class Stroke(NamedTuple):
    """One bar: where, how high to each side, and whose voice."""

    x: int
    half: float
    voice: str
    """`c` the caller, `a` the assistant, `u` the assistant, unheard."""


_SPANS = (("c", 0, 21), ("a", 24, 58), ("u", 58, 66), ("c", 57, 78), ("a", 82, 104))


def strokes() -> tuple[Stroke, ...]:
    """Return the drawing, the same every time."""
    return tuple(
        Stroke(5 * n, _loudness(n, start, end), voice)
        for voice, start, end in _SPANS
        for n in range(start, end)
    )


def _loudness(n: int, start: int, end: int) -> float:
    syllables = abs(math.sin(n * 0.61 + start)) * 0.6 + abs(math.sin(n * 1.93)) * 0.4
    fade = min(1.0, (n - start + 1) / 4, (end - n) / 4)
    return round(2.5 + 27 * syllables * fade, 1)
