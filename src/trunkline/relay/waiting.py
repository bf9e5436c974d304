"""Pure. Connections that are not calls or pages yet, in the order in which they came.

A bound on them keeps who opens connections and says nothing from using up the process's
files. When it is reached the oldest goes, not the newest: a caller says what it wants at
once, so whoever has waited for longest is the least likely to be one.
"""

from __future__ import annotations

from collections.abc import Callable


class Waiting:
    """Who waits, by descriptor. Each has a way to make it leave."""

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._leave: dict[int, Callable[[], object]] = {}

    def __len__(self) -> int:
        return len(self._leave)

    def came(self, who: int, leave: Callable[[], object]) -> None:
        """Have `who` wait, as the last. `leave` is called if it has to make way for another."""
        self._leave.pop(who, None)
        self._leave[who] = leave
        while len(self._leave) > self._at_most:
            oldest = next(iter(self._leave))
            self._leave.pop(oldest)()

    def gone(self, who: int) -> None:
        """It waits no more: it is a call, or a page, or lost. May be said twice."""
        self._leave.pop(who, None)
