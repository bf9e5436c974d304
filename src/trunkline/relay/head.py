"""Pure. The head of an HTTP request: read strictly, because what follows it is trusted.

Whatever a second reader could understand differently is refused here: repeated
`Host`, `Authorization` or `Upgrade`, folded lines, bare line feeds, NULs, a length
beside a transfer coding. RFC 9112 leaves each of them open, and each has been used
to smuggle a request past a gateway.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

import msgspec

from trunkline.errors import PeerError

MAX_FIELDS = 128
END = b"\r\n\r\n"

_METHOD = re.compile(rb"[A-Z]{1,20}")
_TARGET = re.compile(rb"/[\x21\x22\x24-\x7e]*")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")

_ONCE = frozenset({
    "api-key", "authorization", "content-length", "content-type", "helicone-auth", "host",
    "origin", "sec-websocket-key", "sec-websocket-version", "transfer-encoding", "upgrade",
})  # fmt: skip
_CONNECTION = frozenset({"close", "http2-settings", "keep-alive", "te", "upgrade"})
"""What `Connection` may name. A name of another header would have a proxy remove it."""


class BadHead(PeerError):
    """The request head breaks a rule; nothing after it can be trusted."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class Head(msgspec.Struct, frozen=True):
    """A request head as it was sent. Values keep their bytes, as latin-1."""

    method: str
    target: str
    version: str
    fields: tuple[tuple[str, str], ...]
    """Names as they were written; look them up in lower case."""

    @property
    def path(self) -> str:
        """The target without its query. Not percent-decoded: we compare, never open."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The target after its first `?`, as sent. May hold credentials."""
        return self.target.partition("?")[2]

    @property
    def upgrades(self) -> bool:
        """Whether the caller asks for a WebSocket."""
        return "websocket" in self.listed("upgrade") and "upgrade" in self.listed("connection")

    def every(self, name: str) -> tuple[str, ...]:
        """Return all values of the header `name`, given in lower case."""
        return tuple(value for key, value in self.fields if key.lower() == name)

    def text(self, name: str) -> str:
        """Return the first value of the header `name` as text, or an empty string."""
        values = self.every(name)
        return as_text(values[0]) if values else ""

    def tokens(self, name: str) -> tuple[str, ...]:
        """Return the comma-separated members of the header `name`, as sent."""
        members = (part.strip() for value in self.every(name) for part in value.split(","))
        return tuple(member for member in members if member)

    def listed(self, name: str) -> frozenset[str]:
        """Return the comma-separated members of the header `name`, in lower case."""
        return frozenset(member.lower() for member in self.tokens(name))


def as_text(value: str) -> str:
    """Return a header's value as text: UTF-8 where its bytes are that, else latin-1."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return value


def query_pairs(query: str) -> tuple[tuple[str, str, str], ...]:
    """Return each parameter of `query` as (name, value, the piece as it was sent)."""
    pieces = (piece for piece in query.split("&") if piece)
    return tuple((*_pair(piece), piece) for piece in pieces)


def _pair(piece: str) -> tuple[str, str]:
    name, _, value = piece.partition("=")
    return unquote_plus(name), unquote_plus(value)


def parse_head(raw: bytes) -> Head:
    """Return the head in `raw`, which ends before the empty line.

    Raises:
        BadHead: with the status to answer, and what is wrong in words.
    """
    request, *lines = raw.split(b"\r\n")
    method, target, version = _request_line(request)
    if len(lines) > MAX_FIELDS:
        raise BadHead("too_many_headers", f"send at most {MAX_FIELDS} headers", 431)
    head = Head(method, target, version, tuple(_field(line) for line in lines))
    _check_repeats(head)
    _check_host(head)
    _check_body(head)
    if not head.listed("connection") <= _CONNECTION:
        raise BadHead("bad_connection", "Connection may not name other headers")
    return head


def _request_line(line: bytes) -> tuple[str, str, str]:
    parts = line.split(b" ")
    if len(parts) != 3 or not _METHOD.fullmatch(parts[0]) or not _TARGET.fullmatch(parts[1]):
        raise BadHead("bad_request_line", "the request line must be `METHOD /path HTTP/1.1`")
    if parts[2] not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise BadHead("bad_version", "speak HTTP/1.1", 505)
    return parts[0].decode(), parts[1].decode(), parts[2].decode()


def _field(line: bytes) -> tuple[str, str]:
    if line[:1] in (b" ", b"\t"):
        raise BadHead("folded_header", "a header must be on one line")
    name, colon, value = line.partition(b":")
    if not colon or not _TOKEN.fullmatch(name):
        raise BadHead("bad_header_name", "a header must be `Name: value`")
    value = value.strip(b" \t")
    if not _VALUE.fullmatch(value):
        raise BadHead("bad_header_value", f"the header {name.decode()} has a control character")
    return name.decode(), value.decode("latin-1")


def _check_repeats(head: Head) -> None:
    seen: set[str] = set()
    for name, _ in head.fields:
        key = name.lower()
        if key in seen and key in _ONCE:
            raise BadHead("repeated_header", f"send the header {name} once")
        seen.add(key)


def _check_host(head: Head) -> None:
    hosts = head.every("host")
    if not hosts and head.version == "HTTP/1.1":
        raise BadHead("missing_host", "send a Host header")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise BadHead("bad_host", "the Host header must be a name or an address, and a port")


def _check_body(head: Head) -> None:
    lengths, codings = head.every("content-length"), head.every("transfer-encoding")
    if lengths and codings:
        raise BadHead("ambiguous_body", "send Content-Length or Transfer-Encoding, not both")
    if lengths and not re.fullmatch(r"[0-9]{1,18}", lengths[0]):
        raise BadHead("bad_content_length", "Content-Length must be a number")
    if codings and codings[0].lower() != "chunked":
        raise BadHead("bad_transfer_encoding", "only `chunked` is understood")
