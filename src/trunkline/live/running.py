"""Pure. One call that runs, as it is at this moment, and what is new since another moment."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

Doing: TypeAlias = Literal["connecting", "listening", "thinking", "speaking", "tool"]
"""connecting: the provider has not begun the session. listening: to the caller, who may be silent.
thinking: the input is complete, and nothing of the answer is heard yet. speaking: the caller hears
the assistant. tool: the application, or the provider, has a tool to run, and nobody speaks."""

SILENT_DBFS = -96
"""What 16 bits cannot tell from silence. No level is lower."""

Levels: TypeAlias = tuple[int | None, int | None]
"""Root mean square of the last second of caller and assistant, whole dBFS; 0 is a square wave as
loud as can be. Of the assistant: what the caller hears now, not what was just sent. None: nobody
has listened for long enough to tell."""

LISTEN_RATE_HZ = 24_000
"""Of what is listened to: 16-bit stereo, caller left, assistant right."""

UNKNOWN: Levels = (None, None)


class Said(msgspec.Struct, frozen=True):
    """The last line of a transcript, which may still grow."""

    who: Literal["caller", "assistant"]
    text: str
    """Its end, where it is long."""


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A call that runs: all but how loud it is, which is new all the time."""

    call_id: str
    org_id: str
    opened_at_us: int
    """Wall time, µs since 1970 UTC."""
    doing: Doing
    kind: str = "realtime"
    """`protocol.call.CallKind`."""
    transport: str = "websocket"
    model: str = ""
    """Used, else asked for."""
    provider: str = ""
    user_id: str = ""
    session_id: str = ""
    session_name: str = ""
    key_id: str = ""
    key_name: str = ""
    last_line: Said | None = None
    turns: int = 0
    barge_ins: int = 0
    errors: int = 0
    cost_usd: Decimal | None = None
    """So far; None: nothing yet, or nothing that has a price."""
    unpriced: tuple[str, ...] = ()
    """What in it has no price."""
    stored: int = -1
    """Version of the row that the facts have of it: with another one, the other answers about the
    call are new too."""


class News(msgspec.Struct, gc=False):
    """What a watcher must be told to know everything."""

    number: int
    """Of the last change that is in it."""
    whole: bool
    """These are all calls that run; else those that changed."""
    calls: tuple[Running, ...] = ()
    levels: dict[str, Levels] = {}
    """Of these, and of those of which nothing else changed, by call id."""
    ended: tuple[str, ...] = ()
    text: bytes = b""
    """As it is sent, made once for all who are told the same."""

    def about(self, call_id: str) -> News:
        """Return what of it is about one call."""
        return News(
            self.number,
            self.whole,
            tuple(call for call in self.calls if call.call_id == call_id),
            {call_id: self.levels[call_id]} if call_id in self.levels else {},
            tuple(ended for ended in self.ended if ended == call_id),
        )

    @property
    def empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.whole or self.calls or self.levels or self.ended)
