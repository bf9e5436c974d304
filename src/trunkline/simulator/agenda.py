"""Pure. What a session will do later, by gateway-independent monotonic ns given by the shell."""

from __future__ import annotations

import heapq
from collections.abc import Callable

Action = Callable[[int], None]
"""Called once with the time at which it was due, or later if the shell was late."""


class Ticket:
    """One planned action. `cancel` before it is due and it never happens; after, nothing."""

    __slots__ = ("action",)

    def __init__(self, action: Action) -> None:
        self.action: Action | None = action

    def cancel(self) -> None:
        """Forget the action. Safe to call twice, and after it has run."""
        self.action = None


class Agenda:
    """Actions in the order of their time; those of the same time in the order of planning."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Ticket]] = []
        self._planned = 0

    def at(self, due_ns: int, action: Action) -> Ticket:
        """Plan `action` for `due_ns`."""
        ticket = Ticket(action)
        self._planned += 1
        heapq.heappush(self._heap, (due_ns, self._planned, ticket))
        return ticket

    def due_ns(self) -> int | None:
        """Return when the next action is due, None when nothing is planned."""
        while self._heap and self._heap[0][2].action is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def run(self, now_ns: int) -> None:
        """Do everything that is due at `now_ns`, and what it plans for no later than that."""
        while (due_ns := self.due_ns()) is not None and due_ns <= now_ns:
            ticket = heapq.heappop(self._heap)[2]
            action, ticket.action = ticket.action, None
            if action is not None:
                action(due_ns)
