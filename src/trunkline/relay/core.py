"""Pure. One call's state machine: what happens goes in, what to do comes out.

    OPEN ── a peer closes, is lost, breaks a rule; the gateway ends the call ──▶ ENDING
    ENDING ── both connections are gone ──▶ `Finish`

Rules that hold in every state:

- Frames are handed on in the order in which they were read, each exactly once.
- A frame that can no longer be handed on is journalled all the same.
- The reason of an end is the first one; what follows from it changes nothing.
- A close of ours to the caller comes after an `error` event, because several SDKs take
  a bare close for a clean end. A peer's close travels as it came.
- Whoever makes the other leg wait for too long, without taking a byte, is closed; so is
  whoever pings without end. Whoever sends without end has to wait (`relay.pace`).
"""

from __future__ import annotations

from typing import assert_never

import msgspec

from trunkline.journal.record import Leg
from trunkline.protocol.bridge.between import bridge_between, shown_dialect
from trunkline.protocol.call import CallStatus, Closed, Dialect, EndReason, Note
from trunkline.protocol.decode import peek
from trunkline.relay import closing
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
from trunkline.relay.side import FLOOD, FLOODED, Side, State
from trunkline.relay.way import Way, is_marked
from trunkline.settings import Settings

CLOSE_TIMEOUT_NS = 2_000_000_000
"""How long a peer may take over its half of the close handshake."""
BROKEN, TOO_BIG = 1002, 1009

_CALLER, _PROVIDER = Leg.CALLER, Leg.PROVIDER
_BREACHES: dict[int, EndReason] = {TOO_BIG: "frame_too_big", FLOODED: "too_many_pings"}

Commands = tuple[Command, ...]


