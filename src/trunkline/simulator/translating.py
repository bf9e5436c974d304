"""Pure. One translation session of the simulator (protocol.md 2.4): no turns, no responses.

It speaks one language only: what it says in the other is what the caller said, or a clip
when nobody can say that. Its events and their times are those of the real thing.
"""

from __future__ import annotations

from typing import Any

from trunkline.simulator.chance import Chance
from trunkline.simulator.config import SimulatorConfig
from trunkline.simulator.exchange import Exchange
from trunkline.simulator.faults import Close
from trunkline.simulator.hearing import base64_of
from trunkline.simulator.opening import Means, Opening
from trunkline.simulator.performance import fallback, pieces
from trunkline.simulator.refusal import Refused, missing, not_accepted, unknown
from trunkline.simulator.room import Room
from trunkline.simulator.speech import Clip
from trunkline.simulator.stream import Stream
from trunkline.simulator.utterances import Utterance, Utterances

FRAME_MS = 200
"""What the engine works on at once; times are told in steps of it."""
_ACCEPTED = ("session.update", "session.input_audio_buffer.append", "session.close")
_SOUND = {"sample_rate": 24_000, "channels": 1, "format": "pcm16"}


class Translating(Exchange):
    """A session from its first to its last event."""

    def __init__(
        self, config: SimulatorConfig, opening: Opening, means: Means, now_ns: int
    ) -> None:
        chance = Chance(config.seed or 0, opening.connection)
        session: dict[str, Any] = {
            "type": "translation",
            "id": chance.id("sess"),
            "model": opening.model,
            "expires_at": opening.started_s + opening.session_s,
            "audio": {
                "input": {"transcription": None, "noise_reduction": None},
                "output": {"language": None},
            },
        }
        _merge(session["audio"], (opening.change or {}).get("audio") or {})
        self._means = means
        super().__init__(Room(config, chance, "ga", session), now_ns)
        self._heard = Utterances(config, means.known, "audio/pcm")
        self._stream = Stream(self._room, FRAME_MS, self._times, self._sounds, self._said)
        self._closing = False
        self._minutes = opening.session_s / 60
        self._room.say("session.created", {"session": session})
        self._room.later(config.expire_after_ms or opening.session_s * 1000, self._expire)

    def _handle(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "session.update":
                self._update(event.get("session"))
            case "session.input_audio_buffer.append":
                self._append(base64_of(event.get("audio"), "audio"))
            case "session.close":
                self._close()
            case type_:
                raise not_accepted(type_, _ACCEPTED)

    def _update(self, change: object) -> None:
        if not isinstance(change, dict):
            raise missing("session")
        audio = change.get("audio") or {}
        for name in change:
            if name not in ("audio", "type"):
                raise unknown(f"session.{name}")
        now = self._room.session["audio"]
        for side, fields in audio.items():
            if side not in now or not isinstance(fields, dict):
                raise unknown(f"session.audio.{side}")
            for name in fields:
                if name not in now[side]:
                    raise unknown(f"session.audio.{side}.{name}")
        merged = {side: dict(fields) for side, fields in now.items()}
        _merge(merged, audio)
        self._room.session = {**self._room.session, "audio": merged}
        self._room.say("session.updated", {"session": self._room.session})

    def _append(self, octets: bytes) -> None:
        if self._closing:
            return
        for utterance in self._heard.take(octets):
            if utterance is not None:
                self._translate(utterance)

    def _translate(self, utterance: Utterance) -> None:
        """Tell what was said, as far as that was asked for, and say it again."""
        if self._room.session["audio"]["input"]["transcription"] is not None:
            elapsed_ms = -(-utterance.ends_ms // FRAME_MS) * FRAME_MS
            for piece in pieces(utterance.words):
                said = {"delta": piece, "elapsed_ms": elapsed_ms}
                self._room.say("session.input_transcript.delta", said)
        self._stream.say(self._spoken(utterance.words), "audio/pcm", self._room.config.respond_ms)

    def _spoken(self, words: str) -> Clip:
        library = self._means.library
        return library.find(words) or self._means.voice(words) or fallback(library, "understood")

    def _times(self, _chunk: object) -> dict[str, Any]:
        return {"elapsed_ms": self._heard.position_ms // FRAME_MS * FRAME_MS}

    def _sounds(self, chunk: object) -> dict[str, Any]:
        return {**_SOUND, **self._times(chunk)}

    def _close(self) -> None:
        """Say what is left, then close."""
        if self._closing:
            return
        self._closing = True
        if (rest := self._heard.rest()) is not None:
            self._translate(rest)
        if not self._stream.busy:
            self._said()

    def _said(self) -> None:
        if self._closing:
            self._room.say("session.closed", {})
            self._room.end(Close(1000, ""))

    def _expire(self) -> None:
        reason = f"Your session hit the maximum duration of {self._minutes:g} minutes."
        if self._room.config.expiry_error:
            self._room.refuse(Refused("session_expired", reason), None)
        self._room.end(Close(1001, reason))


def _merge(audio: dict[str, Any], change: dict[str, Any]) -> None:
    """Change both halves of `audio`, in place."""
    for side, fields in audio.items():
        fields.update(change.get(side) or {})
