"""Pure. How loud a call is now: both tracks, in windows of a tenth of a second.

Only calls that somebody watches have ears, since decoding sound costs as much as everything
else that is done to its frame.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from trunkline.live.running import SILENT_DBFS, UNKNOWN, Levels
from trunkline.protocol.audio import Samples, decode_base64, decode_pcm16
from trunkline.recorder.sound import Heard, Placed
from trunkline.recorder.tape import Tape

WINDOW_US: Final = 100_000
LEVEL_US: Final = 1_000_000
"""What a level is the level of."""
AHEAD_US: Final = 600_000_000
"""Sound that will be heard later than this is not measured yet: it is a file."""
FULL_SCALE: Final = 32768.0


class Track:
    """How loud one side is: windows on the call's clock."""

    def __init__(self) -> None:
        self._windows: dict[int, tuple[float, int]] = {}
        """Sum of squares, and number of samples, by number of the window."""

    def add(self, starts_us: int, samples: Samples, rate_hz: int) -> None:
        """Take sound that is heard from `starts_us` on."""
        squares = np.square(samples.astype(np.float32))
        at = 0
        while at < len(squares):
            number = (starts_us + at * 1_000_000 // rate_hz) // WINDOW_US
            until = ((number + 1) * WINDOW_US - starts_us) * rate_hz // 1_000_000
            until = min(len(squares), max(until, at + 1))
            total, count = self._windows.get(number, (0.0, 0))
            part = squares[at:until]
            self._windows[number] = total + float(part.sum()), count + len(part)
            at = until

    def cut(self, at_us: int) -> None:
        """What would be heard after `at_us` is not."""
        for number in [number for number in self._windows if number * WINDOW_US >= at_us]:
            del self._windows[number]

    def level(self, now_us: int) -> int:
        """Return how loud the last second was, and forget what is older. Whole dBFS."""
        last = now_us // WINDOW_US
        first = last - LEVEL_US // WINDOW_US
        for number in [number for number in self._windows if number < first]:
            del self._windows[number]
        heard = [window for number, window in self._windows.items() if number <= last]
        return level_of(sum(window[0] for window in heard), sum(window[1] for window in heard))


def level_of(squares: float, samples: int) -> int:
    """Return the root mean square of `samples` whose squares sum up to `squares`, whole dBFS.

    Against full scale, so that a sine as loud as can be is -3. `SILENT_DBFS` where there is
    nothing.
    """
    if not samples or not squares:
        return SILENT_DBFS
    return max(SILENT_DBFS, round(10 * math.log10(squares / samples / FULL_SCALE**2)))


class Ears:
    """Listens to one call from some moment on."""

    def __init__(self, now_us: int, queued_until_us: int) -> None:
        """What the assistant has said already is heard until `queued_until_us`, but not by us."""
        self._since_us = self._now_us = now_us
        self._unknown_until_us = queued_until_us if queued_until_us > now_us else 0
        self._caller, self._assistant = Track(), Track()
        self.tape: Tape | None = None
        """While somebody listens in."""

    def hear(self, heard: Heard) -> None:
        """Take what an event has brought, in the order of the journal."""
        if heard is None:
            return
        if self.tape is not None:
            self.tape.hear(heard)
        if not isinstance(heard, Placed):
            self._assistant.cut(heard.at_us)
            self._unknown_until_us = min(self._unknown_until_us, heard.at_us)
            return
        if heard.starts_us > self._now_us + AHEAD_US:
            return
        samples = decode_pcm16(heard.format, decode_base64(heard.base64))
        track = self._caller if heard.leg == "caller" else self._assistant
        track.add(heard.starts_us, samples, max(1, heard.format.rate_hz))

    def levels(self, now_us: int) -> Levels:
        """Return how loud caller and assistant were in the last second before `now_us`."""
        self._now_us = now_us
        if now_us <= self._since_us:
            return UNKNOWN
        assistant = self._assistant.level(now_us)
        return self._caller.level(now_us), None if now_us < self._unknown_until_us else assistant
