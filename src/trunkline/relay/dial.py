"""I/O. Opens the provider's leg: connects, sends the handshake, reads the answer.

The answer is read here rather than by picows, because a refusal's body is for the
caller and may come after its head. Redirects are never followed: the request holds a
credential that was meant for one host.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Generator
from typing import Any, Final
from urllib.parse import urlsplit

import aiofastnet
from picows import WSListener

from trunkline.protocol.call import EndReason
from trunkline.protocol.profiles.planning import Plan
from trunkline.relay.listening import NONE_LEFT
from trunkline.relay.refusal import Refusal
from trunkline.relay.response import (
    BadResponse,
    Reading,
    ResponseHead,
    refusal_of,
)
from trunkline.relay.room import NO_FILES
from trunkline.relay.wire import (
    Complaints,
    Joint,
    Wire,
    expected_accept,
    feed,
    provider_wire,
    response_head,
)
from trunkline.settings import Settings


class DialFailed(Exception):
    """No leg to the provider. Holds what to answer the caller."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


class Dialled:
    """A provider's leg whose handshake is done, and which is not being read yet."""

    def __init__(self, protocol: _Dialling, head: ResponseHead, early: bytes) -> None:
        self._protocol = protocol
        self._early = early
        self._accept = head.accept
        self.noted = head.noted()
        """Headers of the provider's 101 that are worth keeping."""

    def open(self, listener: WSListener, violated: Callable[[int, str], None]) -> Joint:
        """Let `listener` have the leg. Nothing is read of it, what came early not either."""
        return self._protocol.open(listener, violated, self._accept)

    def take_early(self) -> bytes:
        """Return, once, what the provider has sent since its handshake."""
        early, self._early = self._early, b""
        return early

    def drop(self) -> None:
        """Close the connection without a word: there is no caller any more."""
        self._protocol.drop()


async def dial(plan: Plan, settings: Settings, context: ssl.SSLContext) -> Dialled:
    """Open the leg that `plan` describes.

    When cancelled, or late, the connection is dropped.

    Raises:
        DialFailed: the provider refused, could not be reached, or took too long.
    """
    protocol = _Dialling(plan, settings.max_frame_bytes)
    dialled: Dialled | None = None
    try:
        with failures_told(settings):
            async with asyncio.timeout(settings.connect_timeout_ms / 1000):
                await connect(protocol, plan.url, context)
                dialled = Dialled(protocol, *await protocol.answered)
                return dialled
    except DialFailed as exc:
        if isinstance(exc.__cause__, TimeoutError) and (refusal := protocol.refusal()):
            raise DialFailed(refusal) from exc
        raise
    finally:
        # An answer may have come and not reached us: in the very turn in which the caller left.
        if dialled is None:
            protocol.drop()
        # What it failed with knows this frame: it would be of itself, and all that the attempt
        # had would wait for the garbage collector.
        del protocol


@contextlib.contextmanager
def failures_told(settings: Settings) -> Generator[None]:
    """Raise what goes wrong with a provider's connection as `DialFailed`, fit for a caller."""
    try:
        yield
    except TimeoutError as exc:
        seconds = settings.connect_timeout_ms / 1000
        message = f"the provider did not answer within {seconds:g} s: try again"
        raise _failed(504, "provider_timeout", message, "provider_timeout") from exc
    except ssl.SSLError as exc:
        message = f"the provider's TLS certificate was not accepted: {exc.reason or 'bad TLS'}"
        raise _failed(502, "provider_tls", message, "provider_unreachable") from exc
    except OSError as exc:
        if exc.errno in NONE_LEFT:
            raise DialFailed(NO_FILES) from exc
        raise _failed(502, "provider_unreachable", _cause(exc), "provider_unreachable") from exc
    except BadResponse as exc:
        raise _failed(502, "provider_unreachable", _cause(exc), "provider_unreachable") from exc


def _failed(status: int, code: str, message: str, why: EndReason) -> DialFailed:
    return DialFailed(Refusal(status=status, code=code, message=message, end_reason=why))


def _cause(exc: OSError | BadResponse) -> str:
    if isinstance(exc, BadResponse):
        return f"the provider's answer cannot be understood: {exc}"
    return f"the provider could not be reached: {exc.strerror or type(exc).__name__}"


