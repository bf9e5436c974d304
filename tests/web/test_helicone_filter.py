"""Every leaf of Helicone's filter tree: what it finds, or why it can find nothing.

Tables, columns and types are those of its `filterDefs`.
"""

from typing import Any, Literal

import pytest
from tests.support.facts import NOON_US, SECOND_US, a_call
from tests.support.web import Member, Site

from trunkline.store.facts.amounts import Tokens
from trunkline.store.facts.conditions import BadCondition, compile_condition
from trunkline.store.facts.rows import ItemRow, MarkRow
from trunkline.web.helicone_filter import read_filter

Type = Literal["text", "vector", "number", "bool", "time", "named"]

OPERATORS: dict[Type, tuple[tuple[str, ...], Any]] = {
    "text": (("equals", "not-equals", "like", "ilike", "contains", "not-contains"), "x%"),
    "vector": (("contains", "not-contains", "vector-contains", "gin-contains"), "x%"),
    "number": (("equals", "not-equals", "gt", "gte", "lt", "lte"), 1),
    "bool": (("equals",), True),
    "time": (("equals", "gt", "gte", "lt", "lte"), "2026-11-18T12:00:00Z"),
}
USER: dict[str, Type] = {
    "active_for": "number", "first_active": "time", "last_active": "time",
    "total_requests": "number", "average_requests_per_day_active": "number",
    "average_tokens_per_request": "number", "total_completion_tokens": "number",
    "total_prompt_tokens": "number", "cost": "number",
}  # fmt: skip
LEAVES: dict[str, dict[str, Type]] = {
    "request_response_rmt": {
        "latency": "number", "time_to_first_token": "number", "status": "number",
        "request_created_at": "time", "response_created_at": "time", "model": "text",
        "user_id": "text", "request_id": "text", "prompt_tokens": "number",
        "completion_tokens": "number", "prompt_cache_read_tokens": "number",
        "total_tokens": "number", "target_url": "text", "scores_column": "text",
        "request_body": "vector", "response_body": "vector", "cost": "number",
        "helicone-score-feedback": "bool", "prompt_id": "text", "provider": "text",
        "property_key": "text",
    },
    "request_response_log": {
        "latency": "number", "status": "number", "request_created_at": "time",
        "response_created_at": "time", "model": "text", "user_id": "text",
    },
    "request": {
        "prompt": "vector", "created_at": "time", "user_id": "text", "id": "text",
        "model": "text", "modelOverride": "text", "prompt_id": "text",
    },
    "response": {
        "body_tokens": "number", "body_model": "text", "body_completion": "vector",
        "status": "number", "model": "text",
    },
    "feedback": {"created_at": "time", "rating": "bool", "response_id": "text"},
    "score_value": {"request_id": "text"},
    "sessions_request_response_rmt": {
        "session_session_id": "text", "session_session_name": "text",
        "session_total_cost": "number", "session_total_tokens": "number",
        "session_prompt_tokens": "number", "session_completion_tokens": "number",
        "session_total_requests": "number", "session_created_at": "time",
        "session_latest_request_created_at": "time", "session_tag": "text",
    },
    "users_view": {"user_user_id": "text", **{f"user_{name}": kind for name, kind in USER.items()}},
    "user_metrics": {"user_id": "text", **USER},
    "user_api_keys": {"api_key_name": "text"},
    "properties_v3": {"key": "text", "value": "text"},
    "properties_table": {"key": "text", "value": "text"},
    "property_with_response_v1": {
        "property_key": "text", "property_value": "text", "request_created_at": "time",
    },
    "organization_properties": {"property_key": "text"},
    "request_response_search": {
        "request_body_vector": "vector", "response_body_vector": "vector",
    },
    "properties": {"Tier": "text"},
    "values": {"Tier": "text"},
}  # fmt: skip
REFUSED = (
    "request_response_rmt.country_code", "request_response_rmt.organization_id",
    "request_response_rmt.node_id", "request_response_rmt.job_id", "request_response_rmt.threat",
    "request_response_rmt.prompt_cache_write_tokens", "request_response_rmt.cache_enabled",
    "request_response_rmt.cache_reference_id", "request_response_rmt.assets",
    "request_response_rmt.cached", "request_response_rmt.prompt_version",
    "request_response_log.auth_hash", "request_response_log.threat", "request.auth_hash",
    "request.org_id", "request.node_id", "request.path", "request.country_code",
    "properties_v3.organization_id", "properties_table.auth_hash", "user_api_keys.api_key_hash",
    "organization_properties.organization_id", "property_with_response_v1.threat",
)  # fmt: skip
REFUSED_TABLES = (
    "cache_hits", "cache_metrics", "job", "job_node", "prompt_v2", "prompts_versions",
    "experiment", "experiment_hypothesis_run", "rate_limit_log",
)  # fmt: skip


