"""Pure. What the waveform of the caller says of the caller's microphone.

Of the sealed recording's lane: loudest sample per slice, 0 (below 1/128 of full scale) to 127.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

FULL = 127
"""Within 0.1 dB of the loudest sample that there can be."""
QUIET = 1
"""Below 2/128 of full scale, -36 dBFS."""
FEWEST_CLIPPED = 5
CLIPPED_SHARE = 0.02
SHORTEST_US = 5_000_000
"""Of sound, before silence is a finding."""


class Loud(NamedTuple):
    """One finding, without its frame."""

    code: str
    """`clipping` or `silent_input`."""
    severity: str
    at_us: int
    """Where it shows first, on the call's clock."""
    detail: str


def loud(caller: Sequence[int], per_second: int, caller_audio_us: int) -> list[Loud]:
    """Return what is wrong with the caller's sound.

    clipping: of the slices with sound at least 2 %, and five, touch full scale.
    silent_input: at least 5 s were sent, and no slice is louder than -36 dBFS.
    """
    heard = sum(peak > 0 for peak in caller)
    clipped = sum(peak >= FULL for peak in caller)
    if clipped >= max(FEWEST_CLIPPED, CLIPPED_SHARE * heard):
        first = next(n for n, peak in enumerate(caller) if peak >= FULL)
        detail = f"{100 * clipped / heard:.0f} % of what is not silent"
        return [Loud("clipping", "warn", first * 1_000_000 // per_second, detail)]
    if caller_audio_us >= SHORTEST_US and max(caller, default=0) <= QUIET:
        seconds = caller_audio_us / 1_000_000
        return [Loud("silent_input", "bad", 0, f"{seconds:.1f} s of sound, none of it loud")]
    return []
