"""Every cell of the table of calls is what the list of calls says."""

from __future__ import annotations

from typing import Any

from tests.support.web import Site
from tests.web.shown import Shown, api, cost_of, length_of, page, us, when
from tests.web.varied import varied

from trunkline.web.pages import text
from trunkline.web.pages.columns import COLUMNS


async def test_the_table_of_calls_is_the_list_of_calls(site: Site) -> None:
    member = await varied(site)
    every = "&".join(f"column={name}" for name in COLUMNS)
    for order in ("", "&sort=cost_usd", "&sort=wait_p50_ms&direction=asc"):
        html = await page(site, member, f"/calls?{every}{order}")
        shown = [row for row in Shown(html).tables["rows"] if row]
        query = dict(pair.split("=") for pair in order.split("&") if pair)
        told = (await api(site, member, "/v1/calls", **query))["data"]
        assert len(told) == 35
        assert [row[0] for row in shown] == [when(call["opened_at"]) for call in told]
        assert [row[1:] for row in shown] == [list(cells(site, call).values()) for call in told]


def cells(site: Site, call: dict[str, Any]) -> dict[str, str]:
    """Return what each column says, by what the API does."""
    status, reason = text.status(call["status"]), text.end_reason(call["end_reason"])
    counts = call["counts"]
    found = {
        "status": f"{status} {reason.removeprefix(f'{status} ')}".strip(),
        "model": call["model_used"] or call["model_asked"],
        "user": call["user_id"],
        "session": call["session"]["name"] or call["session"]["id"],
        "key": call["key"]["name"],
        "provider": text.provider(call["provider"]),
        "voice": call["voice"],
        "properties": ", ".join(
            f"{name} {of}"
            for name, of in sorted(call["properties"].items())
            if not name.startswith("Helicone-")
        ),
        "tags": " ".join(call["tags"]),
        "feedback": "" if call["feedback"] is None else str(call["feedback"]),
        "scores": ", ".join(f"{name} {of:g}" for name, of in sorted(call["scores"].items())),
        "length": length_of(site, call),
        "turns": text.count(counts["turns"]),
        "wait": text.wait(us(call["wait_p50_ms"])),
        "barge_ins": some(counts["barge_ins"]),
        "tool_calls": some(counts["tool_calls"]),
        "errors": some(counts["errors"]),
        "cost": cost_of(call),
    }
    assert list(found) == list(COLUMNS)
    return found


def some(number: int) -> str:
    return text.count(number) if number else ""
