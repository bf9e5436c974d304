"""Two cohorts by distribution, two calls by turn: one set of numbers for API and page."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.support.facts import NOON_US, SECOND_US, a_call, whole
from tests.support.web import Member, Site

from trunkline.store.facts.rows import CallRow, Row, TurnRow
from trunkline.web import comparing

MINUTE_US = 60 * SECOND_US
SHARED: dict[str, Any] = {"version": 40, "kind": "speech", "status": "completed"}


def turn(call: CallRow, number: int, wait_ms: int | None, **changes: Any) -> TurnRow:
    fields: dict[str, Any] = {
        "org_id": call.org_id, "call_id": call.call_id, "turn": number, **SHARED,
        "wait_us": None if wait_ms is None else wait_ms * 1000,
    }  # fmt: skip
    return TurnRow(**{**fields, **changes})


def cohort(org_id: str, version: str, base_ms: int, calls: int) -> list[Row]:
    """Calls of a version of the application, two turns each: base, base + 10, base + 20 …"""
    rows: list[Row] = []
    for number in range(calls):
        call = a_call(
            org_id, NOON_US + number * SECOND_US, properties={"version": version, "tier": "gold"},
            cost_usd=Decimal(number + base_ms) / 1000, model_used=f"model-{version}",
        )  # fmt: skip
        rows += [turn(call, 1, base_ms + 20 * number), turn(call, 2, base_ms + 20 * number + 10)]
        rows.append(call)
    return whole(rows)


async def with_versions(site: Site, **calls: int) -> Member:
    """Return somebody who has calls of versions v1, v2 and v3 of an application, the second of
    which waits longest; somebody else has others."""
    mine, other = await site.join(), await site.join()
    site.clock.now_us = NOON_US + 60 * MINUTE_US
    for version, base_ms in (("1", 500), ("2", 1500), ("3", 900)):
        await site.facts.insert(cohort(mine.org_id, version, base_ms, calls[f"v{version}"]))
    await site.facts.insert(cohort(other.org_id, "9", 9000, 14))
    return mine


@pytest.fixture
async def member(site: Site) -> Member:
    return await with_versions(site, v1=12, v2=12, v3=3)


async def post(site: Site, member: Member, body: Any, status: int = 200) -> Any:
    answer = await site.client.post("/v1/compare", json=body, headers=member.bearer)
    assert answer.status_code == status, answer.text
    return answer.json()


BY_PROPERTY = {"by": "property:version", "values": ["1", "2"], "metrics": ["turn.wait"]}


async def test_two_values_of_a_property(site: Site, member: Member) -> None:
    (wait,) = (await post(site, member, BY_PROPERTY))["data"]
    assert (wait["metric"], wait["unit"], wait["of"]) == ("turn.wait", "ms", "turns")
    assert wait["a"] == {
        "n": 24, "values": {"p50": 620.0, "p95": 720.0}, "calls": 12, "rows": 24, "whole": True,
    }  # fmt: skip
    assert wait["b"]["values"] == {"p50": 1620.0, "p95": 1720.0}
    median, p95 = wait["differences"]
    assert (median["aggregate"], median["value"], median["says"]) == ("p50", 1000.0, "higher")
    assert 850 < median["low"] < 1000 < median["high"] < 1150
    # Of 24 rows nobody knows the slowest twentieth.
    assert (p95["value"], p95["low"], p95["says"]) == (1000.0, None, "too_few")
    assert wait["superiority"] == 1.0
    assert wait["shared_calls"] == 0
    spread = wait["distribution"]
    assert sum(spread["a"]) == pytest.approx(1)
    assert sum(spread["b"]) == pytest.approx(1)
    assert len(spread["edges"]) == len(spread["a"]) == len(spread["b"])


async def test_the_numbers_are_those_of_any_other_question(site: Site, member: Member) -> None:
    names = [name for name in comparing.METRICS if name != "tool.latency"]
    found = await post(site, member, {**BY_PROPERTY, "metrics": names})
    for side, version in (("a", "1"), ("b", "2")):
        for one in found["data"]:
            aggregates = list(one["a"]["values"])
            body = {
                "metrics": [{"metric": one["metric"], "aggregates": aggregates}],
                "property": [f"version={version}"],
            }
            answer = await site.client.post("/v1/metrics/query", json=body, headers=member.bearer)
            (row,) = answer.json()["data"]
            values = row["values"][one["metric"]]
            assert one[side]["n"] == values.pop("n")
            assert one[side]["values"] == values, one["metric"]


async def test_two_sets_of_filters(site: Site, member: Member) -> None:
    """What stands beside both holds for both; a side's own word goes before it."""
    second = {"field": "property:version", "operator": "equals", "value": "2"}
    body = {
        "property": ["tier=gold"],
        "model": "model-1",
        "a": {},
        "b": {"model": "", "where": second},
        "metrics": ["turn.wait", "call.cost"],
    }
    wait, cost = (await post(site, member, body))["data"]
    assert (wait["a"]["n"], wait["b"]["n"]) == (24, 24)
    assert wait["differences"][0]["value"] == 1000.0
    assert cost["differences"][0]["value"] == "1.000000000"
    assert Decimal(cost["differences"][0]["low"]) > Decimal("0.98")
    none = {**body, "property": ["tier=silver"]}
    wait, _ = (await post(site, member, none))["data"]
    assert (wait["a"]["n"], wait["a"]["values"]["p50"], wait["superiority"]) == (0, None, None)
    assert wait["differences"][0] == {
        "aggregate": "p50", "value": None, "low": None, "high": None, "says": "too_few",
    }  # fmt: skip


