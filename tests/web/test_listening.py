"""Listening in: for those who may, as long as they may, and never unnoticed."""

import asyncio
import struct
from typing import Any

import httpx2
import pytest
from tests.support.control import act_as, audit_of
from tests.support.facts import a_call
from tests.support.feed import WAIT_S, serving
from tests.support.web import Member, Site

from trunkline.live import listening
from trunkline.store.facts.rows import CallRow
from trunkline.web.pages.listen import WAV_HEADER

BLOCK = struct.pack("<4h", 1, -1, 2, -2)


def audited(site: Site, call: CallRow) -> list[tuple[str, str]]:
    return audit_of(site.spool.parent, call.call_id)


async def allow(site: Site, member: Member, allowed: bool = True) -> None:
    await site.control.allow_listening(member.org_id, allowed=allowed)


async def a_live_call(site: Site, member: Member, **changes: Any) -> CallRow:
    return await site.add_call(a_call(member.org_id, status="live", ended_at_us=None, **changes))


class Ear:
    """One who listens."""

    def __init__(self, answer: httpx2.Response) -> None:
        self._pieces = answer.aiter_bytes()
        self._heard = b""

    async def hear(self, count: int) -> bytes:
        async with asyncio.timeout(WAIT_S):
            while len(self._heard) < count:
                self._heard += await anext(self._pieces)
        found, self._heard = self._heard[:count], self._heard[count:]
        return found

    async def until_it_ends(self) -> bytes:
        async with asyncio.timeout(WAIT_S):
            async for piece in self._pieces:
                self._heard += piece
        return self._heard


def listen(client: httpx2.AsyncClient, member: Member, call: CallRow) -> Any:
    return client.stream("GET", f"/calls/{call.call_id}/listen", headers=member.cookie)


async def ended(site: Site, call: CallRow) -> None:
    """Wait until it is written down that somebody listens no more."""
    async with asyncio.timeout(WAIT_S):
        while audited(site, call)[-1][0] != "call.listening_ended":
            await asyncio.sleep(0.01)


async def test_one_hears_the_call_to_its_end_and_it_is_written_down(site: Site) -> None:
    member = await site.join()
    call = await a_live_call(site, member)
    await allow(site, member)
    user = member.session.signed_in.user.id
    async with serving(site) as client, listen(client, member, call) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "audio/wav"
        assert "content-length" not in answer.headers
        ear = Ear(answer)
        assert await ear.hear(44) == WAV_HEADER
        assert audited(site, call) == [("call.listening_began", user)]
        listeners = site.stage.board.listeners
        assert listeners.calls == {call.call_id}
        listeners.sound({call.call_id: BLOCK, "call_other": b"no"}, ())
        assert await ear.hear(len(BLOCK)) == BLOCK
        listeners.sound({call.call_id: BLOCK}, (call.call_id,))
        assert await ear.until_it_ends() == BLOCK
        await ended(site, call)
    assert [row[0] for row in audited(site, call)] == [
        "call.listening_began",
        "call.listening_ended",
    ]


async def test_who_leaves_is_written_down_too(site: Site) -> None:
    member = await site.join()
    call = await a_live_call(site, member)
    await allow(site, member)
    async with serving(site) as client:
        async with listen(client, member, call) as answer:
            ear = Ear(answer)
            await ear.hear(44)
        await ended(site, call)
        async with asyncio.timeout(WAIT_S):
            while site.stage.board.listeners.calls:
                await asyncio.sleep(0.01)


async def forbid(site: Site, member: Member) -> None:
    await allow(site, member, allowed=False)


async def sign_out(site: Site, member: Member) -> None:
    await site.control.end_session(member.session.token)


async def lose_the_role(site: Site, member: Member) -> None:
    act_as(site.spool.parent, member.org_id, "member")


