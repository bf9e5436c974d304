"""An organisation's own thresholds: what may be, how SQL is filled, and that answers follow."""

import pytest
from msgspec.structs import replace
from tests.support.facts import a_call, fresh_org

from trunkline.store.facts.attention import ANY, MASK, NEEDED, REASON_OF, means, predicate
from trunkline.store.facts.measure import Question, measure
from trunkline.store.facts.queries_attention import attention
from trunkline.store.facts.queries_calls import CallFilters, calls_page
from trunkline.store.facts.queries_measure import measured
from trunkline.store.facts.store import FactsStore
from trunkline.store.thresholds import (
    DEFAULT,
    NAMES,
    Thresholds,
    differing,
    filled,
    judges,
    loaded,
    problem,
    stored,
    told,
)

SQL = {
    "slow": "ifNull(wait_max_us > 3500000, 0)",
    "tool_dead_air": "ifNull(tool_dead_us > 2000000, 0)",
    "dead_air": "ifNull(longest_silence_us > 10000000, 0)",
    "talked_over": "ifNull(barge_ins >= 3 AND 2 * barge_ins > turns, 0)",
    "unheard": "ifNull(assistant_audio_us - heard_audio_us > 0.2 * assistant_audio_us, 0)",
}
"""As it reached the engine before organisations had thresholds."""
OWN = Thresholds(long_wait_us=2_500_000, much_unheard_percent=7, many_barge_ins=5)


@pytest.mark.parametrize("reason", SQL)
def test_without_thresholds_of_ones_own_the_sql_is_what_it_was(reason: str) -> None:
    assert filled(predicate(reason), DEFAULT) == SQL[reason]
    for whole in (NEEDED, MASK, predicate(ANY)):
        assert SQL[reason] in filled(whole, DEFAULT)
        assert not judges(filled(whole, DEFAULT))


def test_sql_and_words_tell_the_organisations_own_numbers() -> None:
    assert filled(predicate("slow"), OWN) == "ifNull(wait_max_us > 2500000, 0)"
    assert "> 0.07 * assistant_audio_us" in filled(NEEDED, OWN)
    assert "barge_ins >= 5 AND" in filled(MASK, OWN)
    assert REASON_OF["slow"].means == "A turn's wait was longer than 3.5 s."
    assert REASON_OF["slow"].told(OWN) == "A turn's wait was longer than 2.5 s."
    assert REASON_OF["unheard"].told(OWN).startswith("More than 7% of")
    assert REASON_OF["talked_over"].told(OWN).startswith("5 barge-ins or more,")
    assert means("attention.slow", "", OWN) == REASON_OF["slow"].told(OWN)
    assert means("slow", "Something else.", OWN) == "Something else."


def test_only_what_differs_is_kept() -> None:
    assert stored(DEFAULT) is None
    assert loaded(None) == DEFAULT
    assert stored(Thresholds(long_wait_us=2_500_000)) == '{"long_wait_us":2500000}'
    assert loaded(stored(OWN)) == OWN
    assert differing(OWN) == ("long_wait_us", "much_unheard_percent", "many_barge_ins")
    assert told(OWN).startswith("long_wait_us = 2500000, ")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_and_too_much_are_refused(name: str) -> None:
    for value in (0, -1, 10**12):
        wrong = problem(replace(DEFAULT, **{name: value}))
        assert wrong is not None
        assert wrong[0] == name
    assert problem(DEFAULT) is None


def test_a_fair_wait_is_below_a_long_one_and_dead_air_too() -> None:
    wrong = problem(Thresholds(fair_wait_us=3_500_000))
    assert wrong is not None
    assert wrong == (
        "fair_wait_us",
        "A fair wait must be less than a long wait (3.5 s): lower the one, or raise the other.",
    )
    assert problem(Thresholds(dead_air_us=11_000_000)) is not None
    assert problem(Thresholds(long_wait_us=1_500_500)) == (
        "long_wait_us",
        "A time may be 0.001 to 3600 s, to a thousandth.",
    )


async def test_what_is_counted_and_listed_follows_the_organisations_own(facts: FactsStore) -> None:
    mine, theirs = fresh_org(), fresh_org()

    async def thresholds(org_id: str) -> Thresholds:
        return OWN if org_id == mine else DEFAULT

    judging = facts.judged_by(thresholds)
    found: dict[str, set[int | None]] = {}
    for org_id in (mine, theirs):
        waits_us = (2_500_000, 2_500_001, 3_500_000, 3_500_001)
        await facts.insert(a_call(org_id, wait_max_us=us) for us in waits_us)
        page = await calls_page(judging, org_id, CallFilters(attention="slow"))
        found[org_id] = {call.wait_max_us for call in page.calls}
        metrics = (measure("attention.slow", "sum"), measure("calls.attention", "sum"))
        (row,) = (await measured(judging, org_id, Question(measures=metrics))).rows
        assert [numbers["sum"] for numbers in row.numbers] == [len(page.calls)] * 2
        looked_at = await attention(judging, org_id, CallFilters())
        assert looked_at.of_reason == (("slow", len(page.calls)),)
        assert {one.call.wait_max_us for one in looked_at.calls} == found[org_id]
    assert found == {mine: {2_500_001, 3_500_000, 3_500_001}, theirs: {3_500_001}}
    # The store itself judges as before.
    assert len((await calls_page(facts, mine, CallFilters(attention="slow"))).calls) == 1
