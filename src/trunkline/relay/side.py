"""Pure. What is remembered of one leg: by the core, or by the sideband whose only one it is."""

from __future__ import annotations

from enum import Enum, auto

from trunkline.relay.closing import MAX_REASON_BYTES
from trunkline.relay.pace import Pace

FLOODED = 1008
FLOOD = "too many pings and pongs: send one every few seconds"
CONTROL_WINDOW_NS = 10_000_000_000
MAX_CONTROL_FRAMES = 500
"""Pings and pongs of one leg in that time. Keepalives are a few a minute, measurements of a
round trip a few a second; what came while we did not read it comes at once, and may be the
pings of half a minute. Each costs us a `send`, which nobody paces but we."""


class State(Enum):
    """How far a leg has come to its end."""

    OPEN = auto()
    CLOSE_SENT = auto()
    """We said close and wait for the peer to say it too."""
    CLOSED = auto()
    """Both have, and TCP is being closed."""
    GONE = auto()


class Side:
    """One leg's state. Changed by whose it is alone."""

    __slots__ = (
        "backlog", "bytes", "code", "controls", "counting_ns", "frames", "full", "hasty",
        "heard_ns", "moved_ns", "other_bytes", "others", "pace", "pending_ping", "pinged_ns",
        "reading", "reason", "state",
    )  # fmt: skip

    def __init__(self, at_ns: int) -> None:
        self.state = State.OPEN
        self.heard_ns = at_ns
        """When its peer last sent a whole message, a ping or a pong."""
        self.pinged_ns = 0
        """When we asked whether it lives, if that is unanswered; else 0."""
        self.reading = True
        """False while we make its peer wait: for the other leg, or because it is hasty."""
        self.hasty = False
        """It has sent more than its share."""
        self.pace = Pace(at_ns)
        self.full = False
        """More waits for it than may wait."""
        self.backlog = 0
        """Bytes that waited for it at the last tick."""
        self.moved_ns = at_ns
        """When it last took some of what waits for it."""
        self.pending_ping: bytes | None = None
        """The latest ping that came while it was full: RFC 6455, 5.5.3 asks for no more."""
        self.controls = 0
        """Pings and pongs that came from it since `counting_ns`."""
        self.counting_ns = at_ns
        self.frames = 0
        """Read on it and handed to the other leg, changed ones too."""
        self.others = 0
        """Read beside those: parts of messages that were not yet whole, and what came after the
        call's end."""
        self.other_bytes = 0
        self.bytes = 0
        self.code: int | None = None
        """Close code received from it, or sent to it, whichever was first."""
        self.reason = ""

    @property
    def open(self) -> bool:
        """Whether what is sent to it can still be read."""
        return self.state is State.OPEN

    def heard(self, at_ns: int) -> None:
        """Note that its peer lives."""
        self.heard_ns = at_ns
        self.pinged_ns = 0

    def is_flooding(self, at_ns: int) -> bool:
        """Count a ping or pong, and return whether it is one too many."""
        if at_ns - self.counting_ns >= CONTROL_WINDOW_NS:
            self.counting_ns, self.controls = at_ns, 0
        self.controls += 1
        return self.controls > MAX_CONTROL_FRAMES

    def changes_pace(self, at_ns: int) -> bool:
        """Find out whether it is `hasty`, and return whether that is new."""
        frames, bytes_ = self.frames + self.others, self.bytes + self.other_bytes
        before, self.hasty = self.hasty, not self.pace.allows(frames, bytes_, at_ns)
        return self.hasty != before

    def waits_for(self, backlog: int, at_ns: int) -> None:
        """Note how many bytes wait for it, and whether it took some."""
        if backlog < self.backlog:
            self.moved_ns = at_ns
        self.backlog = backlog

    def ended_with(self, code: int, reason: str) -> None:
        """Remember the first close of this leg."""
        if self.code is None:
            self.code = code
            self.reason = reason[:MAX_REASON_BYTES]
