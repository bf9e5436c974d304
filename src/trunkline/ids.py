"""ULIDs: ids that sort by the time they were made.

48 bits of wall-clock milliseconds, then 80 random bits, in Crockford base 32
(github.com/ulid/spec). Time and randomness are arguments: nothing is asked here.
"""

from __future__ import annotations

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUE = {letter: value for value, letter in enumerate(_ALPHABET)}
RANDOM_BYTES = 10
ULID_BYTES = 16


def ulid_bytes(wall_ns: int, random: bytes) -> bytes:
    """Return the 16 bytes of a ULID made at `wall_ns` from 10 `random` bytes."""
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"a ULID needs {RANDOM_BYTES} random bytes, got {len(random)}")
    return (wall_ns // 1_000_000).to_bytes(6, "big") + random


def ulid_text(ulid: bytes) -> str:
    """Return the 26 letters of a 16-byte ULID."""
    number = int.from_bytes(ulid, "big")
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def parse_ulid(text: str) -> bytes:
    """Return the 16 bytes that `ulid_text` wrote. Raises `ValueError` for anything else."""
    if len(text) != 26 or text[0] > "7" or any(letter not in _VALUE for letter in text):
        raise ValueError(f"not a ULID: {text[:40]!r}")
    number = 0
    for letter in text:
        number = number << 5 | _VALUE[letter]
    return number.to_bytes(ULID_BYTES, "big")


def call_id(ulid: bytes) -> str:
    """Return the public id of the call that the journal knows by these 16 bytes."""
    return "call_" + ulid_text(ulid)


def parse_call_id(text: str) -> bytes:
    """Return the 16 bytes behind `call_<ULID>`. Raises `ValueError` for anything else."""
    if not text.startswith("call_"):
        raise ValueError(f"not a call id: {text[:40]!r}")
    return parse_ulid(text[5:])
