"""Pages of many calls say what the API says."""

import csv
import io
import json
import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from tests.support.facts import NOON_US, SECOND_US, a_call
from tests.support.web import Member, Site
from tests.web.shown import Shown, percent, us, usd, when
from tests.web.varied import varied

from trunkline.store.facts.catalogue import METRIC_OF
from trunkline.store.facts.measure import Row
from trunkline.store.facts.queries_calls import CallFilters
from trunkline.store.facts.rows import ItemRow
from trunkline.web.api.calls import CallsQuery
from trunkline.web.pages import reports_view, text
from trunkline.web.pages.filters import Filters
from trunkline.web.pages.reports_view import Sheet
from trunkline.web.reports import Column, question

SHEETS: dict[str, Sheet] = {
    "users": reports_view.USERS,
    "properties": reports_view.PROPERTIES,
    "properties/tier": reports_view.VALUES,
    "costs": reports_view.COSTS,
    "costs?by=user": reports_view.COSTS,
    "costs?by=property:tier": reports_view.COSTS,
    "tools": reports_view.TOOLS,
    "errors": reports_view.ERRORS,
}
"""Pages, and which columns they show of the API's report of the same address."""


@pytest.fixture
async def member(site: Site) -> Member:
    mine, other = await site.join(), await site.join()
    site.clock.now_us = NOON_US + 3600 * SECOND_US
    for number, user in enumerate(("ada", "ada", "bob")):
        await site.add_call(a_call(mine.org_id, NOON_US + number * SECOND_US, user_id=user))
    await site.add_call(a_call(other.org_id, user_id="mallory"))
    return mine


NARROWED: tuple[dict[str, str], ...] = (
    {}, {"user": "ada"}, {"status": "failed"}, {"model": "gpt-realtime-2.1", "user": "bob"},
)  # fmt: skip


@pytest.mark.parametrize("path", SHEETS)
async def test_a_page_has_the_numbers_of_the_api(site: Site, path: str) -> None:
    """Every cell of every row, whatever the filters, and every bar of the chart."""
    member, sheet = await varied(site), SHEETS[path]
    path, _, by = path.partition("?by=")
    for narrowed in NARROWED:
        query = {**narrowed, "by": by} if by else narrowed
        answer = await site.client.get(f"/{path}", params=query, headers=member.cookie)
        assert answer.status_code == 200
        tables = Shown(answer.text).tables
        told = await site.client.get(f"/v1/{path}", params=query, headers=member.bearer)
        rows: list[dict[str, Any]] = told.json()["data"]
        shown = tables.get(sheet.title, [[]])[1:]
        assert [row[1:] for row in shown] == [cells(sheet, row) for row in rows]
        if rows:
            assert tables[chart_of(sheet)][1:] == await bars(site, member, sheet, narrowed)
    assert len(rows) > 0


def cells(sheet: Sheet, row: dict[str, Any]) -> list[str]:
    """Return what the cells of a row say, by what the API says."""
    columns = {column.name: column for column in sheet.report.columns}
    return [words(columns[name], row) for name in sheet.shown]


def words(column: Column, row: dict[str, Any]) -> str:
    value = row[column.name]
    match METRIC_OF[column.metric].unit:
        case "at":
            return when(value)
        case "usd":
            unpriced = row.get("unpriced_calls") or row.get("unpriced")
            none = text.UNPRICED if unpriced else text.UNKNOWN
            return none if value is None else text.money(usd(value))
        case "ms":
            if column.aggregate == "sum":
                return text.length(us(value))
            return text.wait(us(value)) + made_of(column, row)
        case "share":
            return percent(value) + made_of(column, row)
        case "text":
            return value or ""
        case _:
            return text.count(value)


def made_of(column: Column, row: dict[str, Any]) -> str:
    """Return how many a percentile or a share says that it is made of."""
    alone = column.aggregate == "max" or row[column.name] is None
    return "" if alone else f" n = {text.count(row['n'][column.name])}"


def test_what_takes_milliseconds_is_told_in_milliseconds() -> None:
    columns = {column.name: column for column in reports_view.TOOLS.report.columns}
    row = Row(
        group=("weather",),
        numbers=tuple(
            {"n": 2, **dict.fromkeys(one.aggregates, 3.25 if one.metric.unit == "ms" else 0)}
            for one in question(reports_view.TOOLS.report, CallFilters()).measures
        ),
    )
    asked = question(reports_view.TOOLS.report, CallFilters())
    (line,) = reports_view.lines(reports_view.TOOLS, asked, [row], Filters())
    told = {cell.name: cell.words for cell in line.cells}
    assert told["latency_p50_ms"] == told["latency_max_ms"] == text.millis(3250)
    assert told["dead_air_ms"] == text.length(3250)
    assert columns["dead_air_ms"].aggregate == "sum"


