"""Pure. The sound of a call that runs, as its caller hears it, for whoever listens in.

Both tracks lie on the call's clock, as in the recording. What is taken is gone; what was sent
ahead is there when its time has come, unless the caller has stopped it by then.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import soxr

from trunkline.live.running import LISTEN_RATE_HZ
from trunkline.protocol.audio import Samples, decode_base64, decode_pcm16, whole_samples
from trunkline.protocol.formats import PCM_24K
from trunkline.recorder.sound import Heard, Placed

AHEAD: Final = 120 * LISTEN_RATE_HZ
"""Samples. Sound that will be heard later than this is not kept: 6 MB a track."""
SLACK: Final = LISTEN_RATE_HZ // 500
"""2 ms: chunks whose places differ by less from end to end are one stream, as in `audio`."""
MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 48_000


def sample_at(us: int) -> int:
    """Return the number of the sample that is played at `us` of the call's clock."""
    return us * LISTEN_RATE_HZ // 1_000_000


class _Track:
    """One side: samples from some place on."""

    def __init__(self, base: int) -> None:
        self._base = base
        self._samples = np.zeros(0, dtype=np.int16)
        self._format = PCM_24K
        self._carry = b""
        self._due: int | None = None
        """Where the next chunk of the stream lies; None: there is no stream."""
        self._at = 0
        """Where the next sample of it is written: a resampler keeps some back."""
        self._resampler: soxr.ResampleStream | None = None

    def paint(self, placed: Placed) -> None:
        """Take a chunk."""
        rate_hz = placed.format.rate_hz
        if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
            return
        start = sample_at(placed.starts_us)
        if placed.format != self._format or not self._continues(start):
            self._format, self._carry, self._due = placed.format, b"", start
            self._at = start
            self._resampler = (
                None
                if rate_hz == LISTEN_RATE_HZ
                else soxr.ResampleStream(rate_hz, LISTEN_RATE_HZ, 1, dtype="int16", quality="MQ")
            )
        data, self._carry = whole_samples(self._format, self._carry, decode_base64(placed.base64))
        samples = decode_pcm16(self._format, data)
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples)
        self._due = start + sample_at(placed.duration_us)
        self._write(self._at, samples)
        self._at += len(samples)

    def _continues(self, start: int) -> bool:
        return self._due is not None and abs(start - self._due) <= SLACK

    def _write(self, at: int, samples: Samples) -> None:
        at -= self._base
        samples = samples[max(0, -at) : max(0, AHEAD - at)]
        at = max(0, at)
        missing = at + len(samples) - len(self._samples)
        if missing > 0:
            self._samples = np.pad(self._samples, (0, missing))
        self._samples[at : at + len(samples)] = samples

    def cut(self, at: int) -> None:
        """What would be heard from `at` on is not."""
        self._samples = self._samples[: max(0, at - self._base)]
        self._due = None

    def take(self, until: int) -> Samples:
        """Return what is heard until then."""
        count = until - self._base
        found, self._samples = self._samples[:count], self._samples[count:]
        self._base = until
        return np.pad(found, (0, count - len(found)))


class Tape:
    """Both sides of one call from `from_us` of its clock on."""

    def __init__(self, from_us: int) -> None:
        self._taken = sample_at(from_us)
        self._caller, self._assistant = _Track(self._taken), _Track(self._taken)

    def hear(self, heard: Heard) -> None:
        """Take what an event has brought, in the order of the journal."""
        if isinstance(heard, Placed):
            (self._caller if heard.leg == "caller" else self._assistant).paint(heard)
        elif heard is not None:
            self._assistant.cut(sample_at(heard.at_us))

    def until(self, us: int) -> bytes:
        """Return what comes next, up to `us`: 16-bit stereo, caller left, assistant right."""
        until = sample_at(us)
        if until <= self._taken:
            return b""
        self._taken = until
        both = np.stack([self._caller.take(until), self._assistant.take(until)], axis=1)
        return both.astype("<i2").tobytes()
