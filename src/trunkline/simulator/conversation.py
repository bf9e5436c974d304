"""Pure. The conversation: a linked list of items, as the provider keeps it."""

from __future__ import annotations

from typing import Any

import numpy as np

from trunkline.simulator.audio import SAMPLES_PER_MS, Samples
from trunkline.simulator.refusal import Refused, invalid, missing
from trunkline.simulator.usage import (
    Segment,
    assistant_audio_tokens,
    caller_audio_tokens,
    text_tokens,
)

ROOT = "root"

_PARTS = {
    "user": ("input_text", "input_audio", "input_image"),
    "assistant": ("output_text",),
    "system": ("input_text",),
}
"""What a caller may put into a message. The API cannot be given assistant audio."""


class Item:
    """One item. `body` is what the wire shows; audio is beside it, never in it."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.audio: Samples | None = None
        """The sound of the one audio part, 24 kHz; None for items without."""
        self.words: str | None = None
        """What is said in a caller's audio, if it is known, whether or not it is transcribed."""

    @property
    def id(self) -> str:
        """The item's id."""
        return self.body["id"]

    @property
    def kind(self) -> str:
        """`message`, `function_call`, …"""
        return self.body["type"]

    @property
    def role(self) -> str | None:
        """The role of a message."""
        return self.body.get("role")

    @property
    def audio_ms(self) -> int:
        """Duration of the audio part, 0 without one."""
        return 0 if self.audio is None else len(self.audio) // SAMPLES_PER_MS

    def forget_audio(self) -> None:
        """Put silence of the same length, which takes no memory, in the place of the audio."""
        if self.audio is not None:
            self.audio = np.broadcast_to(np.int16(0), len(self.audio))

    def text(self) -> str:
        """Return all that is written or said in it, as far as it is known."""
        if self.kind == "function_call":
            return self.body["name"] + self.body["arguments"]
        if self.kind == "function_call_output":
            return self.body["output"]
        parts: list[dict[str, Any]] = self.body.get("content") or []
        written = [part.get("text") or part.get("transcript") or "" for part in parts]
        return " ".join(filter(None, [*written, self.words if not any(written) else None]))

    def segments(self) -> list[Segment]:
        """Return the item as input tokens. A caller's audio counts as audio, never as text."""
        mine = list[Segment]()
        if self.audio is not None:
            count = assistant_audio_tokens if self.role == "assistant" else caller_audio_tokens
            mine.append(Segment("audio", count(self.audio_ms), self.id))
        if self.audio is None or self.role == "assistant":
            mine.append(Segment("text", text_tokens(self.text()), self.id))
        return mine


