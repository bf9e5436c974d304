"""Every number of Live is one that the API gives, once and in its feed."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from tests.support.feed import following, serving
from tests.support.live import a_running_call
from tests.support.web import Site
from tests.web.shown import api, length_of, page, usd

from trunkline.live.running import Said
from trunkline.web.pages import live_view, text


async def test_live_has_the_calls_of_the_list_and_of_the_feed(site: Site) -> None:
    member = await site.join()
    talking = a_running_call(
        member.org_id, 1, doing="speaking", user_id="ada", turns=3, barge_ins=1, errors=2,
        cost_usd=Decimal("0.0123"), last_line=Said("assistant", "Hello"),
    )  # fmt: skip
    unpriced = a_running_call(
        member.org_id, 2, doing="tool", session_id="s", session_name="Visit", model="acme",
        unpriced=("acme",),
    )  # fmt: skip
    past_us = a_running_call(member.org_id, 3, doing="connecting", transport="webrtc")
    for call, levels in ((talking, (-96, -14)), (unpriced, (None, -30)), (past_us, (None, None))):
        site.stage.run_call(call, levels)
    site.clock.now_us = talking.opened_at_us + 75_000_000
    listed = (await api(site, member, "/v1/live"))["data"]
    shown = cards(await page(site, member, "/calls/live"))
    assert shown == {call["id"]: card_of(site, call) for call in listed}
    async with serving(site) as client, following(client, member.bearer) as feed:
        news = await feed.next()
    told = {call["id"]: call for call in news["calls"]}
    assert set(told) == {call["id"] for call in listed}
    for call in listed:
        loud = [call.pop("caller_dbfs"), call.pop("assistant_dbfs")]
        assert told[call["id"]] == call
        assert news["levels"].get(call["id"], [None, None]) == loud


def card_of(site: Site, call: dict[str, Any]) -> dict[str, str]:
    """Return what a card says, by what the API does."""
    line = call["last_line"] or {"who": "", "text": "Nobody has said anything yet."}
    session = call["session"] or {"name": ""}
    cost = usd(call["cost_usd"])
    meters = {
        f"{side}-words": live_view.loudness(call[f"{side}_dbfs"])
        for side in ("caller", "assistant")
        if call["transport"] == "websocket"
    }
    return {
        "name": call["user_id"] or session["name"] or "Caller",
        "state": live_view.STATES[call["state"]],
        **meters,
        "speaker": live_view.SPEAKERS.get(line["who"], ""),
        "line": line["text"],
        "length": length_of(site, {**call, "duration_ms": None}),
        "turns": str(call["turns"]),
        "barge_ins": str(call["barge_ins"]),
        "errors": str(call["errors"]),
        "cost": text.UNKNOWN if cost is None and not call["unpriced"] else text.money(cost),
    }


def cards(html: str) -> dict[str, dict[str, str]]:
    """Return what each card says, by call."""
    found: dict[str, dict[str, str]] = {}
    for key, card in re.findall(
        r'<li class="panel run" data-key="([^"]+)".*?>(.*?)</li>', html, re.DOTALL
    ):
        name = re.findall(r"<bdi>(.*?)</bdi></a></h2>", card)
        fields = re.findall(r'data-f="([a-z_-]+)"[^>]*>([^<]*)<', card)
        length = re.findall(r'data-since="[^"]*">([^<]*)<', card)
        found[key] = {
            "name": name[0],
            **{field: words for field, words in fields if field not in ("caller", "assistant")},
            "length": length[0],
        }
    return found
