"""The Overview: each number leads to the calls that make it."""

import re
from html import unescape
from typing import Any, get_args
from urllib.parse import parse_qs, urlsplit

import msgspec
from tests.support.facts import SECOND_US, a_call, parts_of, whole
from tests.support.web import Member, Site

from trunkline.store.facts.attention import ANY, REASON_OF
from trunkline.store.facts.queries_calls import CallFilters
from trunkline.store.facts.queries_overview import Overview, Trend, overview, trend
from trunkline.web.api.calls import Attention
from trunkline.web.pages import overview_chart, overview_view
from trunkline.web.pages.filters import Filters

HOUR_US = 3_600 * SECOND_US


async def filled(site: Site) -> Member:
    """Return somebody with calls of this week and of the one before."""
    member = await site.join()
    now_us = site.clock.now_us
    calls = [
        a_call(member.org_id, now_us - HOUR_US),
        a_call(member.org_id, now_us - 30 * HOUR_US, status="failed", end_reason="provider_lost"),
        a_call(member.org_id, now_us - 30 * HOUR_US, errors=2, cost_usd=None, unpriced=("new",)),
        a_call(member.org_id, now_us - 10 * 24 * HOUR_US),
    ]
    rows = [*(row for call in calls for row in parts_of(call)), *calls]
    await site.facts.insert(whole(rows))
    return member


async def page(site: Site, member: Member, path: str) -> str:
    answer = await site.client.get(path, headers=member.cookie)
    assert answer.status_code == 200, path
    return answer.text


def tile_of(text: str) -> dict[str, tuple[str, str]]:
    """Return label, value and address of each tile."""
    found = re.findall(
        r'<dt><button[^>]*class="why"[^>]*>([^<]+)</button>\s*</dt><dd><a href="([^"]+)">'
        r'<span class="v [a-z]+">([^<]+)</span>',
        text,
    )
    return {label: (value, unescape(href)) for label, href, value in found}


async def test_whoever_signs_in_comes_here(site: Site) -> None:
    member = await site.join()
    answer = await site.client.get("/", headers=member.cookie)
    assert (answer.status_code, answer.headers["location"]) == (303, "/overview")
    assert "Make the first call" in await page(site, member, "/overview")
    stranger = await site.client.get("/overview")
    assert stranger.headers["location"].startswith("/sign-in")


async def test_a_number_leads_to_the_calls_that_it_counts(site: Site) -> None:
    member = await filled(site)
    text = await page(site, member, "/overview")
    tiles = tile_of(text)
    counted = {"Calls": 3, "Need attention": 2, "Failed calls": 1}
    for label, calls in counted.items():
        behind = await page(site, member, tiles[label][1])
        assert behind.count('<tr data-key="call_') == calls, label
    chips = {
        words: unescape(href)
        for href, words in re.findall(r'href="([^"]+)" title="[^"]+">([a-z ]+) <b>1</b>', text)
    }
    assert sorted(chips) == ["errors", "failed", "unpriced"]
    for words, href in chips.items():
        assert (await page(site, member, href)).count('<tr data-key="call_') == 1, words


async def test_filters_and_times_narrow_it(site: Site) -> None:
    member = await filled(site)
    for query, calls in (("span=24h", "1"), ("span=30d", "4"), ("status=failed", "1")):
        tiles = tile_of(await page(site, member, f"/overview?{query}"))
        assert tiles["Calls"][0] == calls, query
        assert parse_qs(query).items() <= parse_qs(urlsplit(tiles["Calls"][1]).query).items()
    nothing = await page(site, member, "/overview?user=nobody")
    assert "No call in this time" in nothing
    assert "Make the first call" not in nothing


async def test_programs_see_what_to_look_at(site: Site) -> None:
    member = await filled(site)
    other = await site.join()

    async def get(who: Member, **query: Any) -> Any:
        answer = await site.client.get("/v1/attention", params=query, headers=who.bearer)
        assert answer.status_code == 200
        return answer.json()

    found = await get(member)
    assert [call["reasons"] for call in found["data"]] == [["failed"], ["errors", "unpriced"]]
    assert {one["id"]: one["calls"] for one in found["reasons"]} == {
        "failed": 1, "errors": 1, "unpriced": 1,
    }  # fmt: skip
    assert [call["status"] for call in (await get(member, limit=1))["data"]] == ["failed"]
    assert (await get(member, attention="errors"))["data"][0]["counts"]["errors"] == 2
    assert await get(other) == {"reasons": [], "data": []}


async def test_one_pass_gives_the_same_as_two(site: Site) -> None:
    member = await filled(site)
    now_us = site.clock.now_us
    filters = CallFilters(from_us=now_us - 7 * 24 * HOUR_US, to_us=now_us)
    found = await trend(site.facts, member.org_id, filters, "day")
    assert found.total == await overview(site.facts, member.org_id, filters)
    assert sum(of.calls for _, of in found.by_time) == found.total.calls == 3
    nothing = await trend(site.facts, "org_none", filters, "day")
    assert (nothing.total.calls, nothing.by_time) == (0, ())


def an_overview(**changes: Any) -> Overview:
    numbers: dict[str, Any] = {
        field.name: 0 for field in msgspec.structs.fields(Overview)
    } | {"cost_usd": None, "usd_per_minute": None, "unheard_share": None, "unheard_usd": None,
         "wait_p50_us": None, "wait_p95_us": None, "wait_p99_us": None}  # fmt: skip
    return Overview(**{**numbers, **changes})


def test_a_change_says_how_much_and_whether_it_is_worse() -> None:
    now = an_overview(calls=150, failed=30, wait_p50_us=900_000, wait_p95_us=1_000_000)
    before = an_overview(calls=100, failed=10, wait_p50_us=1_000_000, wait_p95_us=999_000)
    trended = Trend(total=now, from_us=0, to_us=1, bucket="day", by_time=())
    tiles = overview_view.overview_tiles(trended, before, Filters())
    changes = {tile.fact.label: (tile.change, tile.change_tone) for tile in tiles}
    assert changes == {
        "Calls": ("↑ 50%", "none"),
        "Need attention": ("", "none"),
        "Caller waited, p50": ("↓ 10%", "good"),
        "Caller waited, p95": ("the same", "none"),
        "Barge-in rate": ("", "none"),
        "Failed calls": ("↑ 100%", "bad"),
        "Never heard": ("", "none"),
        "Cost": ("", "none"),
    }


def test_a_time_without_calls_is_no_call_and_no_wait() -> None:
    quick, day_us = an_overview(calls=1, wait_p50_us=500_000), 24 * HOUR_US
    by_time = ((0, quick), (day_us, quick), (3 * day_us, quick))
    trended = Trend(
        total=quick, from_us=-day_us - 1, to_us=5 * day_us, bucket="day", by_time=by_time
    )
    tiles = {
        tile.fact.label: tile.lines
        for tile in overview_view.overview_tiles(trended, quick, Filters())
    }
    assert [len(line.split()) for line in tiles["Calls"]] == [14]
    assert [len(line.split()) for line in tiles["Caller waited, p50"]] == [4, 2]
    assert [len(line.split()) for line in tiles["Cost"]] == [4, 2, 2]
    chart = overview_chart.chart(trended, Filters())
    assert [bar.x for bar in chart.stretches] == [285.71, 428.57, 714.29]
    assert "from=1970-01-01T00%3A00%3A00.000Z" in chart.stretches[0].href


def test_what_can_be_filtered_by_is_what_is_given() -> None:
    assert set(get_args(Attention)) == {"", ANY, *REASON_OF}
