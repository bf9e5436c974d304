"""Composes golden conversations: `python -m tests.golden.compose [name …]`.

Those that are not recorded (`tests.golden.record`), because they must have round times or
an end that no recording has. Each function below is one call as protocol.md has the order of
its events, at times chosen so that the important numbers can be worked out by hand; the
comments and `tests/recorder/test_golden.py` do so. What a call must give is in `expected.json`.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MODEL = "gpt-realtime-2.1"
DETECTION = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "create_response": True,
    "interrupt_response": True,
}
PCM = {"type": "audio/pcm", "rate": 24000}
RELAY_US = 90
"""What the gateway needs to hand a frame on."""


class Tape:
    """One call, written down line by line. Times are ms on the call's clock."""

    def __init__(self, **opened: Any) -> None:
        self.lines: list[dict[str, Any]] = []
        self.mic_ms = 0
        self.frames = {"caller": 0, "provider": 0}
        self.record("opened", 0, {**OPENED, **opened})

    def record(self, kind: str, at_ms: float, payload: dict[str, Any]) -> None:
        self.lines.append({"kind": kind, "at_us": round(at_ms * 1000), "payload": payload})

    def frame(self, leg: str, at_ms: float, event: dict[str, Any], **more: Any) -> None:
        at_us = round(at_ms * 1000)
        line = {"from": leg, "at_us": at_us, "handed_us": at_us + RELAY_US, "event": event}
        self.lines.append({**line, **more})
        self.frames[leg] += more.get("times", 1)

    def caller(self, at_ms: float, type_: str, **event: Any) -> None:
        self.frame("caller", at_ms, {"type": type_, **event})

    def provider(self, at_ms: float, type_: str, **event: Any) -> None:
        self.frame("provider", at_ms, {"type": type_, **event})

    def connect(self, at_ms: float = 300, **session: Any) -> None:
        """Dialled in 180 ms; then `session.created`."""
        self.record("note", 180, {"kind": "connected", "data": {"connect_ns": 180_000_000}})
        self.session = session_of(**session)
        self.provider(at_ms, "session.created", session=self.session)

    def configure(self, at_ms: float, **change: Any) -> None:
        self.caller(at_ms, "session.update", session={"type": "realtime", **change})
        self.session = {**self.session, **change}
        self.provider(at_ms + 40, "session.updated", session=self.session)

    def mic(self, at_ms: float, until_ms: float, hz: int = 0) -> None:
        """Stream the microphone live in chunks of 20 ms that come when they are over."""
        self.frame(
            "caller", at_ms + 20, {"type": "input_audio_buffer.append"},
            audio_ms=20, hz=hz, times=round((until_ms - at_ms) / 20),
        )  # fmt: skip

    def listen(self, from_ms: float, starts_ms: float, ends_ms: float, item: str, previous: Any,
               said: str) -> None:  # fmt: skip
        """The caller speaks from `starts_ms` to `ends_ms`; the microphone is on since `from_ms`.

        Noticed 80 ms after it began, and 60 ms after the silence window of 500 ms.
        """
        noticed_ms, stopped_ms = starts_ms + 80, ends_ms + 560
        self.provider(
            noticed_ms, "input_audio_buffer.speech_started",
            audio_start_ms=round(starts_ms - from_ms - 300), item_id=item,
        )  # fmt: skip
        self.provider(
            stopped_ms, "input_audio_buffer.speech_stopped",
            audio_end_ms=round(ends_ms - from_ms + 500), item_id=item,
        )  # fmt: skip
        self.committed(stopped_ms + 2, item, previous)
        self.transcribed(stopped_ms + 420, item, said)

    def committed(self, at_ms: float, item: str, previous: Any) -> None:
        self.provider(
            at_ms, "input_audio_buffer.committed", item_id=item, previous_item_id=previous
        )
        message = {
            "id": item, "object": "realtime.item", "type": "message", "status": "completed",
            "role": "user", "content": [{"type": "input_audio", "transcript": None}],
        }  # fmt: skip
        for offset, name in ((1, "added"), (2, "done")):
            self.provider(
                at_ms + offset, f"conversation.item.{name}", previous_item_id=previous,
                item=message,
            )  # fmt: skip

    def transcribed(self, at_ms: float, item: str, said: str) -> None:
        self.provider(
            at_ms, "conversation.item.input_audio_transcription.completed", item_id=item,
            content_index=0, transcript=said, usage={"type": "duration", "seconds": 2},
        )  # fmt: skip

    def begin(self, at_ms: float, response: str) -> None:
        self.provider(at_ms, "response.created", response=response_of(response, "in_progress"))

    def open_item(self, at_ms: float, response: str, previous: str | None,
                  item: dict[str, Any], output_index: int = 0) -> None:  # fmt: skip
        item = {"object": "realtime.item", "status": "in_progress", **item}
        self.provider(
            at_ms, "response.output_item.added", response_id=response, output_index=output_index,
            item=item,
        )  # fmt: skip
        self.provider(at_ms + 1, "conversation.item.added", previous_item_id=previous, item=item)

    def close_item(self, at_ms: float, response: str, previous: str | None,
                   item: dict[str, Any], output_index: int = 0) -> None:  # fmt: skip
        item = {"object": "realtime.item", "status": "completed", **item}
        self.provider(at_ms, "conversation.item.done", previous_item_id=previous, item=item)
        self.provider(
            at_ms + 1, "response.output_item.done", response_id=response,
            output_index=output_index, item=item,
        )  # fmt: skip

    def speech(self, at_ms: float, response: str, item: str, words: list[str],
               chunk_ms: int = 400, every_ms: int = 80) -> float:  # fmt: skip
        """Send one chunk of audio for each word, in a burst; return when the last one came."""
        part = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
        self.provider(at_ms - 4, "response.content_part.added", **part, part={"type": "audio"})
        for place, word in enumerate(words):
            came_ms = at_ms + place * every_ms
            self.provider(came_ms - 2, "response.output_audio_transcript.delta", **part, delta=word)
            self.frame(
                "provider", came_ms, {"type": "response.output_audio.delta", **part},
                audio_ms=chunk_ms, hz=440,
            )  # fmt: skip
        return at_ms + (len(words) - 1) * every_ms

    def say(self, at_ms: float, response: str, item: str, previous: str | None,
            words: list[str], usage: dict[str, Any]) -> float:  # fmt: skip
        """A whole spoken answer; its first audio comes at `at_ms`. Return when it was done."""
        message = {"id": item, "type": "message", "role": "assistant"}
        self.open_item(at_ms - 20, response, previous, {**message, "content": []})
        last_ms = self.speech(at_ms, response, item, words)
        part = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
        said = "".join(words)
        self.provider(last_ms + 10, "response.output_audio.done", **part)
        self.provider(
            last_ms + 11, "response.output_audio_transcript.done", **part, transcript=said
        )
        self.provider(
            last_ms + 12, "response.content_part.done", **part,
            part={"type": "audio", "transcript": said},
        )  # fmt: skip
        content = [{"type": "output_audio", "transcript": said}]
        self.close_item(last_ms + 13, response, previous, {**message, "content": content})
        self.end(last_ms + 16, response, "completed", usage, [{**message, "content": content}])
        return last_ms + 16

    def end(self, at_ms: float, response: str, status: str, usage: Any,
            output: list[dict[str, Any]], details: Any = None) -> None:  # fmt: skip
        self.provider(
            at_ms, "response.done",
            response=response_of(
                response, status, usage=usage, output=output, status_details=details
            ),
        )  # fmt: skip
        self.provider(
            at_ms + 43, "rate_limits.updated",
            rate_limits=[
                {"name": "tokens", "limit": 40000, "remaining": 39000, "reset_seconds": 1}
            ],
        )  # fmt: skip

    def close(self, at_ms: float) -> None:
        codes = {"caller_close_code": 1000, "provider_close_code": 1000}
        frames = {f"{leg}_frames": count for leg, count in self.frames.items()}
        payload = {"status": "completed", "end_reason": "caller_closed", **codes, **frames}
        self.record("closed", at_ms, payload)


