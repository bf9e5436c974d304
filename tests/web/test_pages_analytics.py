"""The page of analytics: what it asks is what the API answers, and what it is asked makes sense."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import datetime
from decimal import Decimal
from html import unescape
from typing import Any, cast
from urllib.parse import parse_qs, parse_qsl

import pytest
from msgspec import structs
from tests.support.facts import a_call
from tests.support.web import Member, Site
from tests.web.shown import Shown
from tests.web.varied import varied

from trunkline.store.facts.measure import Bucket
from trunkline.store.facts.queries_calls import CallFilters
from trunkline.web.pages import analytics_choice, analytics_view
from trunkline.web.pages.analytics_choice import MEASURED, read_choice
from trunkline.web.pages.analytics_view import words
from trunkline.web.pages.buckets import bucket_end
from trunkline.web.pages.filters import Filters

DAY_US = 86_400_000_000
WEEK = CallFilters(from_us=1_764_000_000_000_000, to_us=1_764_000_000_000_000 + 7 * DAY_US)
TOKYO = structs.replace(WEEK, zone="Asia/Tokyo")

ASKED: dict[str, dict[str, str]] = {
    "nothing chosen": {},
    "by model": {"metric": "turn.wait", "aggregate": "p95", "by": "model"},
    "by property": {"metric": "calls", "by": "property:tier", "bucket": "day"},
    "money by user": {"metric": "call.cost", "aggregate": "mean", "by": "user"},
    "a share by key": {"metric": "turn.barge_in_share", "by": "key_name", "user": "ada"},
    "of tools": {"metric": "tool.latency", "by": "tool", "bucket": "hour"},
    "users": {"metric": "users", "by": "provider"},
    "by hour, elsewhere": {"metric": "calls", "by": "hour", "zone": "Asia/Kolkata"},
    "by day of the week": {"metric": "call.duration", "aggregate": "sum", "by": "weekday"},
    "the least first": {"metric": "calls", "by": "user", "sort": "n", "direction": "asc"},
}


def read(asked: dict[str, str]) -> analytics_choice.Choice:
    return read_choice(asked, structs.replace(WEEK, zone=asked.get("zone", "UTC")))


async def told(site: Site, member: Member, asked: dict[str, str], **more: Any) -> list[Any]:
    """Return what the API answers to the question of an address."""
    choice = read(asked)
    body: dict[str, Any] = {
        "metrics": [{"metric": choice.metric.id, "aggregates": [choice.aggregate]}],
        "group_by": [choice.by] if choice.by else [],
        "zone": choice.zone,
        "order": {
            "by": "name" if choice.sort == "name" else choice.metric.id,
            "aggregate": "" if choice.sort == "name" else choice.sort,
            "direction": "asc" if choice.ascending else "desc",
        },
        **({"user": asked["user"]} if "user" in asked else {}),
        **more,
    }
    answer = await site.client.post("/v1/metrics/query", json=body, headers=member.bearer)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def links(html: str) -> dict[str, str]:
    """Return where the links of tables lead, by their words."""
    found = re.findall(r'<td[^>]*><a[^>]* href="([^"]*)"[^>]*>(.*?)</a>', html)
    return {re.sub("<[^>]*>", "", words): unescape(href) for href, words in found}


TABLES = {
    "groups": {},
    "over_time": {"limit": 5},
    "by_hour": {"group_by": ["weekday", "hour"], "limit": 200, "sort": "name"},
}


@pytest.mark.parametrize("name", ["by property", "money by user", "by hour, elsewhere"])
@pytest.mark.parametrize("table", TABLES)
async def test_a_table_is_a_file_with_the_rows_of_the_api(
    site: Site, name: str, table: str
) -> None:
    member, asked = await varied(site), ASKED[name]
    choice, more = read(asked), dict(TABLES[table])
    more |= {"bucket": choice.bucket} if table == "over_time" else {}
    order = {"sort": "name", "direction": "asc"} if more.pop("sort", "") else {}
    rows = await told(site, member, asked | order, **more)
    html = (await site.client.get("/analytics", params=asked, headers=member.cookie)).text
    files = [unescape(href) for href in re.findall(r'href="(/analytics\?[^"]*format=\w+)"', html)]
    (csv_, ndjson) = [one for one in files if parse_qs(one).get("table", ["groups"]) == [table]]
    lines = await site.client.get(ndjson, headers=member.cookie)
    assert [json.loads(line) for line in lines.text.splitlines()] == rows
    answer = await site.client.get(csv_, headers=member.cookie)
    file = f"analytics-{table.replace('_', '-')}.csv"
    assert answer.headers["content-disposition"] == f'attachment; filename="{file}"'
    number = f"{choice.metric.id} {choice.aggregate}, {choice.metric.unit}"
    for line, row in zip(csv.DictReader(io.StringIO(answer.text)), rows, strict=True):
        numbers = row["values"][choice.metric.id]
        assert {by: line[by] for by in row["group"]} == row["group"]
        assert line[f"{choice.metric.id} n"] == str(numbers["n"])
        assert line[number] == ("" if (value := numbers[choice.aggregate]) is None else str(value))
        assert ("at" in line) == (table == "over_time")


async def test_a_file_has_the_groups_of_all_pages(site: Site) -> None:
    member = await site.join()
    users = [f"=user {number:03d}" for number in range(analytics_view.PAGE_GROUPS + 5)]
    now_us = site.clock.now_us - DAY_US
    await site.facts.insert([a_call(member.org_id, now_us, user_id=user) for user in users])
    for path, first in (
        ("/analytics?metric=calls&by=user&sort=name&offset=50", "user"),
        ("/users?sort=user&offset=50", "user"),
    ):
        answer = await site.client.get(f"{path}&direction=asc&format=csv", headers=member.cookie)
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        # What a spreadsheet would calculate is told as text.
        assert [row[first] for row in rows] == [f"'{user}" for user in users]


def value_of(choice: analytics_choice.Choice, row: Any) -> str:
    value = row["values"][choice.metric.id][choice.aggregate]
    return words(choice, Decimal(value) if isinstance(value, str) else value)


@pytest.mark.parametrize("name", ASKED)
async def test_every_number_is_the_apis(site: Site, name: str) -> None:
    member, asked = await varied(site), ASKED[name]
    choice = read(asked)
    answer = await site.client.get("/analytics", params=asked, headers=member.cookie)
    assert answer.status_code == 200
    shown = Shown(answer.text).tables
    groups = await told(site, member, asked)
    of = [analytics_view.named(choice, list(row["group"].values())) for row in groups]
    numbers = [f"{row['values'][choice.metric.id]['n']:,}" for row in groups]
    values = [value_of(choice, row) for row in groups]
    assert shown["Groups"][1:] == [list(row) for row in zip(of, numbers, values, strict=True)]
    over_time = await told(site, member, asked, bucket=choice.bucket, limit=5)
    by_group = {of[at]: at for at in range(min(5, len(of)))}
    expected: dict[str, list[str]] = {}
    for row in over_time:
        place = by_group[analytics_view.named(choice, list(row["group"].values()))]
        expected.setdefault(row["at"], ["–"] * len(by_group))[place] = value_of(choice, row)
    title = f"{analytics_choice.said(choice.metric, choice.aggregate)}, by {choice.bucket}"
    assert [row[1:] for row in shown[title][1:]] == [expected[at] for at in sorted(expected)]
    hours = await told(
        site, member, {**asked, "sort": "name", "direction": "asc"},
        group_by=["weekday", "hour"], limit=200,
    )  # fmt: skip
    of_week = [
        [f"{analytics_view.DAYS[int(row['group']['weekday']) - 1]} {row['group']['hour']}:00",
         value_of(choice, row), f"{row['values'][choice.metric.id]['n']:,}"]
        for row in hours
        if row["values"][choice.metric.id][choice.aggregate] is not None
    ]  # fmt: skip
    assert shown["By hour of the week"][1:] == of_week
    assert len(groups) > 0


@pytest.mark.parametrize("metric", MEASURED, ids=lambda metric: metric.id)
def test_every_metric_can_be_asked_for_and_its_address_is_the_same_question(metric: Any) -> None:
    for aggregate in metric.aggregates:
        choice = read_choice({"metric": metric.id, "aggregate": aggregate, "by": "model"}, WEEK)
        assert (choice.metric, choice.aggregate, choice.by) == (metric, aggregate, "model")
        assert read_choice(choice.pairs(), WEEK) == choice


NONSENSE: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "no such metric": ({"metric": "mood"}, {"metric": "turn.wait"}),
    "one that is no number": ({"metric": "calls.opened_at"}, {"metric": "turn.wait"}),
    "a statistic it has not": ({"metric": "users", "aggregate": "p95"}, {"aggregate": "distinct"}),
    "a group of something else": ({"metric": "turn.wait", "by": "tool"}, {"by": ""}),
    "a property without a name": ({"by": "property:"}, {"by": ""}),
    "buckets too many to draw": ({"bucket": "minute"}, {"bucket": "", "direction": ""}),
    "no such order": ({"sort": "mood"}, {"sort": ""}),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_what_makes_no_sense_is_as_usual(name: str) -> None:
    asked, usual = NONSENSE[name]
    pairs = read_choice(asked, WEEK).pairs()
    assert {key: pairs.get(key, "") for key in usual} == usual


async def test_a_zone_that_is_none_is_told_at_its_field(site: Site) -> None:
    member = await varied(site, calls=2)
    answer = await site.client.get("/analytics?zone=Mars", headers=member.cookie)
    assert 'aria-describedby="wrong-zone"' in answer.text
    assert '<q dir="auto">Mars</q> was left out' in answer.text


async def test_time_in_which_nothing_happened_says_so(site: Site) -> None:
    member = await site.join()
    answer = await site.client.get("/analytics", headers=member.cookie)
    assert answer.status_code == 200
    assert "Nothing in this time" in answer.text


def test_a_group_leads_to_its_calls() -> None:
    filters = Filters(span="30d", user="ada")
    for by, group, address in (
        ("model", "m 1", "/calls?user=ada&model_is=m+1&span=30d"),
        ("property:tier", "gold", "/calls?user=ada&property=tier%3Dgold&span=30d"),
        ("property:tier", "", "/calls?user=ada&property=tier%3D&span=30d"),
        ("voice", "marin", "/calls?user=ada&voice=marin&span=30d"),
        ("voice", "", "/calls?user=ada&voice=%28none%29&span=30d"),
        ("hour", "07", "/calls?user=ada&hour=07&zone=Asia%2FTokyo&span=30d"),
        ("user", "ada", "/calls?user=ada&span=30d"),
        # An address has one of a kind: that of both would say less than the number.
        ("user", "bob", ""),
        ("model", "", "/calls?user=ada&model_is=%28none%29&span=30d"),
    ):
        choice = read_choice({"metric": "calls", "by": by}, TOKYO)
        row = analytics_view.Row(group=(group,), numbers=({"n": 1, "sum": 1},))
        assert analytics_view.groups(choice, [row], filters)[0].href == address
    choice = read_choice({"metric": "calls", "by": "user"}, WEEK)
    row = analytics_view.Row(group=("ada",), numbers=({"n": 1, "sum": 1},))
    of_page = analytics_view.groups(choice, [row], Filters())
    assert of_page[0].href == "/calls?user=ada&span=7d"


LEADS = {
    "by day and hour": {"metric": "turns", "by": "weekday", "zone": "Asia/Kolkata"},
    "of tools": {"metric": "tools", "by": "hour", "bucket": "day"},
    "of one user": {"metric": "calls", "by": "voice", "user": "ada", "bucket": "day"},
    "of waits": {"metric": "turn.wait", "aggregate": "p95", "by": "property:tier"},
}


@pytest.mark.parametrize("of", LEADS)
async def test_every_row_and_hour_leads_to_what_its_number_is_made_of(site: Site, of: str) -> None:
    member, asked = await varied(site), LEADS[of]
    choice = read_choice(asked, WEEK)
    html = (await site.client.get("/analytics", params=asked, headers=member.cookie)).text
    ways = links(html)
    tables = Shown(html).tables
    rows = [(row[0], row[1]) for row in tables["Groups"][1:]]
    rows += [(row[0], row[2]) for row in tables["By hour of the week"][1:]]
    for name, n in rows:
        query = dict(parse_qsl(ways[name].partition("/calls?")[2]))
        assert query.pop("span") == "7d"
        body: dict[str, Any] = {**query, "metrics": [choice.metric.id]}
        body |= {"property": [query["property"]]} if "property" in query else {}
        answer = await site.client.post("/v1/metrics/query", json=body, headers=member.bearer)
        (row,) = answer.json()["data"]
        assert f"{row['values'][choice.metric.id]['n']:,}" == n, (name, query)
    drawn = re.findall(r'<a href="/calls\?[^"]*" tabindex="-1"><title>', html)
    assert len(drawn) == html.count('<rect class="h') + html.count('<rect class="under"') > 0


def test_a_curve_breaks_where_nothing_was() -> None:
    choice = read_choice({"metric": "calls", "bucket": "day"}, WEEK)
    asked = analytics_view.questions(choice, WEEK, 0).over_time
    start_us = WEEK.from_us or 0
    rows = [
        analytics_view.Row(group=(), at_us=start_us + day * DAY_US, numbers=({"n": 1, "sum": of},))
        for day, of in ((0, 4), (1, 2), (4, 8))
    ]
    chart = analytics_view.chart(choice, asked, rows, [()], Filters())
    broken, lone = chart.curves[0].lines
    assert [point.partition(",")[0] for point in broken.split()] == ["71.4", "214.3"]
    assert lone.endswith(",3.0")
    assert chart.most == "8"
    assert [bar.cells for bar in chart.stretches] == [("4",), ("2",), ("8",)]


def test_the_hours_of_the_week_are_shaded_from_least_to_most() -> None:
    choice = read_choice({"metric": "calls"}, TOKYO)
    rows = [
        analytics_view.Row(group=("7", "23"), numbers=({"n": 9, "sum": 9},)),
        analytics_view.Row(group=("1", "00"), numbers=({"n": 1, "sum": 1},)),
        analytics_view.Row(group=("3", "12"), numbers=({"n": 0, "sum": None},)),
    ]
    heat = analytics_view.heat(choice, rows, Filters(user="ada", span="24h"))
    assert [(hour.at, hour.shade, hour.x, hour.y) for hour in heat.hours] == [
        ("Mon 00:00", 1, 0, 0), ("Sun 23:00", 5, 920, 120)
    ]  # fmt: skip
    assert heat.summary == "By hour of the week, Asia/Tokyo: from 1 to 9"
    assert [hour.href for hour in heat.hours] == [
        "/calls?user=ada&hour=00&weekday=1&zone=Asia%2FTokyo&span=24h",
        "/calls?user=ada&hour=23&weekday=7&zone=Asia%2FTokyo&span=24h",
    ]
    assert analytics_view.heat(choice, rows[2:], Filters()).hours == ()


def test_a_bucket_ends_where_the_next_begins_by_the_clocks_of_the_zone() -> None:
    def us(text: str) -> int:
        return round(datetime.fromisoformat(text).timestamp()) * 1_000_000

    for bucket, zone, begins, ends in (
        ("hour", "Europe/Berlin", "2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"),
        ("day", "Europe/Berlin", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),
        ("day", "UTC", "2026-10-25T00:00Z", "2026-10-26T00:00Z"),
        ("week", "Europe/Berlin", "2026-03-23T00:00+01:00", "2026-03-30T00:00+02:00"),
        ("month", "UTC", "2026-02-01T00:00Z", "2026-03-01T00:00Z"),
        ("month", "Asia/Tokyo", "2026-12-01T00:00+09:00", "2027-01-01T00:00+09:00"),
    ):
        assert bucket_end(cast("Bucket", bucket), us(begins), zone) == us(ends), (bucket, begins)
