"""Pure. The events that a response is made of, in the provider's order, with the waits between.

An output (`Message`, `FunctionCall`) opens, performs and closes. Performing can
be broken off between any two steps: closing then tells what there is so far.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from trunkline.simulator.audio import SAMPLES_PER_MS, Encoding
from trunkline.simulator.conversation import Item
from trunkline.simulator.speech import Clip, Library
from trunkline.simulator.usage import assistant_audio_tokens, text_tokens


class Step(NamedTuple):
    """One event, `wait_ms` after the one before it."""

    wait_ms: float
    type: str
    fields: dict[str, Any]

    @property
    def is_delta(self) -> bool:
        """Whether it carries a piece of the output."""
        return self.type.endswith(".delta")


class Pace(Protocol):
    """How the waits before deltas come about."""

    def first_ms(self) -> float:
        """Return the wait before the first delta of an output."""
        ...

    def audio_ms(self, audio_ms: float) -> float:
        """Return the wait before a delta after one that holds `audio_ms` of audio."""
        ...

    def text_ms(self) -> float:
        """Return the wait before a delta of text."""
        ...


class Output(Protocol):
    """One item of a response's output."""

    item: Item

    def open(self, previous_id: str | None, *, alone: bool) -> Iterator[Step]:
        """Yield the opening events; `alone` when the item is in no conversation."""
        ...

    def perform(self) -> Iterator[Step]:
        """Yield the deltas."""
        ...

    def close(self, status: str, *, alone: bool) -> Iterator[Step]:
        """Yield the closing events, for what was performed so far."""
        ...

    def tokens(self) -> tuple[int, int]:
        """Return the output tokens (text, audio) performed so far."""
        ...


class _Placed:
    """What both kinds of output share: where they are, and the item events around them."""

    def __init__(self, response_id: str, index: int, body: dict[str, Any]) -> None:
        self.response_id, self.index, self.item = response_id, index, Item(body)
        self.previous_id: str | None = None

    def open(self, previous_id: str | None, *, alone: bool) -> Iterator[Step]:
        """Yield `output_item.added` and `conversation.item.added`."""
        self.previous_id = previous_id
        place = {"response_id": self.response_id, "output_index": self.index}
        yield Step(0, "response.output_item.added", {**place, "item": self.item.body})
        if not alone:
            yield Step(0, "conversation.item.added", self._in_conversation())

    def _in_conversation(self) -> dict[str, Any]:
        return {"previous_item_id": self.previous_id, "item": self.item.body}

    def finish(self, status: str, *, alone: bool) -> Iterator[Step]:
        """Yield `conversation.item.done` and `output_item.done`."""
        self.item.body["status"] = status
        place = {"response_id": self.response_id, "output_index": self.index}
        if not alone:
            yield Step(0, "conversation.item.done", self._in_conversation())
        yield Step(0, "response.output_item.done", {**place, "item": self.item.body})

    def here(self, **fields: object) -> dict[str, Any]:
        """Return the fields of an event of this item."""
        return {
            "response_id": self.response_id,
            "item_id": self.item.id,
            "output_index": self.index,
            **fields,
        }


def _message_body(item_id: str) -> dict[str, Any]:
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "in_progress",
        "role": "assistant",
        "content": [],
    }


