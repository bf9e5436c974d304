"""Pure. Ids and dice from a seed: the same seed gives the same call, byte for byte."""

from __future__ import annotations

import hashlib

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LETTERS = 21
"""As many as the provider's ids have after their prefix."""


class Chance:
    """An endless, reproducible supply of ids and numbers. One per connection."""

    def __init__(self, seed: int, connection: int) -> None:
        self._key = b"%d/%d" % (seed, connection)
        self._drawn = 0

    def _draw(self) -> int:
        self._drawn += 1
        digest = hashlib.blake2b(b"%d" % self._drawn, key=self._key[:64], digest_size=16)
        return int.from_bytes(digest.digest(), "big")

    def id(self, prefix: str) -> str:
        """Return a new id such as `item_B4k…`; no two of a connection are the same."""
        number, letters = self._draw(), [prefix, "_"]
        for _ in range(_LETTERS):
            number, index = divmod(number, len(_ALPHABET))
            letters.append(_ALPHABET[index])
        return "".join(letters)

    def between(self, low: float, high: float) -> float:
        """Return a number in [low, high), uniformly."""
        return low + (high - low) * (self._draw() % (1 << 53)) / (1 << 53)

    def one_in(self, n: int) -> bool:
        """Return True once in `n` times on average; never when `n` is 0."""
        return n > 0 and self._draw() % n == 0
