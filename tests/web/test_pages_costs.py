"""What costs come to, heard or not, and how the month goes: page and API say the same."""

from __future__ import annotations

from decimal import Decimal
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.support.facts import NOON_US, SECOND_US, a_call, charged
from tests.support.web import Member, Site
from tests.web.shown import Shown, us, usd
from tests.web.varied import varied

from trunkline.store.control.accounts import Organisation
from trunkline.store.facts.queries_spend import KeySpend
from trunkline.store.month import Month
from trunkline.web.pages import costs_view, text
from trunkline.web.pages.filters import Filters
from trunkline.web.spend import MonthsSpend

DAY_US = 24 * 3600 * SECOND_US
NOVEMBER = Month.of(NOON_US)


def spend(now_us: int, usd: str, budget: str | None = None, *unpriced: str) -> MonthsSpend:
    organisation = Organisation(
        id="o", name="O", max_usd_per_month=None if budget is None else Decimal(budget)
    )
    by_key = {
        key: KeySpend(key_id=key, spent_usd=Decimal(usd) / 2, unpriced=list(unpriced))
        for key in ("key_1", "key_2")
    }
    return MonthsSpend(organisation, Month.of(now_us), now_us, by_key)


@pytest.mark.parametrize(
    ("now_us", "forecast"),
    [
        (NOVEMBER.from_us, None),
        (NOVEMBER.from_us + 2 * DAY_US - 1, None),
        (NOVEMBER.from_us + 2 * DAY_US, "150"),
        (NOVEMBER.from_us + 15 * DAY_US, "20"),
        (NOVEMBER.until_us - 1, "10"),
        # A month has as many days as it has.
        (Month.of(1_709_208_000_000_000).from_us + 4 * DAY_US, "72.5"),
    ],
)
def test_the_month_goes_on_as_it_began(now_us: int, forecast: str | None) -> None:
    found = spend(now_us, "10").forecast_usd()
    assert found == (None if forecast is None else Decimal(forecast))


SUMS: dict[str, Any] = {
    "cost_usd": Decimal("2.50"),
    "unpriced": 0,
    "new_usd": Decimal("0.50"),
    "again_usd": Decimal("1.50"),
    "again_share": 0.75,
    "unheard_usd": Decimal("0.25"),
    "unheard_ms": 90_000.0,
    "n": {
        "cost_usd": 1200,
        "unpriced": 1200,
        "new_usd": 1100,
        "again_usd": 1100,
        "again_share": 1100,
        "unheard_usd": 3,
        "unheard_ms": 4,
    },
}
NOTHING: dict[str, Any] = {
    **dict.fromkeys(SUMS),
    "unpriced": 0,
    "n": dict.fromkeys(SUMS["n"], 0),
}


def told(sums: dict[str, Any], month: MonthsSpend) -> list[tuple[str, str, str]]:
    tiles = costs_view.tiles(sums, month, Filters())
    return [(tile.fact.value, tile.fact.detail, tile.fact.tone) for tile in tiles]


def test_tiles_say_how_many_and_of_what() -> None:
    half = NOVEMBER.from_us + 15 * DAY_US
    assert told(SUMS, spend(half, "10", "15")) == [
        ("$2.50", "n = 1,200 billed", "none"),
        ("$1.50", "75.0% of input’s cost, n = 1,100 responses", "none"),
        ("$0.250", "10.0%; 1:30 of sound, n = 3 calls", "none"),
        ("$10.00", "66.7% of a budget of $15.00", "none"),
        ("$20.00", "133.3% of the budget, at the pace so far", "warn"),
    ]
    assert told(SUMS, spend(half, "10", "10", "odd"))[3:] == [
        ("$10.00", "100.0% of a budget of $10.00; and unpriced use", "bad"),
        ("$20.00", "200.0% of the budget, at the pace so far", "warn"),
    ]
    assert told(NOTHING, spend(NOVEMBER.from_us, "0")) == [
        (text.UNKNOWN, "n = 0 billed", "none"),
        (text.UNKNOWN, "n = 0 responses", "none"),
        (text.UNKNOWN, "n = 0 calls", "none"),
        ("$0.00", "no budget is set", "none"),
    ]
    unpriced = {**NOTHING, "unpriced": 2, "n": {**NOTHING["n"], "cost_usd": 0}}
    first = told(unpriced, spend(half, "0"))[0]
    assert first == (text.UNPRICED, "n = 0 billed; 2 unpriced", "warn")


