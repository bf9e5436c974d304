"""Whoever may end a call can, nobody else, and it is known who did."""

import pytest
import structlog
from tests.support.control import act_as, audit_of
from tests.support.facts import a_call, fresh_call
from tests.support.web import Member, Site

from trunkline.store.facts.rows import CallRow


async def a_live_call(site: Site, member: Member) -> CallRow:
    return await site.add_call(a_call(member.org_id, status="live", ended_at_us=None))


async def hang_up(site: Site, call_id: str, headers: dict[str, str]) -> int:
    answer = await site.client.post(f"/v1/calls/{call_id}/hangup", headers=headers)
    return answer.status_code


def audited(site: Site, call: CallRow) -> list[tuple[str, str]]:
    return audit_of(site.spool.parent, call.call_id)


async def test_gateways_are_told_and_it_is_written_down_who_did_it(site: Site) -> None:
    member = await site.join()
    call = await a_live_call(site, member)
    with structlog.testing.capture_logs() as logged:
        assert await hang_up(site, call.call_id, member.manager) == 204
    assert (await site.control.snapshot()).hung_up == (call.call_id,)
    (key,) = [key for key in await site.control.list_keys(member.org_id) if key.name == "Scripts"]
    assert audited(site, call) == [("call.hung_up", key.id)]
    (line,) = [line for line in logged if line["event"] == "call hung up"]
    assert (line["call"], line["by"]) == (call.call_id, key.id)


async def test_who_did_it_is_on_the_page_and_in_the_answer(site: Site) -> None:
    member, stranger = await site.join(), await site.join()
    call = await a_live_call(site, member)
    await hang_up(site, call.call_id, member.manager)
    user = member.session.signed_in.user
    site.clock.advance_s(1)
    await site.control.note(member.org_id, "call.listening_ended", call.call_id, "12 s", by=user.id)
    await site.control.note(stranger.org_id, "call.listening_began", call.call_id, by="user_x")
    path = f"/v1/calls/{call.call_id}/audit"
    data = (await site.client.get(path, headers=member.bearer)).json()["data"]
    assert [(line["action"], line["detail"], line["by"]) for line in data] == [
        ("call.hung_up", "", "Scripts"),
        ("call.listening_ended", "12 s", user.email),
    ]
    page = (await site.client.get(f"/calls/{call.call_id}", headers=member.cookie)).text
    assert "<b>Scripts</b> hung up" in page
    assert f"<b>{user.email}</b> stopped listening in (12 s)" in page


async def test_only_a_key_that_may_manage_does_it(site: Site) -> None:
    member, stranger = await site.join(), await site.join()
    call = await a_live_call(site, member)
    for headers, expected in (
        ({}, 401),
        (member.cookie, 401),
        (member.bearer, 403),
        (stranger.manager, 404),
    ):
        assert await hang_up(site, call.call_id, headers) == expected
    assert (await site.control.snapshot()).hung_up == ()
    assert audited(site, call) == []


async def test_a_call_that_is_over_cannot_be_ended(site: Site) -> None:
    member = await site.join()
    call = await site.add_whole_call(member.org_id)
    assert await hang_up(site, call.call_id, member.manager) == 409
    assert await hang_up(site, fresh_call(), member.manager) == 404
    assert audited(site, call) == []


async def test_gateways_are_not_told_for_ever(site: Site) -> None:
    member = await site.join()
    first, second = await a_live_call(site, member), await a_live_call(site, member)
    await hang_up(site, first.call_id, member.manager)
    site.clock.advance_s(9 * 60)
    await hang_up(site, second.call_id, member.manager)
    assert (await site.control.snapshot()).hung_up == (first.call_id, second.call_id)
    site.clock.advance_s(2 * 60)
    assert (await site.control.snapshot()).hung_up == (second.call_id,)


@pytest.mark.parametrize(
    ("role", "may"), [("owner", True), ("admin", True), ("member", False), ("viewer", False)]
)
async def test_the_pages_offer_it_to_those_who_may(site: Site, role: str, may: bool) -> None:
    member = await site.join()
    call = await a_live_call(site, member)
    act_as(site.spool.parent, member.org_id, role)
    page = await site.client.get(f"/calls/{call.call_id}", headers=member.cookie)
    assert ("Hang up" in page.text) is may
    token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    path = f"/calls/{call.call_id}/hang-up"
    forged = await site.client.post(path, headers=member.cookie, data={"csrf_token": "made-up"})
    assert forged.status_code == 403
    other = {**member.cookie, "Origin": "https://evil.example"}
    assert (
        await site.client.post(path, headers=other, data={"csrf_token": token})
    ).status_code == 403
    assert audited(site, call) == []
    answer = await site.client.post(path, headers=member.cookie, data={"csrf_token": token})
    assert answer.status_code == (303 if may else 403)
    done = [("call.hung_up", member.session.signed_in.user.id)]
    assert audited(site, call) == (done if may else [])


async def test_a_page_cannot_end_the_calls_of_others(site: Site) -> None:
    member, stranger = await site.join(), await site.join()
    call = await a_live_call(site, stranger)
    page = await site.client.get("/keys", headers=member.cookie)
    token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    answer = await site.client.post(
        f"/calls/{call.call_id}/hang-up", headers=member.cookie, data={"csrf_token": token}
    )
    assert answer.status_code == 404
    assert audited(site, call) == []


async def test_a_call_that_ended_meanwhile_is_shown(site: Site) -> None:
    member = await site.join()
    call = await site.add_whole_call(member.org_id)
    page = await site.client.get(f"/calls/{call.call_id}", headers=member.cookie)
    assert "Hang up" not in page.text
    token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    answer = await site.client.post(
        f"/calls/{call.call_id}/hang-up", headers=member.cookie, data={"csrf_token": token}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, f"/calls/{call.call_id}")
    assert audited(site, call) == []