def leaf(table: str, column: str, operator: str, value: Any) -> Any:
    return {table: {column: {operator: value}}}


def of_call(column: str, operator: str, value: Any) -> Any:
    return leaf("request_response_rmt", column, operator, value)


def of_session(column: str, operator: str, value: Any) -> Any:
    return leaf("sessions_request_response_rmt", f"session_{column}", operator, value)


def every_leaf() -> list[Any]:
    found = [
        leaf(table, column, operator, OPERATORS[kind][1])
        for table, columns in LEAVES.items()
        for column, kind in columns.items()
        for operator in OPERATORS[kind][0]
    ]
    named = {
        "properties": ("text", "Tier"), "search_properties": ("text", "Tier"),
        "scores": ("number", "accuracy"),
    }  # fmt: skip
    for column, (kind, name) in named.items():
        operators, value = OPERATORS[kind]
        found += [
            {"request_response_rmt": {column: {name: {operator: value}}}} for operator in operators
        ]
    return found


async def test_the_engine_understands_every_leaf_with_every_operator(site: Site) -> None:
    member = await site.join()
    leaves = every_leaf()
    for at in range(0, len(leaves), 30):
        trees = leaves[at : at + 30]
        tree = trees[0]
        for other in trees[1:]:
            tree = {"left": other, "operator": "and", "right": tree}
        body = {"filter": tree, "limit": 1}
        answer = await site.client.post("/v1/request/query", json=body, headers=member.bearer)
        assert answer.status_code == 200, (answer.text, trees)


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_call_cannot_have_is_refused_with_a_reason(name: str) -> None:
    table, _, column = name.partition(".")
    with pytest.raises(BadCondition, match=rf"calls have no '{column}': .{{10,}}"):
        read_filter(leaf(table, column, "equals", "x"))


@pytest.mark.parametrize("table", REFUSED_TABLES)
def test_a_table_that_cannot_be_is_refused_with_a_reason(table: str) -> None:
    with pytest.raises(BadCondition, match=rf"no '{table}' here: .{{10,}}"):
        read_filter(leaf(table, "id", "equals", "x"))


@pytest.mark.parametrize("operator", ["equals", "like", "ilike", "not-equals"])
def test_bodies_are_searched_and_not_compared(operator: str) -> None:
    tree = of_call("request_body", operator, "x")
    with pytest.raises(BadCondition, match="use one of contains, not-contains"):
        compile_condition(read_filter(tree))


# --- what they find


@pytest.fixture
async def member(site: Site) -> Member:
    """Two calls of Ada, in one session with a tag; one of Bob's, alone. Each says something."""
    mine, other = await site.join(), await site.join()
    first = a_call(
        mine.org_id, user_id="ada", session_id="s", tokens=Tokens(input_text=30, output_text=10),
        properties={"Helicone-Session-Tag": "urgent", "Helicone-Prompt-Id": "greeting"},
    )  # fmt: skip
    second = a_call(
        mine.org_id, NOON_US + 60 * SECOND_US, user_id="ada", session_id="s",
        tokens=Tokens(input_text=10, output_text=10),
    )  # fmt: skip
    alone = a_call(mine.org_id, NOON_US + 120 * SECOND_US, user_id="bob", tokens=Tokens())
    theirs = a_call(other.org_id, user_id="eve", session_id="s", key_name="theirs")
    said = [
        (first, "caller", "Où est la GARE ?"), (first, "assistant", "50 % sure: left."),
        (second, "tool", '{"station": "Lille"}'), (alone, "assistant", "La gare est fermée."),
        (theirs, "caller", "gare gare"),
    ]  # fmt: skip
    items = [
        ItemRow(
            org_id=call.org_id, call_id=call.call_id, version=1, item_id=f"item_{number}",
            position=number, kind="message", role=role, text=text,
        )
        for number, (call, role, text) in enumerate(said)
    ]  # fmt: skip
    up = MarkRow(
        org_id=mine.org_id, call_id=alone.call_id, version=NOON_US, kind="feedback", number=1
    )
    await site.facts.insert([first, second, alone, theirs, *items, up])
    return mine