@pytest.mark.parametrize(
    "query", ["", "user=ada", "model=acme-voice-3", "by=user&status=failed", "user=nobody"]
)
async def test_the_tiles_have_the_numbers_of_the_api(site: Site, query: str) -> None:
    member = await varied(site)
    assert site.clock.now_us - Month.of(site.clock.now_us).from_us > 2 * DAY_US
    await site.control.limit_organisation(member.org_id, Decimal("0.75"), by="u")
    shown = Shown((await site.client.get(f"/costs?{query}", headers=member.cookie)).text).facts
    total = (await site.client.get(f"/v1/costs?{query}", headers=member.bearer)).json()["total"]
    budget = (await site.client.get("/v1/budget", headers=member.bearer)).json()
    cost, unheard = usd(total["cost_usd"]), usd(total["unheard_usd"])
    assert shown["Cost of these calls"].value == (
        text.money(cost) if cost is not None or total["unpriced"] else text.UNKNOWN
    )
    assert f"n = {total['n']['cost_usd']} billed" in shown["Cost of these calls"].detail
    again = shown["Of it, context billed again"]
    assert again.value == text.money(usd(total["again_usd"])) or total["again_usd"] is None
    assert f"n = {total['n']['again_usd']} responses" in again.detail
    if total["again_share"] is not None:
        assert again.detail.startswith(text.rate(total["again_share"], 1))
        parts = Decimal(total["again_usd"]) + Decimal(total["new_usd"])
        assert total["again_share"] == pytest.approx(float(Decimal(total["again_usd"]) / parts))
    never = shown["Of it, never heard"]
    assert f"n = {text.plural(total['n']['unheard_usd'], 'call')}" in never.detail
    if unheard is not None:
        assert never.value == text.money(unheard)
        assert text.length(us(total["unheard_ms"])) in never.detail
    else:
        assert never.value == text.UNKNOWN
    assert shown["All keys, this month"].value == text.money(usd(budget["month"]["spent_usd"]))
    assert shown["Forecast for the month"].value == text.money(usd(budget["forecast_usd"]))


async def test_the_total_is_that_of_all_groups(site: Site) -> None:
    member = await varied(site)
    of_one = await costs(site, member, by="billed_day", limit="1", offset="1")
    found = await costs(site, member)
    assert found["total"] == of_one["total"]
    assert usd(found["total"]["cost_usd"]) == sum(
        usd(row["cost_usd"]) or 0 for row in found["data"]
    )
    assert found["total"]["unpriced"] == sum(row["unpriced"] for row in found["data"]) > 0


async def costs(site: Site, member: Member, **query: str) -> dict[str, Any]:
    answer = await site.client.get("/v1/costs", params=query, headers=member.bearer)
    found: dict[str, Any] = answer.json()
    return found


async def test_what_was_never_heard_leads_to_its_calls(site: Site) -> None:
    site.clock.now_us = NOON_US + 3600 * SECOND_US
    member = await site.join()
    some = a_call(member.org_id, unheard_usd=Decimal("0.000000001"), user_id="ada")
    other = a_call(member.org_id, unheard_usd=Decimal("0.5"), user_id="bob")
    all_heard = a_call(member.org_id, unheard_usd=Decimal(0), user_id="ada")
    await site.facts.insert([*charged(some, "1"), *charged(other, "1"), *charged(all_heard, "1")])
    page = (await site.client.get("/costs?user=ada", headers=member.cookie)).text
    (href,) = [
        unescape(part.split('"')[0])
        for part in page.split('href="')[1:]
        if "unheard_usd" in part.split('"')[0]
    ]
    query = dict(parse_qsl(urlsplit(href).query))
    assert query == {
        "user": "ada", "unheard_usd": ">0", "span": "7d", "sort": "unheard_ms",
    }  # fmt: skip
    html = (await site.client.get(href, headers=member.cookie)).text
    assert some.call_id in html
    assert other.call_id not in html
    assert all_heard.call_id not in html


async def test_a_model_leads_to_no_call_that_only_asked_for_it(site: Site) -> None:
    site.clock.now_us = NOON_US + 3600 * SECOND_US
    member = await site.join()
    used = await site.add_call(a_call(member.org_id, model_asked="new", model_used="new"))
    never = await site.add_call(a_call(member.org_id, model_asked="new", model_used=""))
    await site.add_call(a_call(member.org_id, model_asked="new", model_used="old"))
    filters = Filters().of_group("model", "new")
    assert filters is not None
    answer = await site.client.get(f"/v1/calls?{filters.address()}", headers=member.bearer)
    assert {call["id"] for call in answer.json()["data"]} == {used.call_id, never.call_id}
    asked = await site.client.get("/v1/calls?model=new", headers=member.bearer)
    assert len(asked.json()["data"]) == 3
