"""Pure. Quantiles of many small times in little space: sixteen buckets for each doubling.

A bucket's middle is at most 3.2 % from any time in it. Buckets are keyed by exponent and
the four bits behind the leading one, so that adding is three integer operations.
"""

from __future__ import annotations

from typing import Final

_BITS: Final = 4
_BUCKETS: Final = 1 << _BITS

Histogram = dict[int, int]
"""How often, by bucket."""


def add(histogram: Histogram, time_ns: int) -> None:
    """Count one time. Negative ones, which no clock should give, count as 0."""
    shift = time_ns.bit_length() - _BITS - 1
    if time_ns < 0:
        bucket = 0
    elif shift <= 0:
        bucket = time_ns
    else:
        bucket = (shift << _BITS) + (time_ns >> shift)
    histogram[bucket] = histogram.get(bucket, 0) + 1


def packed(histogram: Histogram) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return it with buckets of twice the width: their middles, in ns, and how often.

    To be kept for good: half as many, and each middle is at most 6.3 % from any time in it.
    """
    pairs: Histogram = {}
    for bucket, times in histogram.items():
        pairs[bucket >> 1] = pairs.get(bucket >> 1, 0) + times
    kept = sorted(pairs)
    middles = tuple((_middle_ns(2 * pair) + _middle_ns(2 * pair + 1) + 1) // 2 for pair in kept)
    return middles, tuple(pairs[pair] for pair in kept)


def quantile_ns(histogram: Histogram, share: float) -> int | None:
    """Return the time that `share` of all times do not exceed; None when there are none."""
    needed = share * sum(histogram.values())
    for bucket in sorted(histogram):
        needed -= histogram[bucket]
        if needed <= 0:
            return _middle_ns(bucket)
    return None


def _middle_ns(bucket: int) -> int:
    """Return the middle of the times that `add` puts into `bucket`."""
    if bucket < 2 * _BUCKETS:
        return bucket
    # The leading one is in the mantissa's bit 4, so it raises the exponent by one.
    shift = (bucket >> _BITS) - 1
    mantissa = bucket - (shift << _BITS)
    return (mantissa << shift) + (1 << shift >> 1)
