"""What people and programs say of a call is kept, shown, found and counted."""

from typing import Any

import pytest
from sqlalchemy import select
from tests.support.facts import NOON_US, SECOND_US, a_call
from tests.support.web import Member, Site

from trunkline.store.control import models
from trunkline.store.facts.conditions import BadCondition, Is
from trunkline.store.facts.rows import CallRow
from trunkline.web.scores import read_score

DAY = {"from": "2026-11-18T00:00:00Z", "to": "2026-11-19T00:00:00Z"}


async def ask(site: Site, member: Member, method: str, path: str, body: Any = None) -> Any:
    answer = await site.client.request(method, f"/v1/{path}", json=body, headers=member.bearer)
    assert answer.status_code in (200, 201, 204), answer.text
    return answer.json() if answer.content else None


async def say(site: Site, member: Member, call: CallRow, **said: Any) -> None:
    await ask(site, member, "PATCH", f"calls/{call.call_id}/marks", said)


async def refused(site: Site, member: Member, call: CallRow, **said: Any) -> str:
    path = f"/v1/calls/{call.call_id}/marks"
    answer = await site.client.patch(path, json=said, headers=member.bearer)
    assert answer.status_code == 400, answer.text
    return answer.json()["error"]["message"]


@pytest.fixture
async def calls(site: Site) -> tuple[Member, CallRow, CallRow, CallRow]:
    """Three calls, a second apart: a good one, a bad one, and one of which nobody said anything."""
    member = await site.join()
    good, bad, other = [
        await site.add_call(a_call(member.org_id, NOON_US + n * SECOND_US, session_id=f"s{n}"))
        for n in range(3)
    ]
    await say(
        site, member, good,
        feedback=True, comment="Well done", scores={"exact": 0.9, "polite": True},
        add_tags=["vip", "100% “sure”"], properties={"Tier": "gold"},
    )  # fmt: skip
    await say(site, member, bad, feedback=False, scores={"exact": 0.2}, add_tags=["vip"])
    return member, good, bad, other


async def test_all_that_was_said_is_told(
    site: Site, calls: tuple[Member, CallRow, CallRow, CallRow]
) -> None:
    member, good, *_ = calls
    found = (await ask(site, member, "GET", f"calls/{good.call_id}/marks"))["data"]
    own = [mark for mark in found if not mark["part"]]
    assert [(mark["kind"], mark["name"], mark["value"]) for mark in own] == [
        ("comment", "", "Well done"),
        ("feedback", "", True),
        ("property", "Tier", "gold"),
        ("score", "exact", 0.9),
        ("score", "polite", True),
        ("tag", "100% “sure”", True),
        ("tag", "vip", True),
    ]
    keys = {key.id: key.name for key in await site.control.list_keys(member.org_id)}
    assert {keys[mark["by"]] for mark in own} == {"Both"}
    call = await ask(site, member, "GET", f"calls/{good.call_id}")
    assert (call["feedback"], call["tags"]) == (True, ["100% “sure”", "vip"])
    assert call["scores"] == {"exact": 0.9, "polite": 1}
    assert call["properties"] == {"Environment": "test", "Tier": "gold"}


async def test_what_was_said_can_be_taken_back(
    site: Site, calls: tuple[Member, CallRow, CallRow, CallRow]
) -> None:
    member, good, *_ = calls
    await say(
        site, member, good,
        feedback=None, comment=None, scores={"exact": None}, remove_tags=["vip"],
    )  # fmt: skip
    call = await ask(site, member, "GET", f"calls/{good.call_id}")
    assert (call["feedback"], call["tags"], call["scores"]) == (
        None,
        ["100% “sure”"],
        {"polite": 1},
    )


