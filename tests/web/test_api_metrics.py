"""What pages show of many calls has an API, whose answers are bound to whoever asks."""

import io
import json
import zipfile
from typing import Any

import pytest
from tests.support.facts import NOON_US, SECOND_US, a_call
from tests.support.web import Member, Site

from trunkline.web import reports
from trunkline.web.reports import Report

RANGE = {"from": "2026-11-18T00:00:00Z", "to": "2026-11-19T00:00:00Z"}
QUERY = "/v1/metrics/query"


async def post(site: Site, member: Member, body: Any, status: int = 200) -> Any:
    answer = await site.client.post(QUERY, json=body, headers=member.bearer)
    assert answer.status_code == status, answer.text
    return answer.json()


async def get(site: Site, member: Member, path: str, **params: Any) -> Any:
    path, _, by = path.partition("?by=")
    params |= {"by": by} if by else {}
    answer = await site.client.get(path, params=RANGE | params, headers=member.bearer)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
async def member(site: Site) -> Member:
    """Has two users with a call of every part each; somebody else has others."""
    mine, other = await site.join(), await site.join()
    for number, user in enumerate(("ada", "bob")):
        await site.add_call(a_call(mine.org_id, NOON_US + number * SECOND_US, user_id=user))
    await site.add_call(a_call(other.org_id, user_id="eve"))
    return mine


async def test_any_metric_is_asked_by_anything(site: Site, member: Member) -> None:
    body = {
        **RANGE,
        "metrics": [{"metric": "turn.wait", "aggregates": ["p50", "p99"]}, "call.cost"],
        "group_by": ["user", "property:Environment"],
        "bucket": "hour",
        "zone": "Europe/Berlin",
        "where": {"any": [{"field": "user", "operator": "equals", "value": "ada"}]},
        "order": {"by": "name", "direction": "asc"},
    }
    answer = await post(site, member, body)
    assert answer == {
        "from": "2026-11-18T00:00:00Z",
        "to": "2026-11-19T00:00:00Z",
        "units": {"turn.wait": "ms", "call.cost": "usd"},
        "data": [
            {
                "group": {"user": "ada", "property:Environment": "test"},
                "at": "2026-11-18T13:00:00+01:00",
                "values": {
                    "turn.wait": {"n": 1, "p50": 640.0, "p99": None},
                    "call.cost": {"n": 1, "sum": "0.012345678"},
                },
            }
        ],
        "more": False,
    }


async def test_without_times_it_is_about_the_last_week(site: Site, member: Member) -> None:
    for days, calls in ((1, 2), (8, 0)):
        site.clock.now_us = NOON_US + days * 86_400 * SECOND_US
        (row,) = (await post(site, member, {"metrics": ["calls"]}))["data"]
        assert row["values"]["calls"]["n"] == calls


def nested(depth: int) -> Any:
    found: Any = {"field": "user", "operator": "equals", "value": "x"}
    for _ in range(depth):
        found = {"all": [found]}
    return found


BAD = {
    "nothing": {},
    "no metrics": {"metrics": []},
    "an unknown metric": {"metrics": ["joy"]},
    "SQL": {"metrics": ["calls) FROM calls --"]},
    "an unknown aggregate": {"metrics": [{"metric": "calls", "aggregates": ["p51"]}]},
    "the same metric twice": {"metrics": ["calls", "calls"]},
    "an unknown dimension": {"metrics": ["calls"], "group_by": ["1; DROP TABLE calls"]},
    "a dimension of other rows": {"metrics": ["calls"], "group_by": ["tool"]},
    "a zone that is none": {"metrics": ["calls"], "zone": "../../etc/passwd"},
    "a bucket that is none": {"metrics": ["calls"], "bucket": "eon"},
    "too many buckets": {**RANGE, "metrics": ["calls"], "group_by": ["user"], "bucket": "minute"},
    "a limit too high": {"metrics": ["calls"], "limit": 10_000},
    "a field that is none": {"metrics": ["calls"], "colour": "blue"},
    "a condition that is none": {"metrics": ["calls"], "where": "all"},
    "a condition with too much": {"metrics": ["calls"], "where": {"all": [], "any": []}},
    "an unknown field": {
        "metrics": ["calls"],
        "where": {"field": "org_id", "operator": "equals", "value": "x"},
    },
    "a list of anything": {
        "metrics": ["calls"],
        "where": {"field": "user", "operator": "in", "value": [[]]},
    },
    "conditions without end": {"metrics": ["calls"], "where": nested(300)},
    "an order by what is not asked": {"metrics": ["calls"], "order": {"by": "turns"}},
    "an order by no aggregate": {
        "metrics": ["calls"],
        "group_by": ["user"],
        "order": {"by": "calls", "aggregate": "p50"},
    },
}


async def test_what_cannot_be_asked_is_told_why(site: Site) -> None:
    member = await site.join()
    for case, body in BAD.items():
        error = (await post(site, member, body, 400))["error"]
        assert error["type"] == "invalid_request_error", case
        assert len(error["message"]) > 10, case


async def test_a_body_that_is_no_json_is_refused(site: Site) -> None:
    member = await site.join()
    headers = {**member.bearer, "Content-Type": "application/json"}
    for body in (b"{", b"[" * 100_000, b"\xff", b'{"metrics": ["calls"], "limit": NaN}'):
        answer = await site.client.post(QUERY, content=body, headers=headers)
        assert answer.status_code == 400, body[:10]


async def test_the_catalogue_says_what_there_is(site: Site, member: Member) -> None:
    found = await get(site, member, "/v1/metrics")
    waits = next(metric for metric in found["metrics"] if metric["id"] == "turn.wait")
    assert waits["unit"] == "ms"
    assert "p95" in waits["aggregates"]
    await post(site, member, {"metrics": [found["metrics"][0]["id"]]})


