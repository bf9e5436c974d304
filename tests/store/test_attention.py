"""Why calls should be looked at: each reason by its own row, and the gravest first."""

from typing import Any

import pytest
from tests.support.facts import NOON_US, SECOND_US, a_call, fresh_org

from trunkline.store.facts.attention import ANY, REASONS, given
from trunkline.store.facts.measure import Question, measure
from trunkline.store.facts.queries_attention import attention
from trunkline.store.facts.queries_calls import CallFilters, calls_page
from trunkline.store.facts.queries_measure import measured
from trunkline.store.facts.rows import MarkRow
from trunkline.store.facts.store import FactsStore

GIVING: dict[str, dict[str, Any]] = {
    "failed": {"status": "recovered"},
    "lost": {"damaged_records": 1},
    "thumbs_down": {},
    "errors": {"errors": 1},
    "unanswered": {"unanswered_turns": 1},
    "slow": {"wait_max_us": 3_500_001},
    "tool_dead_air": {"tool_dead_us": 2_000_001},
    "dead_air": {"longest_silence_us": 10_000_001},
    "talked_over": {"barge_ins": 3, "turns": 5},
    "unheard": {"assistant_audio_us": 100, "heard_audio_us": 79},
    "unpriced": {"unpriced": ("brand-new",)},
}
"""What of a row gives the reason."""
JUST_NOT: dict[str, dict[str, Any]] = {
    "live": {"status": "live"},
    "wait": {"wait_max_us": 3_500_000},
    "no wait": {"wait_max_us": None},
    "tools": {"tool_dead_us": 2_000_000},
    "silence": {"longest_silence_us": 10_000_000},
    "barge-ins": {"barge_ins": 3, "turns": 6},
    "few barge-ins": {"barge_ins": 2, "turns": 2},
    "unheard": {"assistant_audio_us": 100, "heard_audio_us": 80},
}


async def insert_down(facts: FactsStore, org_id: str) -> str:
    call = a_call(org_id)
    mark = MarkRow(org_id=org_id, call_id=call.call_id, version=1, kind="feedback", number=0.0)
    await facts.insert([mark, call])
    return call.call_id


@pytest.mark.parametrize("reason", [one.id for one in REASONS])
async def test_a_reason_is_given_counted_and_filtered_by(facts: FactsStore, reason: str) -> None:
    org_id = fresh_org()
    await facts.insert(a_call(org_id, **changes) for changes in JUST_NOT.values())
    if reason == "thumbs_down":
        wanted = await insert_down(facts, org_id)
    else:
        call = a_call(org_id, **GIVING[reason])
        wanted = call.call_id
        await facts.insert([call])
    found = await attention(facts, org_id, CallFilters())
    assert [(one.call.call_id, one.reasons) for one in found.calls] == [(wanted, (reason,))]
    assert found.of_reason == ((reason, 1),)
    for asked in (reason, ANY):
        page = await calls_page(facts, org_id, CallFilters(attention=asked))
        assert [call.call_id for call in page.calls] == [wanted]
    metrics = (measure("calls.attention", "sum"), measure(f"attention.{reason}", "sum"))
    (row,) = (await measured(facts, org_id, Question(measures=metrics))).rows
    assert [numbers["sum"] for numbers in row.numbers] == [1, 1]


async def test_one_grave_reason_goes_before_all_that_are_less_so(facts: FactsStore) -> None:
    org_id = fresh_org()
    slight = {"wait_max_us": 9_000_000, "tool_dead_us": 9_000_000, "unpriced": ("x",)}
    calls = [
        a_call(org_id, NOON_US + 3 * SECOND_US, **slight),
        a_call(org_id, NOON_US, errors=1),
        a_call(org_id, NOON_US + SECOND_US, errors=1),
        a_call(org_id, NOON_US, errors=1, **slight),
        a_call(org_id, NOON_US, status="failed"),
        a_call(org_id, NOON_US),
    ]
    await facts.insert(calls)
    found = await attention(facts, org_id, CallFilters(), limit=4)
    ids = [calls[place].call_id for place in (4, 3, 2, 1)]
    assert [one.call.call_id for one in found.calls] == ids
    assert found.calls[1].reasons == ("errors", "slow", "tool_dead_air", "unpriced")
    assert dict(found.of_reason) == {
        "failed": 1, "errors": 3, "slow": 2, "tool_dead_air": 2, "unpriced": 2,
    }  # fmt: skip


def test_a_mask_holds_every_reason() -> None:
    assert given(0) == ()
    assert given((1 << len(REASONS)) - 1) == tuple(one.id for one in REASONS)
    assert [one.grave for one in REASONS] == sorted((one.grave for one in REASONS), reverse=True)


async def test_a_reason_that_is_none_has_no_calls(facts: FactsStore) -> None:
    org_id = fresh_org()
    await facts.insert([a_call(org_id, status="failed")])
    filters = CallFilters(attention="') OR 1 --")
    assert (await calls_page(facts, org_id, filters)).calls == []
