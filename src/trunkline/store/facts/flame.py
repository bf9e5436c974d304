"""Pure. The cost flame: what of each response's input is new, and what is billed again.

Every response is billed for the whole conversation before it. The wire tells how many tokens
its input has, by modality and cached share; where they come from follows from how that
grew (protocol.md 4.1, 4.3):

- What a response produced is input from the next one on, of the turn that produced it; where the
  caller truncated it, only what was heard.
- What the input grew by beyond that is new, of the turn that the response answers.
- Written input of the first response, where its turn is spoken, is instructions and tools:
  it is of no turn, `INSTRUCTIONS`.
- Where the input shrank, the provider dropped the oldest turns, never the instructions.
- Cached tokens are a prefix (protocol.md 1.5), so the oldest tokens are the cached ones.

So it is worked out, not told; tokens and money of a response add up to what was billed.
Responses out of band have a context of their own and are left out.

`Conversation` takes one response after the other: the recorder does so as they are billed, and
keeps of each how much was billed again; `flame` does so with all rows of a call, by origin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from trunkline.store.facts.amounts import Money
from trunkline.store.facts.rows import ResponseRow, TurnRow, UsageRow

INSTRUCTIONS: Final = 0
"""In the place of a turn: what was there before the first."""

_MODALITIES: Final = ("text", "audio", "image")
_FEMTO: Final = 15
_NANO: Final = 10**6
"""In femto; money is kept to so much of a USD."""
_HALF: Final = _NANO // 2


class Layer(msgspec.Struct, frozen=True, gc=False):
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


class _Prices(NamedTuple):
    """What one token of a modality cost in one response, in 10⁻¹⁵ USD: whole numbers are quick.

    Of 100,000 tokens less than the last digit is lost that is kept, 10⁻⁹ USD.
    """

    fresh: int
    cached: int


class _Share(msgspec.Struct, gc=False):
    """Input of a turn's responses that comes from one turn, while it is added up."""

    tokens: int = 0
    cached_tokens: int = 0
    femto_usd: int = 0
    priced: bool = True


class Context(msgspec.Struct, omit_defaults=True):
    """Tokens of one modality that a response has before it, by where they come from, in order.

    A long call has as many parts as turns, and each response is billed for all of them: what
    is done for each part is done ten thousands of times.
    """

    tokens: int = 0
    parts: list[list[int]] = []
    """Origin and tokens, the oldest first."""

    def grow(self, origin: int, tokens: int) -> None:
        """Append so many, of one turn. None, or fewer, are no change."""
        if tokens <= 0:
            return
        self.tokens += tokens
        if self.parts and self.parts[-1][0] == origin:
            self.parts[-1][1] += tokens
        else:
            self.parts.append([origin, tokens])

    def shrink(self, tokens: int) -> None:
        """Drop so many of the oldest; of the instructions only when nothing else is left."""
        if tokens <= 0:
            return
        for part in sorted(self.parts, key=lambda part: part[0] == INSTRUCTIONS):
            taken = min(part[1], tokens)
            part[1] -= taken
            tokens -= taken
            self.tokens -= taken
        self.parts = [part for part in self.parts if part[1]]

    def bill(self, shares: dict[int, _Share], cached: int, each: _Prices | None) -> None:
        """Add all that is in it to `shares`. The oldest `cached` tokens are the cached ones."""
        for origin, tokens in self.parts:
            taken = min(tokens, cached)
            cached -= taken
            share = shares.get(origin)
            if share is None:
                share = shares[origin] = _Share()
            share.tokens += tokens
            share.cached_tokens += taken
            if each is None:
                share.priced = False
            else:
                share.femto_usd += each.cached * taken + each.fresh * (tokens - taken)