REPORTS: dict[str, tuple[Report, Any]] = {
    "/v1/users": (reports.USERS, ["bob", "ada"]),
    "/v1/properties": (reports.PROPERTIES, ["Environment"]),
    "/v1/properties/Environment": (reports.VALUES, ["test"]),
    "/v1/costs": (reports.COSTS, ["gpt-realtime-2.1"]),
    "/v1/costs?by=user": (reports.COSTS, ["bob", "ada"]),
    "/v1/tools": (reports.TOOLS, ["weather"]),
    "/v1/errors": (reports.ERRORS, None),
}


@pytest.mark.parametrize("path", REPORTS)
async def test_a_report_is_of_its_organisation_and_sorted_by_any_column(
    site: Site, member: Member, path: str
) -> None:
    report, groups = REPORTS[path]
    for column in report.columns:
        page = await get(site, member, path, sort=column.name)
        assert len(page["data"]) == len(groups or [1])
        assert page["data"][0].keys() == {report.key, "n", *(one.name for one in report.columns)}
    page = await get(site, member, path, sort=report.key, direction="desc")
    if groups:
        assert [row[report.key] for row in page["data"]] == groups
    assert page["more"] is False


async def test_a_report_has_the_numbers_of_the_calls(site: Site, member: Member) -> None:
    row = (await get(site, member, "/v1/users", user="ada"))["data"][0]
    assert (row["user"], row["calls"], row["turns"], row["wait_p50_ms"]) == ("ada", 1, 1, 640)
    assert row["cost_usd"] == "0.012345678"
    assert row["first_at"] == row["last_at"] == "2026-11-18T12:00:00Z"
    assert row["n"]["wait_p50_ms"] == 1
    error = (await get(site, member, "/v1/errors"))["data"][0]
    assert (error["errors"], error["calls"], error["code"]) == (2, 2, "bad")
    assert error["message"] == "It's \\ odd"
    cost = (await get(site, member, "/v1/costs"))["data"][0]
    assert (cost["cost_usd"], cost["billed"], cost["input_text"]) == ("0.000800000", 2, 200)


async def test_a_report_goes_on(site: Site, member: Member) -> None:
    first = await get(site, member, "/v1/users", sort="user", direction="asc", limit=1)
    assert ([row["user"] for row in first["data"]], first["more"]) == (["ada"], True)
    rest = await get(site, member, "/v1/users", sort="user", direction="asc", limit=1, offset=1)
    assert ([row["user"] for row in rest["data"]], rest["more"]) == (["bob"], False)


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/v1/users", {"sort": "1; DROP"}),
        ("/v1/costs", {"by": "colour"}),
        ("/v1/costs", {"by": "tool"}),
        ("/v1/tools", {"limit": "9999"}),
        ("/v1/errors", {"direction": "sideways"}),
    ],
)
async def test_a_report_refuses_what_it_does_not_have(
    site: Site, path: str, params: dict[str, str]
) -> None:
    member = await site.join()
    answer = await site.client.get(path, params=params, headers=member.bearer)
    assert answer.status_code == 400, answer.text


async def test_reports_need_a_key_that_reads(site: Site) -> None:
    member = await site.join()
    headers = {"Authorization": f"Bearer {member.call_key}"}
    for path in (*REPORTS, "/v1/metrics"):
        assert (await site.client.get(path)).status_code == 401, path
        assert (await site.client.get(path, headers=headers)).status_code == 403, path


async def test_a_calls_parts_are_told_alone(site: Site, member: Member) -> None:
    call = await site.add_whole_call(member.org_id)
    turns = (await get(site, member, f"/v1/calls/{call.call_id}/turns"))["data"]
    assert [turn["wait_ms"] for turn in turns] == [640]
    cost = await get(site, member, f"/v1/calls/{call.call_id}/cost")
    assert cost["cost_usd"] == "0.012345678"
    assert [(turn["turn"], turn["cost_usd"]) for turn in cost["turns"]] == [(1, None)]
    assert cost["usage"][0]["model"] == "gpt-realtime-2.1"


async def test_a_bundle_holds_all_of_a_call(site: Site, member: Member) -> None:
    call = await site.add_whole_call(member.org_id)
    answer = await site.client.get(f"/v1/calls/{call.call_id}/bundle", headers=member.bearer)
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.content)) as bundle:
        assert bundle.testzip() is None
        held = {name: bundle.read(name) for name in bundle.namelist()}
    assert json.loads(held["call.json"])["id"] == call.call_id
    assert json.loads(held["events.ndjson"].splitlines()[0])["record"] == "frame"
    assert held["audio.opus"].startswith(b"OggS")
    assert json.loads(held["peaks.json"])["per_second"] == 50


async def test_a_bundle_without_frames_says_so(site: Site, member: Member) -> None:
    call = await site.add_call(a_call(member.org_id))
    answer = await site.client.get(f"/v1/calls/{call.call_id}/bundle", headers=member.bearer)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as bundle:
        assert set(bundle.namelist()) == {"call.json", "events.missing.txt", "index.html"}


@pytest.mark.parametrize("part", ["turns", "cost", "bundle"])
async def test_parts_of_others_calls_are_not_there(site: Site, member: Member, part: str) -> None:
    stranger = await site.join()
    call = await site.add_call(a_call(member.org_id))
    path = f"/v1/calls/{call.call_id}/{part}"
    assert (await site.client.get(path, headers=stranger.bearer)).status_code == 404