async def connect(
    protocol: asyncio.Protocol, url: str, context: ssl.SSLContext, address: str = ""
) -> None:
    """Connect `protocol` to where `url` is, with TLS if it says so.

    `address`: the IP address that its host is to have; empty: whichever it has.
    """
    parts = urlsplit(url)
    secure = parts.scheme in ("wss", "https")
    loop = asyncio.get_running_loop()
    # One address after the other: racing them leaks the winner's socket when the caller
    # leaves at that very moment. Not the loop's own connections: picows hands over memory
    # that it uses again, which these copy when it must wait, and uvloop's do not.
    await aiofastnet.create_connection(
        loop,
        lambda: protocol,
        address or parts.hostname,
        parts.port or (443 if secure else 80),
        ssl=context if secure else None,
        # Its certificate is for its name, however it was found.
        server_hostname=parts.hostname if secure else None,
    )


def drop(answered: asyncio.Future[Any], transport: asyncio.Transport | None) -> None:
    """Close a connection whose answer nobody waits for any more, whether it came or failed."""
    if not answered.cancel() and not answered.cancelled():
        # Taken, so that the loop does not report a failure that nobody has looked at.
        answered.exception()
    if transport is not None:
        transport.abort()


_NOTHING_MORE: Final = Reading()
"""What is read of an answer after a 101: the rest is the leg's."""


class _Dialling(asyncio.Protocol):
    """Reads the answer to a handshake; then makes way for picows."""

    def __init__(self, plan: Plan, max_frame_bytes: int) -> None:
        parts = urlsplit(plan.url)
        resource = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        self.answered: asyncio.Future[tuple[ResponseHead, bytes]]
        self.answered = asyncio.get_running_loop().create_future()
        """The head of a 101, and what came after it."""
        self._profile = plan.profile
        self._subprotocol = plan.subprotocol
        self._transport: asyncio.Transport | None = None
        self._reading = Reading()
        self._owner = _Owner()
        self._wire: Wire = provider_wire(
            parts.netloc,
            resource,
            self._owner.listen,
            Complaints(self._owner.complain),
            max_frame_bytes,
            plan.headers,
        )

    # --- what the socket tells ---------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the handshake."""
        if self.answered.done():
            transport.abort()  # pyright: ignore[reportAttributeAccessIssue] it is a Transport
            return
        self._transport = transport  # pyright: ignore[reportAttributeAccessIssue] likewise
        self._wire.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Read the answer's head, and of a refusal its body."""
        if self.answered.done():
            return
        try:
            self._reading.add(data)
            self._look()
        except BadResponse as exc:
            self.answered.set_exception(exc)

    def eof_received(self) -> bool:
        """A body may end with the connection."""
        self._reading.end()
        self._look()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The provider hung up before it had answered."""
        if not self.answered.done():
            self.answered.set_exception(exc or ConnectionError(0, "it closed the connection"))
        self._wire.connection_lost(exc)

    # --- the answer --------------------------------------------------------------------

    def _look(self) -> None:
        head, body = self._reading.head, self._reading.body
        if head is None or self.answered.done():
            return
        if body is None:
            self._upgraded(head)
        elif body.whole:
            self.answered.set_exception(DialFailed(refusal_of(head, body.content)))

    def _upgraded(self, head: ResponseHead) -> None:
        head.check_upgrade(expected_accept(self._wire), self._subprotocol)
        if self._transport is not None:
            self._transport.pause_reading()
        self.answered.set_result((head, self._reading.early))
        # Kept as long as the call, of which there are many.
        self._reading = _NOTHING_MORE

    def refusal(self) -> Refusal | None:
        """Return the provider's refusal as far as it has come, or None."""
        head, body = self._reading.head, self._reading.body
        return None if head is None or body is None else refusal_of(head, body.content)

    def drop(self) -> None:
        """There is nothing to keep, whatever became of it."""
        drop(self.answered, self._transport)

    # --- the leg -----------------------------------------------------------------------

    def open(
        self, listener: WSListener, violated: Callable[[int, str], None], accept: str
    ) -> Joint:
        """Make way for picows."""
        if self._transport is None:
            raise RuntimeError("it was dialled, so it has a transport")
        self._owner.listener, self._owner.violated = listener, violated
        feed(self._wire, response_head(accept))
        return Joint(self._transport, self._wire)


class _Owner:
    """Whose leg it will be. All that the wire knows of us: it would keep us, and we it."""

    listener: WSListener | None = None
    violated: Callable[[int, str], None] | None = None

    def listen(self) -> WSListener:
        """Return who listens from now on."""
        if self.listener is None:
            raise RuntimeError("picows asks for a listener only after `open`")
        return self.listener

    def complain(self, code: int, message: str) -> None:
        """Tell them that their peer broke a rule."""
        if self.violated is not None:
            self.violated(code, message)
