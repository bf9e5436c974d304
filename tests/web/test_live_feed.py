"""The feed of running calls, over real sockets: who is told what, and until when."""

import asyncio
from typing import Any

import pytest
from msgspec import structs
from tests.support.feed import FEED, following, serving
from tests.support.live import a_running_call
from tests.support.web import Member, Site

from trunkline.live import board as boards
from trunkline.live.running import Running, Said
from trunkline.web.api import live


def call_of(member: Member, number: int = 1, **changes: Any) -> Running:
    return a_running_call(member.org_id, number, **changes)


async def test_calls_are_told_as_they_change(site: Site) -> None:
    member = await site.join()
    call = site.stage.run_call(
        call_of(member, user_id="user_1", session_id="s", session_name="Visit")
    )
    async with serving(site) as client, following(client, member.bearer) as feed:
        whole = await feed.next()
        assert whole["event"] == "calls"
        (shown,) = whole["calls"]
        assert (shown["id"], shown["state"], shown["user_id"]) == (
            call.call_id, "listening", "user_1",
        )  # fmt: skip
        assert shown["session"] == {"id": "s", "name": "Visit"}
        assert whole["levels"] == {call.call_id: [-20, -96]}

        said = structs.replace(call, doing="speaking", last_line=Said("assistant", "Hello"))
        site.stage.run_call(said, (-20, -14))
        news = await feed.next()
        assert (news["event"], news["levels"]) == ("changes", {call.call_id: [-20, -14]})
        assert news["calls"][0]["last_line"] == {"who": "assistant", "text": "Hello"}

        site.stage.end_call(call)
        assert (await feed.next())["ended"] == [call.call_id]


async def test_nothing_keeps_or_collects_it_on_its_way(site: Site) -> None:
    member = await site.join()
    async with serving(site) as client, following(client, member.bearer) as feed:
        headers = feed.answer.headers
        assert headers["content-type"].startswith("text/event-stream")
        assert "no-store" in headers["cache-control"]
        assert "no-transform" in headers["cache-control"]
        assert headers["x-accel-buffering"] == "no"
        assert "content-length" not in headers
        assert "gzip" in feed.answer.request.headers["accept-encoding"]
        assert "content-encoding" not in headers
        assert await feed.line() == "retry: 2000"


async def test_organisations_do_not_hear_of_each_others_calls(site: Site) -> None:
    mine, other = await site.join(), await site.join()
    theirs = site.stage.run_call(call_of(other, 1))
    async with serving(site) as client:
        for query in ("", f"?call={theirs.call_id}"):
            async with following(client, mine.bearer, query) as feed:
                assert (await feed.next())["calls"] == []
                site.stage.run_call(structs.replace(theirs, turns=theirs.turns + 1))
                call = site.stage.run_call(call_of(mine, 2))
                if not query:
                    assert [shown["id"] for shown in (await feed.next())["calls"]] == [call.call_id]
        listed = (await client.get("/v1/live", headers=mine.bearer)).json()["data"]
        assert [shown["id"] for shown in listed] == [call.call_id]


async def test_one_call_can_be_followed_alone(site: Site) -> None:
    member = await site.join()
    one, other = (site.stage.run_call(call_of(member, number)) for number in (1, 2))
    async with (
        serving(site) as client,
        following(client, member.bearer, f"?call={one.call_id}") as feed,
    ):
        assert [shown["id"] for shown in (await feed.next())["calls"]] == [one.call_id]
        site.stage.run_call(structs.replace(other, turns=5))
        site.stage.look()
        site.stage.run_call(structs.replace(one, turns=1))
        news = await feed.next()
        assert [shown["turns"] for shown in news["calls"]] == [1]
        assert set(news["levels"]) <= {one.call_id}


