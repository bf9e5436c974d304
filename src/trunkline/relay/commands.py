"""Pure. What the core wants done, in order; the shell does nothing else."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from trunkline.journal.record import Leg
from trunkline.protocol import call


class Hand(msgspec.Struct, frozen=True, gc=False):
    """Send `data`, read on `leg`, to the other leg as it is; then journal it."""

    leg: Leg
    data: bytes
    binary: bool
    received_ns: int


class Translate(msgspec.Struct, frozen=True, gc=False):
    """Send `onward` to the other leg in place of `data`, and `back` to `leg` itself.

    Then journal the original, marked as altered, and after it what was sent.
    """

    leg: Leg
    data: bytes
    binary: bool
    received_ns: int
    onward: tuple[bytes, ...]
    back: tuple[bytes, ...]


class Keep(msgspec.Struct, frozen=True, gc=False):
    """Journal `data` only: it was in flight when the leg it was for had closed."""

    leg: Leg
    data: bytes
    binary: bool
    received_ns: int


class Say(msgspec.Struct, frozen=True, gc=False):
    """Send an event of our own to `leg`, and journal it as ours."""

    leg: Leg
    data: bytes
    at_ns: int


class Ping(msgspec.Struct, frozen=True, gc=False):
    """Ask the peer on `leg` whether it lives."""

    leg: Leg


class Pong(msgspec.Struct, frozen=True, gc=False):
    """Tell the peer on `leg` that we live."""

    leg: Leg
    data: bytes


class Close(msgspec.Struct, frozen=True, gc=False):
    """Send a close frame to `leg`; without a code when `code` is None."""

    leg: Leg
    code: int | None
    reason: bytes = b""


class HangUp(msgspec.Struct, frozen=True, gc=False):
    """Close the TCP connection of `leg` once all that waits for it has gone out."""

    leg: Leg


class Abort(msgspec.Struct, frozen=True, gc=False):
    """Drop the TCP connection of `leg` now, with whatever waits for it."""

    leg: Leg


class PauseReading(msgspec.Struct, frozen=True, gc=False):
    """Read no more from `leg`: TCP makes its peer wait."""

    leg: Leg


class ResumeReading(msgspec.Struct, frozen=True, gc=False):
    """Read from `leg` again."""

    leg: Leg


class Write(msgspec.Struct, frozen=True, gc=False):
    """Journal a note."""

    note: call.Note
    at_ns: int


class Finish(msgspec.Struct, frozen=True, gc=False):
    """Both legs are gone: journal this as the call's last record, and forget the call."""

    closed: call.Closed
    at_ns: int


Command: TypeAlias = (
    Hand
    | Translate
    | Keep
    | Say
    | Ping
    | Pong
    | Close
    | HangUp
    | Abort
    | PauseReading
    | ResumeReading
    | Write
    | Finish
)
