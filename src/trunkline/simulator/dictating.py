"""Pure. One session of the simulator as vLLM has them: it only writes down what is said.

Its events are in neither dialect (protocol.md 8.1), and no package has types of them.
"""

from __future__ import annotations

from typing import Any

from trunkline.simulator.chance import Chance
from trunkline.simulator.config import SimulatorConfig
from trunkline.simulator.faults import Output
from trunkline.simulator.hearing import base64_of
from trunkline.simulator.incoming import event_of, id_of
from trunkline.simulator.opening import Means, Opening
from trunkline.simulator.performance import pieces
from trunkline.simulator.refusal import Refused, invalid, missing
from trunkline.simulator.room import Room

_BYTES_PER_S = 32_000
"""pcm16 at 16 kHz."""
_ACCEPTED = ("session.update", "input_audio_buffer.append", "input_audio_buffer.commit")


class Dictating:
    """A session from its first to its last event."""

    def __init__(
        self, config: SimulatorConfig, opening: Opening, _means: Means, now_ns: int
    ) -> None:
        chance = Chance(config.seed or 0, opening.connection)
        session = {"type": "transcription", "id": chance.id("sess"), "model": opening.model}
        self._room = Room(config, chance, "ga", session)
        self._room.now_ns = now_ns
        self._scripted = iter(config.transcripts)
        self._heard_bytes = 0
        self._room.say("session.created", {"id": session["id"], "created": opening.started_s})

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
        event_id = None
        try:
            event = event_of(frame, text=text)
            event_id = id_of(event)
            self._handle(event)
        except Refused as refused:
            self._room.refuse(refused, event_id)
        return self._room.take_outputs()

    def _handle(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "session.update":
                if not isinstance(event.get("model"), str):
                    raise missing("model")
                self._room.session = {**self._room.session, "model": event["model"]}
            case "input_audio_buffer.append":
                self._heard_bytes += len(base64_of(event.get("audio"), "audio"))
            case "input_audio_buffer.commit":
                self._room.later(self._room.config.transcription_ms, self._write)
            case None:
                raise missing("type")
            case type_:
                listed = ", ".join(f"'{one}'" for one in _ACCEPTED)
                raise invalid("type", type_, f"Supported values are: {listed}.")

    def _write(self) -> None:
        seconds, self._heard_bytes = self._heard_bytes / _BYTES_PER_S, 0
        words = next(self._scripted, None) or f"({seconds:.1f} seconds of speech)"
        for piece in pieces(words):
            self._room.say("transcription.delta", {"delta": piece})
        self._room.say("transcription.done", {"text": words})