OPENED = {
    "key_id": "key_golden", "key_name": "golden", "provider": "openai",
    "provider_url": f"wss://api.openai.com/v1/realtime?model={MODEL}",
    "model_asked": MODEL, "model_used": MODEL, "path": "/v1/gateway/oai/realtime",
    "session_id": "ses-golden", "session_name": "Golden", "session_path": "/golden",
    "user_id": "user-1", "properties": {"Environment": "test"},
    "caller_address": "127.0.0.1", "user_agent": "golden/1", "gateway": "01JD0GATEWAY",
    "version": "0.1.0",
}  # fmt: skip


def session_of(**change: Any) -> dict[str, Any]:
    return {
        "type": "realtime", "object": "realtime.session", "id": "sess_golden", "model": MODEL,
        "output_modalities": ["audio"], "instructions": "Be brief.", "tools": [],
        "expires_at": 1795172400,
        "audio": {
            "input": {
                "format": PCM, "turn_detection": DETECTION,
                "transcription": {"model": "gpt-realtime-whisper"},
            },
            "output": {"format": PCM, "voice": "marin"},
        },
        **change,
    }  # fmt: skip


def response_of(id_: str, status: str, **more: Any) -> dict[str, Any]:
    return {
        "object": "realtime.response", "id": id_, "status": status, "status_details": None,
        "output": [], "conversation_id": "conv_golden", "output_modalities": ["audio"],
        "usage": None, "metadata": None, **more,
    }  # fmt: skip


