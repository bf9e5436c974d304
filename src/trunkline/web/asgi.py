"""I/O. What every answer carries, and how much of a request is read. Plain ASGI."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
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

    def __init__(self, app: ASGIApp, *, refusal: Callable[[Request], Response]) -> None:
        """`refusal` makes the answer to such a request."""
        self._app = app
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse, whatever the application makes of half a body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        read, refused, started = 0, False, False

        async def receive_some() -> Message:
            nonlocal read, refused
            message = await receive()
            read += len(message.get("body", b""))
            if read > MAX_BODY_BYTES:
                refused = True
                raise BodyTooLarge
            return message

        async def send_unless_refused(message: Message) -> None:
            nonlocal started
            if not refused or started:
                started = True
                await send(message)

        with suppress(BodyTooLarge):
            await self._app(scope, receive_some, send_unless_refused)
        if refused and not started:
            await self._refusal(Request(scope))(scope, receive, send)


class Bugs:
    """Answers what nobody has answered. Inside `Headers`, so that this answer has them too."""

    def __init__(self, app: ASGIApp, *, answer: Callable[[Request, Exception], Response]) -> None:
        """`answer` makes the answer, and logs what happened."""
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Raises what happened once an answer has begun: it must not look whole."""
        started = False

        async def send_on(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except Exception as exc:  # the outermost shell: one request's bug is not the next one's
            answer = self._answer(Request(scope), exc)
            if started:
                raise
            await answer(scope, receive, send)
