"""Pure. The cost flame: what of each response's input is new, and what is billed again.

Every response is billed for the whole conversation before it. The wire tells how many tokens
its input has, by modality and cached share; where they come from follows from how that
grew (protocol.md 4.1, 4.3):

- What a response produced is input from the next one on, of the turn that produced it.
- What the input grew by beyond that is new, of the turn that the response answers.
- Written input of the first response, where its turn is spoken, is instructions and tools:
  it is of no turn, `INSTRUCTIONS`.
- Where the input shrank, the provider dropped the oldest turns, never the instructions.
- Cached tokens are a prefix (protocol.md 1.5), so the oldest tokens are the cached ones.

So it is worked out, not told; tokens and money of a response add up to what was billed.
Responses out of band have a context of their own and are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

import msgspec

from trunkline.store.facts.rows import Money, ResponseRow, TurnRow, UsageRow

INSTRUCTIONS: Final = 0
"""In the place of a turn: what was there before the first."""

_MODALITIES: Final = ("text", "audio", "image")
_PLACES: Final = Decimal("1e-9")


class Layer(msgspec.Struct, frozen=True):
    """Input of one turn's responses that comes from one turn: its own, or an earlier one."""

    origin: int
    """Number of the turn, or `INSTRUCTIONS`."""
    tokens: int
    cached_tokens: int
    """Of those."""
    usd: Decimal | None
    """None: unpriced."""


class TurnCost(msgspec.Struct, frozen=True):
    """What one turn's responses were billed for their input, the oldest origin first."""

    turn: int
    layers: tuple[Layer, ...]

    @property
    def new_tokens(self) -> int:
        """Input of the turn's own."""
        return sum(layer.tokens for layer in self.layers if layer.origin == self.turn)

    @property
    def again_tokens(self) -> int:
        """Input that earlier turns, or the instructions, had brought before."""
        return sum(layer.tokens for layer in self.layers if layer.origin != self.turn)


class _Segment:
    """Tokens of one modality that came in together."""

    __slots__ = ("origin", "tokens")

    def __init__(self, origin: int, tokens: int) -> None:
        self.origin, self.tokens = origin, tokens


def flame(
    turns: Sequence[TurnRow], responses: Sequence[ResponseRow], usage: Sequence[UsageRow]
) -> tuple[TurnCost, ...]:
    """Return the input of each turn by where it comes from."""
    billed = {row.response_id: row for row in usage if row.kind == "response"}
    spoken = {turn.turn for turn in turns if turn.kind == "speech"}
    contexts: dict[str, list[_Segment]] = {name: [] for name in _MODALITIES}
    found: dict[int, dict[int, Layer]] = {}
    last: ResponseRow | None = None
    for row in sorted(responses, key=lambda row: (row.created_us, row.response_id)):
        bill = billed.get(row.response_id)
        if not row.turn or bill is None or not bill.tokens.input:
            continue
        mine = found.setdefault(row.turn, {})
        for name in _MODALITIES:
            context = contexts[name]
            whole = getattr(bill.tokens, f"input_{name}")
            if last is None and name == "text" and row.turn in spoken:
                _grow(context, INSTRUCTIONS, whole)
            elif last is not None:
                made = getattr(last.tokens, f"output_{name}", 0)
                _grow(context, last.turn, min(made, max(0, whole - _sum(context))))
            _grow(context, row.turn, whole - _sum(context))
            _shrink(context, _sum(context) - whole)
            _add(mine, _bill(context, name, bill))
        last = row
    return tuple(
        TurnCost(number, tuple(layers[origin] for origin in sorted(layers)))
        for number, layers in sorted(found.items())
    )


def _sum(context: Iterable[_Segment]) -> int:
    return sum(segment.tokens for segment in context)


def _grow(context: list[_Segment], origin: int, tokens: int) -> None:
    if tokens > 0:
        context.append(_Segment(origin, tokens))


def _shrink(context: list[_Segment], tokens: int) -> None:
    """Drop so many of the oldest tokens; of the instructions only when nothing else is left."""
    for segment in sorted(context, key=lambda segment: segment.origin == INSTRUCTIONS):
        taken = min(segment.tokens, max(0, tokens))
        segment.tokens -= taken
        tokens -= taken
    context[:] = [segment for segment in context if segment.tokens]


def _bill(context: list[_Segment], name: str, bill: UsageRow) -> list[Layer]:
    cached = getattr(bill.tokens, f"cached_{name}")
    fresh = getattr(bill.tokens, f"input_{name}") - cached
    money = None if bill.cost_usd is None else bill.parts
    left, layers = cached, list[Layer]()
    for segment in context:
        taken = min(segment.tokens, left)
        left -= taken
        usd = _usd(money, name, (segment.tokens - taken, fresh), (taken, cached))
        layers.append(Layer(segment.origin, segment.tokens, taken, usd))
    return layers


def _usd(
    money: Money | None, name: str, fresh: tuple[int, int], cached: tuple[int, int]
) -> Decimal | None:
    """Return the share of a modality's cost: so many of all fresh tokens, so many of the cached."""
    if money is None:
        return None
    usd = Decimal(0)
    for kind, (part, whole) in (("input", fresh), ("cached", cached)):
        usd += getattr(money, f"{kind}_{name}") * part / whole if whole else 0
    return usd.quantize(_PLACES, ROUND_HALF_EVEN)


def _add(mine: dict[int, Layer], layers: Iterable[Layer]) -> None:
    for layer in layers:
        there = mine.get(layer.origin, Layer(layer.origin, 0, 0, Decimal(0)))
        unpriced = there.usd is None or layer.usd is None
        mine[layer.origin] = Layer(
            layer.origin,
            there.tokens + layer.tokens,
            there.cached_tokens + layer.cached_tokens,
            None if unpriced else (there.usd or Decimal(0)) + (layer.usd or Decimal(0)),
        )


def by_origin(turns: Iterable[TurnCost]) -> Mapping[int, tuple[int, Decimal | None]]:
    """Return how many tokens each turn was billed in later turns, and for how much."""
    found: dict[int, tuple[int, Decimal | None]] = {}
    for turn in turns:
        for layer in turn.layers:
            if layer.origin != turn.turn:
                tokens, usd = found.get(layer.origin, (0, Decimal(0)))
                money = None if usd is None or layer.usd is None else usd + layer.usd
                found[layer.origin] = (tokens + layer.tokens, money)
    return found
