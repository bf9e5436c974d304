"""Short calls written as they are told: who says what, when, in milliseconds."""

import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from tests.recorder.folding import run
from tests.support.golden import OPENED_NS, WALL_NS

from trunkline.journal.record import Flag, Kind, Leg, Record
from trunkline.store.facts.rows import Row

Told = tuple[float, Leg, dict[str, Any]]
SESSION = {
    "id": "sess_1",
    "model": "gpt-realtime-2.1",
    "audio": {
        "input": {
            "turn_detection": {
                "type": "server_vad",
                "silence_duration_ms": 500,
                "prefix_padding_ms": 300,
                "create_response": True,
                "interrupt_response": True,
            }
        }
    },
}


def caller(at_ms: float, type_: str, **event: Any) -> Told:
    return at_ms, Leg.CALLER, {"type": type_, **event}


def provider(at_ms: float, type_: str, **event: Any) -> Told:
    return at_ms, Leg.PROVIDER, {"type": type_, **event}


def session(at_ms: float = 0, **detection: Any) -> Told:
    """`session.updated` with `detection` in place of what is usual."""
    heard = {**SESSION["audio"]["input"]["turn_detection"], **detection}  # type: ignore[index]  # a table of JSON
    return provider(
        at_ms,
        "session.updated",
        session={**SESSION, "audio": {"input": {"turn_detection": heard}}},
    )


def pcm(length_ms: float) -> str:
    """Base64 of so much silence, 24 kHz PCM."""
    return b64encode(bytes(round(length_ms * 48))).decode()


def mic(from_ms: int, until_ms: int, chunk_ms: int = 100) -> list[Told]:
    """A live microphone: each chunk comes when it is over."""
    return [
        caller(at + chunk_ms, "input_audio_buffer.append", audio=pcm(chunk_ms))
        for at in range(from_ms, until_ms, chunk_ms)
    ]


def speech(
    starts_ms: int, ends_ms: int, item: str, previous: str | None = None, since_ms: int = 0
) -> list[Told]:
    """Noticed 100 ms late each time; the microphone is on since `since_ms`."""
    start, end = starts_ms - since_ms - 300, ends_ms - since_ms + 500
    return [
        provider(
            starts_ms + 100,
            "input_audio_buffer.speech_started",
            item_id=item,
            audio_start_ms=start,
        ),
        *ended(ends_ms + 600, end, item, previous),
    ]


def ended(at_ms: int, audio_end_ms: int, item: str, previous: str | None = None) -> list[Told]:
    stop = "input_audio_buffer.speech_stopped"
    return [
        provider(at_ms, stop, item_id=item, audio_end_ms=audio_end_ms),
        provider(at_ms, "input_audio_buffer.committed", item_id=item, previous_item_id=previous),
    ]


def begin(at_ms: float, response: str, conversation: str | None = "conv") -> Told:
    about = {"id": response, "status": "in_progress", "conversation_id": conversation}
    return provider(at_ms, "response.created", response=about)


def sound(at_ms: float, response: str, item: str, length_ms: float) -> Told:
    where = {"response_id": response, "item_id": item, "content_index": 0}
    return provider(at_ms, "response.output_audio.delta", **where, delta=pcm(length_ms))


def text(at_ms: float, response: str, item: str, delta: str) -> Told:
    where = {"response_id": response, "item_id": item, "content_index": 0}
    return provider(at_ms, "response.output_text.delta", **where, delta=delta)


def done(at_ms: float, response: str, status: str = "completed", **more: Any) -> Told:
    about = {"id": response, "status": status, "conversation_id": "conv", **more}
    return provider(at_ms, "response.done", response=about)


def call(item: str, call_id: str, name: str = "look_up") -> dict[str, Any]:
    return {
        "id": item,
        "type": "function_call",
        "call_id": call_id,
        "name": name,
        "arguments": "{}",
    }


def output(at_ms: float, call_id: str, said: str = "ok") -> Told:
    item = {"type": "function_call_output", "call_id": call_id, "output": said}
    return caller(at_ms, "conversation.item.create", item=item)


def typed(at_ms: float, words: str) -> Told:
    content = [{"type": "input_text", "text": words}]
    item = {"type": "message", "role": "user", "content": content}
    return caller(at_ms, "conversation.item.create", item=item)


def records(told: Sequence[Told | list[Told]]) -> list[Record]:
    """Return journal records of what was told, by time; handed on at the time they came."""
    flat = [one for some in told for one in (some if isinstance(some, list) else [some])]
    flat.sort(key=lambda one: one[0])
    opened = {"call_id": "call_x", "org_id": "org_x", "wall_ns": WALL_NS, "opened_ns": OPENED_NS}
    first = Record(
        Kind.OPENED, bytes(16), 0, received_ns=OPENED_NS, payload=json.dumps(opened).encode()
    )
    frames = [
        Record(
            Kind.FRAME, bytes(16), seq, leg, Flag(0),
            at_ns := OPENED_NS + round(at_ms * 1_000_000), at_ns, json.dumps(event).encode(),
        )
        for seq, (at_ms, leg, event) in enumerate(flat, 1)
    ]  # fmt: skip
    return [first, *frames]


def rows_of(table: type[Row], *told: Told | list[Told], over: bool = True) -> list[Any]:
    """Fold what was told; return the latest rows of `table`."""
    from tests.support.golden import latest

    rows = run(records(told), over=over).rows
    return [row for row in latest(rows) if isinstance(row, table)]
