"""I/O. One call that runs: its two legs, its core, and its records. Thin on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, assert_never

import structlog

from trunkline.clock import monotonic_ns
from trunkline.journal.record import Kind, Leg
from trunkline.protocol.call import Closed, EndReason, Note
from trunkline.relay.closing import ENDS, cut, error_event
from trunkline.relay.commands import (
    Abort,
    Close,
    Command,
    Finish,
    Hand,
    HangUp,
    Keep,
    PauseReading,
    Ping,
    Pong,
    ResumeReading,
    Say,
    Translate,
    Write,
)
from trunkline.relay.core import Core
from trunkline.relay.events import Ended, Event, Passed, PongReceived, Tick
from trunkline.relay.ledger import ALTERED, BINARY, OURS, Ledger
from trunkline.relay.leg import LegListener
from trunkline.relay.meter import Meter
from trunkline.relay.way import Way
from trunkline.relay.wire import DirectReading, Joint, acknowledge_late, feed
from trunkline.settings import Settings

if TYPE_CHECKING:
    from trunkline.relay._lane import Lane
    from trunkline.relay.lanes import Lanes

log = structlog.get_logger("trunkline.relay")

ABORT_S = 2.0
"""For a caller to take what is said to it after a bug."""

_CALLER, _PROVIDER = Leg.CALLER, Leg.PROVIDER
_NONE_WAIT = (0, 0)


class Call:
    """One call from the moment that both legs are open."""

    def __init__(
        self,
        call_id: str,
        key_id: str,
        core: Core,
        ledger: Ledger,
        meter: Meter,
        settings: Settings,
    ) -> None:
        self.call_id = call_id
        self.key_id = key_id
        self.finished: Callable[[], None] | None = None
        """Called once, after the last record."""
        self._core = core
        self._ledger = ledger
        self._meter = meter
        self._lane: Lane | None = None
        self._due_ns = 0
        """Before then the core need not be told of the time: 1,000 calls make 5,000 ticks/s."""
        self._over = False
        frame, buffer = settings.max_frame_bytes, settings.max_buffer_bytes
        self._max_frame_bytes = frame
        self.caller = LegListener(_CALLER, self.tell, frame, buffer)
        self.provider = LegListener(_PROVIDER, self.tell, frame, buffer)

    def begin(
        self,
        caller: Joint,
        caller_early: bytes,
        provider: Joint,
        provider_early: bytes,
        lanes: Lanes | None,
    ) -> None:
        """Read from both legs, first what each has sent since its handshake.

        That may be so much that the core has reading paused again: so it is begun before.
        """
        for joint in (caller, provider):
            acknowledge_late(joint.transport)
        self._join(caller, provider, lanes)
        self.caller.reading.resume_reading()
        self.provider.reading.resume_reading()
        if caller_early:
            self.caller.reading.take(caller_early)
            now_ns = monotonic_ns()
            if self._lane is not None:
                self._catch_up(self._lane)
            data = {"frames": self._core.caller_frames, "bytes": len(caller_early)}
            self._ledger.note(Note(kind="early_frames", data=data), now_ns)
        self.provider.reading.take(provider_early)

    def _join(self, caller: Joint, provider: Joint, lanes: Lanes | None) -> None:
        if lanes is None:
            self.caller.reading = DirectReading(caller)
            self.provider.reading = DirectReading(provider)
            return
        lane = lanes.lane(self._ledger, self._max_frame_bytes, self._failed)
        lane.caller.open(caller.transport, caller.wire, feed)
        lane.provider.open(provider.transport, provider.wire, feed)
        self.caller.reading, self.provider.reading = lane.caller, lane.provider
        lane.way = self._core.way
        self._lane = lane

    def tick(self, at_ns: int) -> tuple[int, int]:
        """Tell the core that time has passed, if it can matter.

        Returns the bytes that wait for caller and provider.
        """
        if at_ns < self._due_ns and (self._lane is None or not self._lane.pressed):
            return _NONE_WAIT
        for leg, since_ns in self._core.awaited:
            if self._of(leg).received_within(at_ns - since_ns):
                self.tell(PongReceived(leg, at_ns))
        waiting = self.caller.backlog, self.provider.backlog
        self.tell(Tick(at_ns, *waiting))
        if not any(waiting):
            if self._lane is not None:
                self._lane.pressed = False
            self._due_ns = self._core.due_ns
        return waiting

    def end(self, why: EndReason) -> None:
        """End the call for a reason of the gateway's."""
        self.tell(Ended(why, monotonic_ns()))

    def tell(self, event: Event) -> None:
        """Have the core handle `event`, and do what it says."""
        if self._over:
            return
        self._due_ns = 0
        try:
            if self._lane is not None:
                self._catch_up(self._lane)
            for command in self._core.handle(event):
                if type(command) is Hand:
                    self._hand(command)
                else:
                    self._do(command)
            if self._lane is not None:
                self._lane.way = self._core.way
        except Exception:
            # A bug of ours must end this call alone, not the process.
            self._failed()

    def _catch_up(self, lane: Lane) -> None:
        """Tell the core of the frames that have passed since it was last asked."""
        lane.settle()
        for leg, end in ((_CALLER, lane.caller), (_PROVIDER, lane.provider)):
            if passed := end.passed():
                self._core.handle(Passed(leg, *passed))

    def _failed(self) -> None:
        log.exception("call failed", call=self.call_id)
        self.abort()

    def _hand(self, command: Hand) -> None:
        leg, data, binary = command.leg, command.data, command.binary
        (self.provider if leg is _CALLER else self.caller).send(data, binary)
        # Forward before recording: a slow disk must not delay speech.
        handed_ns = monotonic_ns()
        flags = BINARY if binary else 0
        received_ns = command.received_ns
        self._ledger.add(Kind.FRAME, leg, flags, received_ns, handed_ns, data)
        self._meter.handed(leg, len(data), handed_ns - received_ns)

    def _do(self, command: Command) -> None:
        match command:
            case Hand():
                self._hand(command)
            case Translate():
                self._translate(command)
            case Keep(leg, data, binary, received_ns):
                self._ledger.add(Kind.FRAME, leg, BINARY if binary else 0, received_ns, 0, data)
            case Say(leg, data, at_ns):
                self._of(leg).send(data, False)
                self._ledger.add(Kind.BRIDGED, leg.other, OURS, at_ns, monotonic_ns(), data)
            case Ping(leg):
                self._of(leg).ping()
            case Pong(leg, data):
                self._of(leg).pong(data)
            case Close(leg, code, reason):
                self._of(leg).close(code, reason)
            case HangUp(leg):
                self._of(leg).hang_up(graceful=True)
            case Abort(leg):
                self._of(leg).hang_up(graceful=False)
            case PauseReading(leg):
                self._of(leg).pause()
            case ResumeReading(leg):
                self._of(leg).resume()
            case Write(note, at_ns):
                self._ledger.note(note, at_ns)
            case Finish(closed, at_ns):
                self._finish(closed, at_ns)
            case _:
                assert_never(command)

    def _translate(self, command: Translate) -> None:
        leg, received_ns = command.leg, command.received_ns
        for data in command.onward:
            self._of(leg.other).send(data, False)
        for data in command.back:
            self._of(leg).send(data, False)
        handed_ns = monotonic_ns()
        handed = handed_ns if command.onward else 0
        self._ledger.add(Kind.FRAME, leg, ALTERED, received_ns, handed, command.data)
        for data in command.onward:
            self._ledger.add(Kind.BRIDGED, leg, 0, received_ns, handed_ns, data)
        for data in command.back:
            self._ledger.add(Kind.BRIDGED, leg.other, OURS, received_ns, handed_ns, data)
        if command.onward:
            self._meter.handed(leg, len(command.data), handed_ns - received_ns)

    def _of(self, leg: Leg) -> LegListener:
        return self.caller if leg is _CALLER else self.provider

    def abort(self) -> None:
        """End the call without asking the core: after a bug it cannot be relied on."""
        if self._over:
            return
        why: EndReason = "internal_error"
        end = ENDS[why]
        closed = Closed(status="failed", end_reason=why, error_code=why, error_message=end.message)
        self._finish(closed, monotonic_ns())
        self.caller.send(error_event(self.call_id, end.type, why, end.message), False)
        self.caller.close(end.caller_code, cut(end.message))
        self.caller.hang_up(graceful=True)
        self.provider.hang_up(graceful=False)
        asyncio.get_running_loop().call_later(ABORT_S, self.caller.hang_up)

    def drop(self) -> None:
        """It could not begin: whoever opened the attempt records why."""
        self._stop()
        self._leave()

    def _finish(self, closed: Closed, at_ns: int) -> None:
        self._stop()
        self._ledger.closed(closed, at_ns)
        log.info("call ended", call=self.call_id, why=closed.end_reason, status=closed.status)
        self._leave()

    def _stop(self) -> None:
        self._over = True
        if self._lane is not None:
            self._lane.way = Way.SHUT
            self._lane.settle()

    def _leave(self) -> None:
        finished, self.finished = self.finished, None
        if finished is not None:
            finished()
