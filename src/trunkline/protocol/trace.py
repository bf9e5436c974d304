"""Pure. The trace that a caller's own spans belong to: W3C Trace Context, `traceparent`.

Source: https://www.w3.org/TR/trace-context-1/, 3.2. `tracestate` beside it is the vendors' own
and says nothing of a call; it is relayed and not looked into.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

NAME: Final = "traceparent"
"""Of the header, of the query parameter, and in the `metadata` of a session's `tracing`."""

_PARENT: Final = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-[^\s]*)?"
)
_SAMPLED: Final = 1
MAX_CHARS: Final = 256


class Parent(msgspec.Struct, frozen=True):
    """The span of the caller's in which the call was opened."""

    trace_id: str
    """32 digits of hexadecimal, in lower case, and not all of them 0; and so below, 16."""
    span_id: str
    sampled: bool
    """The caller keeps what it traces."""

    @property
    def text(self) -> str:
        """Return it as a `traceparent`, of version 00."""
        return f"00-{self.trace_id}-{self.span_id}-0{int(self.sampled)}"


def parse(text: str) -> Parent | None:
    """Return what a `traceparent` says; None: it is none.

    One of a later version may go on behind what is known, and is read as far as that.
    """
    found = _PARENT.fullmatch(text.strip()) if len(text) <= MAX_CHARS else None
    if found is None or found["version"] == "ff" or (found["more"] and found["version"] == "00"):
        return None
    trace_id, span_id = found["trace"], found["span"]
    if not int(trace_id, 16) or not int(span_id, 16):
        return None
    return Parent(trace_id, span_id, bool(int(found["flags"], 16) & _SAMPLED))
