"""Pure. Which instructions a session has, without a word of them."""

from __future__ import annotations

import hashlib
from typing import Final

DIGITS: Final = 12
"""Of a hash: two of a million prompts share one once in five hundred times."""


def hash_of(instructions: str) -> str:
    """Return the first digits of the SHA-256 of `instructions` as UTF-8, in hexadecimal.

    Empty where there are none: the provider did not say, or they are switched off.
    """
    if not instructions:
        return ""
    text = instructions.encode("utf-8", "replace")
    return hashlib.sha256(text).hexdigest()[:DIGITS]
