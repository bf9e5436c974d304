"""Stored providers by the API and on their page: what goes in, and that credentials stay in."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from tests.support.web import Member, Site

SECRET = "sk-proj-canarySTORED0123456789"
NEW = {"name": "main", "profile": "openai", "credential": SECRET, "models": ["gpt-*"]}
FORM = {"name": "main", "profile": "openai", "credential": SECRET, "models": "gpt-*, voice-1"}


async def add(site: Site, member: Member, **changes: Any) -> httpx2.Response:
    return await site.client.post("/v1/providers", headers=member.manager, json={**NEW, **changes})


async def listed(site: Site, member: Member) -> list[dict[str, Any]]:
    answer = await site.client.get("/v1/providers", headers=member.bearer)
    assert answer.status_code == 200
    assert SECRET[3:-4] not in answer.text
    return answer.json()["data"]


async def page(site: Site, member: Member) -> str:
    answer = await site.client.get("/providers", headers=member.cookie)
    assert answer.status_code == 200
    assert SECRET[3:-4] not in answer.text
    return answer.text


# --- the API -------------------------------------------------------------------------


async def test_a_provider_is_stored_listed_changed_and_forgotten(site: Site) -> None:
    member = await site.join()
    answer = await add(site, member)
    assert answer.status_code == 201
    assert SECRET not in answer.text
    made = answer.json()
    assert (made["credential_hint"], made["models"]) == ("…6789", ["gpt-*"])
    assert await listed(site, member) == [made]
    path = f"/v1/providers/{made['id']}"
    replaced = await site.client.put(
        f"{path}/credential", headers=member.manager, json={"credential": "sk-other-0123456"}
    )
    assert (replaced.status_code, replaced.json()["credential_hint"]) == (200, "…3456")
    assert replaced.json()["replaced_at"] is not None
    changed = await site.client.put(f"{path}/models", headers=member.manager, json={"models": []})
    assert changed.json()["models"] == []
    assert (await site.client.delete(path, headers=member.manager)).status_code == 204
    assert await listed(site, member) == []
    assert (await site.client.delete(path, headers=member.manager)).status_code == 404


async def test_only_a_key_that_manages_changes_providers(site: Site) -> None:
    member = await site.join()
    for headers in (member.bearer, {"Authorization": f"Bearer {member.call_key}"}):
        answer = await site.client.post("/v1/providers", headers=headers, json=NEW)
        assert answer.status_code == 403
    assert await listed(site, member) == []


async def test_another_organisations_provider_is_not_there(site: Site) -> None:
    owner, stranger = await site.join(), await site.join()
    id_ = (await add(site, owner)).json()["id"]
    assert await listed(site, stranger) == []
    for path, body in (("credential", {"credential": SECRET}), ("models", {"models": ["x"]})):
        answer = await site.client.put(
            f"/v1/providers/{id_}/{path}", headers=stranger.manager, json=body
        )
        assert answer.status_code == 404
    answer = await site.client.delete(f"/v1/providers/{id_}", headers=stranger.manager)
    assert answer.status_code == 404
    assert len(await listed(site, owner)) == 1


BAD: dict[str, dict[str, Any]] = {
    "a bad name": {"name": "A b"},
    "an unknown profile": {"profile": "gemini"},
    "a URL of a stranger": {"url": "ws://10.0.0.1"},
    "a credential that is none": {"credential": "a b"},
    "a field that is not one": {"surprise": 1},
    "a type that is wrong": {"credential": {"x": SECRET}},
}


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD.keys())
async def test_what_cannot_be_is_refused_and_no_credential_is_quoted(
    site: Site, changes: dict[str, Any]
) -> None:
    member = await site.join()
    answer = await add(site, member, **changes)
    assert answer.status_code == 400
    assert SECRET not in answer.text
    assert await listed(site, member) == []


# --- the page ------------------------------------------------------------------------


async def test_the_page_stores_shows_changes_and_forgets(site: Site) -> None:
    member = await site.join()
    assert "No providers yet" in await page(site, member)
    assert (await site.post(member, "/providers", **FORM)).status_code == 303
    shown = await page(site, member)
    for word in ("main", "OpenAI", "…6789", "gpt-*, voice-1"):
        assert word in shown
    (made,) = await listed(site, member)
    path = f"/providers/{made['id']}"
    await site.post(member, f"{path}/credential", credential="sk-other-0123456")
    await site.post(member, f"{path}/models", models="a, b*")
    (changed,) = await listed(site, member)
    assert (changed["credential_hint"], changed["models"]) == ("…3456", ["a", "b*"])
    assert (await site.post(member, f"{path}/delete")).status_code == 303
    assert await listed(site, member) == []
    assert (await site.post(member, f"{path}/delete")).status_code == 404


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "A b"}, "small letters"),
        ({"profile": "azure"}, "resource"),
        ({"credential": "x"}, "8 to 4,096"),
        ({"profile": "gemini"}, "Choose one of"),
    ],
)
async def test_what_was_typed_stays_but_for_the_credential(
    site: Site, changes: dict[str, str], message: str
) -> None:
    member = await site.join()
    answer = await site.post(member, "/providers", **{**FORM, **changes})
    assert answer.status_code == 422
    assert message in answer.text
    assert 'value="gpt-*, voice-1"' in answer.text
    assert SECRET not in answer.text


async def test_a_bad_replacement_is_told(site: Site) -> None:
    member = await site.join()
    id_ = (await add(site, member)).json()["id"]
    answer = await site.post(member, f"/providers/{id_}/credential", credential="x y")
    assert answer.status_code == 422
    assert "without spaces" in answer.text


async def test_only_the_operators_form_has_a_url(site: Site) -> None:
    assert 'name="url"' in await page(site, await site.operator())
    assert 'name="url"' not in await page(site, await site.join())


@pytest.mark.parametrize("what", ["", "/x/credential", "/x/models", "/x/delete"])
async def test_a_change_needs_the_pages_token(site: Site, what: str) -> None:
    member = await site.join()
    answer = await site.client.post(f"/providers{what}", headers=member.cookie, data=FORM)
    assert answer.status_code == 403


async def test_a_member_sees_and_does_not_change(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = await site.join()
    await add(site, member)
    real = site.control.session_for

    async def as_member(token: str) -> Any:
        who = await real(token)
        return who and type(who)(user=who.user, org=who.org, role="member")

    monkeypatch.setattr(site.control, "session_for", as_member)
    assert "<form" not in (await page(site, member)).partition("<main")[2]
    assert (await site.post(member, "/providers", **FORM)).status_code == 403
