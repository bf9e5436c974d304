"""Pure. Responses: when one may begin, how it runs, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from trunkline.simulator import script
from trunkline.simulator.agenda import Ticket
from trunkline.simulator.audio import SAMPLES_PER_MS, Encoding
from trunkline.simulator.conversation import Item, checked_body
from trunkline.simulator.performance import (
    FunctionCall,
    Output,
    Spoken,
    Step,
    Written,
    fallback,
)
from trunkline.simulator.refusal import Refused
from trunkline.simulator.request import Request, parsed
from trunkline.simulator.room import Room
from trunkline.simulator.speech import Clip, Library
from trunkline.simulator.usage import Segment, fitted, text_tokens, usage

_LIMIT_TOKENS = 40_000
"""`tokens` of `rate_limits.updated`; each response takes its own off it for a minute."""

Voice = Callable[[str], Clip | None]
"""Speaks a text that is not a clip, None when that cannot be done."""


class Response:
    """One response, from its request to its `response.done`."""

    def __init__(self, id_: str, request: Request, segments: list[Segment]) -> None:
        self.id, self.request, self.segments = id_, request, segments
        self.outputs: list[Output] = []
        self.created = False
        self.playing_until_ns = 0
        self.steps: Iterator[Step] = iter(())
        self.waiting: Step | None = None
        self.ticket: Ticket | None = None

    def tokens(self) -> tuple[int, int]:
        """Return the output tokens (text, audio) so far."""
        each = [output.tokens() for output in self.outputs]
        return sum(text for text, _ in each), sum(audio for _, audio in each)


class Speaking:
    """All responses of a session: at most one in the conversation, any number beside it."""

    def __init__(
        self, room: Room, library: Library, voice: Voice, done: Callable[[Response], None]
    ) -> None:
        self._room, self._library, self._voice, self._done = room, library, voice, done
        self._active: Response | None = None
        self._beside: list[Response] = []
        self._before: list[Segment] = []
        """The input of the last response in the conversation: the prefix that is cached."""
        self._turns = 0
        self._interrupted = False
        self._used_tokens = 0

    @property
    def busy(self) -> bool:
        """Whether a response runs in the conversation, or is about to."""
        return self._active is not None

    # Beginning

    def request(self, event: dict[str, Any]) -> None:
        """Begin what a caller's `response.create` asks for. Raises `Refused`."""
        self._begin(parsed(event.get("response"), self._room.session))

    def answer(self, *, idle: bool = False) -> None:
        """Begin the automatic response to a turn. Raises `Refused` when one is running."""
        if not self._room.config.unanswered:
            self._begin(parsed(None, self._room.session), idle=idle)

    def _begin(self, request: Request, *, idle: bool = False) -> None:
        if request.in_conversation and self._active is not None:
            raise Refused(
                "conversation_already_has_active_response",
                f"Conversation already has an active response in progress: {self._active.id}. "
                "Wait until the response is finished before creating a new one.",
            )
        context = self._context(request)
        response = Response(self._room.chance.id("resp"), request, self._segments(request, context))
        scene = self._scene(request, context, idle=idle)
        response.steps = self._perform(response, scene)
        if request.in_conversation:
            self._active = response
        else:
            self._beside.append(response)
        response.ticket = self._room.later(
            self._room.config.respond_ms, lambda: self._create(response)
        )

    def _context(self, request: Request) -> list[Item]:
        if request.input is None:
            return list(self._room.conversation)
        items = list[Item]()
        for entry in request.input:
            if isinstance(entry, dict) and entry.get("type") == "item_reference":
                items.append(self._room.conversation.require(entry.get("id"), "retrieve"))
            else:
                items.append(Item(checked_body(entry, self._room.chance.id("item"))))
        return items

    def _segments(self, request: Request, context: list[Item]) -> list[Segment]:
        head = [
            Segment("text", text_tokens(text), text)
            for text in (request.instructions, json.dumps(request.tools) if request.tools else "")
            if text
        ]
        segments = head + [segment for item in context for segment in item.segments()]
        limit = self._room.config.context_tokens
        if self._room.session.get("truncation") != "disabled":
            return fitted(segments, limit, kept=len(head))
        if sum(segment.tokens for segment in segments) > limit:
            raise Refused("context_length_exceeded", "The conversation exceeds the context window.")
        return segments

    def _scene(self, request: Request, context: list[Item], *, idle: bool) -> script.Scene:
        last = context[-1] if context else None
        said = next((item for item in reversed(context) if item.role == "user"), None)
        output_of = None
        if last is not None and last.kind == "function_call_output":
            call = self._room.conversation.known_call(last.body["call_id"])
            output_of = call.body["name"] if call else ""
        return script.Scene(
            text=said.text() if said else "",
            tools=request.tools,
            tool_choice=request.tool_choice,
            turn=self._turns,
            interrupted=self._interrupted,
            output_of=output_of,
            instructions=request.own_instructions,
            idle=idle,
        )

    # Running

    def _create(self, response: Response) -> None:
        response.created = True
        self._room.say("response.created", {"response": self._body(response, "in_progress")})
        if self._room.config.inject_error:
            code = self._room.config.inject_error
            self._room.refuse(Refused(code, f"Injected: {code}.", type="server_error"), None)
        if self._room.config.response == "failed":
            self._finish(response, "failed", _failure(self._room.config.failure))
        else:
            self._advance(response)

    def _perform(self, response: Response, scene: script.Scene) -> Iterator[Step]:
        """Yield all steps of a response; outputs are made one after the other."""
        count = 1
        while len(response.outputs) < count:
            chosen = script.choose(scene)
            if isinstance(chosen, script.Say):
                count = self._room.config.items
            output = self._output(response, chosen)
            alone = not response.request.in_conversation
            previous_id = None if alone else self._room.conversation.insert(output.item)
            response.outputs.append(output)
            yield from output.open(previous_id, alone=alone)
            yield from output.perform()
            yield from output.close("completed", alone=alone)
            scene = script.Scene("", [], turn=self._turns + len(response.outputs))

    def _output(self, response: Response, chosen: script.Say | script.Call) -> Output:
        room, at = self._room, len(response.outputs)
        item_id = room.chance.id("item")
        if isinstance(chosen, script.Call):
            call_id = room.chance.id("call")
            return FunctionCall(
                response.id, at, item_id, call_id, chosen.name, chosen.arguments, self
            )
        clip = fallback(self._library, chosen.clip)
        if response.request.modality == "text":
            return Written(response.id, at, item_id, chosen.text or clip.text, self)
        if chosen.text is not None:
            # Without a voice for it, another text is said, never other words than are heard.
            clip = self._library.find(chosen.text) or self._voice(chosen.text) or clip
        encoding: Encoding = response.request.format["type"]
        return Spoken(
            response.id, at, item_id, clip, encoding, room.config.chunk_ms, self,
            silent=room.config.response == "silent", odd=room.config.odd_bytes,
        )  # fmt: skip

    def _advance(self, response: Response) -> None:
        """Say all steps that are due; plan the next one."""
        response.ticket = None
        while True:
            step = response.waiting or next(response.steps, None)
            if step is None:
                self._finish(response, "completed", None)
                return
            if response.waiting is None and step.wait_ms > 0:
                response.waiting = step
                response.ticket = self._room.later(step.wait_ms, lambda: self._advance(response))
                return
            response.waiting = None
            self._say(response, step)
            if step.is_delta and (details := self._cut_short(response)) is not None:
                self._close_last(response)
                self._finish(response, "incomplete", details)
                return

    def _say(self, response: Response, step: Step) -> None:
        if step.type == "response.output_audio.delta":
            self._room.spoken = True
            response.playing_until_ns = response.playing_until_ns or self._room.now_ns
        self._room.say(step.type, step.fields)

    def _cut_short(self, response: Response) -> dict[str, Any] | None:
        """The `status_details` with which a response ends here, None when it goes on."""
        outcome, limit = self._room.config.response, response.request.max_output_tokens
        spent = sum(response.tokens())
        if isinstance(limit, int) and spent >= limit:
            return {"type": "incomplete", "reason": "max_output_tokens"}
        if spent < 10 or outcome not in ("incomplete", "content_filter"):
            return None
        reason = "max_output_tokens" if outcome == "incomplete" else "content_filter"
        return {"type": "incomplete", "reason": reason}

    # Ending

    def cancel(self, response_id: object) -> None:
        """Cancel what a caller's `response.cancel` names. Raises `Refused`."""
        running = [r for r in (self._active, *self._beside) if r is not None]
        wanted = [r for r in running if r.id == response_id] if response_id else running[:1]
        if not wanted:
            raise Refused(
                "response_cancel_not_active", "Cancellation failed: no active response found"
            )
        self._cancel(wanted[0], "client_cancelled")

    def interrupt(self) -> None:
        """Cancel the response in the conversation because the caller speaks."""
        if self._active is None:
            return
        if self._active.created:
            self._interrupted = True
            self._cancel(self._active, "turn_detected")
        else:
            self._forget(self._active)

    def _forget(self, response: Response) -> None:
        if response.ticket is not None:
            response.ticket.cancel()
        if response is self._active:
            self._active = None
        elif response in self._beside:
            self._beside.remove(response)

    def _cancel(self, response: Response, reason: str) -> None:
        if response.ticket is not None:
            response.ticket.cancel()
        if not response.created:
            response.created = True
            self._room.say("response.created", {"response": self._body(response, "in_progress")})
        self._say_in_flight(response)
        self._close_last(response)
        self._finish(response, "cancelled", {"type": "cancelled", "reason": reason})

    def _say_in_flight(self, response: Response) -> None:
        """What was already on its way when the response was cancelled."""
        left = self._room.config.in_flight_deltas if response.outputs else 0
        while left and (step := response.waiting or next(response.steps, None)) is not None:
            if not step.is_delta:
                return
            response.waiting, left = None, left - 1
            self._say(response, step)

    def _close_last(self, response: Response) -> None:
        last = response.outputs[-1] if response.outputs else None
        if last is not None and last.item.body["status"] == "in_progress":
            alone = not response.request.in_conversation
            for step in last.close("incomplete", alone=alone):
                self._room.say(step.type, step.fields)

    def _finish(self, response: Response, status: str, details: dict[str, Any] | None) -> None:
        self._forget(response)
        text, audio = response.tokens()
        before = self._before if response.request.in_conversation else []
        counted = usage(before, response.segments, output_text=text, output_audio=audio)
        if response.request.in_conversation:
            self._before = response.segments
            self._turns += 1
            self._interrupted = self._interrupted and status == "cancelled"
        self._used_tokens += counted["total_tokens"]
        played = sum(len(o.item.audio) for o in response.outputs if o.item.audio is not None)
        response.playing_until_ns += played * 1_000_000 // SAMPLES_PER_MS
        body = self._body(response, status, details=details, counted=counted)
        self._room.say("response.done", {"response": body})
        self._room.later(self._room.config.rate_limits_ms, self._say_rate_limits)
        self._done(response)

    def _say_rate_limits(self) -> None:
        limit = {
            "name": "tokens",
            "limit": _LIMIT_TOKENS,
            "remaining": max(0, _LIMIT_TOKENS - self._used_tokens),
            "reset_seconds": round(min(60.0, self._used_tokens * 60 / _LIMIT_TOKENS), 3),
        }
        self._room.say("rate_limits.updated", {"rate_limits": [limit]})

    def _body(
        self,
        response: Response,
        status: str,
        *,
        details: dict[str, Any] | None = None,
        counted: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        request = response.request
        return {
            "object": "realtime.response",
            "id": response.id,
            "status": status,
            "status_details": details,
            "output": [output.item.body for output in response.outputs],
            "conversation_id": self._room.conversation.id if request.in_conversation else None,
            "output_modalities": [request.modality],
            "max_output_tokens": request.max_output_tokens,
            "audio": {"output": {"format": request.format, "voice": request.voice}},
            "usage": counted,
            "metadata": request.metadata,
        }

    # How fast: `performance.Pace`

    def first_ms(self) -> float:
        """Return the wait before the first delta of an output."""
        return self._late(self._room.config.first_audio_ms)

    def audio_ms(self, audio_ms: float) -> float:
        """Return the wait after a delta with `audio_ms` of audio."""
        burst = self._room.config.burst
        return self._late(audio_ms / burst) if burst > 0 else 0.0

    def text_ms(self) -> float:
        """Return the wait after a delta of text."""
        return self._late(self._room.config.text_delta_ms)

    def _late(self, wait_ms: float) -> float:
        return wait_ms + self._room.chance.between(0, self._room.config.jitter_ms)


def _failure(code: str) -> dict[str, Any]:
    kind = "server_error" if code == "server_error" else "invalid_request_error"
    message = "The server had an error while processing your request."
    return {"type": "failed", "error": {"type": kind, "code": code, "message": message}}
