"""Pure. Tokens, by the provider's published rules.

Caller audio is one token per 100 ms, assistant audio one per 50 ms, both
rounded up per part. Text is one token per four characters, rounded up. What
was already input of an earlier response is cached, in whole blocks of 64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

CACHE_BLOCK = 64
_CALLER_MS = 100
_ASSISTANT_MS = 50
_LETTERS = 4


class Segment(msgspec.Struct, frozen=True):
    """A run of input tokens of one kind. The input of a response is a list of these."""

    kind: Literal["text", "audio"]
    tokens: int
    source: str
    """What it is made of. Equal sources at the same place are the repeated prefix."""


def text_tokens(text: str) -> int:
    """Return the tokens of `text`."""
    return -(-len(text) // _LETTERS)


def caller_audio_tokens(duration_ms: float) -> int:
    """Return the tokens of audio that the caller sent."""
    return -int(-duration_ms // _CALLER_MS)


def assistant_audio_tokens(duration_ms: float) -> int:
    """Return the tokens of audio that the assistant spoke."""
    return -int(-duration_ms // _ASSISTANT_MS)


def repeated(before: Sequence[Segment], now: Sequence[Segment]) -> list[Segment]:
    """Return the segments with which both begin."""
    same = list[Segment]()
    for one, other in zip(before, now, strict=False):
        if one != other:
            break
        same.append(one)
    return same


def _cached(prefix: Sequence[Segment]) -> dict[str, int]:
    """Tokens per kind of the prefix, cut to whole blocks from its beginning."""
    total = sum(segment.tokens for segment in prefix)
    left = total // CACHE_BLOCK * CACHE_BLOCK
    cached = {"text": 0, "audio": 0}
    for segment in prefix:
        taken = min(left, segment.tokens)
        cached[segment.kind] += taken
        left -= taken
    return cached


def usage(
    before: Sequence[Segment], now: Sequence[Segment], *, output_text: int, output_audio: int
) -> dict[str, Any]:
    """Return `response.usage` for a response with input `now`, after one with input `before`."""
    tokens = {"text": 0, "audio": 0}
    for segment in now:
        tokens[segment.kind] += segment.tokens
    cached = _cached(repeated(before, now))
    into, out = sum(tokens.values()), output_text + output_audio
    return {
        "total_tokens": into + out,
        "input_tokens": into,
        "output_tokens": out,
        "input_token_details": {
            "text_tokens": tokens["text"],
            "audio_tokens": tokens["audio"],
            "image_tokens": 0,
            "cached_tokens": sum(cached.values()),
            "cached_tokens_details": {
                "text_tokens": cached["text"],
                "audio_tokens": cached["audio"],
                "image_tokens": 0,
            },
        },
        "output_token_details": {"text_tokens": output_text, "audio_tokens": output_audio},
    }


def fitted(segments: Sequence[Segment], limit: int, *, kept: int) -> list[Segment]:
    """Return `segments` without the oldest that do not fit in `limit`; the first `kept` stay.

    This is the silent truncation of the provider: no event tells of it.
    """
    fixed, rest = list(segments[:kept]), list(segments[kept:])
    total = sum(segment.tokens for segment in segments)
    while rest and total > limit:
        total -= rest.pop(0).tokens
    return fixed + rest