FINDS: dict[str, tuple[Any, list[str]]] = {
    "what the caller said": (of_call("request_body", "contains", "où est la gare"), ["ada"]),
    "a tool's output went in": (leaf("request", "prompt", "contains", "lille"), ["ada"]),
    "what the assistant said": (of_call("response_body", "contains", "gare"), ["bob"]),
    "what it did not say": (
        leaf("response", "body_completion", "not-contains", "gare"),
        ["ada", "ada"],
    ),
    "signs of patterns are letters": (of_call("response_body", "contains", "50 %"), ["ada"]),
    "and find nothing else": (of_call("response_body", "contains", "5_ %"), []),
    "an old name": (
        leaf("request_response_search", "request_body_vector", "vector-contains", "GARE"),
        ["ada"],
    ),
    "a session's tag": (of_session("tag", "equals", "urgent"), ["ada", "ada"]),
    "no session's tag": (of_session("tag", "equals", "calm"), []),
    "a session's calls": (of_session("total_requests", "equals", 2), ["ada", "ada"]),
    "a session's tokens": (of_session("total_tokens", "gte", 60), ["ada", "ada"]),
    "more than a session's": (of_session("prompt_tokens", "gt", 40), []),
    "when a session was last": (
        of_session("latest_request_created_at", "lte", "2026-11-18T12:01:00Z"),
        ["ada", "ada"],
    ),
    "a user's calls": (leaf("users_view", "user_total_requests", "lt", 2), ["bob"]),
    "a user's tokens a call": (
        leaf("user_metrics", "average_tokens_per_request", "equals", 30),
        ["ada", "ada"],
    ),
    "a user's days": (leaf("user_metrics", "active_for", "equals", 1), ["bob", "ada", "ada"]),
    "when a user came first": (
        leaf("users_view", "user_first_active", "gt", "2026-11-18T12:00:30Z"),
        ["bob"],
    ),
    "when feedback came": (leaf("feedback", "created_at", "lte", "2026-11-18T12:00:00Z"), ["bob"]),
    "feedback came later": (leaf("feedback", "created_at", "gt", "2026-11-18T12:00:00Z"), []),
    "a property's name": (leaf("properties_v3", "key", "equals", "Helicone-Session-Tag"), ["ada"]),
    "a property's value": (
        leaf("property_with_response_v1", "property_value", "ilike", "URG%"),
        ["ada"],
    ),
    "a prompt": (of_call("prompt_id", "equals", "greeting"), ["ada"]),
    "another organisation's key": (leaf("user_api_keys", "api_key_name", "equals", "theirs"), []),
}


async def test_leaves_find_what_they_mean(site: Site, member: Member) -> None:
    for case, (tree, users) in FINDS.items():
        answer = await site.client.post(
            "/v1/request/query", json={"filter": tree}, headers=member.bearer
        )
        found = [request["request_user_id"] for request in answer.json()["data"]]
        assert found == users, case


async def test_sums_of_users_are_those_that_are_answered(site: Site, member: Member) -> None:
    """What `/v1/user/metrics/query` says of a user finds that user."""
    asked = await site.client.post("/v1/user/metrics/query", json={}, headers=member.bearer)
    for user in asked.json()["data"]["users"]:
        for name, kind in USER.items():
            value = user[name]
            tree = leaf("users_view", f"user_{name}", "equals", value)
            answer = await site.client.post(
                "/v1/request/query", json={"filter": tree}, headers=member.bearer
            )
            found = {request["request_user_id"] for request in answer.json()["data"]}
            assert user["user_id"] in found, (name, kind, value)
