"""Pure. What a provider answers to a handshake: its head, and the body of a refusal."""

from __future__ import annotations

import re

import msgspec

from trunkline.relay.head import END
from trunkline.relay.refusal import Refusal

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 64 * 1024
"""Of a refusal's body, passed on; the rest is cut off."""

_STATUS = re.compile(r"HTTP/1\.[01] ([1-5][0-9]{2})( .*)?")
_PASSED_ON = (
    "content-type", "retry-after", "www-authenticate", "x-request-id", "apim-request-id",
    "x-ms-region",
)  # fmt: skip
NOTED = (
    "x-request-id", "openai-processing-ms", "openai-version", "cf-ray", "apim-request-id",
    "x-ms-region", "x-ms-client-request-id", "server",
)  # fmt: skip
"""Headers of the 101 that are worth keeping: whoever asks a provider for help needs them."""


class BadResponse(Exception):
    """Not an answer to a WebSocket handshake. The message completes 'the provider …: '."""


class ResponseHead(msgspec.Struct, frozen=True):
    """Status and headers of an answer; of repeated headers the first."""

    status: int
    fields: dict[str, str]
    """By lower-case name."""

    @property
    def accept(self) -> str:
        """The provider's proof that it read our handshake."""
        return self.fields.get("sec-websocket-accept", "")

    def check_upgrade(self, expected_accept: str, offered: str = "") -> None:
        """Raise `BadResponse` unless this 101 opens the WebSocket that we asked for.

        `offered` is the subprotocol that it may select.
        """
        if self.fields.get("upgrade", "").lower() != "websocket":
            raise BadResponse("its 101 does not upgrade to websocket")
        if "upgrade" not in self.fields.get("connection", "").lower():
            raise BadResponse("its 101 has no Connection: Upgrade")
        if self.accept != expected_accept:
            raise BadResponse("its 101 answers another handshake")
        if "sec-websocket-extensions" in self.fields:
            raise BadResponse("it chose an extension that was not offered")
        if self.fields.get("sec-websocket-protocol", offered) != offered:
            raise BadResponse("it chose a subprotocol that was not offered")

    def passed_on(self) -> tuple[tuple[str, str], ...]:
        """Return the headers of a refusal that the caller gets too."""
        return tuple((name, self.fields[name]) for name in _PASSED_ON if name in self.fields)

    def noted(self) -> dict[str, str]:
        """Return the headers that are recorded."""
        return {name: self.fields[name][:256] for name in NOTED if name in self.fields}


def parse_response(raw: bytes) -> ResponseHead:
    """Return the head in `raw`, which ends before the empty line. Raises `BadResponse`."""
    first, *lines = raw.decode("latin-1").split("\r\n")
    match = _STATUS.fullmatch(first)
    if match is None:
        raise BadResponse("its answer is not HTTP/1.1")
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or any(letter in value for letter in "\r\n\0"):
            raise BadResponse("its answer has a malformed header")
        fields.setdefault(name.strip().lower(), value.strip())
    return ResponseHead(int(match[1]), fields)


class Body:
    """Gathers an answer's body: by its length, in chunks, or until the connection ends."""

    def __init__(self, head: ResponseHead, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._max_bytes = max_bytes
        self._data = bytearray()
        self._chunked = "chunked" in head.fields.get("transfer-encoding", "").lower()
        length = head.fields.get("content-length", "")
        self._length = int(length) if length.isdecimal() and not self._chunked else None
        self._ended = head.status in (204, 304)

    def add(self, data: bytes) -> None:
        """Read on. What is beyond `max_bytes` is dropped."""
        room = 2 * self._max_bytes - len(self._data)
        self._data += data[:room]
        if len(data) >= room:
            self._ended = True

    def end(self) -> None:
        """The connection has ended."""
        self._ended = True

    @property
    def whole(self) -> bool:
        """Whether nothing more comes."""
        if self._length is not None and len(self._data) >= min(self._length, self._max_bytes):
            return True
        return self._ended or (self._chunked and b"0\r\n\r\n" in self._data[-7:])

    @property
    def content(self) -> bytes:
        """The body as far as it came, without its chunks' sizes."""
        data = bytes(self._data)
        whole = _dechunked(data) if self._chunked else data[: self._length]
        return whole[: self._max_bytes]


class Reading:
    """An answer while it comes: its head, then what follows. An interim 100 is passed over."""

    def __init__(self, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self.head: ResponseHead | None = None
        """None: not here yet."""
        self.body: Body | None = None
        """None before the head, and for a 101, which has none."""
        self._max_body_bytes = max_body_bytes
        self._read = bytearray()

    def add(self, data: bytes) -> None:
        """Read on. Raises `BadResponse` when it is no answer."""
        if self.body is not None:
            self.body.add(data)
            return
        self._read += data
        while self.head is None and self._look_for_head():
            pass

    def end(self) -> None:
        """The connection has ended, and with it perhaps a body."""
        if self.body is not None:
            self.body.end()

    @property
    def early(self) -> bytes:
        """What came behind the head of a 101."""
        return bytes(self._read)

    def _look_for_head(self) -> bool:
        """Return whether there was one; of a 100 there is another behind it."""
        end = self._read.find(END)
        if end < 0:
            if len(self._read) > MAX_HEAD_BYTES:
                raise BadResponse("its answer is too long")
            return False
        head = parse_response(bytes(self._read[:end]))
        del self._read[: end + len(END)]
        if head.status == 100:
            return True
        self.head = head
        if head.status != 101:
            self.body = Body(head, self._max_body_bytes)
            self.body.add(bytes(self._read))
        return True


def _dechunked(data: bytes) -> bytes:
    """Return what `data` carries in chunks, as far as they are well-formed."""
    content = bytearray()
    while data:
        size, found, data = data.partition(b"\r\n")
        try:
            count = int(size.split(b";")[0], 16)
        except ValueError:
            break
        if not found or count <= 0:
            break
        content += data[:count]
        data = data[count + 2 :]
    return bytes(content)


def refusal_of(head: ResponseHead, body: bytes) -> Refusal:
    """Return a provider's refusal as the caller gets it: as it came, but for redirects."""
    if not 400 <= head.status <= 599:
        return Refusal(
            status=502,
            code="provider_not_websocket",
            message=f"the provider answered {head.status} instead of opening a WebSocket",
            end_reason="refused_by_provider",
        )
    code, message = _error_of(body)
    return Refusal(
        status=head.status,
        code=code or f"provider_{head.status}",
        message=message or f"the provider answered {head.status}",
        headers=head.passed_on(),
        body=body,
        end_reason="refused_by_provider",
    )


class _Error(msgspec.Struct):
    code: str | int | None = None
    message: str | None = None


class _Envelope(msgspec.Struct):
    error: _Error | None = None
    code: str | int | None = None
    message: str | None = None


def _error_of(body: bytes) -> tuple[str, str]:
    """Return code and message of an error body in OpenAI's or Azure's shape, or nothing."""
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", ""
    error = envelope.error or _Error(envelope.code, envelope.message)
    return str(error.code or "")[:128], (error.message or "")[:1024]
