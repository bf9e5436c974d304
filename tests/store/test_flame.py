"""The cost flame, by hand."""

from decimal import Decimal

import msgspec

from trunkline.store.facts.amounts import Money, Tokens
from trunkline.store.facts.flame import INSTRUCTIONS, Layer, TurnCost, by_origin, flame
from trunkline.store.facts.rows import ResponseRow, TurnRow, UsageRow

ABOUT = {"org_id": "o", "call_id": "c", "version": 1}


def turn(number: int, kind: str = "speech") -> TurnRow:
    return TurnRow(**ABOUT, turn=number, kind=kind, status="completed")


def answer(number: int, at: int, made: Tokens | None = None, turn: int = 0) -> ResponseRow:
    return ResponseRow(
        **ABOUT, response_id=f"r{number}", turn=turn or number, status="completed",
        created_us=at, tokens=made or Tokens(),
    )  # fmt: skip


def bill(number: int, tokens: Tokens, **money: str) -> UsageRow:
    return UsageRow(
        **ABOUT, seq=number, at_us=0, at_day="2026-11-22", kind="response", model="m",
        response_id=f"r{number}", tokens=tokens,
        cost_usd=sum(map(Decimal, money.values()), Decimal(0)),
        parts=Money(**{name: Decimal(usd) for name, usd in money.items()}),
    )  # fmt: skip


def shape(costs: tuple[TurnCost, ...]) -> dict[int, dict[int, tuple[int, int]]]:
    """By turn, by origin: tokens, and of them cached."""
    return {
        cost.turn: {x.origin: (x.tokens, x.cached_tokens) for x in cost.layers} for cost in costs
    }


def test_each_turn_is_billed_for_all_before_it() -> None:
    """100 of instructions; 30 spoken and 40 answered; 50 spoken. Cached: the oldest 120 of sound
    and text together, by modality: 100 of text, 20 of sound."""
    costs = flame(
        [turn(1), turn(2)],
        [answer(1, 10, Tokens(output_audio=40)), answer(2, 20)],
        [
            bill(1, Tokens(input_text=100, input_audio=30)),
            bill(2, Tokens(input_text=100, input_audio=120, cached_text=100, cached_audio=20)),
        ],
    )
    assert shape(costs) == {
        1: {INSTRUCTIONS: (100, 0), 1: (30, 0)},
        2: {INSTRUCTIONS: (100, 100), 1: (70, 20), 2: (50, 0)},
    }
    assert [(cost.new_tokens, cost.again_tokens) for cost in costs] == [(30, 100), (50, 170)]
    assert {origin: tokens for origin, (tokens, _) in by_origin(costs).items()} == {
        INSTRUCTIONS: 200,
        1: 70,
    }


def test_what_was_truncated_is_no_input_of_later_turns() -> None:
    """40 answered, of which 25 were never heard: of the 60 that came on top, 15 are turn 1's and
    45 were spoken in turn 2. Without a truncate, the model believes that all was heard."""

    def origins(*, truncated: bool) -> dict[int, dict[int, tuple[int, int]]]:
        cut = msgspec.structs.replace(
            answer(1, 10, Tokens(output_audio=40)), truncated=truncated, unheard_tokens=25
        )
        bills = [bill(1, Tokens(input_audio=30)), bill(2, Tokens(input_audio=90))]
        return shape(flame([turn(1), turn(2)], [cut, answer(2, 20)], bills))

    assert origins(truncated=True)[2] == {1: (45, 0), 2: (45, 0)}
    assert origins(truncated=False)[2] == {1: (70, 0), 2: (20, 0)}


def test_money_goes_where_tokens_go_cached_ones_at_their_price() -> None:
    """Of 100 tokens 40 are cached: 0.04 for them, 0.60 for the rest. The first 70 are turn 1's."""
    costs = flame(
        [turn(1), turn(2)],
        [answer(1, 1), answer(2, 2)],
        [
            bill(1, Tokens(input_audio=70), input_audio="0.70"),
            bill(
                2, Tokens(input_audio=100, cached_audio=40), input_audio="0.60", cached_audio="0.04"
            ),
        ],
    )
    first, second = costs[1].layers
    assert first == Layer(1, 70, 40, Decimal("0.34"))
    assert second == Layer(2, 30, 0, Decimal("0.30"))


def test_the_oldest_turn_is_dropped_first_and_never_the_instructions() -> None:
    """100 + 50 + 50 of sound, then only 80 of it: turn 1 is gone, 20 of turn 2 with it."""
    costs = flame(
        [turn(1), turn(2), turn(3)],
        [answer(1, 1), answer(2, 2), answer(3, 3)],
        [
            bill(1, Tokens(input_text=10, input_audio=50)),
            bill(2, Tokens(input_text=10, input_audio=100)),
            bill(3, Tokens(input_text=10, input_audio=30)),
        ],
    )
    assert shape(costs)[3] == {INSTRUCTIONS: (10, 0), 2: (30, 0)}


def test_a_turn_with_a_tool_is_billed_twice_for_its_own() -> None:
    costs = flame(
        [turn(1)],
        [answer(1, 1, Tokens(output_text=5)), answer(2, 2, turn=1)],
        [bill(1, Tokens(input_audio=20)), bill(2, Tokens(input_text=12, input_audio=20))],
    )
    assert shape(costs) == {1: {1: (20 + 20 + 5 + 7, 0)}}


def test_typed_input_is_the_turns_own_and_answers_aside_have_no_part() -> None:
    costs = flame(
        [turn(1, "text")],
        [answer(1, 1), ResponseRow(**ABOUT, response_id="r2", turn=0, status="x", created_us=2)],
        [bill(1, Tokens(input_text=20)), bill(2, Tokens(input_text=999))],
    )
    assert shape(costs) == {1: {1: (20, 0)}}


def test_what_is_unpriced_has_no_money() -> None:
    from msgspec.structs import replace

    unpriced = replace(bill(1, Tokens(input_audio=20)), cost_usd=None)
    (cost,) = flame([turn(1)], [answer(1, 1)], [unpriced])
    assert cost.layers == (Layer(1, 20, 0, None),)