def usage_of(text_in: int, audio_in: int, text_out: int, audio_out: int) -> dict[str, Any]:
    return {
        "total_tokens": text_in + audio_in + text_out + audio_out,
        "input_tokens": text_in + audio_in, "output_tokens": text_out + audio_out,
        "input_token_details": {
            "text_tokens": text_in, "audio_tokens": audio_in, "image_tokens": 0,
            "cached_tokens": 0,
            "cached_tokens_details": {
                "text_tokens": 0, "audio_tokens": 0, "image_tokens": 0,
            },
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }  # fmt: skip


def beta_dialect() -> Tape:
    """A beta caller on a GA provider: every frame whose name differs went on translated."""
    tape = Tape(caller_dialect="beta", model_asked="gpt-4o-realtime-preview")
    tape.record(
        "note", 1,
        {"kind": "model_mapped", "data": {"asked": "gpt-4o-realtime-preview", "used": MODEL}},
    )  # fmt: skip
    tape.connect()
    tape.mic(400, 1000)
    tape.mic(1000, 2000, hz=220)
    tape.mic(2000, 6000)
    tape.listen(400, 1000, 2000, "item_u1", None, "Good evening.")
    tape.begin(2575, "resp_1")
    words = ["Good", " evening!"]
    tape.say(2900, "resp_1", "item_a1", "item_u1", words, usage_of(50, 16, 8, 16))
    tape.close(6100)
    tape.lines = [bridged for line in tape.lines for bridged in translated(line)]
    return tape


def translated(line: dict[str, Any]) -> list[dict[str, Any]]:
    """Return `line` as the gateway records it between dialects: altered, and what went on."""
    type_ = line["event"]["type"] if "event" in line else ""
    if type_ == "conversation.item.done":
        # Beta has no such event: nothing went on.
        return [{**line, "flags": 2, "handed_us": None}]
    beta = type_.replace("output_", "").replace("item.added", "item.created")
    if beta == type_ or type_.startswith("response.output_item"):
        return [line]
    return [
        {**line, "flags": 2},
        {**line, "kind": "bridged", "event": {**line["event"], "type": beta}},
    ]


def recovered() -> Tape:
    """The gateway died while the assistant spoke: the record simply ends."""
    tape = Tape()
    tape.connect()
    tape.mic(400, 1000)
    tape.mic(1000, 2000, hz=220)
    tape.mic(2000, 4000)
    tape.listen(400, 1000, 2000, "item_u1", None, "What is new?")
    tape.begin(2575, "resp_1")
    words = ["Nothing", " much", " is", " new", " today."]
    tape.say(2900, "resp_1", "item_a1", "item_u1", words, usage_of(50, 16, 12, 40))
    return tape


def push_to_talk() -> Tape:
    """The application decides who speaks: it commits, asks, and cancels by hand."""
    tape = Tape()
    tape.connect()
    audio = tape.session["audio"]
    tape.configure(320, audio={**audio, "input": {**audio["input"], "turn_detection": None}})
    tape.mic(1000, 2500, hz=220)
    tape.caller(2520, "input_audio_buffer.commit")
    tape.caller(2521, "response.create")
    tape.committed(2580, "item_u1", None)
    tape.transcribed(2900, "item_u1", "Read me the news.")
    tape.begin(2600, "resp_1")
    message = {"id": "item_a1", "type": "message", "role": "assistant"}
    tape.open_item(2980, "resp_1", "item_u1", {**message, "content": []})
    tape.speech(3000, "resp_1", "item_a1", ["The", " first", " news", " is"], every_ms=300)
    # 1600 ms were sent; the button is pressed when 1 s of it was heard.
    tape.caller(4000, "response.cancel")
    tape.caller(
        4001, "conversation.item.truncate", item_id="item_a1", content_index=0, audio_end_ms=1000
    )
    tape.end(
        4060, "resp_1", "cancelled", usage_of(60, 15, 10, 32), [],
        {"type": "cancelled", "reason": "client_cancelled"},
    )  # fmt: skip
    tape.mic(4100, 5000, hz=220)
    tape.caller(5020, "input_audio_buffer.commit")
    tape.caller(5021, "response.create")
    tape.committed(5080, "item_u2", "item_a1")
    tape.begin(5100, "resp_2")
    tape.say(
        5400, "resp_2", "item_a2", "item_u2", ["As", " you", " wish."], usage_of(70, 24, 6, 24)
    )
    tape.close(8000)
    return tape


CALLS: tuple[Callable[[], Tape], ...] = (
    beta_dialect,
    recovered,
    push_to_talk,
)


def main(names: list[str]) -> None:
    """Write the calls named, or all of them."""
    for call in CALLS:
        if not names or call.__name__ in names:
            lines = sorted(call().lines, key=lambda line: line["at_us"])
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            (HERE / f"{call.__name__}.jsonl").write_text(text, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
