"""A person says on the call's page what they think of it, if their role lets them."""

from typing import Any

import pytest
from sqlalchemy import update
from tests.support.facts import a_call, parts_of
from tests.support.web import Member, Site

from trunkline.store.control import models
from trunkline.store.facts.rows import CallRow, MarkRow
from trunkline.web.pages.marks_view import Note, marks_view


async def post(site: Site, member: Member, call: CallRow, **form: str) -> int:
    answer = await site.post(member, f"/calls/{call.call_id}/marks", **form)
    if answer.status_code == 303:
        assert answer.headers["location"] == f"/calls/{call.call_id}"
    return answer.status_code


async def said(site: Site, member: Member, call: CallRow) -> dict[str, Any]:
    answer = await site.client.get(f"/v1/calls/{call.call_id}", headers=member.bearer)
    return answer.json()


async def test_each_form_says_its_one_thing(site: Site) -> None:
    member = await site.join()
    call = await site.add_call(a_call(member.org_id))
    for what, text in (("feedback", "down"), ("tag", " vip "), ("tag", "x"), ("untag", "x")):
        assert await post(site, member, call, what=what, text=text) == 303
    found = await said(site, member, call)
    assert (found["feedback"], found["tags"]) == (False, ["vip"])
    assert await post(site, member, call, what="comment", text="<b>Hm</b>") == 303
    page = (await site.client.get(f"/calls/{call.call_id}", headers=member.cookie)).text
    assert "&lt;b&gt;Hm&lt;/b&gt;" in page
    assert 'aria-pressed="true" title="Thumbs down"' in page
    assert 'href="/calls?tag=vip"' in page
    for what in ("comment", "feedback"):
        assert await post(site, member, call, what=what, text="") == 303
    assert (await said(site, member, call))["feedback"] is None
    for bad in ({"what": "tag", "text": " "}, {"what": "stars", "text": "5"}, {}):
        assert await post(site, member, call, **bad) == 400


async def test_one_form_says_what_is_filled_in_of_a_turn_or_the_call(site: Site) -> None:
    member = await site.join()
    call = a_call(member.org_id)
    await site.facts.insert([*parts_of(call)[:1], call])
    of_turn = {"what": "part", "part": "turn_1", "up": "down", "tag": "slow", "comment": "Hm."}
    assert await post(site, member, call, **of_turn) == 303
    assert await post(site, member, call, what="part", score="exact", value="0.8") == 303
    assert await post(site, member, call, what="part", score="polite", value="Yes") == 303
    answer = await site.client.get(f"/v1/calls/{call.call_id}/marks", headers=member.bearer)
    marks = {(one["part"] or "", one["kind"], one["name"] or "") for one in answer.json()["data"]}
    assert marks == {
        ("turn_1", "feedback", ""), ("turn_1", "tag", "slow"), ("turn_1", "comment", ""),
        ("", "score", "exact"), ("", "score", "polite"),
    }  # fmt: skip
    assert (await said(site, member, call))["scores"] == {"exact": 0.8, "polite": 1}
    for nonsense in (
        {"what": "part"},
        {"what": "part", "score": "exact", "value": "much"},
        {"what": "part", "score": "exact"},
        {"what": "part", "value": "1"},
        {"what": "part", "part": "turn_9", "up": "up"},
    ):
        assert await post(site, member, call, **nonsense) == 400, nonsense
    for back in (
        {"what": "feedback", "part": "turn_1"},
        {"what": "comment", "part": "turn_1"},
        {"what": "untag", "part": "turn_1", "text": "slow"},
        {"what": "unscore", "text": "exact"},
        {"what": "unscore", "text": "polite"},
    ):
        assert await post(site, member, call, **back) == 303
    answer = await site.client.get(f"/v1/calls/{call.call_id}/marks", headers=member.bearer)
    assert answer.json()["data"] == []


async def test_a_page_is_new_when_something_was_said(site: Site) -> None:
    """A live call's page asks each second whether it has changed."""
    member = await site.join()
    call = await site.add_call(a_call(member.org_id, status="live"))
    path, tags = f"/calls/{call.call_id}", set[str]()
    for text in ("up", "down", "", "up"):
        await post(site, member, call, what="feedback", text=text)
        answer = await site.client.get(path, headers=member.cookie)
        tags.add(answer.headers["etag"])
        same = {**member.cookie, "If-None-Match": answer.headers["etag"]}
        assert (await site.client.get(path, headers=same)).status_code == 304
        site.clock.advance_s(1)
    assert len(tags) == 4


async def test_who_may_only_look_says_nothing(site: Site) -> None:
    member = await site.join()
    call = await site.add_call(a_call(member.org_id))
    await post(site, member, call, what="feedback", text="up")
    async with site.control._database.writing() as session:  # pyright: ignore[reportPrivateUsage]
        await session.execute(
            update(models.Membership)
            .where(models.Membership.org_id == member.org_id)
            .values(role="viewer")
        )
    assert await post(site, member, call, what="feedback", text="down") == 403
    assert (await said(site, member, call))["feedback"] is True
    page = (await site.client.get(f"/calls/{call.call_id}", headers=member.cookie)).text
    assert "/marks" not in page
    assert "thumbs up" in page


async def test_another_organisations_call_is_not_there(site: Site) -> None:
    owner, stranger = await site.join(), await site.join()
    call = await site.add_call(a_call(owner.org_id))
    assert await post(site, stranger, call, what="tag", text="mine") == 404
    assert (await said(site, owner, call))["tags"] == []


NOTES = {
    "a score": (
        {"kind": "score", "name": "exact", "number": 0.5},
        Note("exact", "0.5", "", "unscore", "exact"),
    ),
    "a truth": (
        {"kind": "score", "name": "ok", "number": 0, "truth": True},
        Note("ok", "no", "", "unscore", "ok"),
    ),
    "of a turn": (
        {"kind": "feedback", "part": "turn_3", "number": 0},
        Note("turn 3", "thumbs down", "turn_3", "feedback"),
    ),
    "of a response": (
        {"kind": "score", "name": "exact", "part": "resp_1", "number": 2},
        Note("resp_1 exact", "2", "resp_1", "unscore", "exact"),
    ),
    "a tag of an item": (
        {"kind": "tag", "name": "odd", "part": "i"},
        Note("i odd", "tagged", "i", "untag", "odd"),
    ),
}


@pytest.mark.parametrize(("fields", "note"), NOTES.values(), ids=NOTES)
def test_what_else_was_said_is_told_in_words(fields: dict[str, Any], note: Note) -> None:
    row = MarkRow(org_id="o", call_id="c", version=1, **fields)
    assert marks_view([row]).notes == (note,)
