"""I/O. One HTTP request to a provider, or to whom a webhook is forwarded, and its whole answer.

Few and small: client secrets, WebRTC offers, the control of calls. So each has a
connection of its own. Redirects are never followed: the request holds a credential
that was meant for one host.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import cast
from urllib.parse import urlsplit

import msgspec

from trunkline.relay.dial import connect, drop, failures_told
from trunkline.relay.head import END
from trunkline.relay.response import BadResponse, Reading, ResponseHead
from trunkline.settings import Settings

MAX_ANSWER_BYTES = 1 << 20


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask. Holds credentials: never log it."""

    method: str
    url: str
    """`http(s)://` or `ws(s)://`: the same host and port are meant."""
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Answer(msgspec.Struct, frozen=True):
    """What was answered, whatever its status."""

    head: ResponseHead
    body: bytes


async def ask(request: Request, settings: Settings, context: ssl.SSLContext) -> Answer:
    """Return the provider's answer. When cancelled, or late, the connection is dropped.

    Raises:
        DialFailed: it could not be reached, took too long, or did not answer in HTTP.
    """
    with failures_told(settings):
        async with asyncio.timeout(settings.connect_timeout_ms / 1000):
            return await exchange(request, context)


async def exchange(
    request: Request,
    context: ssl.SSLContext,
    *,
    address: str = "",
    max_answer_bytes: int = MAX_ANSWER_BYTES,
) -> Answer:
    """Return the answer to one request, of `address` if there is one, however long it takes.

    Raises:
        OSError, BadResponse: it could not be had.
    """
    protocol = _Asking(request, max_answer_bytes)
    try:
        await connect(protocol, request.url, context, address)
        return await protocol.answered
    finally:
        protocol.drop()
        # As in `dial`: what it failed with knows this frame.
        del protocol


def _sent(request: Request) -> bytes:
    parts = urlsplit(request.url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    lines = (
        f"{request.method} {target} HTTP/1.1",
        f"Host: {parts.netloc}",
        *(f"{name}: {value}" for name, value in request.headers),
        "Accept: */*",
        f"Content-Length: {len(request.body)}",
        "Connection: close",
    )
    return "\r\n".join(lines).encode("latin-1", "replace") + END + request.body


class _Asking(asyncio.Protocol):
    """Sends one request, reads one answer."""

    def __init__(self, request: Request, max_answer_bytes: int) -> None:
        self.answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._request = request
        self._transport: asyncio.Transport | None = None
        self._reading = Reading(max_answer_bytes)
        self._max_answer_bytes = max_answer_bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(_sent(self._request))

    def data_received(self, data: bytes) -> None:
        """Read the answer."""
        if self.answered.done():
            return
        try:
            self._reading.add(data)
            self._look_for_end()
        except BadResponse as exc:
            self.answered.set_exception(exc)

    def eof_received(self) -> bool:
        """A body may end with the connection."""
        self._reading.end()
        self._look_for_end()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """It hung up before it had answered."""
        if not self.answered.done():
            self.answered.set_exception(exc or ConnectionError(0, "it closed the connection"))

    def drop(self) -> None:
        """There is nothing to keep, whatever became of it."""
        drop(self.answered, self._transport)

    def _look_for_end(self) -> None:
        head, body = self._reading.head, self._reading.body
        if head is None or self.answered.done():
            return
        if body is None:
            raise BadResponse("it changes the protocol unasked")
        if not body.whole:
            return
        told, came = head.fields.get("content-length", ""), body.content
        if told.isdecimal() and len(came) < min(int(told), self._max_answer_bytes):
            self.answered.set_exception(BadResponse("it ended early"))
        else:
            self.answered.set_result(Answer(head, came))
