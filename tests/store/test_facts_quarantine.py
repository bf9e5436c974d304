"""A row that the engine refuses is put aside; it neither stops the others nor is lost."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.facts import a_call, fresh_org, parts_of

from trunkline.store.facts import queries_call as one
from trunkline.store.facts.line import FactsUnavailable
from trunkline.store.facts.quarantine import (
    MAX_REFUSED_IN_A_ROW,
    Quarantine,
    RowsRefused,
    sift,
)
from trunkline.store.facts.store import QUARANTINE, FactsStore

HUGE = Decimal(10) ** 12
"""More dollars than the engine can hold."""


class Picky:
    """Takes whole batches of good rows, as an engine does."""

    def __init__(self, bad: set[int], *, certain: bool = True) -> None:
        self.bad = bad
        self.certain = certain
        self.taken: list[int] = []
        self.asked = 0

    def insert(self, rows: Sequence[int]) -> None:
        self.asked += 1
        if self.bad & set(rows):
            raise RowsRefused("no", certain=self.certain)
        self.taken += rows


@given(st.lists(st.integers(0, 60), unique=True, min_size=1), st.sets(st.integers(0, 60)))
def test_what_is_refused_is_found_and_the_others_are_stored_in_order(
    rows: list[int], bad: set[int]
) -> None:
    engine = Picky(bad)
    refused = sift(engine.insert, rows)
    assert refused == [(row, "no") for row in rows if row in bad]
    assert engine.taken == [row for row in rows if row not in bad]


def test_one_refused_row_of_many_costs_few_inserts() -> None:
    engine = Picky({7_777})
    sift(engine.insert, range(20_000))
    assert engine.asked < 35


def test_an_engine_that_takes_nothing_is_not_the_rows_fault() -> None:
    engine = Picky(set(range(20_000)), certain=False)
    with pytest.raises(RowsRefused):
        sift(engine.insert, range(20_000))
    assert engine.asked < MAX_REFUSED_IN_A_ROW * 2 + 30
    with pytest.raises(RowsRefused):
        sift(engine.insert, [3])


def test_a_doubtful_refusal_is_the_rows_fault_when_others_are_taken() -> None:
    assert sift(Picky({3}, certain=False).insert, [1, 2, 3]) == [(3, "no")]


@pytest.fixture
def watched(facts: FactsStore, tmp_path: Path) -> FactsStore:
    """The engine of this process, with a quarantine of its own."""
    return FactsStore(facts._writes, facts._reads, None, Quarantine(tmp_path / QUARANTINE))


@pytest.mark.guarantee("D10")
async def test_a_refused_row_is_put_aside_and_does_not_stop_the_others(
    watched: FactsStore, tmp_path: Path
) -> None:
    calls = [a_call(fresh_org()) for _ in range(5)]
    calls[2] = msgspec.structs.replace(calls[2], cost_usd=HUGE, user_id="half \ud800 a pair")
    await watched.insert([row for call in calls for row in (*parts_of(call), call)])
    for call in calls:
        found = await one.call_by_id(watched, call.org_id, call.call_id)
        assert found == (None if call is calls[2] else call)
        assert len(await one.events_of_call(watched, call.org_id, call.call_id)) == 5
    assert watched.refused_rows == 1
    line = msgspec.json.decode((tmp_path / QUARANTINE).read_bytes())
    assert line["table"] == "CallRow"
    assert line["row"]["call_id"] == calls[2].call_id
    assert "too big" in line["reason"]


async def test_a_row_that_cannot_even_be_written_down_is_put_aside_too(
    watched: FactsStore,
) -> None:
    call, odd = a_call(fresh_org()), a_call(fresh_org(), properties={"a bug": object()})
    await watched.insert([odd, call])
    assert await one.call_by_id(watched, call.org_id, call.call_id) == call
    assert watched.refused_rows == 1


async def test_without_a_quarantine_what_is_refused_is_offered_again(facts: FactsStore) -> None:
    with pytest.raises(FactsUnavailable, match="too big"):
        await facts.insert([a_call(fresh_org(), cost_usd=HUGE)])


async def test_the_quarantine_forgets_a_call_and_is_counted_after_a_restart(
    watched: FactsStore, tmp_path: Path
) -> None:
    kept, erased = (a_call(fresh_org(), cost_usd=HUGE) for _ in range(2))
    await watched.insert([kept, erased])
    assert Quarantine(tmp_path / QUARANTINE).count == 2
    await watched.delete_call(erased.org_id, erased.call_id)
    assert erased.call_id not in (tmp_path / QUARANTINE).read_text()
    again = Quarantine(tmp_path / QUARANTINE)
    assert (watched.refused_rows, again.count) == (1, 1)
    again.clear()
    assert not list(tmp_path.iterdir())
