"""Pure. The last minute of what is measured all the time, second by second."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

SECONDS = 60


class Peak:
    """The largest value of the last minute."""

    __slots__ = ("_now", "_past")

    def __init__(self) -> None:
        self._now = 0
        self._past: deque[int] = deque(maxlen=SECONDS)

    def note(self, value: int) -> None:
        """Take a value."""
        if value > self._now:
            self._now = value

    def second(self) -> None:
        """A second is over."""
        self._past.append(self._now)
        self._now = 0

    @property
    def value(self) -> int:
        """The largest value noted; 0 when there was none."""
        return max(self._now, max(self._past, default=0))


class Growth:
    """By how much each of some counters grew in the last minute."""

    __slots__ = ("_past",)

    def __init__(self) -> None:
        self._past: deque[tuple[int, ...]] = deque(maxlen=SECONDS)

    def second(self, counters: Sequence[int]) -> None:
        """A second is over; this is how the counters stand."""
        self._past.append(tuple(counters))

    def since(self, counters: Sequence[int]) -> tuple[int, ...]:
        """Return the growth up to `counters`. In the first minute: all of it."""
        whole = len(self._past) == SECONDS
        before = self._past[0] if whole else (0,) * len(counters)
        return tuple(now - then for now, then in zip(counters, before, strict=True))


class Rise:
    """When a counter last grew."""

    __slots__ = ("_seen", "at_ns")

    def __init__(self) -> None:
        self._seen = 0
        self.at_ns = 0
        """0: never."""

    def note(self, value: int, now_ns: int) -> None:
        """Take the counter as it stands."""
        if value > self._seen:
            self.at_ns = now_ns
        self._seen = value
