"""Pure. An answer in plain HTTP: what a caller gets who is not let through to a call."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from trunkline.protocol.call import EndReason

JSON = "application/json"

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


_PHRASES = {
    200: "OK",
    201: "Created",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    426: "Upgrade Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
}


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request goes no further, and how that is said."""

    status: int
    code: str
    message: str
    """What is wrong and what to do. Holds no secret: it is recorded."""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    """The provider's own answer, passed on as it came; None: one of ours."""
    end_reason: EndReason = "refused_by_gateway"

    @property
    def type(self) -> str:
        """The error's class, for programs: who has to change something."""
        fallback = "server_error" if self.status >= 500 else "invalid_request_error"
        return _TYPES.get(self.status, fallback)

    @property
    def counted_as(self) -> str:
        """What refusals are counted by: our own code. A provider's may be anything it likes."""
        ours = self.end_reason != "refused_by_provider"
        return self.code if ours else self.end_reason

    def as_body(self) -> bytes:
        """Return the body: the provider's, or an `error` object like those of the API."""
        if self.body is not None:
            return self.body
        error = {"type": self.type, "code": self.code, "message": self.message}
        return msgspec.json.encode({"error": error})


def answer(refusal: Refusal, extra: Iterable[tuple[str, str]] = ()) -> bytes:
    """Return `refusal` as an HTTP response that ends the connection."""
    body = refusal.as_body()
    named = {name.lower() for name, _ in refusal.headers}
    fields = [
        *refusal.headers,
        *([] if "content-type" in named else [("Content-Type", JSON)]),
        *extra,
    ]
    return head(refusal.status, fields, len(body)) + body


def head(status: int, fields: Iterable[tuple[str, str]], body_bytes: int) -> bytes:
    """Return the head of a response that ends the connection."""
    lines = [
        f"HTTP/1.1 {status} {_PHRASES.get(status, 'Refused')}",
        *(f"{name}: {value}" for name, value in fields),
        f"Content-Length: {body_bytes}",
        f"Connection: {'Upgrade, close' if status == 426 else 'close'}",
    ]
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
