"""What Helicone's clients ask is answered as they expect it, filter trees included."""

from decimal import Decimal
from typing import Any

import pytest
from tests.support.facts import NOON_US, SECOND_US, a_call
from tests.support.web import Member, Site

from trunkline.store.facts.amounts import Tokens
from trunkline.store.facts.conditions import BadCondition, compile_condition
from trunkline.web.helicone_filter import read_filter

EVER = {"startTimeUnixMs": 0, "endTimeUnixMs": 10**13}


async def post(site: Site, member: Member, path: str, body: Any) -> Any:
    answer = await site.client.post(f"/v1/{path}", json=body, headers=member.bearer)
    assert answer.status_code == 200, answer.text
    assert answer.json()["error"] is None
    return answer.json()["data"]


@pytest.fixture
async def member(site: Site) -> Member:
    """Ada's call failed and cost more than Bob's two; Mallory is of another organisation."""
    mine, other = await site.join(), await site.join()
    ada = a_call(
        mine.org_id,
        user_id="ada",
        status="failed",
        cost_usd=Decimal("0.5"),
        properties={"Tier": "gold", "Environment": "test"},
        session_id="s-ada",
        wait_p50_us=2_000_000,
    )
    bobs = [
        a_call(
            mine.org_id,
            NOON_US + (n + 1) * SECOND_US,
            user_id="bob",
            cost_usd=Decimal("0.1"),
            tokens=Tokens(input_text=10, output_audio=5),
            properties={"Environment": "live"},
        )
        for n in range(2)
    ]
    await site.facts.insert([ada, *bobs, a_call(other.org_id, user_id="mallory")])
    return mine


def leaf(column: str, operator: str, value: Any, table: str = "request_response_rmt") -> Any:
    return {table: {column: {operator: value}}}


def both(left: Any, right: Any, operator: str = "and") -> Any:
    return {"left": left, "operator": operator, "right": right}