class Made(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a response has produced and the conversation keeps, in tokens."""

    response_id: str
    turn: int
    text: int = 0
    audio: int = 0


class Conversation(msgspec.Struct, omit_defaults=True):
    """What the next response of a conversation will have before it."""

    text: Context = msgspec.field(default_factory=Context)
    audio: Context = msgspec.field(default_factory=Context)
    image: Context = msgspec.field(default_factory=Context)
    last: Made | None = None
    """The last response that was billed."""

    def bill(self, shares: dict[int, _Share], turn: int, bill: UsageRow, *, spoken: bool) -> None:
        """Add the input of a response that answers `turn` to `shares`, by origin.

        `spoken`: the turn is. What the response makes is told by `made`, before the next one.
        """
        for name in _MODALITIES:
            context: Context = getattr(self, name)
            whole: int = getattr(bill.tokens, f"input_{name}")
            if self.last is None and name == "text" and spoken:
                context.grow(INSTRUCTIONS, whole)
            elif self.last is not None:
                kept: int = getattr(self.last, name, 0)
                context.grow(self.last.turn, min(kept, whole - context.tokens))
            context.grow(turn, whole - context.tokens)
            context.shrink(context.tokens - whole)
            cached: int = getattr(bill.tokens, f"cached_{name}")
            context.bill(shares, cached, _prices(bill, name))
        self.last = Made(bill.response_id, turn)

    def made(self, row: ResponseRow) -> None:
        """Take note of what the last response has made, as far as `row` knows. May be told again:
        a truncate changes it."""
        if self.last is not None and row.response_id == self.last.response_id:
            audio = row.tokens.output_audio
            if row.truncated:
                audio -= row.unheard_tokens or 0
            self.last = Made(row.response_id, self.last.turn, row.tokens.output_text, audio)


class Again(NamedTuple):
    """Of one response's input, what its turn did not bring itself."""

    tokens: int
    usd: Decimal | None
    """None: unpriced."""


def billed_again(
    conversation: Conversation, turn: int, bill: UsageRow, *, spoken: bool
) -> Again | None:
    """Return how much of a response's input is billed again, and go on to the next response.

    What is left of its input, and of `input_usd`, is new. None: it had no input.
    """
    if not bill.tokens.input:
        return None
    shares: dict[int, _Share] = {}
    conversation.bill(shares, turn, bill, spoken=spoken)
    again = [share for origin, share in shares.items() if origin != turn]
    usd = None if bill.cost_usd is None else _usd(sum(share.femto_usd for share in again))
    return Again(sum(share.tokens for share in again), usd)


def input_usd(parts: Money) -> Decimal:
    """Return what input cost, what was cached of it included."""
    return sum(
        (getattr(parts, f"{kind}_{name}") for name in _MODALITIES for kind in ("input", "cached")),
        Decimal(0),
    )


def flame(
    turns: Sequence[TurnRow], responses: Sequence[ResponseRow], usage: Sequence[UsageRow]
) -> tuple[TurnCost, ...]:
    """Return the input of each turn by where it comes from."""
    billed = {row.response_id: row for row in usage if row.kind == "response"}
    spoken = {turn.turn for turn in turns if turn.kind == "speech"}
    conversation = Conversation()
    found: dict[int, dict[int, _Share]] = {}
    for row in sorted(responses, key=lambda row: (row.created_us, row.response_id)):
        bill = billed.get(row.response_id)
        if not row.turn or bill is None or not bill.tokens.input:
            continue
        shares = found.setdefault(row.turn, {})
        conversation.bill(shares, row.turn, bill, spoken=row.turn in spoken)
        conversation.made(row)
    return tuple(
        TurnCost(number, tuple(_layer(origin, shares[origin]) for origin in sorted(shares)))
        for number, shares in sorted(found.items())
    )


def _prices(bill: UsageRow, name: str) -> _Prices | None:
    """Return what a token of a modality cost in one response; None: unpriced."""
    if bill.cost_usd is None:
        return None
    cached: int = getattr(bill.tokens, f"cached_{name}")
    fresh: int = getattr(bill.tokens, f"input_{name}") - cached
    return _Prices(
        _each(getattr(bill.parts, f"input_{name}"), fresh),
        _each(getattr(bill.parts, f"cached_{name}"), cached),
    )


def _each(usd: Decimal, tokens: int) -> int:
    return int(usd.scaleb(_FEMTO) / tokens) if tokens else 0


def _layer(origin: int, share: _Share) -> Layer:
    usd = _usd(share.femto_usd) if share.priced else None
    return Layer(origin, share.tokens, share.cached_tokens, usd)


def _usd(femto: int) -> Decimal:
    return Decimal((femto + _HALF) // _NANO).scaleb(-9)


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
