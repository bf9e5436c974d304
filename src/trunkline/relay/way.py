"""Pure. Which frames may pass without the core being asked, and what gives the others away.

`core.py` decides, `_lane.pyx` obeys.
"""

from __future__ import annotations

from enum import IntEnum

MARK = b'session.update"'
MARK_WITHIN_BYTES = 256
"""The event's type is near one of its ends: no key but `session` holds much beside it."""


class Way(IntEnum):
    """How the whole text messages of a call go on."""

    SHUT = 0
    """The core is asked about each."""
    WATCHED = 1
    """As they are, but for a caller's that may be session updates."""
    OPEN = 2
    """As they are."""


def is_marked(data: bytes) -> bool:
    """Return whether `data` may be a session update. Costs the same for audio of any length."""
    # `find` rather than `in`: a slice would copy.
    return data.find(MARK, 0, MARK_WITHIN_BYTES) >= 0 or data.find(MARK, -MARK_WITHIN_BYTES) >= 0
