"""I/O. Where the control store's time, randomness and password hashes come from."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from trunkline import clock
from trunkline.ids import RANDOM_BYTES, ulid_bytes, ulid_text

TOKEN_BYTES = 32

HASHES_AT_ONCE = 2
"""Each takes 64 MiB and a core for some 50 ms: strangers may ask for them."""


@dataclass(frozen=True)
class World:
    """What differs in a test."""

    wall_ns: Callable[[], int] = clock.wall_ns
    random: Callable[[int], bytes] = secrets.token_bytes
    hasher: PasswordHasher = field(default_factory=PasswordHasher)

    def now_us(self) -> int:
        """Return the wall time, µs since 1970 UTC."""
        return self.wall_ns() // 1000

    def new_id(self, kind: str) -> str:
        """Return `<kind>_<ULID>`."""
        return f"{kind}_{ulid_text(ulid_bytes(self.wall_ns(), self.random(RANDOM_BYTES)))}"

    def new_token(self) -> str:
        """Return 256 random bits as text that can stand in a cookie or a URL."""
        return base64.urlsafe_b64encode(self.random(TOKEN_BYTES)).decode().rstrip("=")

    def new_key(self) -> str:
        """Return the text of a new API key: 256 random bits in base 32."""
        letters = base64.b32encode(self.random(TOKEN_BYTES)).decode().rstrip("=").lower()
        return f"sk-trunkline-{letters}"


class Passwords:
    """argon2id in threads, a few at a time."""

    def __init__(self, world: World) -> None:
        self._hasher = world.hasher
        self._random = world.random
        self._slots = asyncio.Semaphore(HASHES_AT_ONCE)
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """Return the hash to keep."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, kept: str | None, password: str) -> bool:
        """Return whether `password` is the one behind `kept`, in the same time if there is none."""
        async with self._slots:
            if self._nobodys is None:
                # For known and unknown accounts alike: the first attempt takes longer for both.
                self._nobodys = await asyncio.to_thread(self._hasher.hash, self._random(16).hex())
            right = await asyncio.to_thread(self._verify, kept or self._nobodys, password)
        return right and kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Return whether `kept` was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(kept)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False


def sha256(text: str) -> str:
    """Return the form in which a token is kept."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
