"""I/O. One connection on the public port, until it is known whose it is.

Reads the request head itself. A call's head goes to `attempt`, which takes the
connection over or refuses it; anything else is piped to the server. While the
provider is being dialled, the caller's early frames are read and kept as the bytes that
they are, up to `max_early_bytes`; beyond that we stop reading and TCP makes the caller
wait.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import structlog

from trunkline import __version__
from trunkline.clock import monotonic_ns
from trunkline.relay.admit import Arrival
from trunkline.relay.body import Incoming
from trunkline.relay.head import END, BadHead, Head, parse_head
from trunkline.relay.paths import Route, http_route, is_realtime
from trunkline.relay.pipe import UNAVAILABLE, open_pipe, piped_head
from trunkline.relay.refusal import Refusal, answer
from trunkline.relay.refusal import head as response_head
from trunkline.relay.waiting import Waiting
from trunkline.settings import Settings
from trunkline.vitals.desk import PATHS, Desk, Question, is_local

log = structlog.get_logger("trunkline.relay")

LINGER_S = 2.0
"""After a refusal we read on for so long: to close with unread bytes would reset the
connection, and the caller might never see the answer."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_BARE_LINE_FEED = BadHead("bad_line_end", "end each line of the head with CR LF")
_LATE = Refusal(status=408, code="head_timeout", message="send the request head faster")
CROWDED = Refusal(
    status=503,
    code="too_many_handshakes",
    message="too many connections wait to send their request head: try again in a moment",
    headers=(("Retry-After", "2"),),
)
_BUG = Refusal(status=500, code="internal_error", message="the gateway failed: try again")


@dataclass(frozen=True, kw_only=True)
class Port:
    """What all connections on the public port have in common."""

    settings: Settings
    server_socket: Path | None
    """Where everything that is not a call goes. None: nowhere, 502."""
    attempt: Callable[[Front, Head], Coroutine[Any, Any, None]]
    """Answers a call's head: by `take` or by `refuse`. Cancelled with the caller."""
    errand: Callable[[Front, Head, Route], Coroutine[Any, Any, None]] | None = None
    """Answers what is no call and belongs to one: by `reply` or by `refuse`. None: the server
    is asked that too."""
    waiting: Waiting
    """Connections that are not calls or pages."""
    refused: Counter[str]
    """What is refused, by `Refusal.counted_as`."""
    secure: bool
    """Whether it speaks TLS."""
    desk: Desk | None = None
    """Tells how this process is; None: the server is asked that too."""