async def test_a_part_of_a_call_can_be_spoken_of(
    site: Site, calls: tuple[Member, CallRow, CallRow, CallRow]
) -> None:
    member, *_, other = calls
    for part in ("turn_1", "resp_1", "item_b"):
        await say(site, member, other, part=part, feedback=False)
    found = (await ask(site, member, "GET", f"calls/{other.call_id}/marks"))["data"]
    said = [(mark["part"], mark["value"]) for mark in found if mark["kind"] == "feedback"]
    assert said == [("item_b", False), ("resp_1", False), ("turn_1", False)]
    assert (await ask(site, member, "GET", f"calls/{other.call_id}"))["feedback"] is None
    assert "turn_2" in await refused(site, member, other, part="turn_2", feedback=True)
    assert "parts" in await refused(site, member, other, part="turn_1", properties={"a": "b"})


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"scores": {"": 1}},
        {"scores": {"x": "high"}},
        {"scores": {"x": 1e300}},
        {"add_tags": ["  "]},
        {"add_tags": ["a\nb"]},
        {"add_tags": ["x" * 101]},
        {"comment": "x" * 4001},
        {"feedback": 1},
        {"stars": 5},
        {"properties": {"a": "x" * 2001}},
    ],
)
async def test_what_makes_no_sense_is_refused_whole(site: Site, said: dict[str, Any]) -> None:
    member = await site.join()
    call = await site.add_call(a_call(member.org_id))
    body = (
        said if not said else {**said, "properties": {"Planted": "1", **said.get("properties", {})}}
    )
    await refused(site, member, call, **body)
    found = await ask(site, member, "GET", f"calls/{call.call_id}")
    assert found["properties"] == {"Environment": "test"}


async def test_half_a_character_is_replaced(site: Site) -> None:
    member = await site.join()
    call = await site.add_call(a_call(member.org_id))
    raw = rb'{"comment": "half \ud83d", "add_tags": ["\udc00"]}'
    headers = {**member.bearer, "Content-Type": "application/json"}
    path = f"/v1/calls/{call.call_id}/marks"
    assert (await site.client.patch(path, content=raw, headers=headers)).status_code == 204
    assert (await ask(site, member, "GET", f"calls/{call.call_id}"))["tags"] == ["?"]


async def test_who_said_it_is_in_the_audit_log_and_what_is_not(
    site: Site, calls: tuple[Member, CallRow, CallRow, CallRow]
) -> None:
    member, good, *_ = calls
    await say(site, member, good, feedback=True)
    async with site.control._database.reading() as session:  # pyright: ignore[reportPrivateUsage]
        rows = list(
            await session.scalars(
                select(models.AuditEntry).where(models.AuditEntry.subject == good.call_id)
            )
        )
    (entry,) = rows
    assert (entry.action, entry.org_id) == ("call.marked", member.org_id)
    assert entry.detail == "comment, feedback, property, score, tag"
    assert entry.user_id.startswith("key_")


FILTERS = {
    "tag=vip": [1, 0],
    "tag=100%25+%E2%80%9Csure%E2%80%9D": [0],
    "tag=VIP": [],
    "feedback=up": [0],
    "feedback=down": [1],
    "feedback=none": [2],
    "score=exact": [1, 0],
    "score=exact%3C0.5": [1],
    "score=exact+%3E%3D+0.9": [0],
    "score=polite%3D1": [0],
    "score=nothing": [],
    "tag=vip&feedback=up&score=exact>0.5": [0],
    "property=Tier%3Dgold": [0],
}


async def test_calls_are_found_by_what_was_said(
    site: Site, calls: tuple[Member, CallRow, CallRow, CallRow]
) -> None:
    member, *three = calls
    for query, expected in FILTERS.items():
        found = (await ask(site, member, "GET", f"calls?{query}"))["data"]
        assert [call["id"] for call in found] == [three[n].call_id for n in expected], query
    exported = await site.client.get("/v1/calls/export?tag=vip&format=csv", headers=member.bearer)
    assert "100% “sure”" in exported.text


def test_a_score_is_asked_for_by_name_and_number() -> None:
    assert read_score(" ") is None
    assert read_score("exact") == Is("scores", "equals", "exact")
    assert read_score("a = b <= -1e2") == Is("score:a = b", "lte", -100)
    assert read_score("x!=0") == Is("score:x", "not-equals", 0)
    for bad in ("x<", "x<high", "x>nan", "x=inf"):
        with pytest.raises(BadCondition):
            read_score(bad)