def chart_of(sheet: Sheet) -> str:
    metric, aggregate = sheet.chart
    made = ", p95" if aggregate == "p95" else ""
    return f"{METRIC_OF[metric].means.rstrip('.')}{made}, by hour"


async def bars(
    site: Site, member: Member, sheet: Sheet, narrowed: dict[str, str]
) -> list[list[str]]:
    metric, aggregate = sheet.chart
    body: dict[str, Any] = {
        "metrics": [{"metric": metric, "aggregates": [aggregate]}],
        "bucket": "hour",
        **{name: [value] if name == "status" else value for name, value in narrowed.items()},
    }
    answer = await site.client.post("/v1/metrics/query", json=body, headers=member.bearer)
    shown: list[list[str]] = []
    for row in answer.json()["data"]:
        value = row["values"][metric][aggregate]
        if value is not None:
            unit = METRIC_OF[metric].unit
            made = {"usd": lambda v: text.money(usd(v)), "ms": lambda v: text.wait(us(v))}
            n = f", n = {row['values'][metric]['n']}" if aggregate == "p95" else ""
            shown.append([when(row["at"]), made.get(unit, text.count)(value) + n])
    return shown


@pytest.mark.parametrize("path", [*SHEETS, "tools?table=argument_error"])
async def test_a_report_is_a_file_with_the_rows_of_the_api(site: Site, path: str) -> None:
    member = await varied(site)
    page = (await site.client.get(f"/{path}", headers=member.cookie)).text
    files = [unescape(href) for href in re.findall(r'href="(/[^"]*format=\w+)"', page)]
    path, _, by = path.partition("?by=")
    api = path.replace("?table=argument_error", "/arguments")
    told = await site.client.get(
        f"/v1/{api}", params={"by": by} if by else {}, headers=member.bearer
    )
    csv_, ndjson = files[-2:] if "?table" in path else files[:2]
    lines = await site.client.get(ndjson, headers=member.cookie)
    assert [json.loads(line) for line in lines.text.splitlines()] == told.json()["data"]
    rows = list(
        csv.DictReader(io.StringIO((await site.client.get(csv_, headers=member.cookie)).text))
    )
    for line, row in zip(rows, told.json()["data"], strict=True):
        for name, value in row.items():
            if name != "n":
                assert line[name] == ("" if value is None else str(value)), name
        waits = row["n"].get("wait_p95_ms")
        assert line.get("n of wait_p95_ms") == (None if waits is None else str(waits))
    assert rows


LEADING = [path for path in SHEETS if path != "properties"]


@pytest.mark.parametrize("path", LEADING)
async def test_every_row_and_bar_leads_to_the_calls_of_its_numbers(site: Site, path: str) -> None:
    member, sheet = await varied(site), SHEETS[path]
    path, _, by = path.partition("?by=")
    query = {"by": by} if by else {}
    html = (await site.client.get(f"/{path}", params=query, headers=member.cookie)).text
    told = await site.client.get(f"/v1/{path}", params=query, headers=member.bearer)
    rows = re.findall(r'<tr[^>]* data-group="[^"]*"><td><a href="([^"]*)">', html)
    of_rows = [await calls_behind(site, member, href) for href in rows]
    data = told.json()["data"]
    counted = [row["calls"] for row in data] if "calls" in sheet.shown else [1] * len(data)
    for row, calls, n in zip(data, of_rows[: len(data)], counted, strict=True):
        assert len(calls) == n or ("calls" not in sheet.shown and calls), row
    metric, aggregate = sheet.chart
    bars_ = re.findall(r'<tr><td class="nowrap"><a class="link" href="([^"]*)">', html)
    drawn = re.findall(r'<a href="([^"]*)" tabindex="-1"><title>', html)
    assert drawn == bars_
    for href, words_ in zip(bars_, Shown(html).tables[chart_of(sheet)][1:], strict=True):
        body: dict[str, Any] = {
            **asked_by(href), "metrics": [{"metric": metric, "aggregates": [aggregate]}]
        }  # fmt: skip
        answer = await site.client.post("/v1/metrics/query", json=body, headers=member.bearer)
        told = answer.json()["data"][0]["values"][metric]
        made = {"usd": lambda v: text.money(usd(v)), "ms": lambda v: text.wait(us(v))}
        value = made.get(METRIC_OF[metric].unit, text.count)(told[aggregate])
        assert value + (f", n = {told['n']}" if aggregate == "p95" else "") == words_[1]


