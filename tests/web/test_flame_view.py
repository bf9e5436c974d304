"""The cost flame on a call's page."""

import re
from decimal import Decimal

from trunkline.store.facts.flame import INSTRUCTIONS, Layer, TurnCost
from trunkline.web.pages.flame_view import MOST_BLOCKS, Flame, flame_views

STARTS_MS = {turn: turn * 1_000 for turn in range(1, 401)}


def layer(origin: int, tokens: int, usd: str | None = "0.001") -> Layer:
    return Layer(origin, tokens, tokens // 2, None if usd is None else Decimal(usd))


def call_of(turns: int) -> list[TurnCost]:
    """Return a call of which each turn brings 40 tokens, and is billed for all before it."""
    return [
        TurnCost(turn, tuple(layer(origin, 40) for origin in range(INSTRUCTIONS, turn + 1)))
        for turn in range(1, turns + 1)
    ]


def tokens_of(row: Flame) -> int:
    return sum(int(block.title.split()[0].replace(",", "")) for block in row.blocks)


def test_a_short_call_shows_every_turn_that_is_billed_again() -> None:
    last = flame_views(call_of(4), STARTS_MS)[-1]
    assert [block.kind for block in last.blocks] == [
        "instructions", "again", "again", "again", "new"
    ]  # fmt: skip
    assert last.blocks[2].title == "40 from turn 2, 20 cached, $0.00100"
    assert last.spoken.count(";") == 4
    # Each opens the turn that brought it; instructions are nowhere to be heard.
    assert last.start_ms == 4_000
    assert [block.start_ms for block in last.blocks] == [None, 1_000, 2_000, 3_000, 4_000]


def test_a_long_call_draws_its_turns_together_and_loses_none() -> None:
    rows = flame_views(call_of(400), STARTS_MS)
    assert sum(len(row.blocks) for row in rows) < MOST_BLOCKS + 3 * len(rows)
    assert [tokens_of(row) for row in rows] == [40 * (turn + 1) for turn in range(1, 401)]
    titles = [block.title for block in rows[-1].blocks]
    assert titles[0].startswith("40 from the instructions,")
    assert re.fullmatch(r"[\d,]+ from turns 1 to \d+, [\d,]+ cached, \$\S+", titles[1])
    assert titles[-1].startswith("40 from turn 400,")
    assert len(rows[-1].spoken) < 400


def test_what_is_together_has_no_price_when_one_of_it_has_none() -> None:
    layers = [layer(origin, 1, None if origin == 3 else "0.5") for origin in range(1, 300)]
    wide = TurnCost(300, (*layers, layer(300, 100_000)))
    assert (
        flame_views([wide], {})[0].blocks[0].title == "299 from turns 1 to 299, 0 cached, unpriced"
    )
