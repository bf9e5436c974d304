"""Pure. How evenly the caller's sound came in.

Clock: when appends were received, `up`, gateway monotonic clock. Unit: µs. Each append is
held against the sound that it brings: a live microphone sends 20 ms of sound every 20 ms.
Sound that was pushed faster than real time (protocol.md 6.1: appended by elapsed above
1.2) has no rhythm of its own, and all numbers of it are missing.
"""

from __future__ import annotations

from typing import Final

import msgspec

from trunkline.recorder.timeline import LIVE_LIMIT

SHORTEST_US: Final = 10_000_000
"""A clock is not judged by less sound than this: one late append would be its drift."""


class Intake(msgspec.Struct):
    """Sums over the appends of one call."""

    appended_us: int = 0
    captured_us: int = 0
    """When a live microphone heard the first sound."""
    received_us: int = 0
    ends_us: int = 0
    """Where the sound so far is placed to end (`timeline.CallerTrack`)."""
    neighbours: int = 0
    """Appends that went on with the sound before them."""
    deviation_us: int = 0
    """Sum over those of |time between arrivals - length of sound|."""
    gaps: int = 0
    gap_us: int = 0
    first_seq: int = 0
    """Frame of the first append."""
    gap_seq: int = 0
    """Frame behind the first gap, and when it came."""
    gap_at_us: int = 0

    def hear(self, received_us: int, starts_us: int, duration_us: int, seq: int = 0) -> None:
        """Take notice of an append that came at `received_us` and is placed at `starts_us`."""
        if not self.appended_us:
            self.captured_us, self.first_seq = received_us - duration_us, seq
        elif starts_us > self.ends_us:
            if not self.gaps:
                self.gap_seq, self.gap_at_us = seq, received_us
            self.gaps += 1
            self.gap_us += starts_us - self.ends_us
        else:
            self.neighbours += 1
            self.deviation_us += abs(received_us - self.received_us - duration_us)
        self.appended_us += duration_us
        self.received_us = received_us
        self.ends_us = starts_us + duration_us

    @property
    def is_live(self) -> bool:
        """Whether the sound came as it was spoken."""
        elapsed_us = self.received_us - self.captured_us
        return 0 < self.appended_us <= LIVE_LIMIT * elapsed_us


def jitter_us(intake: Intake) -> int | None:
    """Return the mean deviation between neighbouring appends: `mean |Δ up - d|`.

    The `D` of RFC 3550, 6.4.1, with the length of the sound for the difference of time stamps,
    as a plain mean. Appends behind a gap are left out. None: pushed, or no neighbours.
    """
    if not intake.is_live or not intake.neighbours:
        return None
    return intake.deviation_us // intake.neighbours


def drift_ppm(intake: Intake) -> int | None:
    """Return by how much the caller's sample clock is faster than ours, in millionths.

    `appended / (up(last) - A(0) - gaps) - 1`. Negative: slower. A stream that falls behind by
    more than 60 ms shows as a gap instead. None: pushed, or less than 10 s of sound.
    """
    if not intake.is_live or intake.appended_us < SHORTEST_US:
        return None
    elapsed_us = intake.received_us - intake.captured_us - intake.gap_us
    return (intake.appended_us - elapsed_us) * 1_000_000 // elapsed_us if elapsed_us > 0 else None


def gaps(intake: Intake) -> int | None:
    """Return how often no sound was there when it was due, by more than 60 ms.

    A microphone that was muted looks the same as a network that lost it. None: pushed, or
    no sound.
    """
    return intake.gaps if intake.is_live else None


def gap_us(intake: Intake) -> int | None:
    """Return how long those gaps were together. None where `gaps` is."""
    return intake.gap_us if intake.is_live else None
