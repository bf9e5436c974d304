"""An organisation's thresholds: by the API, on the page, and in what pages say of waits."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.facts import NOON_US, a_call
from tests.support.web import Site

from trunkline.store.control.accounts import BadAccountDetail
from trunkline.store.thresholds import DEFAULT, Thresholds
from trunkline.web.pages import text, thresholds_view

OURS: dict[str, Any] = {
    "fair_wait_ms": 1500,
    "long_wait_ms": 3500,
    "dead_air_ms": 3000,
    "long_dead_air_ms": 10_000,
    "tool_dead_air_ms": 2000,
    "slow_stop_ms": 700,
    "much_unheard_percent": 20,
    "many_barge_ins": 3,
    "changed": [],
}


async def test_thresholds_are_set_replaced_told_and_set_back(site: Site) -> None:
    site.clock.now_us = NOON_US
    member, stranger = await site.join(), await site.join()
    path = "/v1/thresholds"
    assert (await site.client.get(path, headers=member.bearer)).json() == OURS
    own = {"long_wait_ms": 2500, "many_barge_ins": 4}
    answer = await site.client.put(path, headers=member.manager, json=own)
    assert answer.json() == OURS | own | {"changed": ["long_wait_ms", "many_barge_ins"]}
    await site.client.put(path, headers=member.manager, json={"long_wait_ms": 2500})
    shown = (await site.client.get(path, headers=member.bearer)).json()
    assert shown == OURS | {"long_wait_ms": 2500, "changed": ["long_wait_ms"]}
    for who, slow in ((member, 1), (stranger, 0)):
        await site.facts.insert([a_call(who.org_id, NOON_US, wait_max_us=2_600_000)])
        found = (await site.client.get("/v1/attention", headers=who.bearer)).json()
        assert len(found["data"]) == slow
        listed = await site.client.get("/v1/calls?attention=slow", headers=who.bearer)
        assert len(listed.json()["data"]) == slow
    told = (await site.client.get("/v1/attention", headers=member.bearer)).json()["reasons"]
    words = "A turn's wait was longer than 2.5 s."
    assert told == [{"id": "slow", "means": words, "calls": 1}]
    catalogue = (await site.client.get("/v1/metrics", headers=member.bearer)).json()["metrics"]
    assert words in [metric["means"] for metric in catalogue]
    assert (await site.client.get(path, headers=stranger.bearer)).json() == OURS
    answer = await site.client.put(path, headers=member.manager, json={})
    assert answer.json() == OURS
    found = (await site.client.get("/v1/attention", headers=member.bearer)).json()
    assert found["data"] == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"long_wait_ms": 0}, "long_wait_ms"),
        ({"long_wait_ms": 1500}, "A fair wait must be less than a long wait (1.5 s)"),
        ({"fair_wait_ms": -5}, "fair_wait_ms"),
        ({"much_unheard_percent": 101}, "1 to 100"),
        ({"many_barge_ins": 2.5}, "many_barge_ins"),
        ({"long_wait_us": 1}, "long_wait_us"),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_changes(
    site: Site, body: dict[str, Any], says: str
) -> None:
    member = await site.join()
    answer = await site.client.put("/v1/thresholds", headers=member.manager, json=body)
    assert answer.status_code == 400
    assert says in answer.json()["error"]["message"]
    assert await site.control.thresholds(member.org_id) == DEFAULT


async def test_the_page_marks_what_is_ones_own_and_tones_follow(site: Site) -> None:
    site.clock.now_us = NOON_US
    member = await site.join()
    call = a_call(member.org_id, NOON_US, wait_p50_us=2_600_000, wait_max_us=2_600_000)
    await site.facts.insert([call])

    async def page(path: str) -> str:
        return (await site.client.get(path, headers=member.cookie)).text

    assert 'class="num warn">2.60 s' in await page("/calls")
    assert "changed</span>" not in await page("/keys")
    answer = await site.post(member, "/keys/thresholds", long_wait="2.5", fair_wait=" 0,8 ")
    assert answer.status_code == 303
    kept = await site.control.thresholds(member.org_id)
    assert kept == Thresholds(long_wait_us=2_500_000, fair_wait_us=800_000)
    keys = await page("/keys")
    assert keys.count("changed</span>") == 2
    assert 'value="2.5"' in keys
    assert "Set all back" in keys
    assert 'class="num bad">2.60 s' in await page("/calls")
    overview = await page("/overview")
    assert "A turn&#39;s wait was longer than 2.5 s." in overview
    assert "A turn&#39;s wait was longer than 2.5 s" in await page(
        "/analytics?metric=attention.slow"
    )
    for wrong, says in (("soon", "Write seconds"), ("0.7", "must be less than a long wait")):
        bad = await site.post(member, "/keys/thresholds", long_wait=wrong, fair_wait="0.8")
        assert bad.status_code == 422
        assert says in bad.text
        assert f'value="{wrong}"' in bad.text
    assert await site.control.thresholds(member.org_id) == kept
    await site.post(member, "/keys/thresholds", long_wait="2.5", reset="1")
    assert await site.control.thresholds(member.org_id) == DEFAULT
    assert 'class="num warn">2.60 s' in await page("/calls")


def test_a_form_reads_what_it_shows() -> None:
    own = Thresholds(slow_stop_us=1_250_000, much_unheard_percent=35)
    shown = thresholds_view.fields(own)
    assert {field.name for field in shown if field.changed} == {"slow_stop", "much_unheard_percent"}
    assert thresholds_view.read({field.name: field.value for field in shown}) == own
    with pytest.raises(BadAccountDetail, match="whole number"):
        thresholds_view.read({"many_barge_ins": "2.5"})


@pytest.mark.parametrize(("us", "tone"), [(800_000, "good"), (800_001, "warn"), (2_500_001, "bad")])
def test_a_wait_is_toned_by_its_organisation(us: int, tone: str) -> None:
    assert text.wait_tone(us, Thresholds(fair_wait_us=800_000, long_wait_us=2_500_000)) == tone
