"""Names and sizes of sessions, as Helicone's clients ask for them."""

from decimal import Decimal
from typing import Any

import pytest
from tests.support.facts import NOON_US, SECOND_US, a_call
from tests.support.web import Member, Site

MS = NOON_US // 1000
ONE: Any = {"timezoneDifference": 0, "nameContains": ""}


async def post(site: Site, member: Member, path: str, **body: Any) -> Any:
    answer = await site.client.post(
        f"/v1/session/{path}/query", json={**ONE, **body}, headers=member.bearer
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["error"] is None
    return answer.json()["data"]


@pytest.fixture
async def member(site: Site) -> Member:
    """Sessions s1 to s4 have so many calls, a minute apart; s4 is of sales, the others of Support.
    One call has no session, one is of another organisation."""
    mine, other = await site.join(), await site.join()
    calls = [
        a_call(
            mine.org_id,
            NOON_US + (number * 600 + n * 60) * SECOND_US,
            session_id=f"s{number}",
            session_name="Größe S" if number == 4 else "Support",
            cost_usd=Decimal("0.25"),
            wait_p50_us=number * 100_000,
            user_id=f"u{number}",
        )
        for number in range(1, 5)
        for n in range(number)
    ]
    await site.facts.insert(
        [*calls, a_call(mine.org_id, session_id="", session_name=""), a_call(other.org_id)]
    )
    return mine


async def test_names_are_told_the_latest_used_first(site: Site, member: Member) -> None:
    sales, support = await post(site, member, "name")
    assert sales == {
        "name": "Größe S",
        "created_at": "2026-11-18T12:40:00Z",
        "first_used": "2026-11-18T12:40:00Z",
        "last_used": "2026-11-18T12:43:00Z",
        "session_count": 1,
        "avg_latency": 400.0,
    }
    assert (support["name"], support["session_count"]) == ("Support", 3)
    # Of calls, not of sessions: one of 100 ms, two of 200, three of 300.
    assert support["avg_latency"] == pytest.approx(1400 / 6, abs=0.01)


NARROWED: dict[str, tuple[dict[str, Any], list[tuple[str, int]]]] = {
    "part of the name": ({"nameContains": "GRÖSS"}, []),
    "in any case": ({"nameContains": "größE"}, [("Größe S", 1)]),
    "percent is no pattern": ({"nameContains": "%"}, []),
    "time": (
        {"timeFilter": {"startTimeUnixMs": MS + 1_200_000, "endTimeUnixMs": MS + 1_300_000}},
        [("Support", 1)],
    ),
    "filter": (
        {"filter": {"request_response_rmt": {"user_id": {"equals": "u2"}}}},
        [("Support", 1)],
    ),
}


@pytest.mark.parametrize(("body", "names"), NARROWED.values(), ids=NARROWED)
async def test_names_are_narrowed(
    site: Site, member: Member, body: dict[str, Any], names: list[tuple[str, int]]
) -> None:
    found = await post(site, member, "name", **body)
    assert [(one["name"], one["session_count"]) for one in found] == names


async def test_sizes_are_histograms_and_means(site: Site, member: Member) -> None:
    found = await post(site, member, "metrics", pSize="p99.9")
    assert found["average"] == {
        "session_count": [{"average": 2.5}],
        # The call's minute and a second, and a minute for each one before it.
        "session_duration": [{"average": 61 + 60 * 1.5}],
        "session_cost": [{"average": 0.625}],
    }
    # The largest is above the percentile: it is left out.
    assert [bar["value"] for bar in found["session_count"]] == [1, 1, 1]
    assert found["session_count"][0]["range_start"] == "1"
    assert found["session_cost"][0]["range_start"] == "0.25"
    middle = await post(site, member, "metrics", pSize="p75", useInterquartile=True)
    assert sum(bar["value"] for bar in middle["session_count"]) == 2
    assert middle["average"] == found["average"]
    one = await post(site, member, "metrics", nameContains="größe")
    assert one["session_duration"] == [{"range_start": "241", "range_end": "241", "value": 1}]
    assert one["average"]["session_count"] == [{"average": 4}]


async def test_no_sessions_have_no_sizes(site: Site) -> None:
    member = await site.join()
    assert await post(site, member, "name") == []
    found = await post(site, member, "metrics")
    nothing: dict[str, list[Any]] = {
        "session_count": [],
        "session_duration": [],
        "session_cost": [],
    }
    assert found == {**nothing, "average": nothing}


@pytest.mark.parametrize(
    "body", [{"pSize": "p42"}, {"filter": "some"}, {"timeFilter": {}}, {"unknown": 1}]
)
async def test_what_makes_no_sense_is_refused(site: Site, body: dict[str, Any]) -> None:
    member = await site.join()
    for path in ("name", "metrics"):
        answer = await site.client.post(
            f"/v1/session/{path}/query", json=body, headers=member.bearer
        )
        assert answer.status_code == 400
        assert answer.json()["data"] is None
