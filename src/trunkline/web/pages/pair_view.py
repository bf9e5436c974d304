"""Pure. Two calls turn by turn, as their page shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from trunkline.store.facts.rows import CallRow, TurnRow
from trunkline.web.pages import text
from trunkline.web.pages.compare_view import amount, signed
from trunkline.web.pairing import MEASURES, Pair, opening_us, value_of


@dataclass(frozen=True, slots=True)
class Head:
    """One of two calls."""

    call_id: str
    opened_at_iso: str
    opened_at: str
    model: str
    user: str
    session: str
    length: str
    turns: str
    wait: str
    cost: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A turn of one of two calls."""

    href: str
    at: str
    said: str
    wait: str
    heard: str
    cost: str
    status: str


@dataclass(frozen=True, slots=True)
class PairRow:
    """The turns of one number."""

    turn: int
    a: Moment | None
    b: Moment | None
    differences: dict[str, str]
    slower: str
    """`a`, `b`, or nothing."""


def heads(a: CallRow, b: CallRow) -> dict[str, Head]:
    """Return both calls."""
    return {"a": head(a), "b": head(b)}


def head(call: CallRow) -> Head:
    """Return a call as it is told from another."""
    return Head(
        call_id=call.call_id,
        opened_at_iso=text.iso(call.opened_at_us),
        opened_at=text.when(call.opened_at_us),
        model=call.model_used or call.model_asked or text.UNKNOWN,
        user=call.user_id,
        session=call.session_name or call.session_id,
        length=text.clock(call.duration_us),
        turns=text.count(call.turns),
        wait=text.wait(call.wait_p50_us),
        cost=text.money(call.cost_usd),
    )


def address_of(a: str, b: str) -> str:
    """Return the address at which two calls are compared."""
    return f"/compare?{urlencode([('call', a), ('call', b)])}"


@dataclass(frozen=True, slots=True)
class Said:
    """What was said in a call, by item."""

    call_id: str
    words: Mapping[str, str]


def pair_rows(found: Sequence[Pair], a: Said, b: Said) -> tuple[PairRow, ...]:
    """Return the turns of two calls."""
    return tuple(
        PairRow(
            turn=pair.turn,
            a=_moment(pair.a, a),
            b=_moment(pair.b, b),
            differences={
                name: signed("usd" if name == "cost_usd" else "ms", pair.differences[name])
                for name in MEASURES
            },
            slower=_slower(pair),
        )
        for pair in found
    )


def _slower(pair: Pair) -> str:
    wait = pair.differences["wait_ms"]
    return "" if not wait else "b" if wait > 0 else "a"


def _moment(turn: TurnRow | None, said: Said) -> Moment | None:
    if turn is None:
        return None
    at_us = opening_us(turn)
    return Moment(
        href=f"/calls/{said.call_id}?t={at_us / 1e6:.2f}",
        at=text.clock(at_us),
        said=said.words.get(turn.item_id, ""),
        wait=amount("ms", value_of("wait_ms", turn)),
        heard=amount("ms", value_of("heard_ms", turn)),
        cost=text.money(turn.cost_usd),
        status=turn.status,
    )
