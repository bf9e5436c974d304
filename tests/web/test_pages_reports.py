"""Pages of many calls say what the API says."""

import csv
import io
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from tests.support.facts import NOON_US, SECOND_US, a_call
from tests.support.web import Member, Site

from trunkline.store.facts.rows import ItemRow
from trunkline.web.api.calls import CallsQuery
from trunkline.web.pages.calls_view import Filters

OF_CALLS = {"calls": 1, "turns": 1, "cost_usd": 1, "wait_p50_ms": 0.001}
REPORTS = {
    "users": OF_CALLS,
    "properties": OF_CALLS,
    "properties/Environment": OF_CALLS,
    "costs": {"cost_usd": 1, "billed": 1, "input_text": 1},
    "tools": {"tool_calls": 1, "calls": 1, "unanswered_share": 100},
    "errors": {"errors": 1, "calls": 1},
}
"""Pages, and how what they show of a column follows from what the API says of it."""


class Table(HTMLParser):
    """Collects the cells of a report: by group and column."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, dict[str, str]] = {}
        self._group = self._column = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "tr":
            self._group = found.get("data-group") or ""
        if tag == "td":
            self._column = found.get("data-column") or ""

    def handle_data(self, data: str) -> None:
        if self._group and self._column and data.strip():
            row = self.rows.setdefault(self._group, {})
            row[self._column] = row.get(self._column, "") + data.strip()


@pytest.fixture
async def member(site: Site) -> Member:
    mine, other = await site.join(), await site.join()
    site.clock.now_us = NOON_US + 3600 * SECOND_US
    for number, user in enumerate(("ada", "ada", "bob")):
        await site.add_call(a_call(mine.org_id, NOON_US + number * SECOND_US, user_id=user))
    await site.add_call(a_call(other.org_id, user_id="mallory"))
    return mine


def number(words: str) -> float:
    found = re.search(r"[\d.,]+", words)
    assert found, words
    return float(found[0].replace(",", ""))


@pytest.mark.parametrize("path", REPORTS)
async def test_a_page_has_the_numbers_of_the_api(site: Site, member: Member, path: str) -> None:
    """Counts, costs and waits of every row, whatever the filters."""
    for query in ({}, {"user": "ada"}, {"span": "24h"}, {"status": "failed"}):
        page = await site.client.get(f"/{path}", params=query, headers=member.cookie)
        assert page.status_code == 200
        table = Table()
        table.feed(page.text)
        asked = {name: value for name, value in query.items() if name != "span"}
        answer = await site.client.get(f"/v1/{path}", params=asked, headers=member.bearer)
        rows: list[dict[str, Any]] = answer.json()["data"]
        assert len(table.rows) == len(rows)
        for shown, row in zip(table.rows.values(), rows, strict=True):
            for name, scale in REPORTS[path].items():
                assert number(shown[name]) == pytest.approx(float(row[name]) * scale, rel=0.01)
        assert "mallory" not in page.text


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
    for path in REPORTS:
        answer = await site.client.get(f"/{path}")
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in")


_NO_FILTERS = {"cursor", "limit", "sort", "direction"}


def test_a_page_filters_by_all_that_the_api_does() -> None:
    fields = {field for field in CallsQuery.model_fields if field not in _NO_FILTERS}
    named = {"from_": "since", "to": "until"}
    assert {named.get(field, field) for field in fields} <= set(Filters.__slots__)
