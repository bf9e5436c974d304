"""Pure. What the parts of a session share: who says what to whom, and when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from trunkline.simulator.agenda import Agenda, Ticket
from trunkline.simulator.chance import Chance
from trunkline.simulator.config import SimulatorConfig
from trunkline.simulator.conversation import Conversation
from trunkline.simulator.dialect import event_to_beta
from trunkline.simulator.faults import Close, Cut, Faults, Freeze, Output
from trunkline.simulator.habits import habitual
from trunkline.simulator.refusal import Refused

Dialect = Literal["ga", "beta"]
MS = 1_000_000
"""ns in a ms."""


class Room:
    """The state that hearing, transcribing and speaking have in common.

    `now_ns` is set by the session before each step: monotonic ns of the shell.
    """

    def __init__(
        self, config: SimulatorConfig, chance: Chance, dialect: Dialect, session: dict[str, Any]
    ) -> None:
        self.config, self.chance, self.dialect = config, chance, dialect
        self.session = session
        self.conversation = Conversation(chance.id("conv"))
        self.agenda = Agenda()
        self.now_ns = 0
        self.spoken = False
        """Whether the assistant's voice has been heard, which fixes it."""
        self._faults = Faults(config, chance)
        self._out: list[Output] = []

    @property
    def transcribes_only(self) -> bool:
        """Whether this is a session of type transcription."""
        return self.session["type"] == "transcription"

    def say(self, type_: str, fields: dict[str, Any]) -> None:
        """Send an event in the caller's dialect."""
        event = {"type": type_, "event_id": self.chance.id("event"), **fields}
        if self.dialect == "beta":
            translated = event_to_beta(event)
            if translated is None:
                return
            event = translated
        for one in habitual(event, self.config):
            self._out += self._faults.send(one)

    def say_unnamed(self, type_: str, fields: dict[str, Any]) -> None:
        """Send an event that has no id of its own."""
        self._out += self._faults.send({"type": type_, **fields})

    def refuse(self, refused: Refused, event_id: str | None) -> None:
        """Answer the caller's event `event_id` with an `error`."""
        error = refused.error(event_id if self.config.error_event_id else None)
        if self.config.late_error_ms:
            self.later(self.config.late_error_ms, lambda: self.say("error", {"error": error}))
        else:
            self.say("error", {"error": error})

    def later(self, wait_ms: float, action: Callable[[], None]) -> Ticket:
        """Plan `action` for `wait_ms` from now."""

        def run(due_ns: int) -> None:
            self.now_ns = due_ns
            action()

        return self.agenda.at(self.now_ns + int(wait_ms * MS), run)

    def end(self, output: Close | Cut | Freeze) -> None:
        """End the connection, in one of the ways there are."""
        self._out += self._faults.end(output)

    def take_outputs(self) -> list[Output]:
        """Return what is to be done since the last time."""
        out, self._out = self._out, []
        return out
