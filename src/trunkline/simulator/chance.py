"""Pure. Ids and dice from a seed: the same seed gives the same call, byte for byte."""

from __future__ import annotations

import hashlib
from base64 import b64encode

_LETTERS = 21
"""As many as the provider's ids have after their prefix."""


class Chance:
    """An endless, reproducible supply of ids and numbers. One per connection."""

    def __init__(self, seed: int, connection: int) -> None:
        self._key = (b"%d/%d" % (seed, connection))[:64]
        self._drawn = 0

    def _draw(self) -> bytes:
        self._drawn += 1
        return hashlib.blake2b(b"%d" % self._drawn, key=self._key, digest_size=16).digest()

    def _number(self) -> int:
        return int.from_bytes(self._draw(), "big")

    def id(self, prefix: str) -> str:
        """Return a new id such as `item_B4k…`; no two of a connection are the same."""
        letters = b64encode(self._draw(), b"Az")[:_LETTERS]
        return f"{prefix}_{letters.decode()}"

    def between(self, low: float, high: float) -> float:
        """Return a number in [low, high), uniformly."""
        return low + (high - low) * (self._number() % (1 << 53)) / (1 << 53)

    def one_in(self, n: int) -> bool:
        """Return True once in `n` times on average; never when `n` is 0."""
        return n > 0 and self._number() % n == 0