async def test_a_count_of_some_calls_leads_to_those(site: Site) -> None:
    """Failures, calls without a price, arguments that are wrong: and to no other calls."""
    member = await varied(site)
    calls = (await site.client.get("/v1/calls?limit=200", headers=member.bearer)).json()["data"]
    wholes = [
        (await site.client.get(f"/v1/calls/{call['id']}", headers=member.bearer)).json()
        for call in calls[:30]
    ]
    html = (await site.client.get("/tools", headers=member.cookie)).text
    for column, are in (("no_json", "no_json"), ("misfits", "misfit")):
        cells_ = re.findall(rf'data-column="{column}"[^>]*><a class="link" href="([^"]*)">', html)
        assert cells_
        for href in cells_:
            name = parse_qs(urlsplit(unescape(href)).query)["tool_arguments"][0].split()[0]
            of = {"name": name, "arguments_are": are}.items()
            assert await calls_behind(site, member, href) == [
                call["id"]
                for call in wholes
                if any(of <= {k: tool[k] for k in dict(of)}.items() for tool in call["tool_calls"])
            ]
    below = html[html.index('id="below-cap"') :]
    wrong = (await site.client.get("/v1/tools/arguments", headers=member.bearer)).json()["data"]
    hrefs = re.findall(r'data-group="[^"]*"><td><a href="([^"]*)">', below)
    for row, href in zip(wrong, hrefs, strict=True):
        found = await calls_behind(site, member, href)
        assert len(found) == row["calls"]
        tools = [tool for call in wholes if call["id"] in found for tool in call["tool_calls"]]
        assert sum(tool["arguments_error"] == row["error"] and tool["name"] == row["tool"]
                   for tool in tools) == row["tool_calls"]  # fmt: skip
    users = (await site.client.get("/users", headers=member.cookie)).text
    for href, n in re.findall(
        r'data-column="failed"[^>]*><a class="link" href="([^"]*)">(\d+)</a>', users
    ):
        assert len(await calls_behind(site, member, href)) == int(n) > 0


def asked_by(href: str) -> dict[str, Any]:
    """Return what the address of calls asks, as the API takes it: the time of the page is its
    own where it has no other."""
    query = dict(parse_qsl(urlsplit(unescape(href)).query))
    query.pop("span", None)
    return query | ({"property": [query["property"]]} if "property" in query else {})


async def calls_behind(site: Site, member: Member, href: str) -> list[str]:
    """Return the ids of the calls that a link of a page leads to."""
    assert href.startswith("/calls?")
    html = (await site.client.get(unescape(href), headers=member.cookie)).text
    return re.findall(r'data-key="(call_\w+)"', html)


async def test_tools_tell_what_they_cost_the_caller(site: Site) -> None:
    """Each number of the report by hand, of all tool calls together that have a name."""
    member = await varied(site)
    answer = await site.client.get("/v1/tools", headers=member.bearer)
    every = {row["tool"]: row for row in answer.json()["data"]}
    calls = (
        await site.client.get("/v1/calls", params={"limit": 200}, headers=member.bearer)
    ).json()
    asked: dict[str, list[dict[str, Any]]] = {name: [] for name in every}
    for call in calls["data"][:30]:
        whole = await site.client.get(f"/v1/calls/{call['id']}", headers=member.bearer)
        for tool in whole.json()["tool_calls"]:
            asked[tool["name"]].append(tool)
    for name, tools in asked.items():
        row, dead = every[name], [tool["dead_air_ms"] for tool in tools]
        known = sorted(ms for ms in dead if ms is not None)
        unread = [tool for tool in tools if tool["arguments_are"] == "no_json"]
        held = [tool for tool in tools if tool["arguments_are"] in ("valid", "misfit")]
        misfits = [tool for tool in held if tool["arguments_are"] == "misfit"]
        assert row["tool_calls"] == len(tools)
        assert row["dead_air_ms"] == pytest.approx(sum(known))
        assert row["dead_air_p50_ms"] in known
        assert row["n"]["dead_air_p95_ms"] == len(known) > 0
        assert row["no_json"] == len(unread) > 0
        assert row["no_json_share"] == pytest.approx(len(unread) / len(tools))
        assert row["misfits"] == len(misfits) > 0
        assert row["n"]["misfits"] == len(held)
        assert row["misfit_share"] == pytest.approx(len(misfits) / len(held))
        assert row["failed_share"] == pytest.approx(sum(t["failed"] for t in tools) / len(tools))
    page = await site.client.get("/tools", headers=member.cookie)
    late = [row for row in every.values() if row["dead_air_p95_ms"] > 2000]
    assert len(late) == page.text.count('class="num warn" data-column="dead_air_p95_ms"') > 0


