"""Pure. A conversation as the journal has it: real speech, real events, at the pace of a call.

The caller's microphone is always on, 25 chunks of 40 ms a second. Every twelve seconds
the caller says something and the assistant answers, sending its speech at twice the speed
of sound, in chunks of 40 ms with the transcript between them, as providers do. Where turns
follow faster, an answer that is still being played is interrupted.
"""

import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from trunkline import ids
from trunkline.journal.record import Kind, Leg, Record
from trunkline.protocol.call import Closed, Opened

MODEL = "gpt-realtime-2.1"
ORG = "org_bench"
CHUNK_MS = 40
BYTES_PER_MS = 48
"""PCM16, 24 kHz, mono."""
SAMPLES_PER_MS = 24
CREATED_MS = 300
"""Then the provider's session is there, and the microphone is switched on."""
TURN_MS = 12_000
ANSWERED_MS = 700
"""After the caller has ended."""
TOOL_MS = 1_100
"""Later, when a tool was asked before."""
SPEED = 2
"""The assistant's speech comes so much faster than it is played."""
WORD_MS = 300
HANDED_NS = 60_000
"""What the gateway took to hand a frame on."""
MS = 1_000_000


class Voices(msgspec.Struct, frozen=True):
    """What is said: PCM16 clips, none longer than six seconds."""

    caller: tuple[bytes, ...]
    assistant: tuple[bytes, ...]


class Manner(msgspec.Struct, frozen=True):
    """How it is said."""

    turn_ms: int = TURN_MS
    """From one word of the caller's to the next; what an answer is longer, is not heard."""
    tool_every: int = 0
    """So many answers, the first one, ask a tool before. 0: none do."""


