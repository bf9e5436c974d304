"""I/O. A call whose media goes direct: what the provider tells of it, recorded.

The gateway opens this WebSocket itself, beside the caller's own connection to the
provider, and sends nothing on it. It hears the provider's events: what was said, turns,
tools, usage. It hears no sound, and nothing of what the caller sends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

import structlog

from trunkline.clock import monotonic_ns
from trunkline.journal.record import Kind, Leg
from trunkline.protocol.call import CallStatus, Closed, EndReason
from trunkline.relay.closing import ENDS, is_clean, sendable
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
from trunkline.relay.wire import DirectReading, Joint
from trunkline.settings import Settings

log = structlog.get_logger("trunkline.relay")


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
        self.finished: Callable[[], None] = lambda: None
        """Called once, after the last record."""
        self._ledger = ledger
        self._hang_up = hang_up
        self._ping_after_ns = settings.ping_interval_ms * 1_000_000
        self._lost_after_ns = settings.ping_timeout_ms * 1_000_000
        self._heard_ns = monotonic_ns()
        self._pinged_ns: int | None = None
        self._frames = self._bytes = 0
        self._over = False
        self.provider = LegListener(
            Leg.PROVIDER, self.tell, settings.max_frame_bytes, settings.max_buffer_bytes
        )

    def begin(self, joint: Joint, early: bytes) -> None:
        """Listen, first to what the provider has sent since its handshake."""
        self.provider.reading = DirectReading(joint)
        self.provider.reading.resume_reading()
        self.provider.reading.take(early)

    def tick(self, at_ns: int) -> tuple[int, int]:
        """Find out whether the provider is still there. Returns what waits: nothing."""
        if self._pinged_ns is not None:
            if at_ns - self._pinged_ns > self._lost_after_ns:
                self._end("provider_lost", "failed")
                self.provider.hang_up()
        elif at_ns - self._heard_ns > self._ping_after_ns:
            self._pinged_ns = at_ns
            self.provider.ping()
        return 0, 0

    def end(self, why: EndReason) -> None:
        """End the call, and the recording of it, for a reason of the gateway's.

        A gateway that restarts ends the recording alone: the call does not need it.
        """
        if self._over:
            return
        if why != "drained":
            self._hang_up()
        self._end(why, "failed")
        self.provider.close(ENDS[why].provider_code, b"")
        self.provider.hang_up(graceful=True)

    def abort(self) -> None:
        """End the recording at once."""
        self._end("internal_error", "failed")
        self.provider.hang_up()

    def tell(self, event: Event) -> None:
        """Take what the leg has heard."""
        if self._over:
            return
        match event:
            case Frame(_, data, binary, at_ns):
                self._heard(at_ns)
                self._frames += 1
                self._bytes += len(data)
                # Handed to nobody: the caller has its own connection.
                self._ledger.add(Kind.FRAME, Leg.PROVIDER, BINARY if binary else 0, at_ns, 0, data)
            case PingReceived(_, data, at_ns):
                self._heard(at_ns)
                self.provider.pong(data)
            case PongReceived(_, at_ns) | Fragment(_, at_ns):
                self._heard(at_ns)
            case CloseReceived(_, code, reason, _):
                self.provider.close(sendable(code), b"")
                self.provider.hang_up(graceful=True)
                clean = code is None or is_clean(code)
                self._end("provider_closed", "completed" if clean else "failed", code, reason)
            case Lost():
                self._end("provider_lost", "failed")
            case Violation(_, code, message, _):
                self.provider.close(code, message.encode()[:120])
                self.provider.hang_up(graceful=True)
                self._end("protocol_error", "failed")
            case Congested() | Drained() | Tick() | Ended() | Passed():
                # We send nothing, so nothing waits; the rest is told by nobody here.
                pass
            case _:
                assert_never(event)

    def _heard(self, at_ns: int) -> None:
        self._heard_ns, self._pinged_ns = at_ns, None

    def _end(
        self, why: EndReason, status: CallStatus, code: int | None = None, reason: str = ""
    ) -> None:
        if self._over:
            return
        self._over = True
        failed = status == "failed" and why in ENDS
        closed = Closed(
            status=status,
            end_reason=why,
            provider_close_code=code,
            provider_close_reason=reason,
            error_code=why if failed else "",
            error_message=ENDS[why].message if failed else "",
            provider_frames=self._frames,
            provider_bytes=self._bytes,
        )
        self._ledger.closed(closed, monotonic_ns())
        log.info("call ended", call=self.call_id, why=why, status=status)
        self.finished()