class Spoken(_Placed):
    """A message that is heard: audio deltas, each after the words that begin in it."""

    def __init__(
        self, response_id: str, index: int, item_id: str, clip: Clip, encoding: Encoding,
        chunk_ms: int, pace: Pace, *, silent: bool = False, odd: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(response_id, index, _message_body(item_id))
        self._clip, self._pace = clip, pace
        self._chunks = () if silent else clip.chunks(encoding, chunk_ms, odd=odd)
        self._said, self._sent_ms = "", 0.0

    def open(self, previous_id: str | None, *, alone: bool) -> Iterator[Step]:
        """Yield the item's events, then `content_part.added`."""
        yield from super().open(previous_id, alone=alone)
        part = {"type": "audio", "transcript": ""}
        yield Step(0, "response.content_part.added", self.here(content_index=0, part=part))

    def perform(self) -> Iterator[Step]:
        """Yield transcript and audio deltas, interleaved."""
        wait_ms = self._pace.first_ms()
        for chunk in self._chunks:
            if chunk.transcript:
                self._said += chunk.transcript
                words = self.here(content_index=0, delta=chunk.transcript)
                yield Step(wait_ms, "response.output_audio_transcript.delta", words)
                wait_ms = 0.0
            self._sent_ms += chunk.duration_ms
            sound = self.here(content_index=0, delta=chunk.audio)
            yield Step(wait_ms, "response.output_audio.delta", sound)
            wait_ms = self._pace.audio_ms(chunk.duration_ms)

    def close(self, status: str, *, alone: bool) -> Iterator[Step]:
        """Yield the `done` events, inside out."""
        self.item.body["content"] = [{"type": "output_audio", "transcript": self._said}]
        self.item.audio = self._clip.samples[: int(self._sent_ms * SAMPLES_PER_MS)]
        part = {"type": "audio", "transcript": self._said}
        here = self.here(content_index=0)
        yield Step(0, "response.output_audio.done", here)
        done = {**here, "transcript": self._said}
        yield Step(0, "response.output_audio_transcript.done", done)
        yield Step(0, "response.content_part.done", {**here, "part": part})
        yield from self.finish(status, alone=alone)

    def tokens(self) -> tuple[int, int]:
        """Return the tokens of the transcript and of the audio."""
        return text_tokens(self._said), assistant_audio_tokens(self._sent_ms)


class Written(_Placed):
    """A message that is read: text deltas, a word each."""

    def __init__(
        self, response_id: str, index: int, item_id: str, text: str, pace: Pace
    ) -> None:  # fmt: skip
        super().__init__(response_id, index, _message_body(item_id))
        self._text, self._pace, self._said = text, pace, ""

    def open(self, previous_id: str | None, *, alone: bool) -> Iterator[Step]:
        """Yield the item's events, then `content_part.added`."""
        yield from super().open(previous_id, alone=alone)
        part = {"type": "text", "text": ""}
        yield Step(0, "response.content_part.added", self.here(content_index=0, part=part))

    def perform(self) -> Iterator[Step]:
        """Yield text deltas."""
        wait_ms = self._pace.first_ms()
        for word in pieces(self._text):
            self._said += word
            here = self.here(content_index=0, delta=word)
            yield Step(wait_ms, "response.output_text.delta", here)
            wait_ms = self._pace.text_ms()

    def close(self, status: str, *, alone: bool) -> Iterator[Step]:
        """Yield the `done` events, inside out."""
        self.item.body["content"] = [{"type": "output_text", "text": self._said}]
        here = self.here(content_index=0)
        yield Step(0, "response.output_text.done", {**here, "text": self._said})
        part = {"type": "text", "text": self._said}
        yield Step(0, "response.content_part.done", {**here, "part": part})
        yield from self.finish(status, alone=alone)

    def tokens(self) -> tuple[int, int]:
        """Return the tokens of the text, and no audio."""
        return text_tokens(self._said), 0


class FunctionCall(_Placed):
    """A call of one of the session's functions."""

    def __init__(
        self, response_id: str, index: int, item_id: str, call_id: str, name: str,
        arguments: str, pace: Pace,
    ) -> None:  # fmt: skip
        body = {
            "id": item_id,
            "object": "realtime.item",
            "type": "function_call",
            "status": "in_progress",
            "name": name,
            "call_id": call_id,
            "arguments": "",
        }
        super().__init__(response_id, index, body)
        self._arguments, self._pace, self._said = arguments, pace, ""

    def perform(self) -> Iterator[Step]:
        """Yield the arguments in pieces."""
        wait_ms, call_id = self._pace.first_ms(), self.item.body["call_id"]
        for piece in pieces(self._arguments):
            self._said += piece
            here = self.here(call_id=call_id, delta=piece)
            yield Step(wait_ms, "response.function_call_arguments.delta", here)
            wait_ms = self._pace.text_ms()

    def close(self, status: str, *, alone: bool) -> Iterator[Step]:
        """Yield `arguments.done` and the item's `done` events."""
        self.item.body["arguments"] = self._said
        body = self.item.body
        done = self.here(call_id=body["call_id"], name=body["name"], arguments=self._said)
        yield Step(0, "response.function_call_arguments.done", done)
        yield from self.finish(status, alone=alone)

    def tokens(self) -> tuple[int, int]:
        """Return the tokens of name and arguments, and no audio."""
        return text_tokens(self.item.body["name"] + self._said), 0


def pieces(text: str) -> list[str]:
    """Return `text` cut before each space, so that the pieces together are `text`."""
    words = text.split(" ")
    return [word if at == 0 else " " + word for at, word in enumerate(words)] if text else []


def fallback(library: Library, name: str) -> Clip:
    """Return the clip of this name, or any: there is always something to say."""
    found = library.clips.get(name) or next(iter(library.clips.values()), None)
    return found or Clip("", (), np.zeros(0, np.int16))