class Conversation:
    """Items in order. Raises `Refused` for what the provider would refuse."""

    def __init__(self, id_: str) -> None:
        self.id = id_
        self._items: list[Item] = []

    def __iter__(self):
        return iter(self._items)

    @property
    def last_id(self) -> str | None:
        """The id of the last item, None in an empty conversation."""
        return self._items[-1].id if self._items else None

    def find(self, item_id: str) -> Item | None:
        """Return the item with this id."""
        return next((item for item in self._items if item.id == item_id), None)

    def previous_id(self, item: Item) -> str | None:
        """Return the id of the item before `item`, None for the first."""
        at = self._items.index(item)
        return self._items[at - 1].id if at else None

    def insert(self, item: Item, after: str | None = None) -> str | None:
        """Put `item` after the item `after`, at the end by default; return the id before it."""
        if self.find(item.id) is not None:
            raise Refused(
                "item_create_duplicate_item_id",
                f"Error adding item: the item with id '{item.id}' already exists.",
                "item.id",
            )
        self._items.insert(self._place(after), item)
        return self.previous_id(item)

    def _place(self, after: str | None) -> int:
        if after is None:
            return len(self._items)
        if after == ROOT:
            return 0
        before = self.find(after)
        if before is None:
            raise Refused(
                "invalid_value",
                f"Error adding item: the previous item with id '{after}' does not exist.",
                "previous_item_id",
            )
        return self._items.index(before) + 1

    def require(self, item_id: object, verb: str) -> Item:
        """Return the item, or refuse to `verb` (retrieve, truncate, delete) it."""
        if not isinstance(item_id, str):
            raise missing("item_id")
        found = self.find(item_id)
        if found is None:
            raise Refused(
                f"item_{verb}_invalid_item_id",
                f"Error {verb[:-1]}ing item: the item with id '{item_id}' does not exist.",
                "item_id",
            )
        return found

    def delete(self, item_id: object) -> Item:
        """Take an item out."""
        item = self.require(item_id, "delete")
        self._items.remove(item)
        return item

    def truncate(self, event: dict[str, Any]) -> Item:
        """Cut an assistant item's audio; its transcript goes, since nobody knows where it ends."""
        item = self.require(event.get("item_id"), "truncate")
        end_ms = event.get("audio_end_ms")
        if not isinstance(end_ms, int) or isinstance(end_ms, bool) or end_ms < 0:
            raise (
                missing("audio_end_ms")
                if end_ms is None
                else invalid("audio_end_ms", end_ms, "Expected a number of milliseconds.")
            )
        if item.role != "assistant" or item.audio is None:
            raise Refused(None, "Only model output audio messages can be truncated", None)
        if end_ms > item.audio_ms:
            raise Refused(
                "invalid_value",
                f"Audio content of {item.audio_ms}ms is already shorter than {end_ms}ms",
                "audio_end_ms",
            )
        item.audio = item.audio[: end_ms * SAMPLES_PER_MS]
        for part in item.body["content"]:
            part["transcript"] = None
        return item

    def known_call(self, call_id: str) -> Item | None:
        """Return the function call that has this `call_id`."""
        return next(
            (i for i in self._items if i.kind == "function_call" and i.body["call_id"] == call_id),
            None,
        )


def checked_body(body: object, item_id: str) -> dict[str, Any]:
    """Return a caller's item as the provider would keep it, or refuse it.

    `item_id` is used when the caller chose none.
    """
    if not isinstance(body, dict):
        raise missing("item")
    kind = body.get("type")
    if kind is None:
        raise missing("item.type")
    chosen = body.get("id")
    if chosen is not None and not (isinstance(chosen, str) and chosen):
        raise invalid("item.id", chosen, "Expected a string.")
    common = {"id": chosen or item_id, "object": "realtime.item"}
    match kind:
        case "message":
            return {**common, **_message(body)}
        case "function_call" | "function_call_output":
            return {**common, **_function(body)}
        case _:
            raise invalid("item.type", kind, "It cannot be created by a caller.")


def _message(body: dict[str, Any]) -> dict[str, Any]:
    role, content = body.get("role"), body.get("content")
    if not isinstance(role, str) or role not in _PARTS:
        raise invalid("item.role", role, "Supported values are: 'user', 'assistant' and 'system'.")
    if not isinstance(content, list) or not content:
        raise missing("item.content")
    allowed = _PARTS[role]
    for index, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in allowed:
            supported = " and ".join(f"'{one}'" for one in allowed)
            raise invalid(
                f"item.content[{index}].type", kind, f"Supported values are: {supported}."
            )
        for name in ("text", "transcript"):
            if not isinstance(part.get(name, ""), str | None):
                raise invalid(f"item.content[{index}].{name}", part[name], "Expected a string.")
    return {
        "type": "message",
        "role": role,
        "status": "completed",
        "content": [dict(part) for part in content],
    }


def _function(body: dict[str, Any]) -> dict[str, Any]:
    names = ("name", "arguments") if body["type"] == "function_call" else ("output",)
    for name in ("call_id", *names):
        if not isinstance(body.get(name), str):
            raise missing(f"item.{name}")
    if len(body["call_id"]) > 32:
        raise Refused(
            "string_above_max_length",
            "Invalid 'item.call_id': string too long. Expected a string with maximum length 32.",
            "item.call_id",
        )
    return {
        "type": body["type"],
        "status": "completed",
        "call_id": body["call_id"],
        **{name: body[name] for name in names},
    }
