"""What a client's script needs of the test: what to say, how to tell what it saw.

How to connect is in the module `documented`, which is taken from docs/how-to/clients.md.
Every script has the same conversation, as far as its client can: a text turn, a
tool call, a spoken turn, and a story that the caller interrupts. It plays what it hears
at the pace of a loudspeaker, in its head.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MODEL = "gpt-realtime-2.1"
GREETING = "Hello"
QUESTION = "What is the weather like in Paris?"
STORY = "Tell me a story."
WEATHER = "It is sunny, 21 degrees."
TOOL_NAME = "get_weather"
TOOL: dict[str, Any] = {
    "type": "function",
    "name": TOOL_NAME,
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
SPOKEN, SPOKEN_OVER = "go_forward", "young_man"
"""The clips that are said in the quiet, and over the story."""
CHUNK_MS, BYTES_PER_MS, SILENCE_MS = 100, 48, 1000
WAIT_S = 60.0

LISTENING: dict[str, Any] = {
    "transcription": {"model": "gpt-4o-mini-transcribe"},
    "turn_detection": {"type": "server_vad", "silence_duration_ms": 500},
}
SESSION: dict[str, Any] = {
    "type": "realtime",
    "instructions": "You are a helpful assistant.",
    "audio": {"input": LISTENING, "output": {"voice": "marin"}},
    "tools": [TOOL],
}
BETA_SESSION: dict[str, Any] = {
    "modalities": ["text", "audio"],
    "instructions": "You are a helpful assistant.",
    "voice": "alloy",
    "input_audio_transcription": LISTENING["transcription"],
    "turn_detection": LISTENING["turn_detection"],
    "tools": [TOOL],
}


def chunks(clip: str) -> list[bytes]:
    """A clip and the silence after it, PCM16 at 24 kHz, in pieces of `CHUNK_MS`."""
    pcm = Path(__file__).with_name(f"{clip}.pcm").read_bytes()
    pcm += bytes(SILENCE_MS * BYTES_PER_MS)
    step = CHUNK_MS * BYTES_PER_MS
    return [pcm[at : at + step] for at in range(0, len(pcm), step)]


def text_item(text: str) -> dict[str, Any]:
    """A message of the caller's."""
    content = [{"type": "input_text", "text": text}]
    return {"type": "message", "role": "user", "content": content}


def output_item(call_id: str) -> dict[str, Any]:
    """What the tool answered."""
    return {"type": "function_call_output", "call_id": call_id, "output": WEATHER}


class Loudspeaker:
    """Knows what was heard of what came."""

    def __init__(self) -> None:
        self.bytes = 0
        self._item = ("", 0.0)
        self._until_s = 0.0

    def play(self, item_id: str, pcm: bytes) -> None:
        """Take what came, to be played when all before it has been."""
        self._until_s = max(self._until_s, time.monotonic())
        if item_id != self._item[0]:
            self._item = (item_id, self._until_s)
        self.bytes += len(pcm)
        self._until_s += len(pcm) / BYTES_PER_MS / 1000

    @property
    def left_s(self) -> float:
        """How long it goes on to play."""
        return max(0.0, self._until_s - time.monotonic())

    def stop(self) -> dict[str, Any] | None:
        """Stop; return the fields of the truncate that says so, None if nothing was playing."""
        item_id, began_s = self._item
        if not self.left_s:
            return None
        self._until_s = now_s = time.monotonic()
        played_ms = int((now_s - began_s) * 1000)
        return {"item_id": item_id, "content_index": 0, "audio_end_ms": max(0, played_ms)}


class Seen:
    """What a script tells the test."""

    def __init__(self) -> None:
        self._told: dict[str, Any] = {"answers": [], "tools": [], "truncated_ms": []}

    def answer(self, text: str) -> None:
        """Remember what the assistant said, by its transcript."""
        self._told["answers"].append(text)

    def tool(self, name: str, arguments: str) -> None:
        """Remember a tool call."""
        self._told["tools"].append({"name": name, "arguments": json.loads(arguments)})

    def truncated(self, heard_ms: int | None = None) -> None:
        """Remember a barge-in, and how much of the answer had been heard, if that is known."""
        self._told["truncated_ms"].append(heard_ms)

    def report(self, **more: Any) -> None:
        """Print it all, as the last line."""
        print(json.dumps({**self._told, **more}))


def conversation() -> Iterator[str]:
    """What comes after what: for scripts that react rather than wait."""
    yield from ("greet", "ask", "speak", "story", "hang_up")
