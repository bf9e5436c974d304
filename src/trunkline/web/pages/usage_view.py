"""Pure. What a call used and what it cost, by model and kind of token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from trunkline.protocol.prices import Price, PriceTable
from trunkline.store.facts.rows import Tokens, UsageRow
from trunkline.web.pages import text

_MILLION = Decimal(1_000_000)
_CENT_OF_A_CENT = Decimal("0.0001")

_INPUT = (
    ("Audio in", "input_audio", "cached_audio", "audio_in", "audio_cached"),
    ("Text in", "input_text", "cached_text", "text_in", "text_cached"),
    ("Images in", "input_image", "cached_image", "image_in", "image_cached"),
)
_OUTPUT = (("Audio out", "output_audio", "audio_out"), ("Text out", "output_text", "text_out"))


_TIMES = {"transcription": "Audio transcribed", "session": "Session"}
_ESTIMATED = {"response": "cached split estimated", "session": "time measured here"}


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of token of one model."""

    label: str
    fresh: str
    """Tokens billed in full."""
    cached: str
    """Tokens served from the provider's cache; empty where there can be none."""
    cost: str = ""
    """Empty when it cannot be told from the whole: prices that did not ship with us."""


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """What one model used."""

    model: str
    kind: str
    parts: tuple[Part, ...]
    cost: str
    priced: bool
    price_version: str
    estimated: str
    """What of it is ours and not the provider's; empty when nothing is."""


def usage_views(
    rows: Sequence[UsageRow], prices: PriceTable, provider: str
) -> tuple[ModelUsage, ...]:
    """Return the usage by kind and model, in order of first use.

    The whole is what the recorder worked out on the day. `prices` only split it: where
    they are not those of that day, or do not add up to it, the parts have no cost.
    """
    groups: dict[tuple[str, str], list[UsageRow]] = {}
    for row in sorted(rows, key=lambda row: row.seq):
        groups.setdefault((row.kind, row.model), []).append(row)
    return tuple(
        _group(kind, model, own, _price(own, prices, provider))
        for (kind, model), own in groups.items()
    )


def cached_share(tokens: Tokens) -> str:
    """Return the share of the input that came from the cache, or `–`."""
    return text.share(tokens.cached, tokens.input)


def total(costs: Sequence[Decimal | None]) -> Decimal | None:
    """Return the sum of what is priced; None when nothing is."""
    priced = [cost for cost in costs if cost is not None]
    return sum(priced, Decimal(0)) if priced else None


def _price(rows: Sequence[UsageRow], prices: PriceTable, provider: str) -> Price | None:
    """Return the one price of all `rows`; None when there are several, or it is not known."""
    if any(row.price_version != prices.version for row in rows):
        return None
    found = [prices.find(row.model, row.at_day, provider) for row in rows]
    return found[0] if all(price == found[0] for price in found) else None


def _group(kind: str, model: str, rows: list[UsageRow], price: Price | None) -> ModelUsage:
    tokens = sum((row.tokens for row in rows), Tokens())
    cost = total([row.cost_usd for row in rows])
    seconds_us = sum(row.seconds_us for row in rows)
    parts = [*_inputs(tokens, price), *_outputs(tokens, price)]
    if seconds_us:
        parts.append((Part(_TIMES.get(kind, "Time"), text.seconds(seconds_us), ""), cost))
    if kind == "message":
        parts.append((Part("Messages written", text.count(len(rows)), ""), cost))
    if standby_us := sum(row.standby_us for row in rows):
        # A part of the line above, which has the cost of both.
        parts.append((Part("of it on standby", text.seconds(standby_us), ""), None))
    adds_up = cost is not None and abs(cost - (total([usd for _, usd in parts]) or 0)) < (
        _CENT_OF_A_CENT
    )
    return ModelUsage(
        model=model,
        kind=kind,
        parts=tuple(_with_cost(part, usd) if adds_up else part for part, usd in parts),
        cost=text.money(cost),
        priced=cost is not None,
        price_version=max((row.price_version for row in rows), default=""),
        estimated=_ESTIMATED.get(kind, "") if any(row.estimated for row in rows) else "",
    )


def _inputs(tokens: Tokens, price: Price | None) -> Iterator[tuple[Part, Decimal | None]]:
    for label, whole_name, cached_name, rate_name, cached_rate_name in _INPUT:
        whole, cached = getattr(tokens, whole_name), getattr(tokens, cached_name)
        if not whole:
            continue
        rate = getattr(price, rate_name, None)
        cached_rate = getattr(price, cached_rate_name, None)
        cached_rate = rate if cached_rate is None else cached_rate
        costs = [_cost(whole - cached, rate), _cost(cached, cached_rate)]
        yield Part(label, text.count(whole - cached), text.count(cached)), total(costs)


def _outputs(tokens: Tokens, price: Price | None) -> Iterator[tuple[Part, Decimal | None]]:
    for label, name, rate_name in _OUTPUT:
        count = getattr(tokens, name)
        if count:
            yield Part(label, text.count(count), ""), _cost(count, getattr(price, rate_name, None))


def _cost(tokens: int, rate: Decimal | None) -> Decimal | None:
    return None if rate is None else tokens * rate / _MILLION


def _with_cost(part: Part, usd: Decimal | None) -> Part:
    return part if usd is None else replace(part, cost=text.money(usd))
