"""Pure. Money in the API: a decimal string, never a float."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, PlainSerializer


def plain(amount: Decimal) -> str:
    """Return `amount` in digits, never as 1E-7."""
    return format(amount, "f")


Usd = Annotated[Decimal, PlainSerializer(plain, return_type=str)]


class CostParts(BaseModel):
    """US dollars by kind of token: `input_*` was paid in full, `cached_*` is beside it."""

    input_text: Usd
    input_audio: Usd
    input_image: Usd
    cached_text: Usd
    cached_audio: Usd
    cached_image: Usd
    output_text: Usd
    output_audio: Usd
