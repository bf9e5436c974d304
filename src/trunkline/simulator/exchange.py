"""Pure. What sessions of every kind have in common: frames and time in, outputs out.

The shell calls `receive` for each frame and `tick` when `due_ns` has come, with
its monotonic clock in ns, and carries out what they return, in order.
"""

from __future__ import annotations

import abc
from typing import Any

from trunkline.simulator.faults import Output
from trunkline.simulator.incoming import event_of, id_of
from trunkline.simulator.refusal import Refused
from trunkline.simulator.room import Room


class Exchange(abc.ABC):
    """A session from its first to its last event."""

    def __init__(self, room: Room, now_ns: int) -> None:
        self._room = room
        self._room.now_ns = now_ns
        self._event_id: str | None = None
        """Of the event that is being handled, if it has one."""

    @property
    def due_ns(self) -> int | None:
        """When `tick` is to be called; None while nothing is planned."""
        return self._room.agenda.due_ns()

    def outputs(self) -> list[Output]:
        """Return what is to be done already, before any frame has come."""
        return self._room.take_outputs()

    def tick(self, now_ns: int) -> list[Output]:
        """Do what is due at `now_ns`."""
        self._room.agenda.run(now_ns)
        return self._room.take_outputs()

    def receive(self, frame: bytes, now_ns: int, *, text: bool = True) -> list[Output]:
        """Take a frame of the caller. Whatever it holds, the session goes on."""
        self._room.agenda.run(now_ns)
        self._room.now_ns = now_ns
        self._came()
        try:
            event = event_of(frame, text=text)
            self._event_id = id_of(event)
            self._handle(event)
        except Refused as refused:
            self._refuse(refused)
        self._event_id = None
        return self._room.take_outputs()

    def _came(self) -> None:  # noqa: B027 (most kinds do not mind)
        """A frame has come, whatever it is."""

    @abc.abstractmethod
    def _handle(self, event: dict[str, Any]) -> None:
        """Do what `event` asks for. Raises `Refused`."""

    def _refuse(self, refused: Refused) -> None:
        """Say that the event was wrong."""
        self._room.refuse(refused, self._event_id)