async def test_who_comes_back_is_told_what_it_missed(site: Site) -> None:
    member = await site.join()
    gone, stays = (site.stage.run_call(call_of(member, number)) for number in (1, 2))
    async with serving(site) as client:
        async with following(client, member.bearer) as feed:
            assert len((await feed.next())["calls"]) == 2
        site.stage.end_call(gone)
        again = {**member.bearer, "Last-Event-ID": feed.last_id}
        async with following(client, again) as feed:
            news = await feed.next()
            assert (news["event"], news["calls"], news["ended"]) == ("changes", [], [gone.call_id])
        async with following(client, {**member.bearer, "Last-Event-ID": "of-another"}) as feed:
            news = await feed.next()
            assert news["event"] == "calls"
            assert [shown["id"] for shown in news["calls"]] == [stays.call_id]


async def test_silence_has_a_heartbeat(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_NS", 0)
    member = await site.join()
    async with serving(site) as client, following(client, member.bearer) as feed:
        await feed.next()
        assert await feed.line() == ": still here"


async def test_it_ends_now_and_then_so_that_gateways_can(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "FEED_NS", 0)
    member = await site.join()
    async with serving(site) as client:
        async with following(client, member.bearer) as feed:
            await feed.until_it_ends()
        monkeypatch.setattr(live, "FEED_NS", 10**12)
        async with following(client, member.bearer) as feed:
            await feed.next()


async def test_a_revoked_key_is_told_nothing_more(site: Site) -> None:
    member = await site.join()
    (key,) = [key for key in await site.control.list_keys(member.org_id) if key.name == "Both"]
    async with serving(site) as client, following(client, member.bearer) as feed:
        await feed.next()
        assert await site.control.revoke_key(member.org_id, key.id)
        await feed.until_it_ends()
        assert (await client.get(FEED, headers=member.bearer)).status_code == 401
    assert site.stage.board.watchers == 0


async def test_who_signs_out_is_told_nothing_more(site: Site) -> None:
    member = await site.join()
    async with serving(site) as client, following(client, member.cookie) as feed:
        await feed.next()
        await site.control.end_session(member.session.token)
        await feed.until_it_ends()
        assert (await client.get(FEED, headers=member.cookie)).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
)
async def test_no_other_site_reads_it_in_anyones_name(site: Site, headers: dict[str, str]) -> None:
    member = await site.join()
    answer = await site.client.get(FEED, headers={**member.cookie, **headers})
    assert answer.status_code == 401


async def test_there_is_an_end_to_watchers(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "MAX_WATCHERS_OF_ONE", 1)
    member = await site.join()
    async with serving(site) as client:
        async with following(client, member.bearer) as feed:
            await feed.next()
            refused = await client.get(FEED, headers=member.bearer)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
            assert refused.json()["error"]["code"] == "unavailable"
        while site.stage.board.watchers:
            await asyncio.sleep(0)
        async with following(client, member.bearer) as feed:
            await feed.next()


async def test_a_server_that_stops_waits_for_no_watcher(site: Site) -> None:
    member = await site.join()
    async with serving(site) as client, following(client, member.bearer) as feed:
        await feed.next()
        site.stage.board.close()
        await feed.until_it_ends()


async def test_what_runs_is_told_once(site: Site) -> None:
    member = await site.join()
    silent = site.stage.run_call(call_of(member, 1), (None, None))
    loud = site.stage.run_call(call_of(member, 2), (-12, -30))
    data = (await site.client.get("/v1/live", headers=member.bearer)).json()["data"]
    assert [(call["id"], call["caller_dbfs"], call["assistant_dbfs"]) for call in data] == [
        (loud.call_id, -12, -30),
        (silent.call_id, None, None),
    ]
    assert data[0]["opened_at"].endswith("Z")


async def test_a_recorder_that_does_not_look_is_no_empty_list(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards, "FIRST_LOOK_S", 0)
    member = await site.join()
    monkeypatch.setattr(site.stage, "look", lambda: None)
    answer = await site.client.get("/v1/live", headers=member.bearer)
    assert answer.status_code == 503
    assert "recorder" in answer.json()["error"]["message"]
