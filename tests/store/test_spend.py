"""What each key's calls cost this month, and who is over budget by it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.control import ManualClock, open_control
from tests.support.facts import NOON_US, a_call, fresh_org

from trunkline.errors import TrunklineError
from trunkline.store.control.accounts import KeyLimits
from trunkline.store.control.store import ControlStore
from trunkline.store.facts.queries_spend import KeySpend, spend_by_key
from trunkline.store.facts.rows import CallRow, UsageRow
from trunkline.store.facts.store import FactsStore
from trunkline.store.month import Month
from trunkline.store.spending import Spending

HOUR_US = 3600 * 10**6
NOVEMBER = Month.of(NOON_US)

_number = itertools.count()


def used(call: CallRow, seq: int, usd: str | None, **changes: Any) -> UsageRow:
    row = UsageRow(
        org_id=call.org_id,
        call_id=call.call_id,
        version=seq,
        seq=seq,
        at_us=seq,
        at_day="2026-11-18",
        kind="response",
        model="gpt-realtime-2.1",
        cost_usd=None if usd is None else Decimal(usd),
    )
    return msgspec.structs.replace(row, **changes)


# --- months --------------------------------------------------------------------------

MONTHS = {
    "the middle of November": ("2026-11-18T12:00:00Z", "2026-11-01", "2026-12-01"),
    "its first moment": ("2026-11-01T00:00:00Z", "2026-11-01", "2026-12-01"),
    "the last moment of a year": ("2026-12-31T23:59:59.999999Z", "2026-12-01", "2027-01-01"),
    "a leap day": ("2028-02-29T01:00:00Z", "2028-02-01", "2028-03-01"),
}


@pytest.mark.parametrize(("at", "first", "after"), MONTHS.values(), ids=MONTHS)
def test_a_month_is_the_calendars(at: str, first: str, after: str) -> None:
    moment = datetime.fromisoformat(at)
    month = Month.of(round(moment.timestamp() * 1_000_000))
    assert month.days == (first, after)


@given(st.integers(0, 4_000_000_000_000_000))
def test_every_moment_is_in_its_month_and_months_touch(wall_us: int) -> None:
    month = Month.of(wall_us)
    assert month.from_us <= wall_us < month.until_us
    assert Month.of(month.until_us).from_us == month.until_us
    assert Month.of(month.from_us) == month


# --- facts ---------------------------------------------------------------------------


async def spend(facts: FactsStore, org_id: str, month: Month = NOVEMBER) -> dict[str, KeySpend]:
    return await spend_by_key(facts, org_id, month)


async def test_what_was_used_is_summed_by_the_key_of_its_call(facts: FactsStore) -> None:
    org = fresh_org()
    one, two = a_call(org, key_id="key_1"), a_call(org, key_id="key_1")
    other, nobodys = a_call(org, key_id="key_2"), a_call(org, key_id="")
    stranger = a_call(fresh_org(), key_id="key_1")
    await facts.insert(
        [
            *(one, two, other, nobodys, stranger),
            used(one, 1, "0.000000001"),
            used(one, 2, "1.5"),
            used(two, 1, "0.25", kind="transcription"),
            used(other, 1, "7"),
            used(nobodys, 1, "8"),
            used(stranger, 1, "9"),
        ]
    )
    found = await spend(facts, org)
    assert found == {
        "key_1": KeySpend(key_id="key_1", spent_usd=Decimal("1.750000001"), unpriced=[]),
        "key_2": KeySpend(key_id="key_2", spent_usd=Decimal(7), unpriced=[]),
    }


async def test_a_live_call_counts_as_it_goes(facts: FactsStore) -> None:
    org = fresh_org()
    live = a_call(org, status="live", ended_at_us=None, duration_us=None, version=1)
    await facts.insert([used(live, 1, "1"), live])
    assert (await spend(facts, org))["key_1"].spent_usd == 1
    later = msgspec.structs.replace(live, version=2)
    await facts.insert([used(live, 2, "2"), later])
    assert (await spend(facts, org))["key_1"].spent_usd == 3


async def test_delivered_again_it_counts_once(facts: FactsStore) -> None:
    """A recorder that was killed stores again what it is not sure of."""
    org = fresh_org()
    call = a_call(org)
    rows = [used(call, 1, "1"), used(call, 2, "2"), call]
    for _ in range(3):
        await facts.insert(rows)
    await facts.insert([used(call, 2, "2.5", version=9), call])
    assert (await spend(facts, org))["key_1"].spent_usd == Decimal("3.5")


async def test_what_has_no_price_is_named_and_is_no_zero(facts: FactsStore) -> None:
    org = fresh_org()
    call = a_call(org)
    await facts.insert(
        [
            used(call, 1, None, model="new-model"),
            used(call, 2, None, model="new-model"),
            used(call, 3, None, model="another"),
            used(call, 4, "1"),
            call,
        ]
    )
    assert (await spend(facts, org))["key_1"] == KeySpend(
        key_id="key_1", spent_usd=Decimal(1), unpriced=["another", "new-model"]
    )


async def test_a_call_over_midnight_is_paid_in_two_months(facts: FactsStore) -> None:
    """Each use belongs to the day on which it was, as its price does."""
    org = fresh_org()
    call = a_call(org, NOVEMBER.until_us - HOUR_US)
    await facts.insert(
        [
            used(call, 1, "1", at_day="2026-11-30"),
            used(call, 2, "2", at_day="2026-12-01"),
            call,
        ]
    )
    december = Month.of(NOVEMBER.until_us)
    assert (await spend(facts, org))["key_1"].spent_usd == 1
    assert (await spend(facts, org, december))["key_1"].spent_usd == 2
    assert await spend(facts, org, Month.of(december.until_us)) == {}


# --- budgets -------------------------------------------------------------------------


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON_US)


@pytest.fixture
async def control(tmp_path: Path, clock: ManualClock) -> AsyncGenerator[ControlStore]:
    store = await open_control(tmp_path, clock)
    yield store
    await store.close()


async def spent_until(control: ControlStore) -> list[tuple[int, int]]:
    """Return what gateways hear: until when each key, and its organisation, have spent."""
    keys = sorted((await control.snapshot()).keys, key=lambda key: key.name)
    return [(key.spent_until_us, key.org_spent_until_us) for key in keys]


async def org_with(control: ControlStore, *budgets: str | None) -> tuple[str, list[str]]:
    """Return a fresh organisation and a key for each budget, whose names are in this order."""
    new = await control.sign_up(f"{fresh_org()}@example.com", "correct horse battery", "Org")
    org_id = new.signed_in.org.id
    keys: list[str] = []
    for usd in budgets:
        limits = KeyLimits(max_usd_per_month=None if usd is None else Decimal(usd))
        made = await control.create_key(org_id, f"{next(_number):09d}", limits=limits)
        keys.append(made.key.id)
    return org_id, keys


async def test_a_key_is_over_its_budget_from_the_cent_that_reaches_it(
    facts: FactsStore, control: ControlStore, clock: ManualClock
) -> None:
    spending = Spending(control, facts, clock.wall_ns)
    org, (first, second, third) = await org_with(control, "1", "1", None)
    calls = [a_call(org, key_id=key_id) for key_id in (first, second, third)]
    await facts.insert(
        [
            used(calls[0], 1, "0.999999999"),
            used(calls[1], 1, "1"),
            used(calls[2], 1, "100"),
            *calls,
        ]
    )
    await spending.look()
    until_us = NOVEMBER.until_us
    assert await spent_until(control) == [(0, 0), (until_us, 0), (0, 0)]
    await facts.insert([used(calls[0], 2, "0.000000001")])
    await spending.look()
    assert await spent_until(control) == [(until_us, 0), (until_us, 0), (0, 0)]


async def test_a_budget_is_fresh_in_the_next_month(
    facts: FactsStore, control: ControlStore, clock: ManualClock
) -> None:
    spending = Spending(control, facts, clock.wall_ns)
    org, (key_id,) = await org_with(control, "1")
    call = a_call(org, key_id=key_id)
    await facts.insert([used(call, 1, "2"), call])
    await spending.look()
    assert await spent_until(control) == [(NOVEMBER.until_us, 0)]
    clock.now_us = NOVEMBER.until_us
    await spending.look()
    assert await spent_until(control) == [(0, 0)]


async def test_a_budget_raised_or_taken_away_lets_calls_in_again(
    facts: FactsStore, control: ControlStore, clock: ManualClock
) -> None:
    spending = Spending(control, facts, clock.wall_ns)
    org, (key_id,) = await org_with(control, "1")
    call = a_call(org, key_id=key_id)
    await facts.insert([used(call, 1, "2"), call])
    await spending.look()
    await control.limit_key(org, key_id, KeyLimits(max_usd_per_month=Decimal(3)))
    await spending.look()
    assert await spent_until(control) == [(0, 0)]
    await control.limit_key(org, key_id, KeyLimits(max_usd_per_month=Decimal("0.5")))
    await spending.look()
    assert await spent_until(control) == [(NOVEMBER.until_us, 0)]
    await control.limit_key(org, key_id, KeyLimits())
    assert await spent_until(control) == [(0, 0)]
    await spending.look()
    assert await spent_until(control) == [(0, 0)]


async def test_an_organisations_budget_is_of_all_its_keys_together(
    facts: FactsStore, control: ControlStore, clock: ManualClock
) -> None:
    spending = Spending(control, facts, clock.wall_ns)
    org, keys = await org_with(control, None, "5")
    await org_with(control, None)
    await control.limit_organisation(org, Decimal(3))
    calls = [a_call(org, key_id=key_id) for key_id in keys]
    await facts.insert([used(calls[0], 1, "1.5"), used(calls[1], 1, "1.49"), *calls])
    await spending.look()
    assert await spent_until(control) == [(0, 0)] * 3
    await facts.insert([used(calls[1], 2, "0.01")])
    await spending.look()
    spent = [(0, NOVEMBER.until_us)] * 2 + [(0, 0)]
    assert await spent_until(control) == spent
    await control.limit_organisation(org, None)
    assert await spent_until(control) == [(0, 0)] * 3


async def test_a_revoked_keys_calls_still_count_for_the_organisation(
    facts: FactsStore, control: ControlStore, clock: ManualClock
) -> None:
    spending = Spending(control, facts, clock.wall_ns)
    org, keys = await org_with(control, "1", None)
    await control.limit_organisation(org, Decimal(2))
    calls = [a_call(org, key_id=key_id) for key_id in keys]
    await facts.insert([*(used(call, 1, "1") for call in calls), *calls])
    assert await control.revoke_key(org, keys[0])
    await spending.look()
    assert await spent_until(control) == [(0, NOVEMBER.until_us)] * 2


async def test_a_spent_budget_is_published_before_look_returns_and_only_once(
    facts: FactsStore, tmp_path: Path, clock: ManualClock
) -> None:
    path = tmp_path / "snapshot.json"
    control = await open_control(tmp_path, clock, publish_to=path)
    spending = Spending(control, facts, clock.wall_ns)
    org, (key_id,) = await org_with(control, "1")
    call = a_call(org, key_id=key_id)
    await facts.insert([used(call, 1, "2"), call])
    await spending.look()
    assert str(NOVEMBER.until_us) in path.read_text()
    inode = path.stat().st_ino
    await spending.look()
    assert path.stat().st_ino == inode
    await control.close()


async def test_while_the_facts_do_not_answer_what_is_known_stays(
    facts: FactsStore, control: ControlStore, clock: ManualClock
) -> None:
    class Down(FactsStore):
        async def ask(self, *_: Any, **__: Any) -> Any:
            raise TrunklineError("down")

    org, (key_id,) = await org_with(control, "1")
    call = a_call(org, key_id=key_id)
    await facts.insert([used(call, 1, "2"), call])
    await Spending(control, facts, clock.wall_ns).look()
    down = Spending(control, Down.__new__(Down), clock.wall_ns)
    await down._look()  # pyright: ignore[reportPrivateUsage]
    assert await spent_until(control) == [(NOVEMBER.until_us, 0)]
