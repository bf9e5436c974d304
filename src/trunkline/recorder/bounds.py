"""Pure. Numbers and texts from outside, cut to what the stores can hold."""

from __future__ import annotations

from typing import Final

MAX_NUMBER: Final = 10**12
"""Far beyond any count, length or offset; small enough that sums stay within 64 bits."""

MAX_WALL_US: Final = 4_000_000_000_000_000
"""In the year 2096."""

MAX_ID_CHARS: Final = 128
MAX_MESSAGE_CHARS: Final = 2_000


def clamped(number: int | None) -> int:
    """Return `number` within 0 and `MAX_NUMBER`; 0 when there is none."""
    return min(MAX_NUMBER, max(0, number or 0))


def id_of(text: str | None) -> str:
    """Return `text` as an id: short, never None."""
    return (text or "")[:MAX_ID_CHARS]
