"""Pure. The median of the few numbers of one call, as the engine has it of many."""

from __future__ import annotations

from collections.abc import Iterable


def median(numbers: Iterable[int | None]) -> int | None:
    """Return the upper median of those that are known: one of them, never one between two.

    It is `quantilesExact(0.5)`, so that what is said of a call is what any question about that
    call alone would be answered. None: none is known.
    """
    known = sorted(number for number in numbers if number is not None)
    return known[len(known) // 2] if known else None
