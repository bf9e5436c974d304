"""Pure. The cost flame as a call's page shows it: each turn's input, new or billed again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trunkline.store.facts.flame import INSTRUCTIONS, Layer, TurnCost, by_origin
from trunkline.web.pages import text

WIDTH = 240
"""Width of a bar, in units of its SVG. The turn with the most input fills it."""
MOST_BLOCKS = 1500
"""On a page. Each turn is billed for all before it: 400 turns would draw 80,000."""


@dataclass(frozen=True, slots=True)
class Block:
    """Input of one turn that one turn brought, or several that are too small to be told apart."""

    kind: str
    """`new`, `again` or `instructions`: its colour."""
    x: float
    width: float
    title: str
    start_ms: int | None = None
    """Where the turn that brought it, or the first of them, is to be heard."""


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
    start_ms: int | None = None
    """Where the turn is to be heard."""


def flame_views(costs: Sequence[TurnCost], starts_ms: Mapping[int, int]) -> tuple[Flame, ...]:
    """Return the rows, their bars on one common scale. `starts_ms`: where each turn begins."""
    widest = max((cost.new_tokens + cost.again_tokens for cost in costs), default=0)
    scale = WIDTH / widest if widest else 0
    # Rows that are many have few blocks each, as wide as it takes.
    narrowest = max(1.0, WIDTH * len(costs) / MOST_BLOCKS)
    return tuple(_view(cost, scale, narrowest, starts_ms) for cost in costs)


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


def _view(cost: TurnCost, scale: float, narrowest: float, starts_ms: Mapping[int, int]) -> Flame:
    at, blocks = 0, list[Block]()
    for group in _groups(cost, narrowest / scale if scale else 0):
        tokens = sum(layer.tokens for layer in group)
        cached, usd = sum(layer.cached_tokens for layer in group), _sum(group)
        title = (
            f"{text.count(tokens)} from {_names(group)}, {text.count(cached)} cached,"
            f" {text.money(usd)}"
        )
        width = round(max(1.0, tokens * scale - 0.5), 2)
        kind, origin = _kind(cost, group[0]), group[0].origin
        x = round(at * scale, 2)
        blocks.append(Block(kind, x, width, title, starts_ms.get(origin)))
        at += tokens
    return Flame(
        number=cost.turn,
        blocks=tuple(blocks),
        spoken="; ".join(block.title for block in blocks),
        new=text.count(cost.new_tokens),
        again=text.count(cost.again_tokens),
        again_cost=text.money(_sum(layer for layer in cost.layers if layer.origin != cost.turn)),
        start_ms=starts_ms.get(cost.turn),
    )


def _groups(cost: TurnCost, fewest_tokens: float) -> list[list[Layer]]:
    """Return the layers, those of earlier turns put together until they are wide enough."""
    groups: list[list[Layer]] = []
    open_tokens = fewest_tokens
    """Of the last group; as long as they are too few, the next layer joins it."""
    for layer in cost.layers:
        again = _kind(cost, layer) == "again"
        if again and open_tokens < fewest_tokens:
            groups[-1].append(layer)
            open_tokens += layer.tokens
        else:
            groups.append([layer])
            open_tokens = layer.tokens if again else fewest_tokens
    return groups


def _kind(cost: TurnCost, layer: Layer) -> str:
    if layer.origin == cost.turn:
        return "new"
    return "instructions" if layer.origin == INSTRUCTIONS else "again"


def _sum(layers: Iterable[Layer]) -> Decimal | None:
    """Return what layers cost together; None if that of one of them is not known."""
    amounts = [layer.usd for layer in layers]
    if any(usd is None for usd in amounts):
        return None
    return sum((usd for usd in amounts if usd is not None), Decimal(0))


def _names(group: Sequence[Layer]) -> str:
    first, last = group[0].origin, group[-1].origin
    return _name(first) if first == last else f"turns {first} to {last}"


def _name(origin: int) -> str:
    return "the instructions" if origin == INSTRUCTIONS else f"turn {origin}"
