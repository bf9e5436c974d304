"""Pure. One realtime session of the simulator, with turns and responses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pybase64

from trunkline.simulator import shape
from trunkline.simulator.agenda import Ticket
from trunkline.simulator.audio import Encoding, Samples, decode, encode
from trunkline.simulator.chance import Chance
from trunkline.simulator.config import SimulatorConfig
from trunkline.simulator.conversation import Item, checked_body
from trunkline.simulator.dialect import event_from_beta, refused_to_beta
from trunkline.simulator.exchange import Exchange
from trunkline.simulator.faults import Close, Freeze
from trunkline.simulator.hearing import Hearing, base64_of
from trunkline.simulator.opening import Means, Opening
from trunkline.simulator.refusal import Refused, not_accepted
from trunkline.simulator.room import MS, Room
from trunkline.simulator.speaking import Response, Speaking
from trunkline.simulator.transcribing import Transcribing

_ACCEPTED = (
    "session.update", "input_audio_buffer.append", "input_audio_buffer.commit",
    "input_audio_buffer.clear", "conversation.item.create", "conversation.item.retrieve",
    "conversation.item.truncate", "conversation.item.delete", "response.create", "response.cancel",
    "transcription_session.update", "session.close", "session.input_audio_buffer.append",
)  # fmt: skip
"""What the message about an unknown type lists, as it was seen on the wire."""

_EXPIRED = "Your session hit the maximum duration of {minutes:g} minutes."


class Session(Exchange):
    """A session from its first to its last event."""

    def __init__(
        self, config: SimulatorConfig, opening: Opening, means: Means, now_ns: int
    ) -> None:
        chance = Chance(config.seed or 0, opening.connection)
        expires_at = opening.started_s + opening.session_s
        id_ = chance.id("sess")
        first = (
            shape.transcription(id_, expires_at, config.silence_ms)
            if opening.kind == "transcription"
            else shape.realtime(id_, opening.model, expires_at, config.silence_ms)
        )
        if opening.change:
            fields = {k: v for k, v in opening.change.items() if k not in ("model", "temperature")}
            first = shape.updated(first, fields, spoken=False, silence_ms=config.silence_ms)
        if opening.dialect == "beta":
            # Only the beta dialect knows it; its presence lets an update set it.
            first["temperature"] = 0.8
        super().__init__(Room(config, chance, opening.dialect, first), now_ns)
        self._transcribing = Transcribing(self._room, means.known)
        self._speaking = Speaking(self._room, means.library, means.voice, self._response_done)
        self._hearing = Hearing(
            self._room, self._speaking.interrupt, self._transcribing.before_commit, self._turn
        )
        self._idle: Ticket | None = None
        self._waiting: Ticket | None = None
        self._minutes = opening.session_s / 60
        self._answers: dict[str, Callable[[dict[str, Any]], None]] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": lambda _: self._hearing.commit(),
            "input_audio_buffer.clear": lambda _: self._hearing.clear(),
            "conversation.item.create": self._create,
            "conversation.item.retrieve": self._retrieve,
            "conversation.item.truncate": self._truncate,
            "conversation.item.delete": self._delete,
            "response.create": self._request,
            "response.cancel": lambda event: self._speaking.cancel(event.get("response_id")),
        }
        self._open(opening)

    def _open(self, opening: Opening) -> None:
        room, config = self._room, self._room.config
        if not config.omit_session_created:
            room.say("session.created", {"session": room.session})
        if config.conversation_created:
            about = {"id": room.conversation.id, "object": "realtime.conversation"}
            room.say("conversation.created", {"conversation": about})
        room.later(config.expire_after_ms or opening.session_s * 1000, self._expire)
        if config.close_after_ms:
            close = Close(config.close_code, config.close_reason)
            room.later(config.close_after_ms, lambda: room.end(close))
        if config.ping_events_ms:
            room.later(config.ping_events_ms, self._ping)
        self._came()
        if config.half_open_after_ms:
            room.later(config.half_open_after_ms, lambda: room.end(Freeze()))

    def _ping(self) -> None:
        self._room.say("ping", {})
        self._room.later(self._room.config.ping_events_ms, self._ping)

    def _came(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        config = self._room.config
        if config.idle_close_ms:
            close = Close(config.close_code, config.close_reason)
            self._waiting = self._room.later(config.idle_close_ms, lambda: self._room.end(close))

    def _handle(self, event: dict[str, Any]) -> None:
        if self._room.dialect != "beta":
            return self._answer_to(event)
        event = event_from_beta(event)
        try:
            return self._answer_to(event)
        except Refused as refused:
            raise refused_to_beta(refused) from refused

    def _answer_to(self, event: dict[str, Any]) -> None:
        type_ = event.get("type")
        answer = self._answers.get(type_) if isinstance(type_, str) else None
        if answer is None:
            raise not_accepted(type_, _ACCEPTED)
        answer(event)

    # The caller's events

    def _append(self, event: dict[str, Any]) -> None:
        self._hearing.append(event)
        if self._idle is not None and self._hearing.speech_going_on:
            self._idle.cancel()

    def _update(self, event: dict[str, Any]) -> None:
        room = self._room
        room.session = shape.updated(
            room.session,
            event.get("session"),
            spoken=room.spoken,
            silence_ms=room.config.silence_ms,
        )
        room.say("session.updated", {"session": room.session})

    def _create(self, event: dict[str, Any]) -> None:
        room = self._room
        body = checked_body(event.get("item"), room.chance.id("item"))
        if body["type"] == "function_call_output" and not room.conversation.known_call(
            body["call_id"]
        ):
            raise Refused(
                "invalid_tool_call_id",
                f"Tool call ID '{body['call_id']}' not found in conversation.",
                "item.call_id",
            )
        item = Item(body)
        item.audio = _audio_of(body, room.session["audio"]["input"]["format"]["type"])
        previous = room.conversation.insert(item, event.get("previous_item_id"))
        self._transcribing.understand(item)
        fields = {"previous_item_id": previous, "item": body}
        room.say("conversation.item.added", fields)
        room.say("conversation.item.done", fields)

    def _retrieve(self, event: dict[str, Any]) -> None:
        item = self._room.conversation.require(event.get("item_id"), "retrieve")
        body = item.body
        if item.audio is not None:
            side = "output" if item.role == "assistant" else "input"
            encoding = self._room.session["audio"][side]["format"]["type"]
            audio = pybase64.b64encode_as_string(encode(item.audio, encoding))
            body = {**body, "content": [{**part, "audio": audio} for part in body["content"]]}
        self._room.say("conversation.item.retrieved", {"item": body})

    def _truncate(self, event: dict[str, Any]) -> None:
        item = self._room.conversation.truncate(event)
        fields = {"item_id": item.id, "content_index": 0, "audio_end_ms": event["audio_end_ms"]}
        self._room.say("conversation.item.truncated", fields)

    def _delete(self, event: dict[str, Any]) -> None:
        item = self._room.conversation.delete(event.get("item_id"))
        self._room.say("conversation.item.deleted", {"item_id": item.id})

    def _request(self, event: dict[str, Any]) -> None:
        if self._room.transcribes_only:
            raise Refused("invalid_request", "A transcription session creates no responses.")
        self._speaking.request(event)

    # What happens by itself

    def _turn(self, item: Item, by_vad: bool) -> None:
        self._transcribing.begin(item)
        if self._room.config.forget_audio:
            item.forget_audio()
        rules = self._room.session["audio"]["input"]["turn_detection"]
        if by_vad and rules is not None and rules.get("create_response", False):
            self._answer()

    def _answer(self, *, idle: bool = False) -> None:
        try:
            self._speaking.answer(idle=idle)
        except Refused as refused:
            self._room.refuse(refused, None)

    def _response_done(self, response: Response) -> None:
        self._transcribing.response_done()
        rules = self._room.session["audio"]["input"].get("turn_detection") or {}
        idle_ms = rules.get("idle_timeout_ms")
        if idle_ms and response.request.in_conversation:
            # Armed when the answer has been heard, not when it has been sent.
            unheard_ns = max(0, response.playing_until_ns - self._room.now_ns)
            self._idle = self._room.later(unheard_ns / MS + idle_ms, self._idle_out)

    def _idle_out(self) -> None:
        if self._speaking.busy or self._hearing.speech_going_on:
            return
        self._hearing.commit_silence()
        self._answer(idle=True)

    def _expire(self) -> None:
        reason = _EXPIRED.format(minutes=self._minutes)
        if self._room.config.expiry_error:
            self._room.refuse(Refused("session_expired", reason), None)
        self._room.end(Close(1001, reason))


def _audio_of(body: dict[str, Any], encoding: Encoding) -> Samples | None:
    """The audio of a message that a caller made with audio, taken out of `body`."""
    for part in body.get("content") or ():
        audio = part.pop("audio", None) if part.get("type") == "input_audio" else None
        if audio is not None:
            return decode(base64_of(audio, "item.content[0].audio"), encoding)
    return None