async def test_before_and_after(site: Site, member: Member) -> None:
    ends = {"a": {"to": "2026-11-18T12:00:06Z"}, "b": {"from": "2026-11-18T12:00:06Z"}}
    found = await post(site, member, {"property": ["version=1"], "metrics": ["calls"], **ends})
    (calls,) = found["data"]
    assert (calls["a"]["n"], calls["b"]["n"]) == (6, 6)
    assert found["a"]["to"] == found["b"]["from"] == "2026-11-18T12:00:06Z"


async def test_few_calls_are_said_to_be_few(site: Site, member: Member) -> None:
    (wait,) = (await post(site, member, {**BY_PROPERTY, "values": ["1", "3"]}))["data"]
    assert wait["b"]["calls"] == 3
    assert wait["differences"][0]["says"] == "too_few"
    assert wait["differences"][0]["value"] == 310.0


async def test_the_same_twice_is_no_difference(site: Site, member: Member) -> None:
    (wait,) = (await post(site, member, {**BY_PROPERTY, "values": ["1", "1"]}))["data"]
    assert wait["differences"][0]["says"] == "not_shown"
    assert wait["superiority"] == 0.5
    assert wait["shared_calls"] == 12


async def test_more_rows_than_are_looked_at_are_drawn_by_whole_calls(
    site: Site, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "MOST_ROWS", 22)
    (wait,) = (await post(site, member, BY_PROPERTY))["data"]
    assert (wait["a"]["n"], wait["a"]["rows"], wait["a"]["calls"]) == (24, 22, 11)
    assert wait["a"]["whole"] is False
    assert wait["differences"][0]["says"] == "higher"
    assert (await post(site, member, BY_PROPERTY))["data"] == [wait]


BAD = {
    "one value": {"by": "model", "values": ["x"]},
    "values of nothing": {"values": ["x", "y"]},
    "no dimension of calls": {"by": "tool", "values": ["x", "y"]},
    "SQL": {"by": "model) OR (1", "values": ["x", "y"]},
    "an unknown metric": {"metrics": ["joy"]},
    "text": {"metrics": ["error.message"]},
    "a histogram": {"metrics": ["frame.relay"]},
    "a number of different users": {"metrics": ["users"]},
    "the same twice": {"metrics": ["calls", "calls"]},
    "a field that is none": {"colour": "blue"},
    "a side's field that is none": {"a": {"colour": "blue"}},
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
async def test_what_cannot_be_compared_is_told_why(site: Site, body: Any) -> None:
    found = await post(site, await site.join(), body, 400)
    assert found["error"]["message"]


async def test_two_calls_by_turn(site: Site) -> None:
    member = await site.join()
    one, other = a_call(member.org_id), a_call(member.org_id)
    cost = Decimal("0.002")
    await site.facts.insert([
        turn(one, 1, 700, cost_usd=cost), turn(one, 2, None),
        turn(other, 1, 950, cost_usd=cost * 2), turn(other, 2, 800), turn(other, 3, 400),
        one, other,
    ])  # fmt: skip
    path = f"/v1/calls/{one.call_id}/compare/{other.call_id}"
    found = (await site.client.get(path, headers=member.bearer)).json()
    assert (found["a"]["id"], found["b"]["id"]) == (one.call_id, other.call_id)
    first, second, third = found["data"]
    assert (first["a"]["wait_ms"], first["b"]["wait_ms"]) == (700.0, 950.0)
    assert first["differences"]["wait_ms"] == 250.0
    assert Decimal(first["differences"]["cost_usd"]) == cost
    assert second["differences"]["wait_ms"] is None
    assert (third["a"], third["b"]["turn"], third["differences"]["wait_ms"]) == (None, 3, None)
