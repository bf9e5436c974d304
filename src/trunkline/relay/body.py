"""Pure. The body of a request, as it comes: by its length, or in chunks, and never too big.

As strict as `head`: what a second reader could understand differently is refused. What
follows a body is not looked at, since each of our answers ends its connection.
"""

from __future__ import annotations

import re

from trunkline.relay.head import BadHead, Head

MAX_CHUNKS = 4_096
"""Chunks of a byte each would cost more to read than they carry."""
MAX_LINE_BYTES = 1_024
"""A chunk's size with its extensions, or a trailer."""
MAX_TRAILERS = 64

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(;.*)?")


class Incoming:
    """Gathers one body. `take` it bytes until it is `whole`."""

    def __init__(self, head: Head, max_bytes: int) -> None:
        """Raises `BadHead` when the head says already that it is too big."""
        lengths = head.every("content-length")
        self._max_bytes = max_bytes
        self._chunked = bool(head.every("transfer-encoding"))
        self._length = int(lengths[0]) if lengths else 0
        self._content = bytearray()
        self._raw = bytearray()
        """Received in chunks, and not understood yet."""
        self._left: int | None = None
        """Bytes of the chunk that comes now; None: its size comes first."""
        self._chunks = self._trailers = 0
        self.whole = not self._chunked and self._length == 0
        """Nothing more is expected."""
        self._check(self._length)

    @property
    def content(self) -> bytes:
        """What has come, without the chunks' sizes."""
        return bytes(self._content)

    def take(self, data: bytes) -> None:
        """Read on. Raises `BadHead`: it is too big, or not in chunks though it says so."""
        if self.whole:
            return
        if not self._chunked:
            self._content += data[: self._length - len(self._content)]
            self.whole = len(self._content) == self._length
            return
        self._raw += data
        while not self.whole and self._step():
            pass

    def _step(self) -> bool:
        """Understand one piece; return whether there was a whole one."""
        if self._left:
            return self._take_chunk(self._left)
        end = self._raw.find(b"\r\n")
        if max(end, len(self._raw) if end < 0 else 0) > MAX_LINE_BYTES:
            raise _bad_chunk()
        if end < 0:
            return False
        line = bytes(self._raw[:end])
        del self._raw[: end + 2]
        if self._left is None:
            self._begin_chunk(line)
        else:
            self._take_trailer(line)
        return True

    def _take_chunk(self, size_bytes: int) -> bool:
        if len(self._raw) < size_bytes + 2:
            return False
        if bytes(self._raw[size_bytes : size_bytes + 2]) != b"\r\n":
            raise _bad_chunk()
        self._content += self._raw[:size_bytes]
        del self._raw[: size_bytes + 2]
        self._left = None
        return True

    def _begin_chunk(self, line: bytes) -> None:
        match = _SIZE.fullmatch(line)
        self._chunks += 1
        if match is None or self._chunks > MAX_CHUNKS:
            raise _bad_chunk()
        self._left = int(match[1], 16)
        self._check(len(self._content) + self._left)

    def _take_trailer(self, line: bytes) -> None:
        """After the chunk of no bytes: fields that nobody needs, then an empty line."""
        self._trailers += 1
        if self._trailers > MAX_TRAILERS:
            raise _bad_chunk()
        self.whole = not line

    def _check(self, size_bytes: int) -> None:
        if size_bytes > self._max_bytes:
            raise BadHead("body_too_big", f"send at most {self._max_bytes} bytes of body", 413)


def _bad_chunk() -> BadHead:
    return BadHead("bad_chunk", "send the body in chunks: size CR LF bytes CR LF, and few of them")
