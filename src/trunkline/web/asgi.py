"""I/O. What every answer carries, and how much of a request is read. Plain ASGI."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "media-src 'self' blob:",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_ALWAYS: Final = {
    b"content-security-policy": CONTENT_SECURITY_POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}
_UNLESS_SET: Final = {b"cache-control": b"no-store"}
_NEVER: Final = frozenset({b"server", b"x-powered-by"})

MAX_BODY_BYTES: Final = 1024 * 1024
"""Forms and filters are all that is ever sent to us."""


class Headers:
    """Adds the headers that keep a browser from being turned against its user."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        """`secure`: browsers reach us by TLS and should never do otherwise again."""
        self._app = app
        self._always = dict(_ALWAYS)
        if secure:
            self._always[b"strict-transport-security"] = b"max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with the headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": self._complete(message.get("headers", []))}
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _complete(self, given: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        kept = [
            (name, value)
            for name, value in given
            if name.lower() not in _NEVER and name.lower() not in self._always
        ]
        there = {name.lower() for name, _ in kept}
        default = [(name, value) for name, value in _UNLESS_SET.items() if name not in there]
        return [*kept, *self._always.items(), *default]


class BodyTooLarge(Exception):
    """The request's body has more than `MAX_BODY_BYTES`."""


class BodyLimit:
    """Stops reading a request whose body is larger than any of ours."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or raise `BodyTooLarge` where the body is read."""
        read = 0

        async def receive_some() -> Message:
            nonlocal read
            message = await receive()
            if message["type"] == "http.request":
                read += len(message.get("body", b""))
                if read > MAX_BODY_BYTES:
                    raise BodyTooLarge
            return message

        await self._app(scope, receive_some, send)
