"""Pure. What a call used and what it cost, by model and kind of token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from trunkline.store.facts.rows import Tokens, UsageRow
from trunkline.web.pages import text

_PARTS = (
    ("Audio in", "input_audio", "cached_audio"),
    ("Text in", "input_text", "cached_text"),
    ("Images in", "input_image", "cached_image"),
)
_OUTPUT = (("Audio out", "output_audio"), ("Text out", "output_text"))


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of token of one model."""

    label: str
    fresh: str
    """Tokens billed in full."""
    cached: str
    """Tokens served from the provider's cache; empty where there can be none."""


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """What one model used."""

    model: str
    kind: str
    parts: tuple[Part, ...]
    cost: str
    priced: bool
    price_version: str
    estimated: bool


def usage_views(rows: Sequence[UsageRow]) -> tuple[ModelUsage, ...]:
    """Return the usage by kind and model, in order of first use."""
    groups: dict[tuple[str, str], list[UsageRow]] = {}
    for row in sorted(rows, key=lambda row: row.seq):
        groups.setdefault((row.kind, row.model), []).append(row)
    return tuple(_group(kind, model, own) for (kind, model), own in groups.items())


def cached_share(tokens: Tokens) -> str:
    """Return the share of the input that came from the cache, or `–`."""
    whole = tokens.input_text + tokens.input_audio + tokens.input_image
    return text.share(tokens.cached_text + tokens.cached_audio + tokens.cached_image, whole)


def total(costs: Sequence[Decimal | None]) -> Decimal | None:
    """Return the sum of what is priced; None when nothing is."""
    priced = [cost for cost in costs if cost is not None]
    return sum(priced, Decimal(0)) if priced else None


def _group(kind: str, model: str, rows: list[UsageRow]) -> ModelUsage:
    tokens = sum((row.tokens for row in rows), Tokens())
    cost = total([row.cost_usd for row in rows])
    return ModelUsage(
        model=model,
        kind=kind,
        parts=_parts(tokens, sum(row.seconds_us for row in rows)),
        cost=text.money(cost),
        priced=cost is not None,
        price_version=max((row.price_version for row in rows), default=""),
        estimated=any(row.estimated for row in rows),
    )


def _parts(tokens: Tokens, seconds_us: int) -> tuple[Part, ...]:
    found: list[Part] = []
    for label, whole_name, cached_name in _PARTS:
        whole, cached = getattr(tokens, whole_name), getattr(tokens, cached_name)
        if whole:
            found.append(Part(label, text.count(whole - cached), text.count(cached)))
    for label, name in _OUTPUT:
        if getattr(tokens, name):
            found.append(Part(label, text.count(getattr(tokens, name)), ""))
    if seconds_us:
        found.append(Part("Audio transcribed", text.seconds(seconds_us), ""))
    return tuple(found)