class Front(asyncio.Protocol):
    """Reads one head, then gives the connection away."""

    def __init__(self, port: Port) -> None:
        self.head_at_ns = 0
        """When the head was complete."""
        self.caller_address = ""
        self._port = port
        self._settings = port.settings
        self._transport: asyncio.Transport | None = None
        self._descriptor = -1
        self._bytes = bytearray()
        self._searched = 0
        self._task: asyncio.Task[None] | None = None
        self._kept_on = False
        self._answered = False
        self._body: Incoming | None = None
        """What comes after the head of an errand, while it comes."""
        self._body_came: asyncio.Future[bytes] | None = None
        self._timer: asyncio.TimerHandle | None = None

    # --- what the socket tells ---------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the caller its time to send the head."""
        self._transport = cast("asyncio.Transport", transport)
        peer = cast("tuple[object, ...] | None", transport.get_extra_info("peername"))
        self.caller_address = str(peer[0]) if peer else ""
        self._descriptor = _descriptor(transport)
        self._port.waiting.came(self._descriptor, self._crowded_out)
        self._time(self._settings.head_timeout_ms / 1000, self._too_late)

    def data_received(self, data: bytes) -> None:
        """Gather the head; after it, what belongs to whoever gets the connection."""
        if self._answered:
            return
        if self._body is not None:
            self._take_body(data)
            return
        self._bytes += data
        if self._task is None:
            self._look_for_head()
        elif len(self._bytes) > self._settings.max_early_bytes and self._transport is not None:
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone: whatever is being done for it is not wanted any more."""
        self._stop_timer()
        self._port.waiting.gone(self._descriptor)
        if self._task is not None and not self._kept_on:
            self._task.cancel()

    # --- the head ----------------------------------------------------------------------

    def _look_for_head(self) -> None:
        end = self._bytes.find(END, self._searched)
        self._searched = max(0, len(self._bytes) - len(END) + 1)
        if max(end, len(self._bytes) if end < 0 else 0) > self._settings.max_head_bytes:
            limit = self._settings.max_head_bytes
            self.refuse(_bad(BadHead("head_too_big", f"send at most {limit} bytes of head", 431)))
        elif end >= 0:
            self._read_head(bytes(self._bytes[:end]), bytes(self._bytes[end + len(END) :]))
        elif b"\n\n" in self._bytes:
            self.refuse(_bad(_BARE_LINE_FEED))

    def _read_head(self, raw: bytes, rest: bytes) -> None:
        self.head_at_ns = monotonic_ns()
        self._stop_timer()
        self._bytes = bytearray(rest)
        try:
            head = parse_head(raw)
        except BadHead as exc:
            self.refuse(_bad(exc))
            return
        self._port.waiting.gone(self._descriptor)
        self._task = asyncio.get_running_loop().create_task(self._guarded(self._work(head)))

    def _work(self, head: Head) -> Coroutine[Any, Any, None]:
        errand = self._port.errand
        plain = not head.upgrades and (head.method != "GET" or not is_realtime(head.path))
        there = http_route(head.path) if errand is not None and plain else None
        if errand is not None and there is not None:
            return errand(self, head, there)
        if is_realtime(head.path):
            return self._port.attempt(self, head)
        desk = self._port.desk
        if desk is not None and head.path in PATHS:
            return self._tell(head, desk)
        return self._pipe(head)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            # A bug of ours must cost this request alone, and the caller gets an answer.
            log.exception("attempt failed")
            self.refuse(_BUG)

    async def _tell(self, head: Head, desk: Desk) -> None:
        asked = Question(
            method=head.method,
            path=head.path,
            authorization=head.text("authorization"),
            local=is_local(
                self.caller_address, head.text("host"), (name for name, _ in head.fields)
            ),
        )
        told = await desk.answer(asked)
        first = response_head(told.status, told.headers, len(told.body))
        self._answer(first if head.method == "HEAD" else first + told.body)

    async def _pipe(self, head: Head) -> None:
        server_socket = self._port.server_socket
        if self._transport is None or server_socket is None:
            self.refuse(UNAVAILABLE)
            return
        self._transport.pause_reading()
        first = piped_head(head, self.caller_address, secure=self._port.secure)
        if not await open_pipe(self._transport, first + self._bytes, server_socket):
            self._transport.resume_reading()
            self.refuse(UNAVAILABLE)

    # --- how it ends -------------------------------------------------------------------

    def arrival(self, call_id: str, wall_ns: int, gateway: str = "") -> Arrival:
        """Return what is known of an attempt that its head does not say."""
        return Arrival(
            call_id=call_id,
            wall_ns=wall_ns,
            at_ns=self.head_at_ns,
            caller_address=self.caller_address,
            gateway=gateway,
            version=__version__,
        )

    @property
    def has_left(self) -> bool:
        """Whether the caller is gone: nothing that is answered reaches it."""
        return self._transport is None or self._transport.is_closing()

    def keep_on(self) -> None:
        """See what is being done for the caller to its end, also when it leaves meanwhile."""
        self._kept_on = True

    def take(self) -> tuple[asyncio.Transport, bytes]:
        """Give the connection away, and what the caller has sent after its head.

        Raises:
            ConnectionError: it is gone.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise ConnectionError("the caller is gone")
        return transport, bytes(self._bytes)

    async def body(self, head: Head) -> bytes:
        """Return the body that comes after `head`. While it comes, others may crowd it out.

        Raises:
            BadHead: it is too big, too slow, or malformed.
        """
        self._body = Incoming(head, self._settings.max_body_bytes)
        self._port.waiting.came(self._descriptor, self._crowded_out)
        if "100-continue" in head.listed("expect") and self._transport is not None:
            self._transport.write(CONTINUE)
        self._body_came = asyncio.get_running_loop().create_future()
        came, self._bytes = bytes(self._bytes), bytearray()
        self._take_body(came)
        seconds = self._settings.head_timeout_ms / 1000
        try:
            async with asyncio.timeout(seconds):
                return await self._body_came
        except TimeoutError as exc:
            raise BadHead("body_timeout", f"send the body within {seconds:g} s", 408) from exc
        finally:
            self._body = None
            self._port.waiting.gone(self._descriptor)

    def _take_body(self, data: bytes) -> None:
        body, came = self._body, self._body_came
        if body is None or came is None or came.done():
            return
        try:
            body.take(data)
        except BadHead as exc:
            came.set_exception(exc)
            return
        if body.whole:
            came.set_result(body.content)

    def reply(self, status: int, fields: Iterable[tuple[str, str]], body: bytes = b"") -> None:
        """Answer in plain HTTP, and close once that has been read."""
        self._answer(response_head(status, fields, len(body)) + body)

    def refuse(self, refusal: Refusal, extra: Iterable[tuple[str, str]] = ()) -> None:
        """Answer in plain HTTP, and close once that has been read."""
        self._port.refused[refusal.counted_as] += 1
        self._answer(answer(refusal, extra))

    def _answer(self, content: bytes) -> None:
        """Write an HTTP response, and close once that has been read."""
        transport = self._transport
        self._answered = True
        self._bytes.clear()
        if transport is None or transport.is_closing():
            return
        # Until the caller has read it, and is gone.
        self._port.waiting.came(self._descriptor, transport.abort)
        transport.write(content)
        transport.resume_reading()
        if transport.can_write_eof():
            transport.write_eof()
        self._time(LINGER_S, transport.close)

    def _crowded_out(self) -> None:
        """Make way for another connection, at once."""
        transport = self._transport
        self._port.refused[CROWDED.counted_as] += 1
        if transport is not None:
            # Who never spoke is not spoken to: a browser's spare connection.
            transport.write(answer(CROWDED) if self._bytes else b"")
            self._answered = True
            transport.close()

    def _too_late(self) -> None:
        if not self._bytes and self._transport is not None:
            # Never spoke: a browser's spare connection, or a health check of the port.
            self._transport.close()
            return
        self.refuse(_LATE)

    def _time(self, seconds: float, then: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, then)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _descriptor(transport: asyncio.BaseTransport) -> int:
    connection = cast("socket.socket | None", transport.get_extra_info("socket"))
    return -1 if connection is None else connection.fileno()


def _bad(error: BadHead) -> Refusal:
    return Refusal(status=error.status, code=error.code, message=error.message)
