"""Every number of Sessions, and of one session, is one that the API gives."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any, get_args
from urllib.parse import urlencode

import pytest
from tests.support.web import Member, Site
from tests.web.shown import Shown, api, cost_of, length_of, page, us, usd, when
from tests.web.varied import varied

from trunkline.store.facts.sorting_sessions import SessionSort
from trunkline.web.pages import text


@pytest.fixture
async def member(site: Site) -> Member:
    return await varied(site)


def session_row(told: dict[str, Any]) -> list[str]:
    """Return the cells of the table of sessions, from the calls on."""
    return [
        text.count(told["calls"]),
        text.count(told["turns"]),
        text.clock(us(told["talk_ms"])),
        f"{text.wait(us(told['wait_p50_ms']))} n = {told['waits']}",
        text.count(told["failed"]) if told["failed"] else "",
        cost_of(told),
    ]


NARROWED: dict[str, dict[str, str]] = {
    "nothing": {},
    "part of the name": {"search": "visit 2"},
    "a path": {"session_path": "front//booking/"},
    "a path above": {"session_path": "/front"},
    "a user's property": {"user": "bob", "property": "tier=gold", "session_path": "/front"},
    "a status": {"status": "failed", "model": "acme-voice-3"},
    "its length": {"duration_s": ">1450"},
    "its longest wait": {"wait_max_s": "<4.40"},
    "its cost": {"cost_usd": ">0.3 <5"},
    "what nobody heard": {"unheard_usd": ">0.007"},
    "a time": {"from": "2026-11-10T00:00:00Z", "to": "2026-11-12T00:00:00Z"},
}


@pytest.mark.parametrize("query", NARROWED.values(), ids=NARROWED)
async def test_the_table_of_sessions_is_the_list_of_sessions(
    site: Site, member: Member, query: dict[str, str]
) -> None:
    html = await page(site, member, f"/sessions?{urlencode(query)}")
    shown = Shown(html).tables["Sessions"][1:]
    told = (await api(site, member, "/v1/sessions", **query))["data"]
    assert len(told) == 4 if not query else 0 < len(told) < 4
    assert [row[4:] for row in shown] == [session_row(one) for one in told]
    assert [row[1] for row in shown] == [
        "live" if one["live"] else when(one["last_at"]) for one in told
    ]
    for name in query:
        # The form sends it again.
        assert f'name="{name}"' in html
    every = {one["id"]: one for one in (await api(site, member, "/v1/sessions"))["data"]}
    assert all(one == every[one["id"]] for one in told), "sums are of all calls"


async def test_numbers_of_the_form_are_those_of_the_session(site: Site, member: Member) -> None:
    for one in (await api(site, member, "/v1/sessions"))["data"]:
        numbers = {
            "duration_s": f"{one['talk_ms'] / 1000:.6f}",
            "cost_usd": one["cost_usd"],
        }
        for name, number in numbers.items():
            bounds = {name: f">={number} <={number}"}
            (found,) = (await api(site, member, "/v1/sessions", **bounds))["data"]
            assert found["id"] == one["id"]


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("sort", get_args(SessionSort))
async def test_sessions_come_in_the_order_asked_for(
    site: Site, member: Member, sort: str, direction: str
) -> None:
    every = (await api(site, member, "/v1/sessions"))["data"]
    order = {"sort": sort, "direction": direction}
    found: list[dict[str, Any]] = []
    cursor = ""
    for _ in every:
        part = await api(site, member, "/v1/sessions", **order, limit=1, cursor=cursor)
        found += part["data"]
        cursor = part["next_cursor"]
    assert cursor is None
    assert sorted(one["id"] for one in found) == sorted(one["id"] for one in every)
    values = [one[sort] if sort != "name" else one["name"] or one["id"] for one in found]
    if sort == "cost_usd":
        values = [usd(value) for value in values]
    assert values == sorted(values, reverse=direction == "desc")
    html = await page(site, member, f"/sessions?{urlencode(order)}")
    shown = re.findall(r'<a href="/sessions/visit%2F(\d)"', html)
    assert [f"visit/{number}" for number in shown] == [one["id"] for one in found]


async def test_a_page_of_another_order_does_not_go_on(site: Site, member: Member) -> None:
    cursor = (await api(site, member, "/v1/sessions", limit=1))["next_cursor"]
    query = {"cursor": cursor, "sort": "calls"}
    answer = await site.client.get("/v1/sessions", params=query, headers=member.bearer)
    assert answer.status_code == 400
    assert "sorted otherwise" in answer.text


async def test_files_of_sessions_are_what_the_page_shows(site: Site, member: Member) -> None:
    query = {"session_path": "/front", "sort": "calls", "direction": "asc"}
    told = (await api(site, member, "/v1/sessions", **query))["data"]
    for form in ("csv", "ndjson"):
        asked = {**query, "format": form}
        of_page = await page(site, member, f"/sessions?{urlencode(asked)}")
        answer = await site.client.get("/v1/sessions", params=asked, headers=member.bearer)
        assert answer.text == of_page
        assert f'filename="sessions.{form}"' in answer.headers["content-disposition"]
        if form == "csv":
            lines = list(csv.DictReader(io.StringIO(answer.text)))
            assert [line["id"] for line in lines] == [one["id"] for one in told]
            assert [usd(line["cost_usd"]) for line in lines] == [usd(o["cost_usd"]) for o in told]
            assert set(lines[0]) == set(told[0])
        else:
            assert [json.loads(line) for line in answer.text.splitlines()] == told


@pytest.mark.parametrize("number", range(4))
async def test_a_session_has_the_same_sums_and_tree(
    site: Site, member: Member, number: int
) -> None:
    shown = Shown(await page(site, member, f"/sessions/visit%2F{number}"))
    told = await api(site, member, f"/v1/sessions/visit/{number}")
    live = f"{told['live']} live now" if told["live"] else ""
    failed = f"{told['failed']} failed" if told["failed"] else ""
    tokens = text.plural(told["input_tokens"] + told["output_tokens"], "token")
    assert told["waits"] > 5
    assert [*shown.facts.items()] == [
        ("Calls", (text.count(told["calls"]), ", ".join(filter(None, (live, failed))))),
        ("Turns", (text.count(told["turns"]), f"{told['users'][0]} and 1 more")),
        (
            "Talked",
            (text.clock(us(told["talk_ms"])), f"over {text.clock(us(told['duration_ms']))}"),
        ),
        (
            "Caller waited, p50",
            (text.wait(us(told["wait_p50_ms"])), f"n = {told['waits']} turns"),
        ),
        (
            "Cost",
            (
                cost_of(told),
                "no price for " + ", ".join(told["unpriced"]) if told["unpriced"] else tokens,
            ),
        ),
    ]
    assert shown.tables["tree"][1:] == list(branches(site, told["tree"]))


def branches(site: Site, node: dict[str, Any]) -> Iterator[list[str]]:
    """Yield the lines of a session's tree by what the API says, depth first."""
    for call in node["calls"]:
        status, reason = text.status(call["status"]), text.end_reason(call["end_reason"])
        yield [
            when(call["opened_at"]),
            f"{status} {reason.removeprefix(f'{status} ')}".strip(),
            call["model_used"],
            length_of(site, call),
            text.count(call["counts"]["turns"]),
            text.wait(us(call["wait_p50_ms"])),
            cost_of(call),
        ]
    for child in node["children"]:
        of = child["totals"]
        name = f"/{child['name']} {text.plural(of['calls'], 'call')}"
        yield [name, "", "", text.clock(us(of["duration_ms"])), "", "", cost_of(of)]
        yield from branches(site, child)


