"""The System page and `/v1/system` tell the same, from what all processes tell."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.browser.processes import IN_TROUBLE, WELL, StillDesk
from tests.support.web import Member, Site, a_server
from tests.vitals.of import NOW_NS, gateway

from trunkline.store.facts.store import FactsStore
from trunkline.vitals.figures import Recorder
from trunkline.vitals.fleet import STALE_NS, Fleet, Seen, fleet
from trunkline.vitals.ready import CODES
from trunkline.vitals.summary import summary
from trunkline.web.pages import system_view
from trunkline.web.pages.system_view import view


def words_of(told: Fleet) -> dict[str, str]:
    """Return every number on the page by its name."""
    found = view(summary(told, "server"))
    lines = {
        f"{part.title}: {line.label}": line.value for part in found.parts for line in part.lines
    }
    return {**lines, **{fact.label: fact.value for fact in found.tiles}}


def test_what_is_well_is_said() -> None:
    found = view(summary(WELL, "server"))
    assert (found.tone, found.words, found.troubles) == ("good", "Everything is well", ())
    words = words_of(WELL)
    assert words["Live calls"] == "200"
    assert words["Relay time, p50"] == "0.02 ms"
    assert words["p99"] == "0.06 ms"
    assert words["Frames not recorded"] == "0"
    assert words["Journal lag"] == "700.0 kB"
    assert words["Recorder lag"] == "62 ms"
    assert words["Archives and facts differ by"] == "0"
    assert words["Disk free"] == "80.6 GB"
    assert words["Refused, by reason: invalid key"] == "24"
    assert words["Supervisor: Processes started again"] == "0"
    assert not [line for part in found.parts for line in part.lines if line.tone]


def test_what_is_wrong_is_said_and_coloured() -> None:
    found = view(summary(IN_TROUBLE, "gateway-0"))
    assert (found.tone, found.words) == ("bad", "New calls are refused")
    tones = {trouble.key: trouble.tone for trouble in found.troubles}
    assert tones["gateway-0 disk_full"] == "bad"
    assert tones["gateway-0 gateway_full"] == "bad"
    assert tones["gateway-1 gateway_gone"] == "warn"
    assert tones["server facts_differ"] == "bad"
    facts = {fact.label: fact for fact in found.tiles}
    assert (facts["Frames not recorded"].value, facts["Frames not recorded"].tone) == (
        "1,204",
        "bad",
    )
    assert (facts["Archives and facts differ by"].value, facts["Recorder lag"].tone) == (
        "10",
        "warn",
    )
    assert {row.name: row.tone for row in found.rows} == {
        "gateway-0": "good",
        "gateway-1": "bad",
        "server": "good",
    }


def test_without_a_server_its_numbers_are_unknown_and_not_zero() -> None:
    words = words_of(fleet([Seen("gateway-0", gateway(), 0, there=True)], NOW_NS))
    assert words["Recorder lag"] == words["Archives and facts differ by"] == "–"
    assert not [name for name in words if name.startswith(("Recorder: ", "Stores: "))]


def test_every_grave_reason_is_one() -> None:
    assert set(CODES) >= system_view._GRAVE


def shown_as(message: str) -> str:
    """Return a sentence as the page has it: what is to be typed is code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", message.replace("'", "&#39;"))


async def shown(site: Site, member: Member) -> tuple[Any, str]:
    """Return what the API says, and the page."""
    told = await site.client.get("/v1/system", headers=member.bearer)
    page = await site.client.get("/system", headers=member.cookie)
    assert (told.status_code, page.status_code) == (200, 200)
    return told.json(), page.text


@pytest.fixture
def desk(site: Site) -> StillDesk:
    """The site's processes, which stand still."""
    desk = StillDesk()
    object.__setattr__(site.app.state.deps, "desk", desk)
    return desk


async def test_page_and_api_say_the_same(site: Site, desk: StillDesk) -> None:
    operator = await site.operator()
    for told in (WELL, IN_TROUBLE):
        with desk.telling(told):
            said, page = await shown(site, operator)
        found = summary(told, "server")
        assert said["status"] == found.verdict.status
        assert said["calls"]["live"] == found.live_calls
        assert said["relay"]["p99_ms"] == pytest.approx((found.relay.p99_ns or 0) / 1e6)
        assert said["journal"]["lost_frames"] == found.journal.lost_frames
        assert said["recorder"]["unread_age_ms"] == found.recorder.unread_age_ns / 1e6  # pyright: ignore
        assert said["audit"]["differing_frames"] == found.audit.differing_frames  # pyright: ignore
        assert [one["name"] for one in said["processes"]] == [one.name for one in found.processes]
        for reason in said["reasons"]:
            assert shown_as(reason["message"]) in page
        for fact in view(found).tiles:
            assert f">{fact.value}<" in page, fact.label


class Read:
    """What the API says, under the names of what the page is made of."""

    def __init__(self, said: dict[str, Any], **given: Any) -> None:
        self._said = said
        self.__dict__.update(given)

    def __getattr__(self, name: str) -> Any:
        if name.endswith("_wall_ns"):
            at = self._said[name.replace("_wall_ns", "_at")]
            return int(datetime.fromisoformat(at).timestamp() * 1e6) * 1000 if at else 0
        if name.endswith("_ns"):
            ms = self._said[name.removesuffix("ns") + "ms"]
            return None if ms is None else round(ms * 1e6)
        value = self._said[name]
        return Read(value) if isinstance(value, dict) and name not in COUNTS else value


COUNTS = ("refused", "ended", "requests")
"""By reasons and codes, which are names of their own."""


def as_summary(said: dict[str, Any]) -> Any:
    calls, disk = said["calls"], said["disk"]
    return Read(
        said,
        verdict=Read(said, reasons=[Read(reason) for reason in said["reasons"]]),
        processes=[Read(one, machine=Read(one)) for one in said["processes"]],
        live_calls=calls["live"],
        attempts=calls["attempts"],
        refused=calls["refused"],
        ended=calls["ended"],
        disk_bytes=disk["bytes"],
        disk_free_bytes=disk["free_bytes"],
    )


async def test_the_page_says_nothing_that_the_api_does_not(site: Site, desk: StillDesk) -> None:
    """Made of the API's answer alone, it is the same page, to the last word."""
    operator = await site.operator()
    for told in (WELL, IN_TROUBLE, fleet([Seen("gateway-0", gateway(), 0, there=True)], NOW_NS)):
        with desk.telling(told):
            said, _ = await shown(site, operator)
        assert view(as_summary(said)) == view(summary(told, "server"))


async def test_without_a_server_its_parts_are_null(site: Site, desk: StillDesk) -> None:
    gone = Seen("server", a_server(recorder=Recorder(unread_bytes=5)), STALE_NS, there=False)
    runs = Seen("gateway-0", gateway(), 0, there=True)
    with desk.telling(fleet([runs, gone], NOW_NS)):
        said, page = await shown(site, await site.operator())
    assert [said[part] for part in ("recorder", "stores", "audit", "web")] == [None] * 4
    assert [one["state"] for one in said["processes"]] == ["running", "gone"]
    assert "No server runs." in page


async def test_it_needs_no_store_but_the_accounts(
    site: Site, monkeypatch: pytest.MonkeyPatch, facts: FactsStore, tmp_path: Path
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("the facts were asked")

    operator = await site.operator()
    monkeypatch.setattr(site.facts, "_ask", fail)
    said, page = await shown(site, operator)
    assert said["status"] == "ok"
    assert re.search(r'data-refresh-ms="\d+"', page)
