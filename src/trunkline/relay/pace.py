"""Pure. How much one leg may send: a call that sends without end has its share, and no more.

A talking call sends 25 to 50 frames a second, 0.2 MB at the most; a provider that is ahead of
the speech ten times that. A hundred times it passes; beyond, TCP makes the peer wait. Without
a bound one call could fill the journal faster than a disk writes, and the records of all
others would be lost with its own.
"""

from __future__ import annotations

FRAMES_PER_S = 5_000
BYTES_PER_S = 16 * 1024 * 1024
BURST_S = 2
"""What was not sent before may be sent at once, up to so much: the largest message, a recording
that an application sends whole."""

_SECOND_NS = 1_000_000_000


class Pace:
    """One leg's allowance. It grows with time and shrinks with what comes; below 0 is too much."""

    __slots__ = ("_at_ns", "_bytes", "_bytes_left", "_frames", "_frames_left")

    def __init__(self, at_ns: int) -> None:
        self._at_ns = at_ns
        self._frames = 0
        self._bytes = 0
        self._frames_left = FRAMES_PER_S * BURST_S
        self._bytes_left = BYTES_PER_S * BURST_S

    def allows(self, frames: int, bytes_: int, at_ns: int) -> bool:
        """Return whether more may be read now. Takes all that has come since the call began."""
        passed_ns = at_ns - self._at_ns
        frames_left = self._frames_left - (frames - self._frames)
        bytes_left = self._bytes_left - (bytes_ - self._bytes)
        frames_left += passed_ns * FRAMES_PER_S // _SECOND_NS
        bytes_left += passed_ns * BYTES_PER_S // _SECOND_NS
        self._frames_left = min(frames_left, FRAMES_PER_S * BURST_S)
        self._bytes_left = min(bytes_left, BYTES_PER_S * BURST_S)
        self._at_ns, self._frames, self._bytes = at_ns, frames, bytes_
        return self._frames_left >= 0 and self._bytes_left >= 0
