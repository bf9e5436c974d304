"""I/O. A call whose media goes direct: what the provider tells of it, recorded.

The gateway opens this WebSocket itself, beside the caller's own connection to the
provider, and sends nothing on it. It hears the provider's events: what was said, turns,
tools, usage. Of the Realtime API it hears no sound, and nothing of what the caller sends.
It may break off and be opened again (`beside`): then `away` is set, and the record is told
how long nothing was heard.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Final, assert_never

import msgspec
import structlog

from trunkline.clock import monotonic_ns
from trunkline.journal.record import Kind, Leg
from trunkline.protocol.call import CallStatus, Closed, EndReason, Note
from trunkline.relay.closing import ENDS, is_clean, sendable
from trunkline.relay.dial import Dialled
from trunkline.relay.events import (
    CloseReceived,
    Congested,
    Drained,
    Ended,
    Event,
    Fragment,
    Frame,
    Lost,
    Passed,
    PingReceived,
    PongReceived,
    Tick,
    Violation,
)
from trunkline.relay.ledger import BINARY, Ledger
from trunkline.relay.leg import LegListener
from trunkline.relay.side import FLOOD, FLOODED, Side
from trunkline.relay.wire import DirectReading
from trunkline.settings import Settings

log = structlog.get_logger("trunkline.relay")

_OPEN_AGAIN: Final = frozenset({1006, 1011, 1012, 1013, 1014})
"""Closes that say nothing of the call: the provider failed, or restarts. 1001 is not among them:
so a session ends that is as old as it may be."""
_REFUSAL_FRAMES: Final = 2
"""At most so many come before the close with which a WebSocket is refused that was accepted."""


class _Cut(msgspec.Struct, frozen=True):
    """How a connection broke off."""

    why: EndReason
    code: int | None
    reason: str
    at_ns: int


class Sideband:
    """One such call, from the moment that the provider listens to us."""

    def __init__(
        self,
        call_id: str,
        key_id: str,
        ledger: Ledger,
        settings: Settings,
        hang_up: Callable[[], None],
    ) -> None:
        """`hang_up` ends the caller's own connection, which is not ours."""
        self.call_id = call_id
        self.key_id = key_id
        self.finished: Callable[[], None] | None = None
        """Called once, after the last record."""
        self._ledger = ledger
        self._hang_up = hang_up
        self._ping_after_ns = settings.ping_interval_ms * 1_000_000
        self._lost_after_ns = settings.ping_timeout_ms * 1_000_000
        self._side = Side(monotonic_ns())
        """The provider's, of this connection."""
        self._frames = self._bytes = 0
        """Of those before it."""
        self._settings = settings
        self._line = 0
        """Number of the connection; what is heard of one before it does not count."""
        self._cut: _Cut | None = None
        """How it broke off, while it is away."""
        self._was: _Cut | None = None
        """How the one before broke off."""
        self.over = False
        self.away = asyncio.Event()
        """It has broken off, or the call is over."""
        self._provider = self._listener()

    def begin(self, dialled: Dialled) -> None:
        """Listen, first to what the provider has sent since its handshake. Again, if need be."""
        cut, self._cut, self._was = self._cut, None, self._cut
        self.away.clear()
        self._line += 1
        self._provider = provider = self._listener()
        now_ns = monotonic_ns()
        self._frames += self._side.frames
        self._bytes += self._side.bytes
        self._side = Side(now_ns)
        if cut is not None:
            data = {"gap_ns": now_ns - cut.at_ns, "why": cut.why, "code": cut.code}
            self._ledger.note(Note(kind="sideband_again", data=data), now_ns)
        provider.reading = DirectReading(dialled.open(provider, provider.violated))
        provider.reading.resume_reading()
        provider.reading.take(dialled.take_early())

    def give_up(self) -> None:
        """It broke off, and cannot be opened again: the recording ends as it did then."""
        cut = self._cut
        if cut is None:
            return
        clean = cut.code is None or is_clean(cut.code)
        failed = cut.why == "provider_lost" or not clean
        self._end(cut.why, "failed" if failed else "completed", cut.code, cut.reason)

    def _listener(self) -> LegListener:
        return LegListener(
            Leg.PROVIDER,
            functools.partial(self._tell, self._line),
            self._settings.max_frame_bytes,
            self._settings.max_buffer_bytes,
        )

    def tick(self, at_ns: int) -> tuple[int, int]:
        """Find out whether the provider is still there. Returns what waits: nothing."""
        if self._cut is None:
            try:
                self._check_pace(at_ns)
                self._check_life(at_ns)
            except Exception:
                # A bug of ours must end this recording alone: other calls are looked after too.
                self.fail()
        return 0, 0

    def _check_pace(self, at_ns: int) -> None:
        """Let the provider wait while it has sent more than its share."""
        side = self._side
        if not side.changes_pace(at_ns):
            return
        if side.hasty:
            self._provider.pause()
        else:
            # It could not make itself heard while we did not read.
            side.heard(at_ns)
            self._provider.resume()

    def _check_life(self, at_ns: int) -> None:
        side = self._side
        if side.hasty:
            return
        if side.pinged_ns:
            if at_ns - side.pinged_ns > self._lost_after_ns:
                self._provider.hang_up()
                self._break_off("provider_lost", at_ns=at_ns)
        elif at_ns - side.heard_ns > self._ping_after_ns:
            side.pinged_ns = at_ns
            self._provider.ping()

    def end(self, why: EndReason) -> None:
        """End the call, and the recording of it, for a reason of the gateway's.

        A gateway that restarts ends the recording alone: the call does not need it.
        """
        if self.over:
            return
        if why != "drained":
            self._hang_up()
        away = self._cut is not None
        self._end(why, "failed")
        if not away:
            self._provider.close(ENDS[why].provider_code, b"")
            self._provider.hang_up(graceful=not self._side.full)

    def abort(self) -> None:
        """End the recording at once."""
        self._end("internal_error", "failed")
        self._provider.hang_up()

    def fail(self) -> None:
        """End the recording after a bug of ours, in whose `except` this is called."""
        log.exception("sideband failed", call=self.call_id)
        self.abort()

    def _tell(self, line: int, event: Event) -> None:
        """Take what the leg has heard."""
        if self.over or line != self._line or self._cut is not None:
            return
        try:
            self._take(event)
        except Exception:
            # picows would end the connection, and tell nobody why.
            self.fail()

    def _take(self, event: Event) -> None:
        match event:
            case Frame(_, data, binary, at_ns):
                self._side.heard(at_ns)
                self._side.frames += 1
                self._side.bytes += len(data)
                # Handed to nobody: the caller has its own connection.
                self._ledger.add(Kind.FRAME, Leg.PROVIDER, BINARY if binary else 0, at_ns, 0, data)
            case Fragment(_, at_ns):
                self._side.heard(at_ns)
                self._side.others += 1
            case PingReceived(_, data, at_ns):
                self._control(at_ns, data)
            case PongReceived(_, at_ns):
                self._control(at_ns)
            case Congested():
                self._side.full = True
            case Drained():
                self._drained()
            case CloseReceived(_, code, reason, at_ns):
                self._provider.close(sendable(code), b"")
                self._provider.hang_up(graceful=True)
                self._closed(code, reason, at_ns)
            case Lost(_, at_ns):
                self._break_off("provider_lost", at_ns=at_ns)
            case Violation(_, code, message, _):
                self._breach("protocol_error", code, message)
            case Tick() | Ended() | Passed():
                # Told by nobody here.
                pass
            case _:
                assert_never(event)

    def _control(self, at_ns: int, ping: bytes | None = None) -> None:
        """Take a ping, or a pong. Pings are all that has an answer of ours on this connection."""
        side = self._side
        side.heard(at_ns)
        if side.is_flooding(at_ns):
            self._breach("too_many_pings", FLOODED, FLOOD)
        elif ping is not None and side.full:
            side.pending_ping = ping
        elif ping is not None:
            self._provider.pong(ping)

    def _drained(self) -> None:
        side = self._side
        side.full = False
        ping, side.pending_ping = side.pending_ping, None
        if ping is not None:
            self._provider.pong(ping)

    def _breach(self, why: EndReason, code: int, message: str) -> None:
        """The provider has broken a rule: the recording ends, and the call does not."""
        self._provider.close(code, message.encode()[:120])
        # Whoever does not read what waits would not read our close, and keep the connection.
        self._provider.hang_up(graceful=not self._side.full)
        self._end(why, "failed")

    def _closed(self, code: int | None, reason: str, at_ns: int) -> None:
        """The provider has closed: because the call is over, or for a reason of its own."""
        if code in _OPEN_AGAIN:
            self._break_off("provider_closed", code, reason, at_ns=at_ns)
            return
        clean = code is None or is_clean(code)
        if not clean and self._was is not None and self._side.frames <= _REFUSAL_FRAMES:
            # Not this call's end but an answer to our coming back: that was when it broke off.
            self._cut = self._was
            self.give_up()
            return
        self._end("provider_closed", "completed" if clean else "failed", code, reason)

    def _break_off(
        self, why: EndReason, code: int | None = None, reason: str = "", *, at_ns: int
    ) -> None:
        if self.over or self._cut is not None:
            return
        self._cut = _Cut(why, code, reason, at_ns)
        self.away.set()

    def _end(
        self, why: EndReason, status: CallStatus, code: int | None = None, reason: str = ""
    ) -> None:
        if self.over:
            return
        self.over = True
        self.away.set()
        failed = status == "failed" and why in ENDS
        closed = Closed(
            status=status,
            end_reason=why,
            provider_close_code=code,
            provider_close_reason=reason,
            error_code=why if failed else "",
            error_message=ENDS[why].message if failed else "",
            provider_frames=self._frames + self._side.frames,
            provider_bytes=self._bytes + self._side.bytes,
        )
        self._ledger.closed(closed, monotonic_ns())
        log.info("call ended", call=self.call_id, why=why, status=status)
        finished, self.finished = self.finished, None
        if finished is not None:
            finished()
