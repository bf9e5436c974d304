"""Pure. The body of a request for a WebRTC call: an offer alone, or a form with the session too.

Only looked into, never rebuilt: the provider gets the bytes that came.
"""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message
from typing import Final

from trunkline.protocol.objects import Fields, read

SDP: Final = "application/sdp"
FORM: Final = "multipart/form-data"


def session_of(content_type: str, body: bytes) -> Fields:
    """Return the session that `body` asks for; empty when it asks for none, or cannot be read."""
    if not content_type.lower().startswith(FORM):
        return {}
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    whole = message_from_bytes(head + body)
    parts = whole.get_payload()
    if not isinstance(parts, list):
        return {}
    for part in parts:
        if isinstance(part, Message) and _name(part) == "session":
            return read(_content(part)) or {}
    return {}


def _name(part: Message) -> object:
    return part.get_param("name", header="content-disposition")


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
