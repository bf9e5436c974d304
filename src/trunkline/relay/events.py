"""Pure. What happens to a call, as the core is told it. Times: gateway monotonic clock, ns."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from trunkline.journal.record import Leg
from trunkline.protocol.call import EndReason


class Frame(msgspec.Struct, frozen=True, gc=False):
    """A whole WebSocket message was read on `leg`."""

    leg: Leg
    data: bytes
    binary: bool
    at_ns: int


class Fragment(msgspec.Struct, frozen=True, gc=False):
    """A part of a message was read on `leg`, and not its last."""

    leg: Leg
    at_ns: int


class Passed(msgspec.Struct, frozen=True, gc=False):
    """Frames read on `leg` were handed on and journalled already: they went the short way.

    Told before anything else that happened after them.
    """

    leg: Leg
    frames: int
    bytes: int
    at_ns: int
    """When the last of them was read."""


class PingReceived(msgspec.Struct, frozen=True, gc=False):
    """The peer on `leg` wants to know whether we live."""

    leg: Leg
    data: bytes
    at_ns: int


class PongReceived(msgspec.Struct, frozen=True, gc=False):
    """The peer on `leg` lives: it answered, or the bytes of a message still arrive."""

    leg: Leg
    at_ns: int


class CloseReceived(msgspec.Struct, frozen=True, gc=False):
    """A close frame was read on `leg`; `code` is None when it had none."""

    leg: Leg
    code: int | None
    reason: str
    at_ns: int


class Lost(msgspec.Struct, frozen=True, gc=False):
    """The TCP connection of `leg` is gone. Told once for each leg, however it ended."""

    leg: Leg
    at_ns: int


class Congested(msgspec.Struct, frozen=True, gc=False):
    """What waits to be written to `leg` is more than may wait."""

    leg: Leg
    at_ns: int


class Drained(msgspec.Struct, frozen=True, gc=False):
    """What waited for `leg` has gone out, but for a rest."""

    leg: Leg
    at_ns: int


class Violation(msgspec.Struct, frozen=True, gc=False):
    """The peer on `leg` broke a rule of RFC 6455 that asks for the close `code`."""

    leg: Leg
    code: int
    message: str
    at_ns: int


class Ended(msgspec.Struct, frozen=True, gc=False):
    """The gateway wants the call to end: a key was revoked, it drains, it has a bug."""

    why: EndReason
    at_ns: int


class Tick(msgspec.Struct, frozen=True, gc=False):
    """Time has passed. Told a few times a second, with the bytes that wait for each leg."""

    at_ns: int
    caller_backlog: int = 0
    provider_backlog: int = 0


Event: TypeAlias = (
    Frame
    | Fragment
    | Passed
    | PingReceived
    | PongReceived
    | CloseReceived
    | Lost
    | Congested
    | Drained
    | Violation
    | Ended
    | Tick
)
