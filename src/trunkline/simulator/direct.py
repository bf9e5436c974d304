"""Pure. Calls of the simulator whose media would go direct: signalling, and a session to listen to.

There is no media: nobody sends sound, and none is played. The session is a whole one
all the same: whoever attaches a sideband hears its events and may speak in its place,
`input_audio_buffer.append` included, which stands for what a microphone would send. As
on the real thing the answer's sound is on no sideband; when it is played is.
"""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message
from typing import Any

import msgspec
import pybase64

from trunkline.simulator.faults import Close, Output, Send
from trunkline.simulator.refusal import Refused, invalid, missing

ANSWER = (
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=inactive\r\n"
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n"
)
"""An answer to any offer; it connects nobody."""
_BYTES_PER_MS = 48


def offered(content_type: str, body: bytes) -> tuple[str, dict[str, Any]]:
    """Return the offer and the session in a request. Raises `Refused`."""
    if content_type.lower().startswith("application/sdp"):
        sdp, session = body.decode("utf-8", "replace"), {}
    else:
        sdp, session = _form(content_type, body)
    if not sdp.startswith("v=0"):
        raise missing("sdp") if not sdp else invalid("sdp", sdp[:20], "Expected an SDP offer.")
    return sdp, session


def _form(content_type: str, body: bytes) -> tuple[str, dict[str, Any]]:
    whole = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    parts = whole.get_payload()
    if not isinstance(parts, list):
        raise Refused("invalid_form", "We could not parse the form of your request.")
    fields: dict[str, Any] = {}
    for part in parts:
        if isinstance(part, Message):
            content = part.get_payload(decode=True)
            name = str(part.get_param("name", header="content-disposition"))
            fields[name] = content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
    session: dict[str, Any] = {}
    if "session" in fields:
        try:
            session = msgspec.json.decode(fields["session"], type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise Refused("invalid_json", "session is not a JSON object.", "session") from exc
    return fields.get("sdp", ""), session


class Speaker:
    """What becomes of a session's outputs on a sideband: sound stays away, playing is told."""

    def __init__(self) -> None:
        self._played_ms: dict[str, int] = {}
        """By response, how much of it there is."""
        self._told = 0

    def heard(self, outputs: list[Output]) -> tuple[list[Output], dict[str, int]]:
        """Return what is sent, and for how long each response that is done plays, ms."""
        sent: list[Output] = []
        done: dict[str, int] = {}
        for output in outputs:
            if not isinstance(output, Send):
                sent.append(output)
                continue
            event = msgspec.json.decode(output.frame)
            if event["type"] == "response.output_audio.delta":
                sent += self._sound(event)
                continue
            sent.append(output)
            if event["type"] == "response.done":
                response_id = event["response"]["id"]
                if response_id in self._played_ms:
                    done[response_id] = self._played_ms.pop(response_id)
        return sent, done

    def _sound(self, event: dict[str, Any]) -> list[Output]:
        response_id = event["response_id"]
        first = response_id not in self._played_ms
        length = len(pybase64.b64decode(event["delta"])) // _BYTES_PER_MS
        self._played_ms[response_id] = self._played_ms.get(response_id, 0) + length
        return [self.told("started", response_id)] if first else []

    def told(self, what: str, response_id: str) -> Send:
        """Return the event that playing a response has `started` or `stopped`."""
        self._told += 1
        event = {
            "type": f"output_audio_buffer.{what}",
            "event_id": f"event_buffer_{self._told}",
            "response_id": response_id,
        }
        return Send(msgspec.json.encode(event))


HUNG_UP = Close(1000, "")
"""What a sideband hears when the call is over."""
