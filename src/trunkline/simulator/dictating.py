"""Pure. One session of the simulator as vLLM has them: it only writes down what is said.

Its events are in neither dialect (protocol.md 8.1), and no package has types of them.
"""

from __future__ import annotations

from typing import Any

from trunkline.simulator.chance import Chance
from trunkline.simulator.config import SimulatorConfig
from trunkline.simulator.exchange import Exchange
from trunkline.simulator.hearing import base64_of
from trunkline.simulator.opening import Means, Opening
from trunkline.simulator.performance import pieces
from trunkline.simulator.refusal import missing, not_accepted
from trunkline.simulator.room import Room

_BYTES_PER_S = 32_000
"""pcm16 at 16 kHz."""
_ACCEPTED = ("session.update", "input_audio_buffer.append", "input_audio_buffer.commit")


class Dictating(Exchange):
    """A session from its first to its last event."""

    def __init__(
        self, config: SimulatorConfig, opening: Opening, _means: Means, now_ns: int
    ) -> None:
        chance = Chance(config.seed or 0, opening.connection)
        session = {"type": "transcription", "id": chance.id("sess"), "model": opening.model}
        super().__init__(Room(config, chance, "ga", session), now_ns)
        self._scripted = iter(config.transcripts)
        self._heard_bytes = 0
        self._room.say("session.created", {"id": session["id"], "created": opening.started_s})

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
            case type_:
                raise not_accepted(type_, _ACCEPTED)

    def _write(self) -> None:
        seconds, self._heard_bytes = self._heard_bytes / _BYTES_PER_S, 0
        words = next(self._scripted, None) or f"({seconds:.1f} seconds of speech)"
        for piece in pieces(words):
            self._room.say("transcription.delta", {"delta": piece})
        self._room.say("transcription.done", {"text": words})
