"""Pure. The cost flame as a call's page shows it: each turn's input, new or billed again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from trunkline.store.facts.flame import INSTRUCTIONS, TurnCost, by_origin
from trunkline.web.pages import text

WIDTH = 240
"""Width of a bar, in units of its SVG. The turn with the most input fills it."""


@dataclass(frozen=True, slots=True)
class Block:
    """Input of one turn that one turn brought."""

    kind: str
    """`new`, `again` or `instructions`: its colour."""
    x: float
    width: float
    title: str


@dataclass(frozen=True, slots=True)
class Flame:
    """One row: one turn's input."""

    number: int
    blocks: tuple[Block, ...]
    spoken: str
    """The bar in words."""
    new: str
    again: str
    again_cost: str


def flame_views(costs: Sequence[TurnCost]) -> tuple[Flame, ...]:
    """Return the rows, their bars on one common scale."""
    widest = max((cost.new_tokens + cost.again_tokens for cost in costs), default=0)
    return tuple(_view(cost, widest) for cost in costs)


def dearest(costs: Sequence[TurnCost]) -> str:
    """Return which turn was billed again for the most money, in words; empty when none was."""
    priced = [
        (usd, tokens, origin)
        for origin, (tokens, usd) in by_origin(costs).items()
        if usd is not None and usd > 0
    ]
    if not priced:
        return ""
    usd, tokens, origin = max(priced)
    again = f"{text.count(tokens)} tokens, {text.money(usd)}"
    return f"{_name(origin).capitalize()} cost the most again: {again} in later turns."


def _view(cost: TurnCost, widest: int) -> Flame:
    at, blocks, words = 0, list[Block](), list[str]()
    for layer in cost.layers:
        of = f"{text.count(layer.tokens)} from {_name(layer.origin)}"
        title = f"{of}, {text.count(layer.cached_tokens)} cached, {text.money(layer.usd)}"
        kind = "new" if layer.origin == cost.turn else "again" if layer.origin else "instructions"
        scale = WIDTH / widest if widest else 0
        width = round(max(1.0, layer.tokens * scale - 0.5), 2)
        blocks.append(Block(kind, round(at * scale, 2), width, title))
        words.append(title)
        at += layer.tokens
    return Flame(
        number=cost.turn,
        blocks=tuple(blocks),
        spoken="; ".join(words),
        new=text.count(cost.new_tokens),
        again=text.count(cost.again_tokens),
        again_cost=text.money(_again_usd(cost)),
    )


def _again_usd(cost: TurnCost) -> Decimal | None:
    amounts = [layer.usd for layer in cost.layers if layer.origin != cost.turn]
    if any(usd is None for usd in amounts):
        return None
    return sum((usd for usd in amounts if usd is not None), Decimal(0))


def _name(origin: int) -> str:
    return "the instructions" if origin == INSTRUCTIONS else f"turn {origin}"
