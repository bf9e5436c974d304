"""Pure. As much of RFC 6455 as the ends need, made to cost little."""

import base64
import hashlib
import zlib
from collections.abc import Sequence

from bench.mixes import STAMP_BYTES, stamp_at

TEXT, DEFLATED, CLOSE, PING, PONG = 0x81, 0xC1, 0x88, 0x89, 0x8A
"""First bytes of frames that are whole messages."""
EXTENSION = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
"""RFC 7692, each message by itself."""
_FLUSHED = b"\x00\x00\xff\xff"
"""What such a message ends with, and what is not sent of it."""
MASK = bytes.fromhex("1f2e3d4c")
"""Of all our frames. A peer that unmasks has as much to do as with any other."""
END = b"\r\n\r\n"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(first: int, payload: bytes, *, masked: bool) -> bytes:
    """Return one frame."""
    length, bit = len(payload), 0x80 if masked else 0
    if length < 126:
        head = bytes((first, bit | length))
    elif length < 65_536:
        head = bytes((first, bit | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((first, bit | 127)) + length.to_bytes(8, "big")
    return head + MASK + xor(payload, MASK) if masked else head + payload


def xor(payload: bytes | bytearray, mask: bytes | bytearray) -> bytes:
    """Return `payload` masked, or unmasked."""
    count = len(payload)
    masks = (mask * (count // 4 + 1))[:count]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(masks, "big")).to_bytes(count, "big")


def deflated(payload: bytes | bytearray) -> bytes:
    """Return the payload of a compressed text."""
    squeezing = zlib.compressobj(wbits=-15)
    whole = squeezing.compress(payload) + squeezing.flush(zlib.Z_SYNC_FLUSH)
    return whole.removesuffix(_FLUSHED)


def inflated(payload: bytes) -> bytes:
    """Return the text in a compressed payload."""
    return zlib.decompressobj(wbits=-15).decompress(payload + _FLUSHED)


class Stamped:
    """A text frame that is sent again and again with another stamp."""

    def __init__(self, payload: bytes, *, masked: bool) -> None:
        self.data = bytearray(frame(TEXT, payload, masked=masked))
        """The frame as bytes; stamp it, send it, and do not keep it."""
        self._payload = payload
        self._masked = masked
        at = stamp_at(payload)
        self._at = len(self.data) - len(payload) + at
        self._end = self._at + STAMP_BYTES
        turned = MASK[at % 4 :] + MASK[: at % 4]
        self._key = int.from_bytes(turned * (STAMP_BYTES // 4), "big") if masked else 0

    def stamp(self, stamp: bytes) -> bytearray:
        """Return the frame with this stamp: `STAMP_BYTES` digits."""
        if self._key:
            stamp = (int.from_bytes(stamp, "big") ^ self._key).to_bytes(STAMP_BYTES, "big")
        self.data[self._at : self._end] = stamp
        return self.data

    def deflated(self, stamp: bytes) -> bytes:
        """Return the same, compressed."""
        at = stamp_at(self._payload)
        payload = self._payload[:at] + stamp + self._payload[at + STAMP_BYTES :]
        return frame(DEFLATED, deflated(payload), masked=self._masked)


def request(address: str, path: str, headers: Sequence[tuple[str, str]]) -> bytes:
    """Return the handshake of a caller."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {address}"]
    lines += [f"{name}: {text}" for name, text in headers]
    lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    lines.append("Sec-WebSocket-Key: dHJ1bmtsaW5lLWJlbmNoIQ==")
    return "\r\n".join(lines).encode() + END


def response(head: bytes, *, deflates: bool) -> bytes:
    """Return a provider's answer to the handshake `head`.

    It agrees to no extension, or to compression if it is offered.

    Raises `ValueError` when the request is for something else.
    """
    parted = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    fields = {name.strip().lower(): text.strip() for name, _, text in parted}
    if b"sec-websocket-key" not in fields:
        raise ValueError("not a WebSocket")
    digest = hashlib.sha1(fields[b"sec-websocket-key"] + _GUID, usedforsecurity=False).digest()
    lines = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade"]
    lines.append(b"Sec-WebSocket-Accept: " + base64.b64encode(digest))
    if deflates and offers_deflate(head):
        lines.append(f"Sec-WebSocket-Extensions: {EXTENSION}".encode())
    if offered := fields.get(b"sec-websocket-protocol"):
        lines.append(b"Sec-WebSocket-Protocol: " + offered.split(b",")[0])
    return b"\r\n".join(lines) + END


def offers_deflate(head: bytes | bytearray) -> bool:
    """Return whether a handshake offers compression, or agrees to it."""
    return b"permessage-deflate" in head.lower()