async def test_what_is_wrong_with_arguments_is_listed_below_the_tools(site: Site) -> None:
    """The page has the API's rows, each of which is so many tool calls of the calls."""
    member = await varied(site)
    for narrowed in NARROWED:
        asked = {"params": narrowed, "headers": member.bearer}
        told = (await site.client.get("/v1/tools/arguments", **asked)).json()["data"]
        tools = (await site.client.get("/v1/tools", **asked)).json()["data"]
        page = await site.client.get("/tools", params=narrowed, headers=member.cookie)
        shown = Shown(page.text).tables.get("Argument errors", [[]])[1:]
        assert shown == [
            [row["error"], row["tool"], str(row["tool_calls"]), str(row["calls"])] for row in told
        ]
        for tool in tools:
            wrong = sum(row["tool_calls"] for row in told if row["tool"] == tool["tool"])
            assert wrong == tool["no_json"] + tool["misfits"]
    assert len(told) > 0


async def test_calls_are_exported_as_the_api_has_them(site: Site, member: Member) -> None:
    await site.facts.insert([a_call(member.org_id, user_id='=HYPERLINK("x")', session_name="a,\n")])
    listed = await site.client.get("/v1/calls", headers=member.bearer)
    lines = await site.client.get("/v1/calls/export", headers=member.bearer)
    assert [json.loads(line) for line in lines.text.splitlines()] == listed.json()["data"]
    answer = await site.client.get("/calls/export?format=csv", headers=member.cookie)
    assert answer.headers["content-disposition"] == 'attachment; filename="calls.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["id"] for row in rows] == [call["id"] for call in listed.json()["data"]]
    wicked = next(row for row in rows if "HYPERLINK" in row["user_id"])
    assert wicked["user_id"] == '\'=HYPERLINK("x")'
    assert wicked["session.name"] == "a,\n"
    assert wicked["cost_usd"] == "0.012345678"


@pytest.mark.parametrize("said", ["予約", "HELLO", "sí, mañana", "100 %"])
async def test_what_was_said_is_found_in_any_language(
    site: Site, member: Member, said: str
) -> None:
    call = await site.add_call(a_call(member.org_id, NOON_US - SECOND_US))
    line = ItemRow(
        org_id=member.org_id, call_id=call.call_id, version=1, item_id="item_z", position=90,
        kind="message", role="caller", text="Hello, 予約を SÍ, MAÑANA, 100 % sure",
    )  # fmt: skip
    await site.facts.insert([line])
    other = await site.join()
    answer = await site.client.get("/v1/calls", params={"said": said}, headers=member.bearer)
    assert call.call_id in [found["id"] for found in answer.json()["data"]]
    answer = await site.client.get("/v1/calls", params={"said": said}, headers=other.bearer)
    assert answer.json()["data"] == []


async def test_calls_are_found_by_a_tool_and_by_an_error(site: Site, member: Member) -> None:
    error = (await site.client.get("/v1/errors", headers=member.bearer)).json()["data"][0]
    for params, many in (
        ({"tool": "weather"}, 3),
        ({"tool": "none"}, 0),
        ({"error": error["fingerprint"]}, 3),
        ({"error": "0"}, 0),
    ):
        answer = await site.client.get("/v1/calls", params=params, headers=member.bearer)
        assert len(answer.json()["data"]) == many, params


async def test_pages_take_any_address(site: Site, member: Member) -> None:
    for path in (
        "/users?sort=nothing&direction=asc",
        "/costs?by=1;DROP",
        "/costs?by=property:x'y",
        "/properties/%27%29%20OR%201",
        "/errors?error=%00",
        "/users?offset=1000",
        "/tools?span=custom&from=9999-12-31T23:59&to=0001-01-01",
        "/users?from=2026-11-01",
        "/users?from=2025-11-01&to=2026-12-01",
    ):
        answer = await site.client.get(path, headers=member.cookie)
        assert answer.status_code == 200, path


async def test_reports_are_for_members(site: Site) -> None:
    for path in SHEETS:
        answer = await site.client.get(f"/{path}")
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in")


_NO_FILTERS = {"cursor", "limit", "sort", "direction"}


def test_a_page_filters_by_all_that_the_api_does() -> None:
    fields = {field for field in CallsQuery.model_fields if field not in _NO_FILTERS}
    named = {"from_": "since", "to": "until"}
    assert {named.get(field, field) for field in fields} <= set(Filters.__slots__)
