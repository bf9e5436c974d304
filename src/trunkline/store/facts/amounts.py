"""Pure. What was used and what it cost, by kind: parts of the rows of facts.

Money is `Decimal` US dollars.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens by modality. `cached_*` is a part of the input of that modality, never beside it."""

    input_text: int = 0
    input_audio: int = 0
    input_image: int = 0
    cached_text: int = 0
    cached_audio: int = 0
    cached_image: int = 0
    output_text: int = 0
    output_audio: int = 0

    @property
    def input(self) -> int:
        """All input, what was cached of it included."""
        return self.input_text + self.input_audio + self.input_image

    @property
    def cached(self) -> int:
        """Of the input, what was cached."""
        return self.cached_text + self.cached_audio + self.cached_image

    @property
    def output(self) -> int:
        """All output."""
        return self.output_text + self.output_audio

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            **{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__}
        )


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars by what was billed. Unlike tokens, `cached_*` is beside the input of its
    modality: `input_*` is what was paid in full."""

    input_text: Decimal = Decimal(0)
    input_audio: Decimal = Decimal(0)
    input_image: Decimal = Decimal(0)
    cached_text: Decimal = Decimal(0)
    cached_audio: Decimal = Decimal(0)
    cached_image: Decimal = Decimal(0)
    output_text: Decimal = Decimal(0)
    output_audio: Decimal = Decimal(0)


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What a call used of one model, for one kind of use, on one day: rows of `usage`, summed."""

    model: str
    kind: str
    day: str
    uses: int = 0
    unpriced: int = 0
    """Of them, without a price."""
    cost_usd: Decimal = Decimal(0)
    """Of those that have one."""
    tokens: Tokens = Tokens()
    seconds_us: int = 0
    told_apart: int = 0
    """Of `uses`, those whose input is known to be new or billed again: what follows is theirs."""
    new_tokens: int = 0
    again_tokens: int = 0
    priced_apart: int = 0
    """Of `told_apart`, those that have a price."""
    new_usd: Decimal = Decimal(0)
    again_usd: Decimal = Decimal(0)
