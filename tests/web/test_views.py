"""Views of the table of calls are saved, shared, and another's are not there."""

import csv
import io

import pytest
from sqlalchemy import select
from tests.support.facts import a_call
from tests.support.web import Member, Site

from trunkline.store.control import models
from trunkline.store.control.accounts import BadAccountDetail
from trunkline.store.control.views import MAX_QUERY_CHARS, MAX_VIEWS
from trunkline.web.pages import columns
from trunkline.web.pages.filters import clean_query


async def post(site: Site, member: Member, path: str, **form: str) -> tuple[int, str]:
    answer = await site.post(member, path, **form)
    return answer.status_code, answer.headers.get("location", "")


async def page(site: Site, member: Member, path: str = "/calls") -> str:
    answer = await site.client.get(path, headers=member.cookie)
    assert answer.status_code == 200
    return answer.text


async def test_a_view_is_saved_shown_and_deleted_on_the_page(site: Site) -> None:
    member = await site.join()
    await site.add_call(a_call(member.org_id))
    query = "span=24h&status=failed&column=cost&column=tags&sort=cost_usd&nonsense=1&cursor=x"
    kept = "status=failed&span=24h&column=tags&column=cost&sort=cost_usd"
    form = {"name": " Dear <b> ones ", "query": query}
    assert await post(site, member, "/calls/views", **form) == (303, f"/calls?{kept}")
    shown = await page(site, member)
    assert "Dear &lt;b&gt; ones" in shown
    assert f'href="/calls?{kept.replace("&", "&amp;")}"' in shown
    assert 'aria-current="true"' in await page(site, member, f"/calls?{kept}")
    (view,) = await site.control.views.of(member.org_id, member.session.signed_in.user.id)
    assert await post(site, member, f"/calls/views/{view.id}/delete") == (303, "/calls")
    assert "Dear" not in await page(site, member)
    assert (await post(site, member, f"/calls/views/{view.id}/delete"))[0] == 404
    assert (await post(site, member, "/calls/views", name=" "))[0] == 400


async def test_the_same_name_again_replaces_what_is_as_much_ones_own(site: Site) -> None:
    member = await site.join()
    views, org_id = site.control.views, member.org_id
    for query in ("user=a", "user=b"):
        await views.save(org_id, "V", query, shared=False, user_id="u1", by="u1")
        await views.save(org_id, "V", query, shared=True, user_id="u1", by="u1")
    await views.save(org_id, "V", "user=c", shared=False, user_id="u2", by="u2")
    await views.save(org_id, "V", "user=d", shared=True, user_id="u2", by="u2")
    seen = {user: [v.query for v in await views.of(org_id, user)] for user in ("u1", "u2", "")}
    assert {user: sorted(found) for user, found in seen.items()} == {
        "u1": ["user=b", "user=d"],
        "u2": ["user=c", "user=d"],
        "": ["user=d"],
    }


async def test_who_may_delete_which_view(site: Site) -> None:
    member, other = await site.join(), await site.join()
    views, org_id = site.control.views, member.org_id
    own = await views.save(org_id, "own", "", shared=False, user_id="u1", by="u1")
    shared = await views.save(org_id, "shared", "", shared=True, user_id="u1", by="u1")
    for view, user, keeper, gone in (
        (own, "u2", True, False),
        (shared, "u2", False, False),
        (shared, "", False, False),
        (shared, "u2", True, True),
        (own, "u1", False, True),
    ):
        done = await views.delete(org_id, view.id, user_id=user, keeper=keeper, by=user)
        assert done is gone, (view.name, user, keeper)
    theirs = await views.save(other.org_id, "x", "", shared=True, by="")
    assert not await views.delete(org_id, theirs.id, user_id="u1", keeper=True, by="u1")


async def test_views_have_an_end(site: Site) -> None:
    member = await site.join()
    save = site.control.views.save
    with pytest.raises(BadAccountDetail):
        await save(member.org_id, "long", "x" * (MAX_QUERY_CHARS + 1), shared=True, by="")
    for number in range(MAX_VIEWS):
        await save(member.org_id, f"v{number}", "", shared=True, by="")
    with pytest.raises(BadAccountDetail):
        await save(member.org_id, "one more", "", shared=True, by="")
    await save(member.org_id, "v7", "user=x", shared=True, by="")


async def test_programs_see_and_save_what_is_shared(site: Site) -> None:
    member = await site.join()
    await site.control.views.save(member.org_id, "mine", "", shared=False, user_id="u", by="u")
    new = {"name": "Failed", "query": "?status=failed&org_id=other"}
    saved = await site.client.post("/v1/views", json=new, headers=member.manager)
    assert (saved.status_code, saved.json()["query"]) == (201, "status=failed")
    listed = await site.client.get("/v1/views", headers=member.bearer)
    assert [view["name"] for view in listed.json()["data"]] == ["Failed"]
    path = f"/v1/views/{saved.json()['id']}"
    assert (await site.client.delete(path, headers=member.manager)).status_code == 204
    assert (await site.client.delete(path, headers=member.manager)).status_code == 404
    async with site.control._database.reading() as session:  # pyright: ignore[reportPrivateUsage]
        found = select(models.AuditEntry.action).where(models.AuditEntry.org_id == member.org_id)
        actions = list(await session.scalars(found))
    assert actions.count("view.saved") == 2
    assert actions.count("view.deleted") == 1


def test_a_view_asks_for_what_the_table_knows_and_nothing_else() -> None:
    assert clean_query("") == clean_query("cursor=abc&limit=5&column=nothing") == ""
    usual = "&".join(f"column={column.name}" for column in columns.chosen(()))
    assert clean_query(f"?user=a%26b&{usual}") == "user=a%26b"
    assert clean_query("score=x<high&feedback=up&status=odd") == "feedback=up"
    assert clean_query("column=cost&column=status&column=cost") == "column=status&column=cost"


async def test_a_table_and_its_file_have_the_columns_of_the_address(site: Site) -> None:
    member = await site.join()
    call = await site.add_call(a_call(member.org_id, voice="alloy", tags=()))
    query = "column=voice&column=cost&user=user-1"
    shown = await page(site, member, f"/calls?{query}")
    heads = shown.partition("<thead>")[2].partition("</thead>")[0]
    assert [name in heads for name in ("Voice", "Cost", "Model", "Turns")] == [
        True,
        True,
        False,
        False,
    ]
    assert "alloy" in shown
    assert "/calls/export?user=user-1&amp;format=csv&amp;column=voice&amp;column=cost" in shown
    answer = await site.client.get(f"/calls/export?format=csv&{query}", headers=member.cookie)
    head, row = csv.reader(io.StringIO(answer.text))
    assert head == ["id", "opened_at", "voice", "cost_usd", "unpriced"]
    assert row == [call.call_id, "2026-11-18T12:00:00Z", "alloy", "0.012345678", "[]"]
    everything = await site.client.get("/calls/export?format=csv", headers=member.cookie)
    assert len(everything.text.partition("\n")[0].split(",")) > 60


def test_every_column_has_something_to_export_and_to_show() -> None:
    from trunkline.web.api.models import Call
    from trunkline.web.export import _columns  # pyright: ignore[reportPrivateUsage]
    from trunkline.web.pages.calls_view import Row

    fields = set(_columns(Call))
    for column in columns.COLUMNS.values():
        assert set(column.exported) <= fields, column.name
        assert column.name in Row.__slots__
    assert set(columns.FIRST) <= fields
