"""Calls in any order, page by page: none missing, none twice, what has no value last."""

import itertools
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from tests.support.facts import NOON_US, SECOND_US, a_call, fresh_org

from trunkline.store.facts.amounts import Tokens
from trunkline.store.facts.attention import REASONS
from trunkline.store.facts.conditions import BadCondition
from trunkline.store.facts.queries_calls import CallFilters, calls_page, sorted_calls
from trunkline.store.facts.rows import CallRow
from trunkline.store.facts.sorting import TEXTS, Cursor, Sort, Sorting
from trunkline.store.facts.store import FactsStore

FIELD_OF: dict[str, str] = {
    "opened_at": "opened_at_us",
    "model": "model_used",
    "user": "user_id",
    "session": "session_name",
    "key": "key_name",
    "duration_ms": "duration_us",
    "wait_p50_ms": "wait_p50_us",
}
"""Where a row has what it is sorted by, if not under the same name."""


def mask_of(call: CallRow) -> int:
    """Return the reasons that `varied` calls give, the gravest in the highest place."""
    given = {
        "failed": call.status == "failed",
        "errors": call.errors > 0,
        "talked_over": call.barge_ins >= 3,
        "unheard": call.heard_audio_us < 8,
    }
    return int("".join("1" if given.get(one.id) else "0" for one in REASONS), 2)


def values_of(call: CallRow, by: Sort) -> Any:
    if by == "attention":
        return mask_of(call)
    if by == "unheard_ms":
        return call.assistant_audio_us - call.heard_audio_us
    tokens = call.tokens
    counted = {
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
    }
    return counted[by] if by in counted else getattr(call, FIELD_OF.get(by, by))


def varied(org_id: str) -> list[CallRow]:
    """Return calls of which some are equal in everything, and some have nothing."""
    numbers = (None, 7, 3, 3, 9, 3, None)
    names = ("", "b", "A", "a", "b", "ü", "")
    return [
        a_call(
            org_id,
            NOON_US + place // 2 * SECOND_US,
            status="failed" if place % 2 else "completed",
            model_used=name,
            model_asked="",
            user_id=name,
            session_id="",
            session_name=name,
            key_name=name,
            provider=name,
            voice=name,
            duration_us=number,
            wait_p50_us=number,
            turns=number or 0,
            barge_ins=number or 0,
            tool_calls=number or 0,
            errors=number or 0,
            assistant_audio_us=10,
            heard_audio_us=10 - (number or 0),
            cost_usd=number and Decimal(number).scaleb(-9),
            tokens=Tokens(input_audio=number or 0, output_text=place),
        )
        for place, (number, name) in enumerate(zip(numbers, names, strict=True))
    ]


def in_order(calls: list[CallRow], sorting: Sorting) -> list[str]:
    """Return ids as they must come: by value, opening and id, those without a value behind."""
    missing = ("", None) if sorting.by in TEXTS else (None,)
    having = [call for call in calls if values_of(call, sorting.by) not in missing]
    others = [call for call in calls if values_of(call, sorting.by) in missing]

    def opening(call: CallRow) -> tuple[int, str]:
        return call.opened_at_us, call.call_id

    def by(call: CallRow) -> Any:
        value = values_of(call, sorting.by)
        return value.encode() if isinstance(value, str) else value

    having.sort(key=lambda call: (by(call), *opening(call)), reverse=sorting.descending)
    others.sort(key=opening, reverse=sorting.descending)
    return [call.call_id for call in (*having, *others)]


@pytest.mark.parametrize("by", [by for by in get_args(Sort) if by != "feedback"])
async def test_pages_of_any_order_have_each_call_once(facts: FactsStore, by: Sort) -> None:
    org_id = fresh_org()
    calls = varied(org_id)
    await facts.insert([*calls, a_call(fresh_org())])
    for descending, limit in itertools.product((True, False), (1, 3)):
        sorting = Sorting(by, descending)
        seen: list[str] = []
        cursor: Cursor | None = None
        while not seen or cursor is not None:
            page = await calls_page(
                facts, org_id, CallFilters(), limit=limit, before=cursor, sorting=sorting
            )
            seen += [call.call_id for call in page.calls]
            cursor = page.next_cursor
        assert seen == in_order(calls, sorting), (descending, limit)
    by_number = await sorted_calls(facts, org_id, CallFilters(), Sorting(by), limit=3, offset=2)
    assert [call.call_id for call in by_number] == in_order(calls, Sorting(by))[2:5]


async def test_a_page_goes_on_behind_a_call_that_is_gone(facts: FactsStore) -> None:
    org_id = fresh_org()
    calls = [a_call(org_id, NOON_US + n, turns=n) for n in range(4)]
    await facts.insert(calls[:3])
    sorting = Sorting("turns", descending=False)
    first = await calls_page(facts, org_id, CallFilters(), limit=2, sorting=sorting)
    await facts.insert([a_call(org_id, NOON_US, turns=0), calls[3]])
    then = await calls_page(facts, org_id, CallFilters(), before=first.next_cursor, sorting=sorting)
    assert [call.turns for call in then.calls] == [2, 3]


@pytest.mark.parametrize(
    "cursor",
    [
        Cursor(NOON_US, "call_x"),
        Cursor(NOON_US, "call_x", Sorting("turns", descending=False), 3),
        Cursor(NOON_US, "call_x", Sorting("turns"), "three"),
    ],
    ids=["another order", "the other way", "another kind of value"],
)
async def test_a_cursor_of_another_list_is_refused(facts: FactsStore, cursor: Cursor) -> None:
    with pytest.raises(BadCondition, match="cursor"):
        await calls_page(facts, fresh_org(), CallFilters(), before=cursor, sorting=Sorting("turns"))


def test_every_order_is_in_the_reference() -> None:
    text = (Path(__file__).parents[2] / "docs" / "reference" / "api.md").read_text("utf-8")
    assert [by for by in get_args(Sort) if f"`{by}`" not in text] == []
