"""Whoever may erase a call can, nobody else, and it is gone from every answer."""

import asyncio
from pathlib import Path

import pytest
import structlog
from sqlalchemy import create_engine, text
from tests.support.facts import a_call, fresh_call
from tests.support.web import Member, Site

from trunkline.store import blobs as keys
from trunkline.store.facts.rows import CallRow


async def erase(site: Site, call_id: str, headers: dict[str, str]) -> tuple[int, str]:
    answer = await site.client.delete(f"/v1/calls/{call_id}", headers=headers)
    return answer.status_code, answer.text


async def everything(site: Site, member: Member, call: CallRow) -> list[int]:
    """Return the status of every answer that is about one call."""
    paths = [
        f"/v1/calls/{call.call_id}{part}"
        for part in ("", "/events", "/audio", "/peaks", "/traffic")
    ]
    api = [await site.client.get(path, headers=member.bearer) for path in paths]
    pages = [f"/calls/{call.call_id}{part}" for part in ("", "/events", "/peaks", "/traffic")]
    shown = [await site.client.get(path, headers=member.cookie) for path in pages]
    return [answer.status_code for answer in (*api, *shown)]


async def listed(site: Site, member: Member) -> list[str]:
    page = await site.client.get("/v1/calls", headers=member.bearer)
    return [call["id"] for call in page.json()["data"]]


@pytest.mark.guarantee("D13")
async def test_an_erased_call_is_in_no_answer_and_on_no_page(site: Site) -> None:
    member = await site.join()
    call = await site.add_whole_call(member.org_id)
    other = await site.add_whole_call(member.org_id)
    assert await everything(site, member, call) == [200] * 9
    assert await erase(site, call.call_id, member.manager) == (204, "")
    assert await everything(site, member, call) == [404] * 9
    assert await everything(site, member, other) == [200] * 9
    assert await listed(site, member) == [other.call_id]
    session = await site.client.get(f"/v1/sessions/{call.session_id}", headers=member.bearer)
    assert session.json()["calls"] == 1
    assert call.call_id not in session.text
    assert not await site.blobs.exists(keys.key(call.org_id, call.call_id, "archive"))
    assert (await erase(site, call.call_id, member.manager))[0] == 404


async def test_only_a_key_with_that_scope_erases(site: Site) -> None:
    member, stranger = await site.join(), await site.join()
    call = await site.add_whole_call(member.org_id)
    manage = await site.control.create_key(member.org_id, "Manages", ("call", "read", "manage"))
    for headers, expected in (
        ({}, 401),
        (member.cookie, 401),
        (member.bearer, 403),
        ({"Authorization": f"Bearer {manage.text}"}, 403),
        (stranger.manager, 404),
    ):
        assert (await erase(site, call.call_id, headers))[0] == expected
    assert await everything(site, member, call) == [200] * 9


async def test_a_live_call_is_not_erased(site: Site) -> None:
    member = await site.join()
    call = await site.add_call(a_call(member.org_id, status="live", ended_at_us=None))
    status, said = await erase(site, call.call_id, member.manager)
    assert status == 409
    assert "call_is_live" in said
    page = await site.client.get(f"/calls/{call.call_id}", headers=member.cookie)
    assert "Erase it" not in page.text
    assert await listed(site, member) == [call.call_id]


async def test_an_id_of_no_call_is_not_found(site: Site) -> None:
    member = await site.join()
    for call_id in (fresh_call(), "call_1", "..%2f..%2fx"):
        assert (await erase(site, call_id, member.manager))[0] == 404
    assert not (site.spool.parent / "erased").exists()


@pytest.mark.parametrize(("role", "may"), [("owner", True), ("admin", True), ("member", False)])
async def test_the_page_offers_it_to_those_who_may(site: Site, role: str, may: bool) -> None:
    member = await site.join()
    call = await site.add_whole_call(member.org_id)
    engine = create_engine(f"sqlite:///{site.spool.parent / 'control.sqlite3'}")
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE memberships SET role = :role WHERE org_id = :org"),
            {"role": role, "org": member.org_id},
        )
    engine.dispose()
    page = await site.client.get(f"/calls/{call.call_id}", headers=member.cookie)
    assert ("Erase it" in page.text) is may
    token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    path = f"/calls/{call.call_id}/erase"
    forged = await site.client.post(path, headers=member.cookie, data={"csrf_token": "made-up"})
    assert forged.status_code == 403
    answer = await site.client.post(path, headers=member.cookie, data={"csrf_token": token})
    assert answer.status_code == (303 if may else 403)
    assert (await listed(site, member) == []) is may


async def test_who_erased_what_is_in_the_audit_log_and_the_log(site: Site) -> None:
    member = await site.join()
    call = await site.add_whole_call(member.org_id)
    with structlog.testing.capture_logs() as logged:
        await erase(site, call.call_id, member.manager)
    (line,) = [line for line in logged if line["event"] == "call erased"]
    (key,) = [key for key in await site.control.list_keys(member.org_id) if key.name == "Scripts"]
    assert (line["call"], line["by"]) == (call.call_id, key.id)
    assert audited(site.spool.parent) == (member.org_id, key.id, call.call_id)


def audited(directory: Path) -> tuple[str, str, str]:
    engine = create_engine(f"sqlite:///{directory / 'control.sqlite3'}")
    with engine.connect() as connection:
        row = connection.execute(
            text("SELECT org_id, user_id, subject FROM audit_log WHERE action = 'call.erased'")
        ).one()
    engine.dispose()
    return row.org_id, row.user_id, row.subject


@pytest.mark.guarantee("D13")
async def test_a_call_that_is_erased_while_it_is_read_is_no_servers_error(site: Site) -> None:
    member = await site.join()
    calls = [await site.add_whole_call(member.org_id) for _ in range(4)]
    statuses: list[int] = []
    reading = True

    async def read(call: CallRow) -> None:
        while reading:
            statuses.extend(await everything(site, member, call))

    readers = [asyncio.create_task(read(call)) for call in calls]
    for call in calls[1:]:
        seen = len(statuses)
        while len(statuses) < seen + 18:
            await asyncio.sleep(0.001)
        assert await erase(site, call.call_id, member.manager) == (204, "")
    reading = False
    await asyncio.gather(*readers)
    assert set(statuses) == {200, 404}
    assert await everything(site, member, calls[0]) == [200] * 9
