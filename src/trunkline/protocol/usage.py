"""Pure. What a response or a transcription used, by modality.

The wire's shapes are those of protocol.md 4.1, where every field may be missing. Cached
tokens are a part of the input of their modality, never beside it.
"""

from __future__ import annotations

import msgspec


class _CachedDetails(msgspec.Struct, frozen=True):
    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class _InputDetails(msgspec.Struct, frozen=True):
    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    cached_tokens: int | None = None
    cached_tokens_details: _CachedDetails | None = None


class _OutputDetails(msgspec.Struct, frozen=True):
    text_tokens: int | None = None
    audio_tokens: int | None = None


class WireUsage(msgspec.Struct, frozen=True, kw_only=True):
    """`response.usage`, or the `usage` of a completed input transcription, as sent."""

    type: str | None = None
    """Transcription only: `tokens` or `duration`."""
    total_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_token_details: _InputDetails | None = None
    output_token_details: _OutputDetails | None = None
    seconds: float | None = None
    """Transcription only. Already rounded up by the provider, in captures."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What was used. Every token is in exactly one of `input_*` and `output_*`."""

    input_text: int = 0
    input_audio: int = 0
    input_image: int = 0
    cached_text: int = 0
    """Of `input_text`, and so for the other two."""
    cached_audio: int = 0
    cached_image: int = 0
    output_text: int = 0
    output_audio: int = 0
    duration_us: int = 0
    """Billed by time, in µs. Transcription only."""
    estimated: bool = False
    """The provider left out how tokens split by modality; text was assumed first."""

    @property
    def input_tokens(self) -> int:
        """All input, cached included."""
        return self.input_text + self.input_audio + self.input_image

    @property
    def cached_tokens(self) -> int:
        """All that was cached; a part of `input_tokens`."""
        return self.cached_text + self.cached_audio + self.cached_image

    @property
    def output_tokens(self) -> int:
        """All output."""
        return self.output_text + self.output_audio


def usage_of(wire: WireUsage) -> Usage:
    """Return what `wire` says. Negative numbers count as nothing.

    A sum that its details do not explain is taken as text, the cheapest modality:
    the cost is then a lower bound, and `estimated` says so.
    """
    given = wire.input_token_details or _InputDetails()
    made = wire.output_token_details or _OutputDetails()
    inputs = [_count(n) for n in (given.text_tokens, given.audio_tokens, given.image_tokens)]
    outputs = [_count(n) for n in (made.text_tokens, made.audio_tokens)]
    missing_input = max(0, _count(wire.input_tokens) - sum(inputs))
    missing_output = max(0, _count(wire.output_tokens) - sum(outputs))
    inputs[0] += missing_input
    outputs[0] += missing_output
    cached, guessed = _cached(given, inputs)
    return Usage(
        input_text=inputs[0],
        input_audio=inputs[1],
        input_image=inputs[2],
        cached_text=cached[0],
        cached_audio=cached[1],
        cached_image=cached[2],
        output_text=outputs[0],
        output_audio=outputs[1],
        duration_us=round(min(max(0.0, wire.seconds or 0.0), 1e9) * 1_000_000),
        estimated=bool(guessed or missing_input or (missing_output and wire.type is None)),
    )


_MOST = 2**53
"""No provider counts so far; beyond it, money would not fit its decimals."""


def _count(said: int | None) -> int:
    return min(max(0, said or 0), _MOST)


def _cached(given: _InputDetails, inputs: list[int]) -> tuple[list[int], bool]:
    """Return cached tokens by modality, and whether some had to be guessed.

    What `cached_tokens_details` leaves unexplained is text first, then audio, then
    image (protocol.md 4.2), and no modality has more cached than it has.
    """
    said = given.cached_tokens_details or _CachedDetails()
    details = (said.text_tokens, said.audio_tokens, said.image_tokens)
    cached = [min(_count(n), limit) for n, limit in zip(details, inputs, strict=True)]
    left = max(0, _count(given.cached_tokens) - sum(cached))
    guessed = left > 0
    for index, limit in enumerate(inputs):
        taken = min(left, limit - cached[index])
        cached[index] += taken
        left -= taken
    return cached, guessed
