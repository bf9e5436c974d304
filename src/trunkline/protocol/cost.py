"""Pure. What a response or a transcription cost, by the formula of protocol.md 4.2.

Money is `Decimal` US dollars, at most 12 places after the point. None means *unpriced*:
there was usage that the price says nothing about. Failed and cancelled responses
cost what they used.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from trunkline.protocol.prices import Price
from trunkline.protocol.usage import Usage

_PLACES = Decimal("1e-12")
_MILLION = Decimal(1_000_000)
_MINUTE_US = Decimal(60_000_000)


class Cost(NamedTuple):
    """An amount, and whether something had to be assumed for it."""

    usd: Decimal
    estimated: bool


def cost_of_response(usage: Usage, price: Price) -> Cost | None:
    """Return the cost of `usage` by tokens; None when a used modality has no price.

    Cached tokens are paid at the cached price only, never at both. A model that is paid by
    time takes nothing for tokens, whatever it tells of them.
    """
    if price.per_minute is not None:
        return Cost(Decimal(0), False)
    parts = parts_of(usage, price)
    if parts is None:
        return None
    return Cost(sum(parts.values(), Decimal(0)).quantize(_PLACES), usage.estimated)


def parts_of(usage: Usage, price: Price) -> dict[str, Decimal] | None:
    """Return what `usage` cost by kind of token; None when a used modality has no price.

    `input_*` is what was paid in full, `cached_*` is beside it.
    """
    parts: dict[str, Decimal] = {}
    for name, tokens, rate in _lines(usage, price):
        if tokens and rate is None:
            return None
        if tokens:
            parts[name] = tokens * (rate or Decimal(0)) / _MILLION
    return parts


def cost_of_transcription(usage: Usage, price: Price) -> Cost | None:
    """Return the cost of an input transcription, by time or by tokens as its model bills.

    None when the model bills by time and the provider told tokens, or the other way.
    """
    if price.per_minute is None:
        return None if usage.duration_us else cost_of_response(usage, price)
    if not usage.duration_us and usage.input_tokens + usage.output_tokens:
        return None
    return cost_of_time(usage.duration_us, price)


def cost_of_time(duration_us: int, price: Price, *, standby_us: int = 0) -> Cost | None:
    """Return the cost of `duration_us` of a model that bills by time; None if it does not.

    `standby_us` of it cost what standing by costs, where the model has a price for that.
    """
    if price.per_minute is None:
        return None
    standby = _first(price.standby_per_minute, price.per_minute) or Decimal(0)
    dollars = price.per_minute * (duration_us - standby_us) + standby * standby_us
    return Cost((dollars / _MINUTE_US).quantize(_PLACES), False)


def cost_of_message(price: Price) -> Cost | None:
    """Return what a message that the caller writes costs beside the time; None: nothing."""
    usd = price.per_text_message
    return None if usd is None else Cost(usd.quantize(_PLACES), False)


def _lines(usage: Usage, price: Price) -> tuple[tuple[str, int, Decimal | None], ...]:
    """Return what was used, line by line, each with its price per million."""
    return (
        ("input_text", usage.input_text - usage.cached_text, price.text_in),
        ("input_audio", usage.input_audio - usage.cached_audio, price.audio_in),
        ("input_image", usage.input_image - usage.cached_image, price.image_in),
        ("cached_text", usage.cached_text, _first(price.text_cached, price.text_in)),
        ("cached_audio", usage.cached_audio, _first(price.audio_cached, price.audio_in)),
        ("cached_image", usage.cached_image, _first(price.image_cached, price.image_in)),
        ("output_text", usage.output_text, price.text_out),
        ("output_audio", usage.output_audio, price.audio_out),
    )


def _first(special: Decimal | None, usual: Decimal | None) -> Decimal | None:
    return usual if special is None else special