AT_EASE = Manner()


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One frame of a conversation."""

    at_ms: int
    """Since the call was opened."""
    leg: Leg
    payload: bytes


def frames(number: int, seconds: int, voices: Voices, manner: Manner = AT_EASE) -> list[Frame]:
    """Return what is said in conversation `number`, in the order of time."""
    return [
        Frame(at_ms, leg, json.dumps(event, separators=(",", ":")).encode())
        for at_ms, leg, event in _Script(number, seconds, voices, manner).frames
    ]


def call(
    number: int, said: Sequence[Frame], opened_ns: int, wall_ns: int, org_id: str = ORG
) -> list[Record]:
    """Return all records of call `number`, in which `said` is said, `opened` and `closed` too."""
    ulid = ids.ulid_bytes(wall_ns, number.to_bytes(ids.RANDOM_BYTES, "big"))
    opened = Opened(
        call_id=ids.call_id(ulid), wall_ns=wall_ns, opened_ns=opened_ns, org_id=org_id,
        key_id="key_bench", key_name="bench", provider="openai", model_asked=MODEL,
        model_used=MODEL, session_id=f"session-{number // 4}", user_id=f"user-{number % 100}",
    )  # fmt: skip
    legs = [frame.leg for frame in said]
    closed = Closed(
        status="completed", end_reason="caller_closed", caller_close_code=1000,
        provider_close_code=1000, caller_frames=legs.count(Leg.CALLER),
        provider_frames=legs.count(Leg.PROVIDER),
    )  # fmt: skip
    times_ns = [opened_ns + frame.at_ms * MS for frame in said]
    return [
        Record(Kind.OPENED, ulid, 0, received_ns=opened_ns, payload=msgspec.json.encode(opened)),
        *(
            Record(
                Kind.FRAME, ulid, seq, frame.leg, received_ns=at_ns, handed_ns=at_ns + HANDED_NS,
                payload=frame.payload,
            )
            for seq, (at_ns, frame) in enumerate(zip(times_ns, said, strict=True), 1)
        ),
        Record(
            Kind.CLOSED, ulid, len(said) + 1, received_ns=times_ns[-1] + MS,
            payload=msgspec.json.encode(closed),
        ),
    ]  # fmt: skip


class _Script:
    """Writes down what each side sends, and when; `frames` are in the order of time."""

    def __init__(self, number: int, seconds: int, voices: Voices, manner: Manner) -> None:
        self._frames: list[tuple[int, Leg, dict[str, Any]]] = []
        self._manner = manner
        self._provider(CREATED_MS, "session.created", session=SESSION)
        turns = range((seconds * 1000 - CREATED_MS) // manner.turn_ms)
        said = [voices.caller[(number + turn) % len(voices.caller)] for turn in turns]
        self._microphone(number, seconds * 1000 - CREATED_MS, said)
        for turn in turns:
            starts_ms = CREATED_MS + turn * manner.turn_ms
            ends_ms = starts_ms + len(said[turn]) // BYTES_PER_MS
            self._hear(turn, starts_ms, ends_ms)
            speech = voices.assistant[(number + turn) % len(voices.assistant)]
            asks = bool(manner.tool_every) and turn % manner.tool_every == 0
            if asks:
                self._ask_tool(turn, ends_ms + ANSWERED_MS)
            at_ms = ends_ms + ANSWERED_MS + asks * TOOL_MS
            self._answer(turn, at_ms, speech)
            self._interrupt(turn, at_ms, len(speech) // BYTES_PER_MS)

    @property
    def frames(self) -> list[tuple[int, Leg, dict[str, Any]]]:
        """When, in ms since the call was opened, from whom, and what."""
        return sorted(self._frames, key=lambda frame: frame[0])

    def _provider(self, at_ms: int, kind: str, **fields: Any) -> None:
        event = {"type": kind, "event_id": f"event_{len(self._frames)}", **fields}
        self._frames.append((at_ms, Leg.PROVIDER, event))

    def _caller(self, at_ms: int, kind: str, **fields: Any) -> None:
        self._frames.append((at_ms, Leg.CALLER, {"type": kind, **fields}))

    def _microphone(self, seed: int, lasts_ms: int, said: list[bytes]) -> None:
        """Send speech where there is some, and a quiet room between: never all zeros."""
        room = np.random.default_rng(seed).integers(
            -12, 13, lasts_ms * SAMPLES_PER_MS, dtype=np.int16
        )
        for turn, clip in enumerate(said):
            at = turn * self._manner.turn_ms * SAMPLES_PER_MS
            spoken = np.frombuffer(clip, "<i2")
            room[at : at + len(spoken)] += spoken
        for number, audio in enumerate(_chunks(room.astype("<i2").tobytes())):
            # A chunk is sent when it is over.
            event = {"type": "input_audio_buffer.append", "audio": audio}
            self._frames.append((CREATED_MS + (number + 1) * CHUNK_MS, Leg.CALLER, event))

    def _hear(self, turn: int, starts_ms: int, ends_ms: int) -> None:
        item_id, previous = f"item_u{turn}", f"item_a{turn - 1}" if turn else None
        item = {
            "id": item_id, "object": "realtime.item", "type": "message", "status": "completed",
            "role": "user", "content": [{"type": "input_audio", "transcript": None}],
        }  # fmt: skip
        buffer = "input_audio_buffer."
        self._provider(
            starts_ms + 400, buffer + "speech_started", item_id=item_id, audio_start_ms=starts_ms
        )
        self._provider(
            ends_ms + 600, buffer + "speech_stopped", item_id=item_id, audio_end_ms=ends_ms + 200
        )
        self._provider(
            ends_ms + 602, buffer + "committed", item_id=item_id, previous_item_id=previous
        )
        for kind in ("added", "done"):
            self._provider(
                ends_ms + 603, f"conversation.item.{kind}", item=item, previous_item_id=previous
            )
        self._provider(
            ends_ms + 950, "conversation.item.input_audio_transcription.completed",
            item_id=item_id, content_index=0, transcript=" ".join(WORDS),
        )  # fmt: skip

    def _answer(self, turn: int, at_ms: int, speech: bytes) -> None:
        response, item_id, lasts_ms = f"resp_{turn}", f"item_a{turn}", len(speech) // BYTES_PER_MS
        ends_ms = at_ms + lasts_ms // SPEED
        said = " ".join(WORDS[: lasts_ms // WORD_MS])
        item = {"id": item_id, "object": "realtime.item", "type": "message", "role": "assistant"}
        whole = {
            **item, "status": "completed",
            "content": [{"type": "output_audio", "transcript": said}],
        }  # fmt: skip
        part = {"response_id": response, "item_id": item_id, "output_index": 0, "content_index": 0}
        output = {"response_id": response, "output_index": 0}
        begun = {"id": response, "object": "realtime.response", "status": "in_progress"}
        tell = self._provider
        tell(at_ms - 80, "response.created", response={**begun, "output": []})
        tell(at_ms - 20, "response.output_item.added", **output, item={**item, "content": []})
        tell(
            at_ms - 19, "conversation.item.added", item={**item, "content": []},
            previous_item_id=f"item_u{turn}",
        )  # fmt: skip
        tell(at_ms - 4, "response.content_part.added", **part, part={"type": "audio"})
        self._speak(part, at_ms, speech)
        tell(ends_ms + 10, "response.output_audio.done", **part)
        tell(ends_ms + 11, "response.output_audio_transcript.done", **part, transcript=said)
        tell(ends_ms + 12, "response.content_part.done", **part, part=whole["content"][0])
        tell(
            ends_ms + 13, "conversation.item.done", item=whole, previous_item_id=f"item_u{turn}"
        )  # fmt: skip
        tell(ends_ms + 14, "response.output_item.done", **output, item=whole)
        done = {**begun, "status": "completed", "output": [whole], "usage": usage(turn)}
        tell(ends_ms + 16, "response.done", response=done)
        tell(ends_ms + 50, "rate_limits.updated", rate_limits=RATE_LIMITS)

    def _ask_tool(self, turn: int, at_ms: int) -> None:
        """Call a function, which the application answers after a while."""
        response = {"id": f"resp_t{turn}", "object": "realtime.response", "status": "in_progress"}
        item: dict[str, Any] = {
            "id": f"item_t{turn}", "object": "realtime.item", "type": "function_call",
            "name": "find_order", "call_id": f"call_{turn}", "arguments": "",
        }  # fmt: skip
        part = {"response_id": response["id"], "output_index": 0}
        whole = {**item, "status": "completed", "arguments": json.dumps({"card": 4 * turn})}
        tell = self._provider
        tell(at_ms - 80, "response.created", response={**response, "output": []})
        tell(at_ms - 20, "response.output_item.added", **part, item=item)
        tell(
            at_ms, "response.function_call_arguments.done", **part, item_id=item["id"],
            call_id=item["call_id"], name=item["name"], arguments=whole["arguments"],
        )  # fmt: skip
        tell(at_ms + 1, "response.output_item.done", **part, item=whole)
        done = {**response, "status": "completed", "output": [whole], "usage": usage(turn)}
        tell(at_ms + 2, "response.done", response=done)
        answered_ms = at_ms + TOOL_MS - 200
        found = {
            "type": "function_call_output", "call_id": item["call_id"],
            "output": '{"sent": "Tuesday"}',
        }  # fmt: skip
        self._caller(answered_ms, "conversation.item.create", item=found)
        self._caller(answered_ms, "response.create")

    def _interrupt(self, turn: int, at_ms: int, lasts_ms: int) -> None:
        """Say how much of an answer was played, when the caller's next words cut it off."""
        next_ms = CREATED_MS + (turn + 1) * self._manner.turn_ms
        if at_ms + lasts_ms > next_ms:
            self._caller(
                next_ms + 450, "conversation.item.truncate", item_id=f"item_a{turn}",
                content_index=0, audio_end_ms=max(0, next_ms + 450 - at_ms),
            )  # fmt: skip

    def _speak(self, part: dict[str, Any], at_ms: int, speech: bytes) -> None:
        for number, audio in enumerate(_chunks(speech)):
            came_ms = at_ms + number * CHUNK_MS // SPEED
            self._provider(came_ms, "response.output_audio.delta", **part, delta=audio)
        for number, word in enumerate(WORDS[: len(speech) // BYTES_PER_MS // WORD_MS]):
            came_ms = at_ms + number * WORD_MS // SPEED
            kind = "response.output_audio_transcript.delta"
            self._provider(came_ms, kind, **part, delta=f" {word}")


def _chunks(pcm: bytes) -> list[str]:
    """Return `pcm` as the base64 of its chunks."""
    step = CHUNK_MS * BYTES_PER_MS
    return [
        b64encode(pcm[place : place + step]).decode()
        for place in range(0, len(pcm) - step + 1, step)
    ]


WORDS = (
    "If", "you", "give", "me", "the", "number", "on", "your", "card", "I", "can", "look", "at",
    "your", "order", "and", "tell", "you", "when", "it", "will", "be", "there",
)  # fmt: skip
_PCM = {"type": "audio/pcm", "rate": 24_000}
SESSION: dict[str, Any] = {
    "type": "realtime", "object": "realtime.session", "id": "sess_bench", "model": MODEL,
    "output_modalities": ["audio"], "instructions": "Be brief.", "tools": [],
    "expires_at": 1_795_172_400,
    "audio": {
        "input": {
            "format": _PCM,
            "turn_detection": {
                "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300,
                "silence_duration_ms": 500, "create_response": True, "interrupt_response": True,
            },
            "transcription": {"model": "gpt-realtime-whisper"},
        },
        "output": {"format": _PCM, "voice": "marin"},
    },
}  # fmt: skip
"""A session as a GA provider tells it."""


def usage(turn: int) -> dict[str, Any]:
    """Return what a response takes: all that was said before is billed again, most of it cached."""
    again, text, audio = 60 * turn, 100, 50 * (turn + 1)
    cached = (again + text) // 64 * 64
    return {
        "total_tokens": again + text + audio + 65,
        "input_tokens": again + text + audio,
        "output_tokens": 65,
        "input_token_details": {
            "text_tokens": again + text, "audio_tokens": audio, "image_tokens": 0,
            "cached_tokens": cached,
            "cached_tokens_details": {"text_tokens": cached, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": 15, "audio_tokens": 50},
    }  # fmt: skip


RATE_LIMITS = [{"name": "tokens", "limit": 40_000, "remaining": 39_000, "reset_seconds": 1}]