TIER = {"request_response_rmt": {"properties": {"Tier": {"equals": "gold"}}}}
TREES: dict[str, tuple[Any, list[str]]] = {
    "all": ("all", ["bob", "bob", "ada"]),
    "nothing": ({}, ["bob", "bob", "ada"]),
    "text equals": (leaf("user_id", "equals", "ada"), ["ada"]),
    "text does not equal": (leaf("user_id", "not-equals", "ada"), ["bob", "bob"]),
    "like": (leaf("user_id", "like", "a%"), ["ada"]),
    "ilike": (leaf("user_id", "ilike", "%DA"), ["ada"]),
    "contains": (leaf("user_id", "contains", "OB"), ["bob", "bob"]),
    "does not contain": (leaf("user_id", "not-contains", "OB"), ["ada"]),
    "number above": (leaf("cost", "gt", 0.3), ["ada"]),
    "number from": (leaf("cost", "gte", 0.5), ["ada"]),
    "number below": (leaf("latency", "lt", 1000), ["bob", "bob"]),
    "number up to": (leaf("latency", "lte", 640), ["bob", "bob"]),
    "number equals": (leaf("total_tokens", "equals", 15), ["bob", "bob"]),
    "number does not equal": (leaf("status", "not-equals", 200), ["ada"]),
    "number as text": (leaf("status", "equals", "500", "response"), ["ada"]),
    "time from": (leaf("request_created_at", "gte", "2026-11-18T12:00:02Z"), ["bob"]),
    "time before": (leaf("created_at", "lt", "2026-11-18T13:00:01+01:00", "request"), ["ada"]),
    "time in ms": (leaf("request_created_at", "gt", NOON_US // 1000 + 1000), ["bob"]),
    "property": (TIER, ["ada"]),
    "property in its own table": (
        {"properties": {"Environment": {"equals": "live"}}},
        ["bob", "bob"],
    ),
    "session": (
        leaf("session_session_id", "equals", "s-ada", "sessions_request_response_rmt"),
        ["ada"],
    ),
    "and": (both(leaf("user_id", "equals", "bob"), TIER), []),
    "or": (both(leaf("cost", "gt", 0.4), TIER, "or"), ["ada"]),
    "nested": (
        both(both(leaf("user_id", "equals", "bob"), TIER, "or"), leaf("cost", "lt", 0.2)),
        ["bob", "bob"],
    ),
    "two operators of one column": (
        {"request_response_rmt": {"cost": {"gte": 0.1, "lt": 0.2}}},
        ["bob", "bob"],
    ),
}


@pytest.mark.parametrize("path", ["request/query", "request/query-clickhouse"])
async def test_a_tree_chooses_requests(site: Site, member: Member, path: str) -> None:
    for case, (tree, users) in TREES.items():
        found = await post(site, member, path, {"filter": tree, "limit": 100})
        assert [request["request_user_id"] for request in found] == users, case


async def test_a_tree_chooses_the_calls_of_sessions_and_users(site: Site, member: Member) -> None:
    tree = leaf("user_id", "equals", "ada")
    sessions = await post(site, member, "session/query", {"timeFilter": EVER, "filter": tree})
    assert [session["session_id"] for session in sessions] == ["s-ada"]
    page = await post(site, member, "user/metrics/query", {"filter": tree})
    assert [user["user_id"] for user in page["users"]] == ["ada"]


async def test_a_request_has_helicones_names(site: Site, member: Member) -> None:
    (ada,) = await post(
        site, member, "request/query", {"filter": TIER, "sort": {"created_at": "desc"}}
    )
    assert ada["request_created_at"] == "2026-11-18T12:00:00Z"
    assert ada["response_status"] == 500
    assert (ada["cost"], ada["delay_ms"]) == (0.5, 2000)
    assert (ada["prompt_tokens"], ada["completion_tokens"], ada["total_tokens"]) == (150, 40, 190)
    assert ada["request_properties"]["Helicone-Session-Id"] == "s-ada"
    assert ada["request_properties"]["Tier"] == "gold"


async def test_requests_are_sorted_and_paged(site: Site, member: Member) -> None:
    for sort, way, first in (
        ("cost", "desc", "ada"),
        ("cost", "asc", "bob"),
        ("created_at", "asc", "ada"),
        ("latency", "desc", "ada"),
        ("total_tokens", "asc", "bob"),
        ("user_id", "desc", "bob"),
    ):
        found = await post(site, member, "request/query", {"sort": {sort: way}, "limit": 1})
        assert [request["request_user_id"] for request in found] == [first], (sort, way)
    rest = await post(site, member, "request/query", {"offset": 2, "limit": 5})
    assert [request["request_user_id"] for request in rest] == ["ada"]
    assert await post(site, member, "request/query", {"isCached": True}) == []


async def test_users_have_their_sums(site: Site, member: Member) -> None:
    users = await post(site, member, "user/query", {"userIds": ["bob", "mallory"]})
    assert users == [
        {"user_id": "bob", "count": 2, "prompt_tokens": 20, "completion_tokens": 10, "cost": 0.2}
    ]
    page = await post(site, member, "user/metrics/query", {"limit": 1})
    assert (page["count"], page["hasUsers"]) == (2, True)
    (bob,) = page["users"]
    assert (bob["user_id"], bob["total_requests"], bob["active_for"]) == ("bob", 2, 1)
    assert bob["average_tokens_per_request"] == 15
    before = {"startTimeUnixSeconds": 0, "endTimeUnixSeconds": 1}
    assert await post(site, member, "user/query", {"timeFilter": before}) == []


async def test_properties_have_their_names(site: Site, member: Member) -> None:
    found = await post(site, member, "property/query", {})
    assert found == [{"property": "Environment"}, {"property": "Tier"}]


def deep(levels: int) -> Any:
    tree: Any = TIER
    for _ in range(levels):
        tree = both(TIER, tree, "or")
    return tree


BAD_TREES: dict[str, Any] = {
    "a word": "everything",
    "a list": [],
    "a number": 7,
    "an unknown table": leaf("user_id", "equals", "x", "system.tables"),
    "an unknown column": leaf("org_id", "equals", "x"),
    "an unknown operator": leaf("user_id", "matches", "x"),
    "an operator of another type": leaf("user_id", "gt", "x"),
    "no operator's value": leaf("user_id", "equals", {}),
    "half a branch": {"left": "all", "operator": "and"},
    "another branch": both("all", "all", "xor"),
    "a time that is none": leaf("created_at", "gt", "yesterday"),
    "a time beyond all": leaf("created_at", "gt", 10**18),
    "a number that is none": leaf("cost", "gt", "much"),
    "no number": leaf("cost", "gt", "nan"),
    "a property without a name": {"request_response_rmt": {"properties": {"": {"equals": "x"}}}},
    "a property that is none": {"request_response_rmt": {"properties": "Tier"}},
    "too deep": deep(200),
}


@pytest.mark.parametrize("case", BAD_TREES)
def test_a_tree_that_means_nothing_is_refused(case: str) -> None:
    with pytest.raises(BadCondition):
        compile_condition(read_filter(BAD_TREES[case]))


async def test_a_refusal_is_in_helicones_envelope(site: Site) -> None:
    member = await site.join()
    for path, body in (
        ("request/query", {"filter": "everything"}),
        ("request/query", {"sort": {"colour": "asc"}}),
        ("request/query-clickhouse", {"limit": 10**9}),
        ("session/query", {"timeFilter": EVER, "filter": []}),
        ("user/metrics/query", {"filter": 1}),
        ("user/query", {"userIds": "x"}),
    ):
        answer = await site.client.post(f"/v1/{path}", json=body, headers=member.bearer)
        assert answer.status_code == 400, path
        assert answer.json()["data"] is None
        assert answer.json()["error"]
