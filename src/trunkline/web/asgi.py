"""I/O. What every answer carries, and how much of a request is read. Plain ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY: Final = b"content-security-policy"


def security_policy(*connect: str) -> str:
    """Return what a page of ours may load, and that it may `connect` to these besides to us."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            " ".join(("connect-src 'self'", *connect)),
            "media-src 'self' blob:",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


CONTENT_SECURITY_POLICY: Final = security_policy()
_ALWAYS: Final = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}
_UNLESS_SET: Final = {b"cache-control": b"no-store", POLICY: CONTENT_SECURITY_POLICY.encode()}
"""A page sets the policy only to connect elsewhere, with `security_policy`."""
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


BODY_TIMEOUT_S: Final = 30.0
"""For a whole body to come. Who sends none would keep three sockets open, for ever."""

Answer: TypeAlias = Callable[[Request], Response]


class BodyRefused(Exception):
    """The rest of the request's body is not read."""


class BodyLimit:
    """Stops reading a request whose body is larger, or comes slower, than any of ours."""

    def __init__(self, app: ASGIApp, *, too_large: Answer, too_slow: Answer) -> None:
        """The two make the answers to such requests."""
        self._app = app
        self._too_large = too_large
        self._too_slow = too_slow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse, whatever the application makes of half a body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        deadline_s, whole = 0.0, False
        read, started = 0, False
        refusal: Answer | None = None

        async def receive_some() -> Message:
            nonlocal deadline_s, whole, read, refusal
            deadline_s = deadline_s or asyncio.get_running_loop().time() + BODY_TIMEOUT_S
            try:
                # After the body only one thing can come, the caller's leaving: in its own time.
                async with asyncio.timeout_at(None if whole else deadline_s):
                    message = await receive()
            except TimeoutError as exc:
                refusal = self._too_slow
                raise BodyRefused from exc
            whole = not message.get("more_body", False)
            read += len(message.get("body", b""))
            if read > MAX_BODY_BYTES:
                refusal = self._too_large
                raise BodyRefused
            return message

        async def send_unless_refused(message: Message) -> None:
            nonlocal started
            if refusal is None or started:
                started = True
                await send(message)

        with suppress(BodyRefused):
            await self._app(scope, receive_some, send_unless_refused)
        if refusal is not None and not started:
            await refusal(Request(scope))(scope, receive, send)


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
