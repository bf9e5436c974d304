"""Pure. What people and programs did with a call, as its page tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from trunkline.store.control.accounts import Audited
from trunkline.web.pages import text

_WORDS: Final = {
    "call.hung_up": "hung up",
    "call.listening_began": "began to listen in",
    "call.listening_ended": "stopped listening in",
    "call.marked": "said something of it",
}


class Deed(msgspec.Struct, frozen=True):
    """One thing that was done."""

    at_iso: str
    at: str
    who: str
    what: str


def deeds(lines: Sequence[Audited]) -> list[Deed]:
    """Return what was done, for reading, in the order in which it was."""
    return [
        Deed(
            text.iso(line.at_us),
            text.when(line.at_us),
            line.by or line.by_id or "command line",
            _what(line),
        )
        for line in lines
    ]


def _what(line: Audited) -> str:
    words = _WORDS.get(line.action, line.action)
    return f"{words} ({line.detail})" if line.detail else words
