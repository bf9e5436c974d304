"""Every number of Sessions, and of one session, is one that the API gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.web import Member, Site
from tests.web.shown import Shown, api, cost_of, length_of, page, us, usd, when
from tests.web.varied import varied

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
        text.count(told["failed"]) if told["failed"] else "",
        cost_of(told),
    ]


@pytest.mark.parametrize("query", [{}, {"search": "visit 2"}])
async def test_the_table_of_sessions_is_the_list_of_sessions(
    site: Site, member: Member, query: dict[str, str]
) -> None:
    html = await page(site, member, f"/sessions?search={query.get('search', '')}")
    shown = Shown(html).tables["Sessions"][1:]
    told = (await api(site, member, "/v1/sessions", **query))["data"]
    assert len(told) == (1 if query else 4)
    assert [row[4:] for row in shown] == [session_row(one) for one in told]
    assert [row[1] for row in shown] == [
        "live" if one["live"] else when(one["last_at"]) for one in told
    ]


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
