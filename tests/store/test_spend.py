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
from tests.support.facts import NOON_US, a_call, charged, fresh_org

from trunkline.errors import TrunklineError
from trunkline.store.control.accounts import KeyLimits
from trunkline.store.control.store import ControlStore
from trunkline.store.facts.queries_spend import KeySpend, spend_by_key
from trunkline.store.facts.store import FactsStore
from trunkline.store.month import Month
from trunkline.store.spending import Spending

HOUR_US = 3600 * 10**6
NOVEMBER = Month.of(NOON_US)

_number = itertools.count()


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
    stranger = fresh_org()
    await facts.insert(
        [
            *charged(a_call(org, key_id="key_1"), "0.000000001", "1.5"),
            *charged(a_call(org, key_id="key_1"), "0.25"),
            *charged(a_call(org, key_id="key_2"), "7"),
            *charged(a_call(org, key_id=""), "8"),
            *charged(a_call(stranger, key_id="key_1"), "9"),
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
    await facts.insert(charged(live, "1"))
    assert (await spend(facts, org))["key_1"].spent_usd == 1
    await facts.insert(charged(msgspec.structs.replace(live, version=2), "1", "2"))
    assert (await spend(facts, org))["key_1"].spent_usd == 3


async def test_delivered_again_it_counts_once(facts: FactsStore) -> None:
    """A recorder that was killed stores again what it is not sure of, and in any order."""
    org = fresh_org()
    call = a_call(org, version=1)
    later = charged(msgspec.structs.replace(call, version=2), "1", "2")
    for rows in (charged(call, "1"), later, later, charged(call, "1"), later[::-1]):
        await facts.insert(rows)
    assert (await spend(facts, org))["key_1"].spent_usd == 3


async def test_what_has_no_price_is_named_and_is_no_zero(facts: FactsStore) -> None:
    org = fresh_org()
    await facts.insert(charged(a_call(org), None, "1", None))
    assert (await spend(facts, org))["key_1"] == KeySpend(
        key_id="key_1", spent_usd=Decimal(1), unpriced=["unpriced"]
    )


async def test_a_call_over_midnight_is_paid_in_two_months(facts: FactsStore) -> None:
    """Each use belongs to the day on which it was, as its price does."""
    org, december = fresh_org(), Month.of(NOVEMBER.until_us)
    live = a_call(
        org, NOVEMBER.until_us - HOUR_US, status="live", ended_at_us=None, duration_us=None
    )
    old = charged(live, "1", day="2026-11-30")
    await facts.insert(old)
    assert (await spend(facts, org))["key_1"].spent_usd == 1
    assert await spend(facts, org, december) == {}
    both = charged(msgspec.structs.replace(live, version=41), "1", "2", None, day="2026-12-01")
    await facts.insert([*both[1:], *old[:1]])
    assert (await spend(facts, org, december))["key_1"] == KeySpend(
        key_id="key_1", spent_usd=Decimal(2), unpriced=["unpriced"]
    )
    await facts.insert(charged(a_call(org, december.from_us), "4", day="2026-12-01"))
    assert (await spend(facts, org, december))["key_1"].spent_usd == 6
    assert await spend(facts, org, Month.of(december.until_us)) == {}


async def test_a_call_that_ended_before_the_month_is_not_of_it(facts: FactsStore) -> None:
    org = fresh_org()
    before_us = NOVEMBER.from_us - HOUR_US
    await facts.insert(charged(a_call(org, before_us, ended_at_us=before_us + 1), "1"))
    assert await spend(facts, org) == {}


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
    await facts.insert(
        [
            *charged(a_call(org, key_id=first), "0.999999999"),
            *charged(a_call(org, key_id=second), "1"),
            *charged(a_call(org, key_id=third), "100"),
        ]
    )
    await spending.look()
    until_us = NOVEMBER.until_us
    assert await spent_until(control) == [(0, 0), (until_us, 0), (0, 0)]
    await facts.insert(charged(a_call(org, key_id=first), "0.000000001"))
    await spending.look()
    assert await spent_until(control) == [(until_us, 0), (until_us, 0), (0, 0)]


async def test_a_budget_is_fresh_in_the_next_month(
    facts: FactsStore, control: ControlStore, clock: ManualClock
) -> None:
    spending = Spending(control, facts, clock.wall_ns)
    org, (key_id,) = await org_with(control, "1")
    await facts.insert(charged(a_call(org, key_id=key_id), "2"))
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
    await facts.insert(charged(a_call(org, key_id=key_id), "2"))
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
    first, second = (a_call(org, key_id=key_id) for key_id in keys)
    await facts.insert([*charged(first, "1.5"), *charged(second, "1.49")])
    await spending.look()
    assert await spent_until(control) == [(0, 0)] * 3
    await facts.insert(charged(a_call(org, key_id=keys[1]), "0.01"))
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
    for key_id in keys:
        await facts.insert(charged(a_call(org, key_id=key_id), "1"))
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
    await facts.insert(charged(a_call(org, key_id=key_id), "2"))
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
    await facts.insert(charged(a_call(org, key_id=key_id), "2"))
    await Spending(control, facts, clock.wall_ns).look()
    down = Spending(control, Down.__new__(Down), clock.wall_ns)
    await down._look()  # pyright: ignore[reportPrivateUsage]
    assert await spent_until(control) == [(NOVEMBER.until_us, 0)]