class Limits(msgspec.Struct, frozen=True):
    """How long a peer may be silent or slow, ns."""

    ping_interval_ns: int
    ping_timeout_ns: int
    slow_leg_timeout_ns: int

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Return the limits in `settings`."""
        return cls(
            settings.ping_interval_ms * 1_000_000,
            settings.ping_timeout_ms * 1_000_000,
            settings.slow_leg_timeout_ms * 1_000_000,
        )


class Core:
    """The relay of one call, both of whose legs are open."""

    def __init__(
        self,
        call_id: str,
        limits: Limits,
        at_ns: int,
        *,
        caller: Dialect | None,
        provider: Dialect | None,
    ) -> None:
        """`caller` and `provider`: what they speak, as far as is known yet. None: neither of the
        dialects that can be bridged."""
        self._call_id = call_id
        self._limits = limits
        self._sides = (Side(at_ns), Side(at_ns), Side(at_ns))
        self._caller, self._provider = self._sides[_CALLER], self._sides[_PROVIDER]
        self._spoken: Dialect | None = provider
        self._bridge = bridge_between(caller, provider) if caller and provider else None
        self._watching = provider is not None and self._bridge is None
        self._reason: EndReason | None = None
        self._error: tuple[str, str] = ("", "")
        self._ended_ns = 0
        self._finished = False

    @property
    def caller_frames(self) -> int:
        """Frames of the caller that were handed on so far."""
        return self._caller.frames

    @property
    def ending(self) -> bool:
        """Whether the call is over but for its last words."""
        return self._reason is not None

    @property
    def way(self) -> Way:
        """How frames may go on until the next event that is told."""
        if self.ending or self._bridge is not None:
            return Way.SHUT
        return Way.WATCHED if self._watching else Way.OPEN

    @property
    def due_ns(self) -> int:
        """When a `Tick` may change something; 0: every one may. Frames that pass put it off."""
        sides = self._caller, self._provider
        if self.ending:
            return 0
        if any(side.full or side.hasty or side.pinged_ns for side in sides):
            return 0
        return min(side.heard_ns for side in sides) + self._limits.ping_interval_ns

    @property
    def awaited(self) -> tuple[tuple[Leg, int], ...]:
        """Legs that were asked for a sign of life and gave none yet, and when they were."""
        caller, provider = self._caller.pinged_ns, self._provider.pinged_ns
        if not caller and not provider:
            return ()
        return tuple((leg, at) for leg, at in ((_CALLER, caller), (_PROVIDER, provider)) if at)

    def handle(self, event: Event) -> Commands:
        """Advance by one event and return what the shell must do, in order."""
        match event:
            case Frame():
                return self._frame(event)
            case Tick():
                return self._tick(event)
            case Passed():
                return self._passed(event)
            case Fragment(leg, at_ns):
                return self._fragment(leg, at_ns)
            case PingReceived(leg, data, at_ns):
                return self._ping(leg, data, at_ns)
            case PongReceived(leg, at_ns):
                return self._pong(leg, at_ns)
            case CloseReceived():
                return self._close_received(event)
            case Lost(leg, at_ns):
                return self._lost(leg, at_ns)
            case Congested(leg, at_ns):
                return self._congested(leg, at_ns)
            case Drained(leg, at_ns):
                return self._drained(leg, at_ns)
            case Violation():
                return self._violation(event)
            case Ended(why, at_ns):
                return self._end(why, at_ns)
            case _:
                assert_never(event)

    # --- frames ----------------------------------------------------------------------

    def _frame(self, frame: Frame) -> Commands:
        side = self._sides[frame.leg]
        side.heard_ns = frame.at_ns
        side.pinged_ns = 0
        if self._reason is not None:
            side.others += 1
            side.other_bytes += len(frame.data)
            return (Keep(frame.leg, frame.data, frame.binary, frame.at_ns),)
        side.frames += 1
        side.bytes += len(frame.data)
        if self._bridge is None and not self._watching:
            # Nearly every frame of nearly every call takes this way.
            return (Hand(frame.leg, frame.data, frame.binary, frame.at_ns),)
        return self._translated(frame)

    def _passed(self, passed: Passed) -> Commands:
        side = self._sides[passed.leg]
        side.heard(passed.at_ns)
        side.frames += passed.frames
        side.bytes += passed.bytes
        return ()

    def _fragment(self, leg: Leg, at_ns: int) -> Commands:
        side = self._sides[leg]
        side.heard(at_ns)
        side.others += 1
        return ()

    def _translated(self, frame: Frame) -> Commands:
        leg, data = frame.leg, frame.data
        noted = self._watch(frame) if self._watching else ()
        if self._bridge is None or frame.binary:
            return (Hand(leg, data, frame.binary, frame.at_ns),)
        if leg is _CALLER:
            onward, back, changed = self._bridge.to_provider(data)
        else:
            back, onward, changed = self._bridge.to_caller(data)
        if not changed:
            return (*noted, Hand(leg, data, binary=False, received_ns=frame.at_ns))
        return (*noted, Translate(leg, data, False, frame.at_ns, onward, back))

    def _watch(self, frame: Frame) -> Commands:
        """Look for the first session update: it tells a caller that gave no other sign."""
        if frame.leg is not _CALLER or frame.binary or not is_marked(frame.data):
            return ()
        shown = shown_dialect(frame.data)
        self._watching = shown is None and peek(frame.data).type != "session.update"
        if shown is None or self._spoken is None or shown == self._spoken:
            return ()
        self._bridge = bridge_between(shown, self._spoken)
        return (Write(Note(kind="dialect", data={"caller_dialect": shown}), frame.at_ns),)

    # --- life signs ------------------------------------------------------------------

    def _ping(self, leg: Leg, data: bytes, at_ns: int) -> Commands:
        side = self._sides[leg]
        side.heard(at_ns)
        if not side.open:
            return ()
        if side.is_flooding(at_ns):
            return self._flooded(leg, at_ns)
        if side.full:
            side.pending_ping = data
            return ()
        return (Pong(leg, data),)

    def _pong(self, leg: Leg, at_ns: int) -> Commands:
        side = self._sides[leg]
        side.heard(at_ns)
        if side.open and side.is_flooding(at_ns):
            return self._flooded(leg, at_ns)
        return ()

    def _flooded(self, leg: Leg, at_ns: int) -> Commands:
        """End the call, and read no more from `leg`: its answer to our close is not worth it."""
        return (
            *self._violation(Violation(leg, FLOODED, FLOOD, at_ns)),
            PauseReading(leg),
        )

    def _tick(self, tick: Tick) -> Commands:
        self._caller.waits_for(tick.caller_backlog, tick.at_ns)
        self._provider.waits_for(tick.provider_backlog, tick.at_ns)
        if self._reason is not None:
            return (
                *self._check_pace(_CALLER, tick.at_ns),
                *self._check_pace(_PROVIDER, tick.at_ns),
                *self._give_up(_CALLER, tick.at_ns),
                *self._give_up(_PROVIDER, tick.at_ns),
            )
        if self._is_stuck(self._caller, tick.at_ns):
            return self._end("caller_too_slow", tick.at_ns)
        if self._is_stuck(self._provider, tick.at_ns):
            return self._end("provider_too_slow", tick.at_ns)
        return (
            *self._check_pace(_CALLER, tick.at_ns),
            *self._check_pace(_PROVIDER, tick.at_ns),
            *self._check_life(_CALLER, tick.at_ns),
            *self._check_life(_PROVIDER, tick.at_ns),
        )

    def _is_stuck(self, side: Side, at_ns: int) -> bool:
        return side.full and at_ns - side.moved_ns >= self._limits.slow_leg_timeout_ns

    def _check_life(self, leg: Leg, at_ns: int) -> Commands:
        side = self._sides[leg]
        if self._reason is not None or not side.reading or side.full:
            return ()
        if side.pinged_ns:
            if at_ns - side.pinged_ns < self._limits.ping_timeout_ns:
                return ()
            return (Abort(leg), *self._lost(leg, at_ns))
        if at_ns - side.heard_ns < self._limits.ping_interval_ns:
            return ()
        side.pinged_ns = at_ns
        return (Ping(leg),)

    # --- pace ------------------------------------------------------------------------

    def _check_pace(self, leg: Leg, at_ns: int) -> Commands:
        """Let `leg` wait while it has sent more than its share."""
        side = self._sides[leg]
        if not side.changes_pace(at_ns):
            return ()
        return self._stop(leg) if side.hasty else self._resume(leg, at_ns)

    def _pause(self, leg: Leg) -> Commands:
        """Read no more, unless the call is over: then an answer to our close is waited for."""
        return self._stop(leg) if self._reason is None else ()

    def _stop(self, leg: Leg) -> Commands:
        side = self._sides[leg]
        if not side.reading:
            return ()
        side.reading = False
        return (PauseReading(leg),)

    def _resume(self, leg: Leg, at_ns: int) -> Commands:
        """Read from `leg` again, unless there is another reason not to."""
        side = self._sides[leg]
        if side.reading or side.hasty or self._sides[leg.other].full:
            return ()
        side.reading = True
        # Its peer could not make itself heard while we did not read.
        side.heard(at_ns)
        return (ResumeReading(leg),)

    def _congested(self, leg: Leg, at_ns: int) -> Commands:
        side = self._sides[leg]
        side.full, side.moved_ns = True, at_ns
        return self._pause(leg.other)

    def _drained(self, leg: Leg, at_ns: int) -> Commands:
        side = self._sides[leg]
        side.full = False
        commands: Commands = ()
        if side.pending_ping is not None and side.open:
            commands = (Pong(leg, side.pending_ping),)
        side.pending_ping = None
        return (*commands, *self._resume(leg.other, at_ns))

    # --- ends ------------------------------------------------------------------------

    def _close_received(self, event: CloseReceived) -> Commands:
        leg, side = event.leg, self._sides[event.leg]
        code = closing.NO_CODE if event.code is None else event.code
        side.ended_with(code, event.reason)
        if side.state is State.CLOSE_SENT:
            side.state = State.CLOSED
            return (HangUp(leg),)
        if side.state is not State.OPEN:
            return ()
        # While one leg is open the other is too: every end closes both.
        side.state = State.CLOSED
        self._begin_end("caller_closed" if leg is _CALLER else "provider_closed", event.at_ns)
        if leg is _PROVIDER and not closing.is_clean(code):
            self._error = ("provider_closed", event.reason or f"the provider closed with {code}")
        sent = closing.sendable(event.code)
        return (
            *self._close(leg.other, sent, event.reason),
            Close(leg, sent if sent == event.code else BROKEN),
            HangUp(leg),
            *self._resume_all(),
        )

    def _lost(self, leg: Leg, at_ns: int) -> Commands:
        side = self._sides[leg]
        side.state = State.GONE
        commands: Commands = ()
        if self._reason is None:
            commands = self._end("caller_lost" if leg is _CALLER else "provider_lost", at_ns)
        return (*commands, *self._finish(at_ns))

    def _violation(self, event: Violation) -> Commands:
        """Close the leg that broke a rule with the code for it; its other one as an end of ours."""
        if self._reason is not None:
            return ()
        why = _BREACHES.get(event.code, "protocol_error")
        end = closing.ENDS[why]
        if event.leg is _CALLER:
            end = msgspec.structs.replace(
                end, caller_code=event.code, provider_code=1001, type="invalid_request_error"
            )
        else:
            end = msgspec.structs.replace(end, caller_code=1011, provider_code=event.code)
        return self._end_with(why, end, event.message, event.at_ns)

    def _end(self, why: EndReason, at_ns: int) -> Commands:
        end = closing.ENDS[why]
        return self._end_with(why, end, end.message, at_ns)

    def _end_with(self, why: EndReason, end: closing.End, message: str, at_ns: int) -> Commands:
        if self._reason is not None:
            return ()
        self._begin_end(why, at_ns)
        self._error = (why, message)
        commands: list[Command] = []
        if why == "key_revoked":
            commands.append(Write(Note(kind="revoked"), at_ns))
        if self._caller.open:
            event = closing.error_event(self._call_id, end.type, why, message)
            commands.append(Say(_CALLER, event, at_ns))
            commands += self._close(_CALLER, end.caller_code, message)
        if self._provider.open:
            commands += self._close(_PROVIDER, end.provider_code, message)
        return (*commands, *self._resume_all())

    def _begin_end(self, why: EndReason, at_ns: int) -> None:
        self._reason, self._ended_ns = why, at_ns

    def _close(self, leg: Leg, code: int | None, reason: str) -> Commands:
        side = self._sides[leg]
        side.state = State.CLOSE_SENT
        side.ended_with(closing.NO_CODE if code is None else code, reason)
        return (Close(leg, code, b"" if code is None else closing.cut(reason)),)

    def _resume_all(self) -> Commands:
        """Read again from both: the answer to our close is behind what was not read.

        But for who is hasty: that much more is not worth the answer.
        """
        sides = [(leg, self._sides[leg]) for leg in (_CALLER, _PROVIDER)]
        paused = [leg for leg, side in sides if not side.reading and not side.hasty]
        for leg in paused:
            self._sides[leg].reading = True
        return tuple(ResumeReading(leg) for leg in paused)

    def _give_up(self, leg: Leg, at_ns: int) -> Commands:
        """Drop a leg that neither ends nor takes what waits for it."""
        side = self._sides[leg]
        waited_ns = at_ns - max(side.moved_ns, self._ended_ns)
        too_long = at_ns - self._ended_ns >= self._limits.slow_leg_timeout_ns
        if side.state is State.GONE or (waited_ns < CLOSE_TIMEOUT_NS and not too_long):
            return ()
        return (Abort(leg),)

    def _finish(self, at_ns: int) -> Commands:
        gone = self._caller.state is State.GONE and self._provider.state is State.GONE
        if not gone or self._finished or self._reason is None:
            return ()
        self._finished = True
        return (Finish(self._closed(self._reason), at_ns),)

    def _closed(self, why: EndReason) -> Closed:
        caller, provider = self._caller, self._provider
        code, message = self._error
        status: CallStatus = "failed" if code else "completed"
        return Closed(
            status=status,
            end_reason=why,
            caller_close_code=caller.code,
            caller_close_reason=caller.reason,
            provider_close_code=provider.code,
            provider_close_reason=provider.reason,
            error_code=code,
            error_message=message,
            caller_frames=caller.frames,
            provider_frames=provider.frames,
            caller_bytes=caller.bytes,
            provider_bytes=provider.bytes,
        )
