"""Pure. Stretches of time, and what they cover together.

A span is `(start, end)` on the call's clock, µs. One that ends before it begins is empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]


def union(spans: Iterable[Span]) -> list[Span]:
    """Return the same time in order, as spans that neither touch nor overlap."""
    joined: list[Span] = []
    for start_us, end_us in sorted(span for span in spans if span[0] < span[1]):
        if joined and start_us <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end_us))
        else:
            joined.append((start_us, end_us))
    return joined


def measure(joined: Iterable[Span]) -> int:
    """Return how long spans that do not overlap are together."""
    return sum(end_us - start_us for start_us, end_us in joined)


def common(one: list[Span], other: list[Span]) -> list[Span]:
    """Return the time that is in both. Both are what `union` returns."""
    found: list[Span] = []
    left = right = 0
    while left < len(one) and right < len(other):
        start_us = max(one[left][0], other[right][0])
        end_us = min(one[left][1], other[right][1])
        if start_us < end_us:
            found.append((start_us, end_us))
        if one[left][1] < other[right][1]:
            left += 1
        else:
            right += 1
    return found


def within(spans: Iterable[Span], start_us: int, end_us: int) -> list[Span]:
    """Return the parts of `spans` between two times."""
    return [(max(a, start_us), min(b, end_us)) for a, b in spans if a < end_us and b > start_us]
