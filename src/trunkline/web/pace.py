"""Pure. How often somebody may do a thing that costs something."""

from __future__ import annotations

from collections import deque
from typing import Final

_MOST_KNOWN: Final = 10_000


class Pace:
    """At most so many times within so long, for each of those who do it."""

    def __init__(self, most: int, within_us: int) -> None:
        self._most = most
        self._within_us = within_us
        self._done_us: dict[str, deque[int]] = {}

    def admits(self, who: str, now_us: int) -> bool:
        """Return whether `who` may do it now, and count that they did if so."""
        since_us = now_us - self._within_us
        if len(self._done_us) >= _MOST_KNOWN:
            self._done_us = {
                one: done for one, done in self._done_us.items() if done[-1] > since_us
            }
        done = self._done_us.setdefault(who, deque(maxlen=self._most))
        if len(done) == self._most and done[0] > since_us:
            return False
        done.append(now_us)
        return True