@pytest.mark.parametrize("revoke", [forbid, sign_out, lose_the_role])
async def test_who_may_no_more_hears_no_more(site: Site, revoke: Any) -> None:
    member = await site.join()
    call = await a_live_call(site, member)
    await allow(site, member)
    async with serving(site) as client, listen(client, member, call) as answer:
        ear = Ear(answer)
        await ear.hear(44)
        await revoke(site, member)
        assert await ear.until_it_ends() == b""
        await ended(site, call)


async def test_it_is_forbidden_unless_an_owner_allows_it(site: Site) -> None:
    member = await site.join()
    call = await a_live_call(site, member)
    path = f"/calls/{call.call_id}/listen"
    assert (await site.client.get(path, headers=member.cookie)).status_code == 403
    await allow(site, member)
    for role in ("member", "viewer"):
        act_as(site.spool.parent, member.org_id, role)
        assert (await site.client.get(path, headers=member.cookie)).status_code == 403
    assert (await site.client.get(path, headers=member.bearer)).status_code in (303, 401)
    assert (await site.client.get(path)).status_code in (303, 401)
    act_as(site.spool.parent, member.org_id, "owner")
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = await site.client.get(path, headers={**member.cookie, **headers})
        assert answer.status_code == 403
    assert audited(site, call) == []


async def test_nobody_hears_the_calls_of_others(site: Site) -> None:
    member, stranger = await site.join(), await site.join()
    call = await a_live_call(site, stranger)
    await allow(site, member)
    await allow(site, stranger)
    path = f"/calls/{call.call_id}/listen"
    assert (await site.client.get(path, headers=member.cookie)).status_code == 404
    assert audited(site, call) == []


async def test_there_is_nothing_to_hear_of_calls_that_are_over_or_elsewhere(site: Site) -> None:
    member = await site.join()
    await allow(site, member)
    for call in (
        await site.add_whole_call(member.org_id),
        await a_live_call(site, member, transport="webrtc"),
    ):
        path = f"/calls/{call.call_id}/listen"
        assert (await site.client.get(path, headers=member.cookie)).status_code == 409
    assert audited(site, call) == []


async def test_there_is_an_end_to_listeners(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "MAX_LISTENERS_OF_ONE", 1)
    member = await site.join()
    call = await a_live_call(site, member)
    await allow(site, member)
    async with serving(site) as client, listen(client, member, call) as answer:
        ear = Ear(answer)
        await ear.hear(44)
        refused = await client.get(f"/calls/{call.call_id}/listen", headers=member.cookie)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")


async def test_what_waits_for_a_listener_is_bounded() -> None:
    listeners = listening.Listeners()
    with listeners.listening("org_1", "call_1") as listener:
        for number in range(1000):
            listeners.sound({"call_1": bytes([number % 256])}, ())
        assert len(await listener.sound(0)) == listening.MAX_BLOCKS
        assert await listener.sound(0) == b""


@pytest.mark.parametrize(("role", "may"), [("owner", True), ("admin", False), ("member", False)])
async def test_only_owners_allow_it(site: Site, role: str, may: bool) -> None:
    member = await site.join()
    act_as(site.spool.parent, member.org_id, role)
    page = await site.client.get("/calls/live", headers=member.cookie)
    assert ("Allow listening in" in page.text) is may
    token = (await site.client.get("/keys", headers=member.cookie)).text
    token = token.partition('name="csrf_token" value="')[2].partition('"')[0]
    sent = {"csrf_token": token, "allowed": "true"}
    path = "/calls/live/listening"
    forged = await site.client.post(path, headers=member.cookie, data={**sent, "csrf_token": "x"})
    assert forged.status_code == 403
    answer = await site.client.post(path, headers=member.cookie, data=sent)
    assert answer.status_code == (303 if may else 403)
    assert (await site.control.organisation(member.org_id)).may_listen is may
    told = audit_of(site.spool.parent, member.org_id)
    assert told[-1:] == ([("listening", member.session.signed_in.user.id)] if may else [])
    page = await site.client.get("/calls/live", headers=member.cookie)
    assert ("Forbid listening in" in page.text) is may
