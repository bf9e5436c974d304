"""Pure. One GPT-Live session of the simulator (protocol.md 2.5): both sides speak at once.

Nothing ends a turn and nothing is committed. It begins with the caller's `session.start`,
answers each sentence that it hears, and says no more when the caller speaks again. What
it delegates, it delegates to nobody: there are no delegations, and no decisions.
"""

from __future__ import annotations

from typing import Any

from trunkline.simulator.audio import Encoding
from trunkline.simulator.chance import Chance
from trunkline.simulator.config import SimulatorConfig
from trunkline.simulator.exchange import Exchange
from trunkline.simulator.faults import Close, Output
from trunkline.simulator.hearing import base64_of
from trunkline.simulator.opening import Means, Opening
from trunkline.simulator.performance import fallback, pieces
from trunkline.simulator.refusal import Refused, invalid, missing, not_accepted, unknown
from trunkline.simulator.room import MS, Room
from trunkline.simulator.script import Say, Scene, choose
from trunkline.simulator.speech import Clip
from trunkline.simulator.stream import Stream
from trunkline.simulator.utterances import Utterance, Utterances

USAGE_EVERY_MS = 10_000
CHUNK_MS = 100
_STARTED = ("model", "audio", "instructions", "delegation", "input", "client", "store", "triggers",
            "safety_identifier")  # fmt: skip
_CHANGED = ("delegation", "triggers", "store", "safety_identifier")
_APPENDED = {
    "session.instructions.append": "session.instructions.appended",
    "session.thinking.append": "session.thinking.appended",
    "session.commentary.append": "session.commentary.appended",
}
_ACCEPTED = ("session.start", "session.update", "session.close", "session.input_audio.append",
             "session.input_audio.mute", "session.input_audio.unmute", *_APPENDED)  # fmt: skip
_FORMATS: dict[str, Encoding] = {
    "audio/pcm": "audio/pcm", "audio/pcmu": "audio/pcmu", "audio/pcma": "audio/pcma",
}  # fmt: skip


_PCM: dict[str, Any] = {"type": "audio/pcm", "rate": 24_000}


