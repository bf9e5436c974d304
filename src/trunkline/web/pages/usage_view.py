"""Pure. What a call used and what it cost, by model and kind of token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trunkline.store.facts.amounts import Money, Tokens
from trunkline.store.facts.rows import UsageRow
from trunkline.web.pages import text

_INPUT = (
    ("Audio in", "input_audio", "cached_audio"),
    ("Text in", "input_text", "cached_text"),
    ("Images in", "input_image", "cached_image"),
)
_OUTPUT = (("Audio out", "output_audio"), ("Text out", "output_text"))


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
    """Empty when it cannot be told from the whole."""


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


def usage_views(rows: Sequence[UsageRow]) -> tuple[ModelUsage, ...]:
    """Return the usage by kind and model, in order of first use."""
    groups: dict[tuple[str, str], list[UsageRow]] = {}
    for row in sorted(rows, key=lambda row: row.seq):
        groups.setdefault((row.kind, row.model), []).append(row)
    return tuple(_group(kind, model, own) for (kind, model), own in groups.items())


def total(costs: Sequence[Decimal | None]) -> Decimal | None:
    """Return the sum of what is priced; None when nothing is."""
    priced = [cost for cost in costs if cost is not None]
    return sum(priced, Decimal(0)) if priced else None


def _group(kind: str, model: str, rows: list[UsageRow]) -> ModelUsage:
    cost = total([row.cost_usd for row in rows])
    return ModelUsage(
        model=model,
        kind=kind,
        parts=(*_of_tokens(rows), *_of_others(kind, rows, cost)),
        cost=text.money(cost),
        priced=cost is not None,
        price_version=max((row.price_version for row in rows), default=""),
        estimated=_ESTIMATED.get(kind, "") if any(row.estimated for row in rows) else "",
    )


def _of_tokens(rows: Sequence[UsageRow]) -> Iterator[Part]:
    tokens = sum((row.tokens for row in rows), Tokens())
    # Without a price, and where time is what is paid for, tokens have no cost of their own.
    paid = [row.parts for row in rows if row.parts != Money()]

    def usd(*names: str) -> str:
        found = [getattr(parts, name) for parts in paid for name in names]
        return text.money(sum(found, Decimal(0))) if found else ""

    for label, whole, cached in _INPUT:
        count, from_cache = getattr(tokens, whole), getattr(tokens, cached)
        if count:
            fresh = text.count(count - from_cache)
            yield Part(label, fresh, text.count(from_cache), usd(whole, cached))
    for label, name in _OUTPUT:
        if count := getattr(tokens, name):
            yield Part(label, text.count(count), "", usd(name))


def _of_others(kind: str, rows: Sequence[UsageRow], cost: Decimal | None) -> Iterator[Part]:
    """Yield what is paid by the second or the piece: it is all of the cost, then."""
    by_token = any(row.parts != Money() for row in rows)
    paid = "" if cost is None or by_token else text.money(cost)
    if seconds_us := sum(row.seconds_us for row in rows):
        yield Part(_TIMES.get(kind, "Time"), text.seconds(seconds_us), "", paid)
    if kind == "message":
        yield Part("Messages written", text.count(len(rows)), "", paid)
    if standby_us := sum(row.standby_us for row in rows):
        # A part of the line above, which has the cost of both.
        yield Part("of it on standby", text.seconds(standby_us), "")
