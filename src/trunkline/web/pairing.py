"""Pure. Two calls turn by turn: the numbers that page and API both show."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from trunkline.store.facts.rows import TurnRow

MEASURES: Final = {
    "wait_ms": "wait_us",
    "wait_from_stopped_ms": "wait_from_stopped_us",
    "endpoint_ms": "endpoint_us",
    "tool_ms": "tool_us",
    "audio_ms": "audio_us",
    "heard_ms": "heard_us",
    "cost_usd": "cost_usd",
}
"""As answered, and the field of a turn that it is."""


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """The turns of one number. One of them is missing where a call has fewer."""

    turn: int
    a: TurnRow | None
    b: TurnRow | None
    differences: dict[str, float | Decimal | None]
    """By `MEASURES`: the second less the first; None where one has none."""


def pairs(a: Sequence[TurnRow], b: Sequence[TurnRow]) -> list[Pair]:
    """Return the turns of two calls side by side, in their order, as many as the longer has."""
    of_a, of_b = ({turn.turn: turn for turn in turns} for turns in (a, b))
    return [_pair(turn, of_a.get(turn), of_b.get(turn)) for turn in sorted({*of_a, *of_b})]


def _pair(turn: int, a: TurnRow | None, b: TurnRow | None) -> Pair:
    return Pair(
        turn=turn, a=a, b=b, differences={name: _difference(name, a, b) for name in MEASURES}
    )


def value_of(name: str, turn: TurnRow | None) -> float | Decimal | None:
    """Return one of the `MEASURES` of a turn, in its unit."""
    value = getattr(turn, MEASURES[name], None)
    return value / 1000 if isinstance(value, int) else value


def _difference(name: str, a: TurnRow | None, b: TurnRow | None) -> float | Decimal | None:
    one, other = value_of(name, a), value_of(name, b)
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return other - one
    if isinstance(one, float) and isinstance(other, float):
        return round(other - one, 3)
    return None


def opening_us(turn: TurnRow) -> int:
    """Return where one begins to listen to a turn, on the call's clock."""
    return turn.started_us if turn.speech_started_us is None else turn.speech_started_us