async def test_what_was_said_is_measured(
    site: Site, calls: tuple[Member, CallRow, CallRow, CallRow]
) -> None:
    member, _, bad, _ = calls
    await say(site, member, bad, part="turn_1", feedback=True)
    body = {"metrics": ["feedback", "feedback.up_share"], **DAY}
    (row,) = (await ask(site, member, "POST", "metrics/query", body))["data"]
    assert row["values"]["feedback"] == {"n": 3, "sum": 3}
    assert row["values"]["feedback.up_share"] == {"n": 3, "ratio": pytest.approx(2 / 3)}
    by_name = {
        "metrics": [{"metric": "score", "aggregates": ["mean", "p50"]}],
        "group_by": ["score"],
        **DAY,
    }
    found = (await ask(site, member, "POST", "metrics/query", by_name))["data"]
    means = {row["group"]["score"]: row["values"]["score"]["mean"] for row in found}
    assert means["polite"] == 1
    # Of the parts, too: each call of the fixture has one of 0.5 for its response.
    assert means["exact"] == pytest.approx((0.9 + 0.2 + 3 * 0.5) / 5)
    by_tag = {"metrics": ["calls", "turn.wait"], "group_by": ["tag"], **DAY}
    found = (await ask(site, member, "POST", "metrics/query", by_tag))["data"]
    assert {row["group"]["tag"]: row["values"]["calls"]["n"] for row in found} == {
        "vip": 2,
        "100% “sure”": 1,
        "": 1,
    }
    where = {
        "metrics": ["calls"],
        "where": {
            "all": [
                {"field": "tag", "operator": "in", "value": ["vip", "x"]},
                {"field": "tag", "operator": "not-contains", "value": "SURE"},
                {"field": "score:exact", "operator": "lt", "value": 0.5},
                {"field": "feedback", "operator": "equals", "value": False},
            ]
        },
        **DAY,
    }
    (row,) = (await ask(site, member, "POST", "metrics/query", where))["data"]
    assert row["values"]["calls"]["n"] == 1


async def test_helicones_clients_say_it_their_way(site: Site) -> None:
    member = await site.join()
    call = await site.add_call(a_call(member.org_id, session_id="s"))
    later = await site.add_call(a_call(member.org_id, NOON_US + SECOND_US, session_id="s"))
    path = f"request/{later.call_id}"
    done = {"data": None, "error": None}
    assert await ask(site, member, "POST", f"{path}/feedback", {"rating": True}) == done
    scores = {"scores": {"accuracy": 95, "safe": True}}
    assert await ask(site, member, "POST", f"{path}/score", scores) == done
    more = {"key": "Tier", "value": "gold"}
    assert await ask(site, member, "PUT", f"{path}/property", more) == done
    assert await ask(site, member, "POST", "session/s/feedback", {"rating": False}) == done
    assert await ask(site, member, "GET", "session/s/tag") == {"data": None, "error": None}
    assert await ask(site, member, "POST", "session/s/tag", {"tag": "vip"}) == done
    assert (await ask(site, member, "GET", "session/s/tag"))["data"] == "vip"
    first, second = (
        await ask(site, member, "POST", "request/query", {"sort": {"created_at": "asc"}})
    )["data"]
    assert first["request_id"] == call.call_id
    assert first["properties"]["Helicone-Session-Feedback"] == "0"
    assert (second["feedback_rating"], second["properties"]["Tier"]) == (True, "gold")
    assert second["scores"] == {"accuracy": 95, "safe": 1}
    assert (first["feedback_rating"], first["scores"]) == (None, None)


LEAVES: dict[str, tuple[Any, list[int]]] = {
    "rating": ({"feedback": {"rating": {"equals": True}}}, [0]),
    "its score": ({"request_response_rmt": {"helicone-score-feedback": {"equals": False}}}, [1]),
    "a score": ({"request_response_rmt": {"scores": {"exact": {"gte": "0.5"}}}}, [0]),
    "a score as a number": ({"request_response_rmt": {"scores": {"exact": {"lt": 0.5}}}}, [1]),
    "a score as a truth": ({"request_response_rmt": {"scores": {"polite": {"equals": True}}}}, [0]),
    "a score's name": ({"request_response_rmt": {"scores_column": {"equals": "polite"}}}, [0]),
    "a later property": ({"properties": {"Tier": {"equals": "gold"}}}, [0]),
    "two at once": (
        {
            "feedback": {"rating": {"equals": False}},
            "properties": {"Environment": {"equals": "test"}},
        },
        [1],
    ),
}


async def test_helicones_leaves_find_what_was_said(
    site: Site, calls: tuple[Member, CallRow, CallRow, CallRow]
) -> None:
    member, *three = calls
    for case, (leaf, expected) in LEAVES.items():
        for path in ("request/query", "request/query-clickhouse"):
            found = (await ask(site, member, "POST", path, {"filter": leaf}))["data"]
            ids = [request["request_id"] for request in found]
            assert ids == [three[n].call_id for n in expected], case
    scored = (await ask(site, member, "POST", "request/query", {"isScored": True}))["data"]
    assert len(scored) == 2