class Living(Exchange):
    """A session from its first to its last event."""

    def __init__(
        self, config: SimulatorConfig, opening: Opening, means: Means, now_ns: int
    ) -> None:
        self._opening, self._means = opening, means
        chance = Chance(config.seed or 0, opening.connection)
        super().__init__(Room(config, chance, "ga", {"type": ""}), now_ns)
        self._began_ns: int | None = None
        self._encoding: Encoding = "audio/pcm"
        self._heard = Utterances(config, means.known, self._encoding)
        self._stream = Stream(self._room, CHUNK_MS, self._times, None, self._said)
        self._turn = 0
        self._muted = self._closing = False

    def _handle(self, event: dict[str, Any]) -> None:
        type_ = event.get("type")
        if type_ == "session.start":
            self._start(event.get("session"))
            return
        if type_ not in _ACCEPTED:
            raise not_accepted(type_, _ACCEPTED)
        if self._began_ns is None:
            raise Refused("session_not_started", "Send session.start first.")
        match type_:
            case "session.input_audio.append":
                self._append(base64_of(event.get("audio"), "audio"))
            case "session.update":
                self._update(event.get("session"))
            case "session.close":
                self._close()
            case "session.input_audio.mute" | "session.input_audio.unmute":
                self._muted = type_.endswith(".mute")
                self._say(f"{type_}d" if self._muted else "session.input_audio.unmuted", {})
            case _:
                if not isinstance(event.get("content"), str):
                    raise missing("content")
                now_ms = self._now_ms()
                self._say(_APPENDED[type_], {"start_ms": now_ms, "end_ms": now_ms})

    # --- the session

    def _start(self, session: object) -> None:
        if self._began_ns is not None:
            raise Refused("session_already_started", "The session has started.")
        if not isinstance(session, dict):
            raise missing("session")
        for name in session:
            if name not in _STARTED:
                raise unknown(f"session.{name}")
        model = session.get("model")
        if not isinstance(model, str) or not model.startswith("gpt-live"):
            raise invalid("session.model", model, "Expected a Live model, such as 'gpt-live-1'.")
        audio = _object(session.get("audio"), "session.audio")
        format_ = _object(audio.get("format"), "session.audio.format") or _PCM
        if format_.get("type") not in _FORMATS or format_.get("rate") not in (8_000, 24_000):
            raise invalid("session.audio.format", format_, "Supported: PCM 24000, G.711 8000.")
        spoken = _object(audio.get("output"), "session.audio.output")
        self._encoding = _FORMATS[format_["type"]]
        self._heard = Utterances(self._room.config, self._means.known, self._encoding)
        self._began_ns = self._room.now_ns
        self._room.session = {
            **session,
            "id": self._room.chance.id("live"),
            "expires_at": self._opening.started_s + self._opening.session_s,
            "status": "active",
            "audio": {"format": format_, "output": {"voice": "marin", **spoken}},
        }
        self._say("session.started", {"session": self._room.session})
        self._room.later(USAGE_EVERY_MS, self._tell_usage)
        life_ms = self._room.config.expire_after_ms or self._opening.session_s * 1000
        self._room.later(life_ms, lambda: self._over("expired"))

    def _update(self, change: object) -> None:
        if not isinstance(change, dict):
            raise missing("session")
        for name in change:
            if name not in _CHANGED:
                raise Refused("immutable", f"'{name}' cannot change.", f"session.{name}")
        self._room.session = {**self._room.session, **change}
        self._say("session.updated", {"session": self._room.session})

    def hang_up(self) -> list[Output]:
        """End it, as when the telephone at the other end is put down."""
        self._over("remote_hangup")
        return self._room.take_outputs()

    def _close(self) -> None:
        self._closing = True
        self._stream.hush()
        if not self._stream.busy:
            self._over("close_requested")

    def _said(self) -> None:
        if self._closing:
            self._over("close_requested")

    def _over(self, reason: str) -> None:
        closed = {"reason": reason, "session": self._room.session, "usage": self._usage()}
        self._say("session.closed", closed)
        self._room.end(Close(1000, ""))

    def _tell_usage(self) -> None:
        window = {"usage_ratio": round(min(1.0, self._now_ms() / 3_600_000), 4)}
        self._say("session.usage.updated", {"usage": self._usage(), "context_window": window})
        self._room.later(USAGE_EVERY_MS, self._tell_usage)

    def _usage(self) -> dict[str, float]:
        return {"seconds": self._now_ms() / 1000}

    # --- what is heard and said

    def _append(self, octets: bytes) -> None:
        if self._muted or self._closing:
            octets = bytes(len(octets)) if self._encoding == "audio/pcm" else b"\xff" * len(octets)
        for utterance in self._heard.take(octets):
            if utterance is None:
                self._stream.hush()
            else:
                self._answer(utterance)

    def _answer(self, utterance: Utterance) -> None:
        for piece in pieces(utterance.words):
            said = {"delta": piece, "start_ms": utterance.starts_ms, "end_ms": utterance.ends_ms}
            self._say("session.input_transcript.delta", said)
        self._turn += 1
        self._stream.say(self._clip(utterance.words), self._encoding, self._room.config.respond_ms)

    def _clip(self, words: str) -> Clip:
        chosen = choose(Scene(words, [], turn=self._turn))
        if not isinstance(chosen, Say):
            return fallback(self._means.library, "understood")
        spoken = self._means.voice(chosen.text) if chosen.text else None
        return spoken or fallback(self._means.library, chosen.clip)

    def _times(self, _chunk: object) -> dict[str, Any]:
        now_ms = self._now_ms()
        return {"start_ms": now_ms, "end_ms": now_ms + CHUNK_MS}

    def _now_ms(self) -> int:
        return 0 if self._began_ns is None else (self._room.now_ns - self._began_ns) // MS

    def _say(self, type_: str, fields: dict[str, Any]) -> None:
        answers = {"client_event_id": self._event_id} if self._event_id else {}
        self._room.say(type_, {**fields, **answers})

    def _refuse(self, refused: Refused) -> None:
        error = {"type": refused.type, "code": refused.code, "message": refused.message}
        if refused.param is not None:
            error["param"] = refused.param
        if self._event_id is not None:
            error["client_event_id"] = self._event_id
        self._room.say("error", {"error": error})


def _object(value: object, path: str) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise invalid(path, value, "Expected an object.")
    return value or {}
