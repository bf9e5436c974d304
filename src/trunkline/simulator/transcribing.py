"""Pure. Transcripts of what the caller said, at the time that the configuration asks for."""

from __future__ import annotations

import math
from typing import Any

from trunkline.simulator.agenda import Ticket
from trunkline.simulator.conversation import Item
from trunkline.simulator.known import Known, is_silent, recognise
from trunkline.simulator.performance import pieces
from trunkline.simulator.room import Room
from trunkline.simulator.usage import caller_audio_tokens, text_tokens

_PREFIX = "conversation.item.input_audio_transcription"
_BY_DURATION = ("whisper-1", "gpt-realtime-whisper", "gpt-live-transcribe", "gpt-transcribe")
"""Models that bill by seconds. The others bill by tokens."""
_ALL_AT_ONCE = ("whisper-1",)
"""Models that send one delta with everything."""
_DELTA_MS = 15
_NO_RESPONSE_MS = 3_000
"""With timing `after`, how long a response is waited for."""


class Transcribing:
    """Knows what was said, and says so if the session wants it."""

    def __init__(self, room: Room, known: tuple[Known, ...]) -> None:
        self._room, self._known = room, known
        self._scripted = iter(room.config.transcripts)
        self._held: list[tuple[Item, Ticket]] = []

    def understand(self, item: Item) -> None:
        """Find out what is said in an item; `item.words` stays None if nobody knows."""
        if item.audio is not None and item.words is None:
            item.words = recognise(item.audio, self._known)
            if item.words is None and not is_silent(item.audio):
                item.words = next(self._scripted, None)

    def before_commit(self, item: Item) -> None:
        """Understand an item that will be committed, and stream its words if that is early."""
        self.understand(item)
        if self._wanted and self._room.config.transcription_timing == "early":
            for part in pieces(self._text(item)):
                self._soon(0, f"{_PREFIX}.delta", item, {"delta": part})

    @property
    def _wanted(self) -> bool:
        return isinstance(self._room.session["audio"]["input"]["transcription"], dict)

    def begin(self, item: Item) -> None:
        """Plan the transcript of a committed item, if the session asks for one."""
        if not self._wanted:
            return
        match self._room.config.transcription_timing:
            case "before":
                self._transcribe(item)
            case "during" | "early":
                self._room.later(self._room.config.transcription_ms, lambda: self._transcribe(item))
            case "after":
                wait = self._room.later(_NO_RESPONSE_MS, lambda: self._transcribe(item))
                self._held.append((item, wait))

    def response_done(self) -> None:
        """Let go of the transcripts that wait for the end of a response."""
        for item, wait in self._held:
            if wait.action is not None:
                wait.cancel()
                self._room.later(
                    self._room.config.transcription_ms, lambda item=item: self._transcribe(item)
                )
        self._held.clear()

    def _transcribe(self, item: Item) -> None:
        wanted = self._room.session["audio"]["input"]["transcription"] or {}
        model = wanted.get("model") or "whisper-1"
        if self._room.config.transcription_failed:
            self._fail(item)
            return
        text, timing = self._text(item), self._room.config.transcription_timing
        parts = [text] if model in _ALL_AT_ONCE else pieces(text)
        if timing == "early":
            parts = []
        at_once = timing == "before"
        for number, part in enumerate(parts):
            wait_ms = 0 if at_once else number * _DELTA_MS
            self._soon(wait_ms, f"{_PREFIX}.delta", item, {"delta": part})
        done = {"transcript": text, "usage": self._usage(item, text, model)}
        wait_ms = 0 if at_once else len(parts) * _DELTA_MS
        self._soon(wait_ms, f"{_PREFIX}.completed", item, done)
        for part in item.body["content"]:
            part["transcript"] = text

    def _text(self, item: Item) -> str:
        if item.words is None and item.audio is not None and is_silent(item.audio):
            # Silence that is committed is transcribed too, to nothing, and is billed.
            return ""
        # What stands for speech that is not recognised: nobody should take it for words.
        return item.words or f"({item.audio_ms / 1000:.1f} seconds of speech)"

    def _soon(self, wait_ms: float, type_: str, item: Item, fields: dict[str, Any]) -> None:
        everything = {"item_id": item.id, "content_index": 0, **fields}
        if wait_ms:
            self._room.later(wait_ms, lambda: self._room.say(type_, everything))
        else:
            self._room.say(type_, everything)

    def _fail(self, item: Item) -> None:
        error = {
            "type": "transcription_error",
            "code": "audio_unintelligible",
            "message": "The audio could not be transcribed.",
            "param": None,
        }
        self._soon(0, f"{_PREFIX}.failed", item, {"error": error})

    def _usage(self, item: Item, text: str, model: str) -> dict[str, Any]:
        kind = self._room.config.transcription_usage
        if kind == "duration" or (kind == "auto" and model in _BY_DURATION):
            return {"type": "duration", "seconds": float(math.ceil(item.audio_ms / 1000))}
        heard, written = caller_audio_tokens(item.audio_ms), text_tokens(text)
        return {
            "type": "tokens",
            "total_tokens": heard + written,
            "input_tokens": heard,
            "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
            "output_tokens": written,
        }
