"""What of a response's input is billed again, as it is billed: the same as the flame afterwards."""

from decimal import Decimal
from random import Random
from typing import Any

import pytest
from tests.recorder.folding import restored, run, saved
from tests.recorder.script import (
    Told,
    begin,
    call,
    caller,
    done,
    mic,
    output,
    records,
    rows_of,
    session,
    sound,
)
from tests.recorder.script import speech as spoken
from tests.support import golden

from trunkline.recorder.summary import call_row
from trunkline.store.facts.flame import flame, input_usd
from trunkline.store.facts.rows import ResponseRow, Row, TurnRow, UsageRow


def usage(text: int = 0, audio: int = 0, out: int = 0, cached: int = 0) -> dict[str, Any]:
    return {
        "input_tokens": text + audio,
        "output_tokens": out,
        "input_token_details": {
            "text_tokens": text,
            "audio_tokens": audio,
            "cached_tokens": cached,
            "cached_tokens_details": {"text_tokens": 0, "audio_tokens": cached},
        },
        "output_token_details": {"text_tokens": 0, "audio_tokens": out},
    }


def turn(at_ms: int, number: int, **used: int) -> list[Told]:
    """Half a second of speech, and its answer, heard to its end."""
    answer = f"r{number}"
    return [
        *spoken(at_ms, at_ms + 500, f"in{number}"),
        begin(at_ms + 1200, answer),
        sound(at_ms + 1300, answer, f"out{number}", 400),
        done(at_ms + 1400, answer, usage=usage(**used)),
    ]


def again(*told: Told | list[Told]) -> list[int | None]:
    found = rows_of(UsageRow, session(), mic(0, 9000), *told)
    return [row.again_tokens for row in sorted(found, key=lambda row: row.seq)]


def test_instructions_and_earlier_turns_are_billed_again() -> None:
    """100 of instructions; 30 spoken, 40 answered; 50 spoken: 170 of 220 were there before."""
    first = turn(0, 1, text=100, audio=30, out=40)
    assert again(first, turn(2000, 2, text=100, audio=120)) == [100, 170]


def test_what_a_turn_is_billed_twice_for_is_its_own() -> None:
    """A tool's output is answered by a second response: the turn brought all that it has."""
    told = [
        *spoken(0, 500, "in1"),
        begin(1200, "r1"),
        done(1300, "r1", usage=usage(audio=30), output=[call("tool1", "c1")]),
        output(1400, "c1"),
        begin(1500, "r2"),
        done(1600, "r2", usage=usage(text=12, audio=30)),
    ]
    assert again(told) == [0, 0]


def test_what_was_truncated_is_not_billed_again() -> None:
    """Of 400 ms 100 were heard: of 40 tokens the next turn has 10 more before it, and 50 new."""
    cut = caller(
        2600, "conversation.item.truncate", item_id="out1", content_index=0, audio_end_ms=100
    )
    first = turn(0, 1, audio=30, out=40)
    assert again(first, cut, turn(3000, 2, audio=90)) == [0, 40]
    assert again(first, turn(3000, 2, audio=90)) == [0, 70]


def test_a_response_out_of_band_has_a_context_of_its_own() -> None:
    aside = [
        caller(2500, "response.create", response={"conversation": "none"}),
        begin(2600, "r9", None),
        done(2700, "r9", usage=usage(text=999)),
    ]
    first, second = turn(0, 1, audio=30), turn(3000, 2, audio=50)
    assert again(first, aside, second) == [0, None, 30]


def check(rows: list[Row]) -> None:
    """Hold what the facts keep against the flame, turn by turn and to the billionth."""
    latest = golden.latest(rows)
    turns = [row for row in latest if isinstance(row, TurnRow)]
    responses = [row for row in latest if isinstance(row, ResponseRow)]
    uses = [row for row in latest if isinstance(row, UsageRow)]
    for cost in flame(turns, responses, uses):
        own = [row for row in uses if row.turn == cost.turn and row.kind == "response"]
        assert sum(row.again_tokens or 0 for row in own) == cost.again_tokens
        assert sum(row.tokens.input - (row.again_tokens or 0) for row in own) == cost.new_tokens
        layers = [layer.usd for layer in cost.layers if layer.origin != cost.turn]
        paid = [usd for usd in layers if usd is not None]
        assert abs(sum(paid) - sum(row.again_usd or 0 for row in own)) < Decimal("1e-8")
        whole = sum((input_usd(row.parts) for row in own), Decimal(0))
        assert whole - sum(row.again_usd or 0 for row in own) >= 0


@pytest.mark.parametrize("name", golden.names())
def test_facts_and_flame_of_a_golden_call_agree(name: str) -> None:
    check(run(golden.records(name)).rows)


@pytest.mark.parametrize("seed", range(20))
def test_facts_and_flame_agree_whatever_is_said(seed: int) -> None:
    """Inputs that grow and shrink, cached ones, truncated answers; across checkpoints, too."""
    random = Random(seed)
    told: list[Told | list[Told]] = [session(), mic(0, 20_000)]
    for number in range(1, 9):
        audio = random.randrange(10, 600)
        out = random.choice((0, 40, 80))
        cached = random.randrange(audio) if random.random() < 0.5 else 0
        told.append(turn(number * 2000, number, text=100, audio=audio, out=out, cached=cached))
        if random.random() < 0.5:
            told.append(
                caller(
                    number * 2000 + 1450,
                    "conversation.item.truncate",
                    item_id=f"out{number}",
                    content_index=0,
                    audio_end_ms=random.randrange(400),
                )
            )
    all_of = records(told)
    whole = run(all_of)
    check(whole.rows)
    half = run(all_of[:200], over=False)
    rest = run(all_of[200:], restored(saved(half.state)))
    assert [*half.rows, *rest.rows] == whole.rows


def test_the_call_gathers_what_its_responses_were_billed_again() -> None:
    told = [session(), mic(0, 9000), turn(0, 1, audio=30, out=40), turn(3000, 2, audio=120)]
    folded = run(records(told))
    (bill,) = call_row(folded.state).gathered.bills
    uses = [row for row in golden.latest(folded.rows) if isinstance(row, UsageRow)]
    assert (bill.told_apart, bill.priced_apart) == (2, 2)
    assert (bill.new_tokens, bill.again_tokens) == (80, 70)
    assert bill.again_usd == sum(row.again_usd or 0 for row in uses) > 0
    assert bill.new_usd + bill.again_usd == sum(input_usd(row.parts) for row in uses)
