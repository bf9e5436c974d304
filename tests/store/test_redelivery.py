"""Rows delivered again, late, or in another order: every answer stays the same."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support.facts import NOON_US, SECOND_US, a_call, charged, fresh_org, parts_of

from trunkline.store.facts import ddl, queries_overview, queries_sessions, queries_spend
from trunkline.store.facts import queries_call as one
from trunkline.store.facts import queries_calls as many
from trunkline.store.facts.rows import CallRow, Row
from trunkline.store.facts.store import FactsStore
from trunkline.store.month import Month

pytestmark = pytest.mark.guarantee("D8")

SEED = 20261125
CALLS = 4
Batches = list[list[Row]]


def history() -> Batches:
    """Return what a recorder stores of calls, batch by batch: as they go on, and as they ended."""
    batches: Batches = []
    for number in range(CALLS):
        opened_us = NOON_US + number * 47 * SECOND_US
        call = a_call("", opened_us, session_id=f"session-{number % 3}", key_id=f"key-{number % 2}")
        call = msgspec.structs.replace(call, version=60)
        *uses, ended = charged(call, "0.0125", "0.000000001", None if number % 4 == 3 else "1.5")
        assert isinstance(ended, CallRow)
        live = [
            msgspec.structs.replace(
                ended, version=version, status="live", ended_at_us=None, cost_usd=cost, turns=0
            )
            for version, cost in ((10, None), (25, Decimal("0.0125")))
        ]
        parts = parts_of(ended)
        half = len(parts) // 2
        batches += [[live[0], *parts[:half]], [*uses, *parts[half:], live[1]], [ended]]
    return batches


def of(org_id: str, batches: Iterable[Sequence[Row]]) -> Batches:
    return [[msgspec.structs.replace(row, org_id=org_id) for row in rows] for rows in batches]


def twice(batches: Batches, _: random.Random) -> Batches:
    return [*batches, *batches]


def ten_times(batches: Batches, _: random.Random) -> Batches:
    return [batch for batch in batches for _ in range(10)]


def in_another_order(batches: Batches, chance: random.Random) -> Batches:
    return chance.sample(batches, len(batches))


def overlapping(batches: Batches, chance: random.Random) -> Batches:
    """Again and again from some place before the last: as after crashes."""
    rows = list(itertools.chain(*batches))
    ends = [*sorted(chance.sample(range(len(rows)), 8)), len(rows)]
    return [rows[chance.randrange(end + 1) : end] for end in ends] + [rows[: len(rows) // 2], rows]


def all_in_one(batches: Batches, chance: random.Random) -> Batches:
    rows = [*itertools.chain(*batches)] * 3
    return [chance.sample(rows, len(rows))]


DELIVERIES = (twice, ten_times, in_another_order, overlapping, all_in_one)


async def answers(facts: FactsStore, org_id: str) -> dict[str, Any]:
    """Return what every question about an organisation is answered: lists, sums, roll-ups."""
    calls = (await many.calls_page(facts, org_id, many.CallFilters(), limit=100)).calls
    sessions = await queries_sessions.sessions_page(
        facts, org_id, queries_sessions.SessionFilters(), limit=100
    )
    found: dict[str, Any] = {
        "calls": calls,
        "sessions": sessions,
        "overview": await queries_overview.overview(facts, org_id, many.CallFilters()),
        "values": await many.filter_values(facts, org_id),
        "use": await many.key_use(facts, org_id),
        "spend": await queries_spend.spend_by_key(facts, org_id, Month.of(NOON_US)),
    }
    for call in calls:
        for ask in (
            one.call_by_id,
            one.turns_of_call,
            one.responses_of_call,
            one.items_of_call,
            one.tool_calls_of_call,
            one.errors_of_call,
            one.usage_of_call,
            one.events_of_call,
        ):
            found[f"{ask.__name__} {call.call_id}"] = await ask(facts, org_id, call.call_id)
    return msgspec.to_builtins(found)


async def answers_as_json(facts: FactsStore, org_id: str) -> bytes:
    return msgspec.json.encode(await answers(facts, org_id))


@pytest.mark.parametrize("deliver", DELIVERIES)
async def test_whatever_is_delivered_again_changes_no_answer(
    facts: FactsStore, deliver: Any
) -> None:
    """Before the engine has merged what it was given, and afterwards."""
    batches, once, again = history(), fresh_org(), fresh_org()
    for rows in of(once, batches):
        await facts.insert(rows)
    for rows in of(again, deliver(batches, random.Random(SEED))):
        await facts.insert(rows)
    expected = (await answers_as_json(facts, once)).replace(once.encode(), again.encode())
    calls = msgspec.json.decode(expected)["calls"]
    assert [call["status"] for call in calls] == ["completed"] * CALLS
    assert await answers_as_json(facts, again) == expected
    for table in ddl.TABLES:
        await facts._run(facts._writes.client.command, f"OPTIMIZE TABLE {table.name} FINAL")
    assert await answers_as_json(facts, again) == expected
