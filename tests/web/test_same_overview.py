"""Every number of Overview and above the calls is one that the API gives."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.web import Member, Site
from tests.web.shown import Shown, api, cost_of, length_of, page, percent, us, usd
from tests.web.varied import varied

from trunkline.store.facts.attention import REASON_OF
from trunkline.web.pages import overview_chart, text


@pytest.fixture
async def member(site: Site) -> Member:
    return await varied(site)


METRICS: tuple[Any, ...] = (
    "calls",
    "calls.live",
    "calls.attention",
    "calls.attention_share",
    "calls.failed",
    "calls.failed_share",
    {"metric": "turn.wait", "aggregates": ["p50", "p95", "p99"]},
    {"metric": "turn.barge_ins", "aggregates": ["sum"]},
    "turns",
    "turn.barge_in_share",
    {"metric": "audio.unheard", "aggregates": ["sum"]},
    "audio.unheard_share",
    {"metric": "call.unheard_cost", "aggregates": ["sum"]},
    {"metric": "call.cost", "aggregates": ["sum"]},
    "call.cost_per_minute",
    "call.unpriced",
)


async def measured(site: Site, member: Member, **question: Any) -> list[dict[str, Any]]:
    answer = await site.client.post(
        "/v1/metrics/query", json={"metrics": METRICS, **question}, headers=member.bearer
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def cost_tile(of: dict[str, Any]) -> tuple[str, str]:
    cost = of["call.cost"]["sum"]
    per_minute = of["call.cost_per_minute"]["ratio"]
    if of["call.unpriced"]["sum"]:
        detail = f"{text.plural(of['call.unpriced']['sum'], 'call')} with an unpriced model"
        if per_minute is not None:
            detail = f"{text.money(usd(per_minute))} a minute; {detail}"
        return text.money(usd(cost)), detail
    if cost is None:
        return text.UNKNOWN, "nothing billed" if of["calls"]["sum"] else ""
    return text.money(usd(cost)), f"{text.money(usd(per_minute))} a minute"


def tiles_of(of: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return label, value and detail of each tile, by what the API says."""
    wait, calls = of["turn.wait"], of["calls"]["sum"]
    turns, barge_ins = of["turns"]["sum"], of["turn.barge_ins"]["sum"]
    anchored = f"from true end of speech, n = {text.count(wait['n'])}"
    unheard = f"{text.length(us(of['audio.unheard']['sum']))}, "
    unheard += text.money(usd(of["call.unheard_cost"]["sum"]))
    return {
        "Calls": (text.count(calls), f"{of['calls.live']['sum']} live now"),
        "Need attention": (
            text.count(of["calls.attention"]["sum"]),
            f"{percent(of['calls.attention_share']['ratio'])} of calls",
        ),
        "Caller waited, p50": (text.wait(us(wait["p50"])), anchored),
        "Caller waited, p95": (text.wait(us(wait["p95"])), anchored),
        "Barge-in rate": (
            percent(of["turn.barge_in_share"]["ratio"]),
            f"{barge_ins} in {text.plural(turns, 'turn')}",
        ),
        "Failed calls": (
            percent(of["calls.failed_share"]["ratio"]),
            f"{of['calls.failed']['sum']} of {calls}",
        ),
        "Never heard": (percent(of["audio.unheard_share"]["ratio"]), unheard),
        "Cost": cost_tile(of),
    }


NARROWED: dict[str, tuple[str, dict[str, Any]]] = {
    "a week": ("", {}),
    "a user": ("user=ada", {"user": "ada"}),
    "a property": ("property=tier%3Dgold", {"property": ["tier=gold"]}),
    "what is priced": ("model=gpt-realtime-2.1", {"model": "gpt-realtime-2.1"}),
    "what failed": ("status=failed", {"status": ["failed"]}),
}


@pytest.mark.parametrize(("query", "body"), NARROWED.values(), ids=NARROWED)
async def test_the_overviews_tiles_are_metrics(
    site: Site, member: Member, query: str, body: dict[str, Any]
) -> None:
    shown = Shown(await page(site, member, f"/overview?{query}")).facts
    (row,) = await measured(site, member, **body)
    assert row["values"]["calls"]["sum"] > 3
    assert shown == tiles_of(row["values"])


@pytest.mark.parametrize("query", ["span=7d", "span=7d&model=gpt-realtime-2.1"])
async def test_the_numbers_above_the_calls_are_metrics(
    site: Site, member: Member, query: str
) -> None:
    shown = Shown(await page(site, member, f"/calls?{query}")).facts
    model = {"model": "gpt-realtime-2.1"} if "model" in query else {}
    (row,) = await measured(site, member, **model)
    tiles = tiles_of(row["values"])
    assert len(shown) == 6
    assert shown == {label: tiles[label] for label in shown}


async def test_the_overview_over_time_is_a_question_with_buckets(
    site: Site, member: Member
) -> None:
    shown = Shown(await page(site, member, "/overview")).tables["By hour"]
    assert shown[0] == ["From", *overview_chart.COLUMNS]
    rows = await measured(site, member, bucket="hour")
    assert len(rows) > 10
    assert [row[1:] for row in shown[1:]] == [cells_of(row["values"]) for row in rows]


def cells_of(of: dict[str, Any]) -> list[str]:
    cost, unpriced = usd(of["call.cost"]["sum"]), of["call.unpriced"]["sum"]
    return [
        text.count(of["calls"]["sum"]),
        percent(of["calls.attention_share"]["ratio"]),
        text.count(of["calls.failed"]["sum"]),
        text.count(of["turns"]["sum"] or 0),
        *(text.wait(us(of["turn.wait"][level])) for level in ("p50", "p95", "p99")),
        percent(of["turn.barge_in_share"]["ratio"]),
        percent(of["audio.unheard_share"]["ratio"]),
        text.money(cost) if unpriced or cost is not None else text.UNKNOWN,
    ]


async def test_what_the_overview_says_to_look_at_is_what_attention_says(
    site: Site, member: Member
) -> None:
    html = await page(site, member, "/overview")
    shown = Shown(html).tables["Calls that need attention"][1:]
    told = await api(site, member, "/v1/attention")
    assert len(shown) == len(told["data"]) == 10
    for row, call in zip(shown, told["data"], strict=True):
        assert row[1] == " ".join(REASON_OF[reason].words for reason in call["reasons"])
        assert row[2:4] == [call["user_id"], call["model_used"]]
        assert row[4] == length_of(site, call)
        assert row[5:] == [text.wait(us(call["wait_max_ms"])), cost_of(call)]
    assert len(told["reasons"]) > 4
    for reason in told["reasons"]:
        assert f"{REASON_OF[reason['id']].words} <b>{reason['calls']}</b>" in html


async def test_the_overviews_errors_are_the_first_of_the_report(site: Site, member: Member) -> None:
    shown = Shown(await page(site, member, "/overview")).tables["Top errors"][1:]
    told = (await api(site, member, "/v1/errors", limit=5))["data"]
    assert told
    assert [row[1:3] for row in shown] == [
        [text.count(one["errors"]), text.count(one["calls"])] for one in told
    ]