METRICS = ("turn.wait", "turns", "calls", "calls.failed")


async def test_a_session_is_what_any_question_about_it_says(site: Site, member: Member) -> None:
    body = {
        "metrics": [*METRICS, {"metric": "call.cost", "aggregates": ["sum"]}],
        "group_by": ["session"],
        "from": "2020-01-01T00:00:00Z",
        "order": {"by": "name"},
    }
    answer = await site.client.post("/v1/metrics/query", json=body, headers=member.bearer)
    rows = {row["group"]["session"]: row["values"] for row in answer.json()["data"]}
    told = (await api(site, member, "/v1/sessions"))["data"]
    assert len(rows) == len(told) == 4
    for one in told:
        of = rows[one["id"]]
        assert (one["waits"], one["wait_p50_ms"]) == (of["turn.wait"]["n"], of["turn.wait"]["p50"])
        assert (one["calls"], one["turns"]) == (of["calls"]["sum"], of["turns"]["sum"])
        assert one["failed"] == of["calls.failed"]["sum"]
        assert usd(one["cost_usd"]) == usd(of["call.cost"]["sum"])


async def test_helicones_clients_are_told_the_same_of_sessions(site: Site, member: Member) -> None:
    body = {"search": "", "timezoneDifference": 0, "filter": "all"}
    ends = {"startTimeUnixMs": 0, "endTimeUnixMs": site.clock.now_us // 1000 + 1}
    answer = await site.client.post(
        "/v1/session/query", json={**body, "timeFilter": ends}, headers=member.bearer
    )
    theirs = {one["session_id"]: one for one in answer.json()["data"]}
    ours = {one["id"]: one for one in (await api(site, member, "/v1/sessions"))["data"]}
    assert len(theirs) == len(ours) == 4
    for session_id, one in ours.items():
        other = theirs[session_id]
        assert other["total_requests"] == one["calls"]
        assert other["total_cost"] == pytest.approx(float(one["cost_usd"]))
        assert other["total_tokens"] == one["input_tokens"] + one["output_tokens"]
        assert when(other["created_at"]) == when(one["first_at"])
        assert when(other["latest_request_created_at"]) == when(one["last_at"])
