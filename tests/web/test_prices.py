"""An organisation's own prices are set by its keepers, and count for it alone."""

from typing import Any

import pytest
from sqlalchemy import select
from tests.support.web import Member, Site
from tests.web.shown import Shown

from trunkline.protocol.prices import shipped
from trunkline.store.control import models
from trunkline.store.control.accounts import BadAccountDetail
from trunkline.store.control.prices import MAX_PRICES
from trunkline.web.pages.prices import AMOUNTS, LISTED

PRICE = {
    "model": "gpt-realtime-2.1",
    "valid_from": "2026-11-01",
    "audio_in": "20.5",
    "audio_out": "41",
}


async def put(site: Site, member: Member, **changes: Any) -> Any:
    answer = await site.client.put("/v1/prices", json={**PRICE, **changes}, headers=member.manager)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def listed(site: Site, member: Member) -> list[Any]:
    answer = await site.client.get("/v1/prices", headers=member.bearer)
    return answer.json()["data"]


async def test_prices_are_set_replaced_and_deleted(site: Site) -> None:
    member, other = await site.join(), await site.join()
    first = await put(site, member)
    assert first["id"].startswith("price_")
    assert (first["audio_in"], first["text_in"]) == ("20.5", None)
    again = await put(site, member, audio_in="19")
    assert again["id"] == first["id"]
    later = await put(site, member, valid_from="2027-01-01", provider="azure")
    assert [price["audio_in"] for price in await listed(site, member)] == ["19", "20.5"]
    assert await listed(site, other) == []
    path = f"/v1/prices/{later['id']}"
    assert (await site.client.delete(path, headers=other.manager)).status_code == 404
    assert (await site.client.delete(path, headers=member.manager)).status_code == 204
    assert (await site.client.delete(path, headers=member.manager)).status_code == 404
    assert len(await listed(site, member)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"model": " "},
        {"model": "x" * 65},
        {"valid_from": "2026-13-01"},
        {"valid_from": "yesterday"},
        {"audio_in": "-1"},
        {"audio_in": "nan"},
        {"audio_in": "1000001"},
        {"audio_in": None, "audio_out": None},
        {"simulated": True},
    ],
)
async def test_what_is_no_price_is_refused(site: Site, changes: dict[str, Any]) -> None:
    member = await site.join()
    answer = await site.client.put("/v1/prices", json={**PRICE, **changes}, headers=member.manager)
    assert answer.status_code == 400, answer.text
    assert await listed(site, member) == []


async def test_prices_have_an_end_and_are_audited(site: Site) -> None:
    member = await site.join()
    prices = site.control.prices
    for number in range(MAX_PRICES):
        await prices.put(member.org_id, {"model": f"m{number}", "text_in": "1"}, by="u")
    with pytest.raises(BadAccountDetail):
        await prices.put(member.org_id, {"model": "more", "text_in": "1"}, by="u")
    await prices.put(member.org_id, {"model": "m7", "text_in": "2"}, by="u")
    async with site.control._database.reading() as session:  # pyright: ignore[reportPrivateUsage]
        query = select(models.AuditEntry).where(models.AuditEntry.org_id == member.org_id)
        found = {(one.action, one.detail) for one in await session.scalars(query)}
    assert ("price.set", "model = m7, valid_from = 1970-01-01, text_in = 2") in found


async def test_the_page_sets_and_deletes(site: Site) -> None:
    member = await site.join()
    refused = await site.post(member, "/prices", model="<b>", text_in="dear")
    assert refused.status_code == 422
    assert 'value="&lt;b&gt;"' in refused.text
    good = {**PRICE, "text_in": ""}
    assert (await site.post(member, "/prices", **good)).status_code == 303
    shown = (await site.client.get("/prices", headers=member.cookie)).text
    assert "20.5" in shown
    assert "2026-11-01" in shown
    (price,) = await listed(site, member)
    gone = f"/prices/{price['id']}/delete"
    for status in (303, 404):
        assert (await site.post(member, gone)).status_code == status


async def test_the_page_has_the_prices_of_the_api(site: Site) -> None:
    member = await site.join()
    await put(site, member)
    await put(site, member, model="acme-voice", provider="azure", per_minute="0.25", text_in="4.5")
    await put(site, member, valid_from="2027-01-01", audio_cached="0.0000001")
    html = (await site.client.get("/prices", headers=member.cookie)).text
    shown = Shown(html).tables["Own prices"][1:]
    assert [row[:-1] for row in shown] == [
        [
            one["model"], one["provider"] or "any", one["valid_from"],
            *("" if one[name] is None else one[name] for name in AMOUNTS),
        ]
        for one in await listed(site, member)
    ]  # fmt: skip


async def test_prices_in_force_are_list_prices_and_own_ones_in_their_place(site: Site) -> None:
    member, other = await site.join(), await site.join()
    await put(site, member, model="gpt-realtime-2.1", valid_from="2026-01-01", audio_out="20.5")
    await put(site, member, model="gpt-realtime", valid_from="2027-01-01")
    answer = await site.client.get("/v1/prices/list", headers=member.bearer)
    told = answer.json()
    assert (told["version"], told["source"]) == (shipped().version, shipped().source)
    own = [one for one in told["data"] if one["own"]]
    assert [(one["model"], one["audio_out"]) for one in own] == [("gpt-realtime-2.1", "20.5")]
    # Everybody's price of that model is in its place no more, and one of next year not yet there.
    names = [(one["model"], one["provider"]) for one in told["data"]]
    assert len(names) == len({*names})
    assert ("gpt-realtime-2.1", "openai") not in names
    assert ("gpt-realtime", "openai") in names
    html = (await site.client.get("/prices", headers=member.cookie)).text
    assert Shown(html).tables["Prices in force"][1:] == [
        [
            one["model"], one["provider"] or "any",
            "your own" if one["own"] else "simulated" if one["simulated"] else "list",
            "always" if one["valid_from"] == "1970-01-01" else one["valid_from"],
            *("" if one[name] is None else one[name] for name in LISTED),
        ]
        for one in told["data"]
    ]  # fmt: skip
    theirs = (await site.client.get("/v1/prices/list", headers=other.bearer)).json()["data"]
    assert not any(one["own"] for one in theirs)


def test_what_is_in_force_is_what_a_use_would_cost() -> None:
    table = shipped()
    found = table.in_force("2026-11-18", "org")
    assert {one.price.model for one in found} <= {row.model for row in table.prices}
    for one in found:
        assert table.find(one.price.model, "2026-11-18", one.price.provider) == one.price
    assert not any(one.price.model == "gpt-live-1.1" for one in found)
    assert table.in_force("1969-12-31", "org") == []
