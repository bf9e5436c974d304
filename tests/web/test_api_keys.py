"""Keys, limits and budgets by the API."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.support.facts import NOON_US, a_call, charged
from tests.support.web import Member, Site

from trunkline.store.control.limits import Spent
from trunkline.store.month import Month

LIMITS = {
    "max_calls": 3,
    "max_calls_per_minute": 20,
    "max_call_seconds": 600,
    "max_usd_per_month": "12.5",
}


async def key_of(site: Site, member: Member, key_id: str) -> dict[str, Any]:
    answer = await site.client.get(f"/v1/keys/{key_id}", headers=member.bearer)
    assert answer.status_code == 200
    return answer.json()


async def test_a_key_is_made_with_limits_and_told_once(site: Site) -> None:
    member = await site.join()
    wanted = {"name": "Voice app", "scopes": ["call"], "limits": {**LIMITS, "max_calls": None}}
    answer = await site.client.post("/v1/keys", headers=member.manager, json=wanted)
    assert answer.status_code == 201
    made = answer.json()
    assert made["key"].startswith(made["begins_with"])
    assert (made["name"], made["scopes"]) == ("Voice app", ["call"])
    assert made["limits"] == {**LIMITS, "max_calls": None}
    assert (await site.control.key_for(made["key"])) is not None
    shown = await key_of(site, member, made["id"])
    assert "key" not in shown
    assert made["key"] not in str(shown)
    assert shown == {name: value for name, value in made.items() if name != "key"} | {
        "last_used_at": shown["last_used_at"]
    }


async def test_without_more_said_a_key_calls_and_reads_without_limits(site: Site) -> None:
    member = await site.join()
    answer = await site.client.post("/v1/keys", headers=member.manager, json={"name": "k"})
    made = answer.json()
    assert made["scopes"] == ["call", "read"]
    assert set(made["limits"].values()) == {None}


async def test_limits_are_replaced_as_a_whole(site: Site) -> None:
    member = await site.join()
    path = f"/v1/keys/{member.spare_id}/limits"
    answer = await site.client.put(path, headers=member.manager, json=LIMITS)
    assert answer.json()["limits"] == LIMITS
    answer = await site.client.put(path, headers=member.manager, json={"max_calls": 1})
    shown = await key_of(site, member, member.spare_id)
    assert shown["limits"] == dict.fromkeys(LIMITS) | {"max_calls": 1}


async def test_a_key_is_revoked_and_stays_in_the_list(site: Site) -> None:
    member = await site.join()
    path = f"/v1/keys/{member.spare_id}"
    answer = await site.client.delete(path, headers=member.manager)
    assert answer.json()["revoked_at"] is not None
    assert (await key_of(site, member, member.spare_id))["revoked_at"] is not None
    assert (await site.client.delete(path, headers=member.manager)).status_code == 404
    limits = await site.client.put(f"{path}/limits", headers=member.manager, json={})
    assert limits.status_code == 404


BAD = {
    "no name": ({"name": " "}, "name"),
    "an unknown scope": ({"name": "k", "scopes": ["admin"]}, "scopes"),
    "no scope": ({"name": "k", "scopes": []}, "scopes"),
    "a limit that is none": ({"name": "k", "limits": {"max_calls": 0}}, "max_calls"),
    "a limit that is no number": ({"name": "k", "limits": {"max_calls": "x"}}, "limits.max_calls"),
    "a misspelt limit": ({"name": "k", "limits": {"max_call": 1}}, "limits.max_call"),
    "a budget of nothing": (
        {"name": "k", "limits": {"max_usd_per_month": 0}},
        "max_usd_per_month",
    ),
    "a field that is none": ({"name": "k", "colour": "blue"}, "colour"),
}


@pytest.mark.parametrize(("body", "named"), BAD.values(), ids=BAD)
async def test_what_cannot_be_is_named(site: Site, body: dict[str, Any], named: str) -> None:
    member = await site.join()
    answer = await site.client.post("/v1/keys", headers=member.manager, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(f"{named}: ")
    assert len(await site.control.list_keys(member.org_id)) == 4


async def test_a_key_says_what_it_has_spent_this_month_and_what_has_no_price(site: Site) -> None:
    site.clock.now_us = NOON_US
    member = await site.join()
    call = a_call(member.org_id, key_id=member.spare_id)
    await site.facts.insert(charged(call, "1.25", None))
    shown = await key_of(site, member, member.spare_id)
    assert shown["month"] == {
        "from_at": "2026-11-01T00:00:00Z",
        "until_at": "2026-12-01T00:00:00Z",
        "spent_usd": "1.25",
        "unpriced": ["unpriced"],
        "over_budget": False,
    }
    assert shown["last_used_at"] == "2026-11-18T12:00:00Z"
    budget = (await site.client.get("/v1/budget", headers=member.bearer)).json()
    over = Decimal(NOON_US - Month.of(NOON_US).from_us) / (30 * 24 * 3600 * 1_000_000)
    forecast = f"{Decimal('1.25') / over:.6f}"
    assert budget == {
        "max_usd_per_month": None,
        "month": shown["month"],
        "forecast_usd": forecast,
    }
    site.clock.now_us = Month.of(NOON_US).until_us
    assert (await key_of(site, member, member.spare_id))["month"]["spent_usd"] == "0"


async def test_a_budget_is_set_shown_spent_and_taken_away(site: Site) -> None:
    site.clock.now_us = NOON_US
    member = await site.join()
    answer = await site.client.put(
        "/v1/budget", headers=member.manager, json={"max_usd_per_month": 7.5}
    )
    assert answer.json()["max_usd_per_month"] == "7.5"
    organisations = frozenset({member.org_id})
    until_us = Month.of(NOON_US).until_us
    await site.control.note_spent(Spent(until_us=until_us, organisations=organisations))
    assert (await key_of(site, member, member.spare_id))["month"]["over_budget"]
    answer = await site.client.put(
        "/v1/budget", headers=member.manager, json={"max_usd_per_month": None}
    )
    assert answer.json()["max_usd_per_month"] is None
    assert not (await key_of(site, member, member.spare_id))["month"]["over_budget"]
    for body in ({}, {"max_usd_per_month": -1}):
        refused = await site.client.put("/v1/budget", headers=member.manager, json=body)
        assert refused.status_code == 400
        assert "max_usd_per_month" in refused.json()["error"]["message"]
