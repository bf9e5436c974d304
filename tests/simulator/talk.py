"""A caller without a socket: drives a session on a clock of its own, as fast as it can."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

from tests.support import speech

from trunkline.simulator import voices
from trunkline.simulator.audio import Encoding, decode, encode
from trunkline.simulator.config import SimulatorConfig, switched
from trunkline.simulator.dictating import Dictating
from trunkline.simulator.faults import Close, Cut, Freeze, Output, Send
from trunkline.simulator.living import Living
from trunkline.simulator.opening import Means, Opening
from trunkline.simulator.room import Dialect
from trunkline.simulator.session import Session
from trunkline.simulator.speech import Clip
from trunkline.simulator.translating import Translating

MS = 1_000_000
SPEECH = str(speech.__file__).replace("support/speech.py", "speech")
SERVER_VAD = {"type": "server_vad", "silence_duration_ms": 500}


def mute(_: str) -> Clip | None:
    """The voice of a machine without a synthesiser."""
    return None


def means() -> Means:
    """What a session needs, with the test speech among the known."""
    return Means(voices.library(), mute, voices.known_speech((SPEECH,)))


class Talk:
    """One call. Time passes only in `wait`, and while audio is sent in real time."""

    def __init__(
        self, switches: str = "", *, dialect: Dialect = "ga", kind: str = "realtime",
        model: str = "gpt-realtime-2.1", session_s: int = 3600, connection: int = 1,
    ) -> None:  # fmt: skip
        config = switched(SimulatorConfig(seed=7, jitter_ms=0), switches)
        opening = Opening(dialect, model, kind, session_s, 1_800_000_000, connection)
        self.now_ns = 5_000 * MS
        self.events: list[dict[str, Any]] = []
        self.times_ms: list[int] = []
        self.frames: list[bytes] = []
        self.ends: list[Close | Cut | Freeze] = []
        kinds = {"translation": Translating, "dictation": Dictating, "live": Living}
        begin = kinds.get(kind, Session)
        self._session = begin(config, opening, means(), self.now_ns)
        self._take(self._session.outputs())

    def _take(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if isinstance(output, Send):
                self.frames.append(output.frame)
                self.events.append(json.loads(output.frame))
                self.times_ms.append(self.now_ns // MS)
            else:
                self.ends.append(output)

    def raw(self, frame: bytes, *, text: bool = True) -> None:
        """Send a frame as it is."""
        self._take(self._session.receive(frame, self.now_ns, text=text))

    def send(self, type_: str, **fields: object) -> None:
        """Send an event."""
        self.raw(json.dumps({"type": type_, **fields}).encode())

    def wait(self, ms: int) -> None:
        """Let time pass, step by step as the shell does."""
        until = self.now_ns + ms * MS
        while (due := self._session.due_ns) is not None and due <= until:
            self.now_ns = max(self.now_ns, due)
            self._take(self._session.tick(self.now_ns))
        self.now_ns = until

    def say(self, pcm: bytes, encoding: Encoding = "audio/pcm", *, live: bool = True) -> None:
        """Append audio in pieces of 100 ms, each at its time if `live`."""
        wire = encode(decode(pcm, "audio/pcm"), encoding)
        step = 4_800 if encoding == "audio/pcm" else 800
        for at in range(0, len(wire), step):
            if live:
                self.wait(100)
            piece = base64.b64encode(wire[at : at + step]).decode()
            self.send("input_audio_buffer.append", audio=piece)

    def update(self, **session: object) -> None:
        """Send a session.update in GA."""
        self.send("session.update", session={"type": "realtime", **session})

    def write(self, text: str) -> None:
        """Add a user's text message."""
        part = {"type": "input_text", "text": text}
        item = {"type": "message", "role": "user", "content": [part]}
        self.send("conversation.item.create", item=item)

    def ask(self, text: str, **response: object) -> dict[str, Any]:
        """Write a message, ask for a response, wait for its end; return the response."""
        self.write(text)
        self.send("response.create", response=response)
        self.wait(60_000)
        return self.last("response.done")["response"]

    def types(self) -> list[str]:
        """The types of all events so far, runs of deltas as one."""
        short = list[str]()
        for event in self.events:
            if not short or short[-1] != event["type"] or not event["type"].endswith(".delta"):
                short.append(event["type"])
        return short

    def all(self, type_: str) -> list[dict[str, Any]]:
        """All events of a type."""
        return [event for event in self.events if event["type"] == type_]

    def last(self, type_: str) -> dict[str, Any]:
        """The last event of a type."""
        return self.all(type_)[-1]

    def at_ms(self, event: dict[str, Any]) -> int:
        """When an event came."""
        return self.times_ms[self.events.index(event)]

    def clear(self) -> None:
        """Forget what came so far."""
        self.events.clear()
        self.times_ms.clear()
        self.frames.clear()

    def error(self) -> dict[str, Any]:
        """The last error."""
        return self.last("error")["error"]
