"""Webhooks by the API and on their page: what goes in, and that secrets stay in."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from tests.support.web import Member, Site

SECRET = "whsec_Y2FuYXJ5U1RPUkVEMDEyMzQ1Ng=="
NEW = {"name": "desk", "url": "https://app.example/hook?a=1", "secret": SECRET}


async def add(site: Site, member: Member, **changes: Any) -> httpx2.Response:
    return await site.client.post("/v1/webhooks", headers=member.manager, json={**NEW, **changes})


async def listed(site: Site, member: Member) -> list[dict[str, Any]]:
    answer = await site.client.get("/v1/webhooks", headers=member.bearer)
    assert answer.status_code == 200
    assert SECRET[6:-4] not in answer.text
    return answer.json()["data"]


async def page(site: Site, member: Member) -> str:
    answer = await site.client.get("/webhooks", headers=member.cookie)
    assert answer.status_code == 200
    assert SECRET[6:-4] not in answer.text
    return answer.text


# --- the API -------------------------------------------------------------------------


async def test_a_webhook_is_stored_listed_changed_and_forgotten(site: Site) -> None:
    member = await site.join()
    answer = await add(site, member)
    assert (answer.status_code, SECRET in answer.text) == (201, False)
    made = answer.json()
    assert made["address"].endswith(f"/v1/realtime/incoming/{made['id']}")
    assert (made["secret_hint"], made["show_numbers"]) == ("…Ng==", True)
    assert await listed(site, member) == [made]
    path = f"/v1/webhooks/{made['id']}"
    replaced = await site.client.put(
        f"{path}/secret", headers=member.manager, json={"secret": "a-plain-secret-of-1234"}
    )
    assert (replaced.status_code, replaced.json()["secret_hint"]) == (200, "…1234")
    assert replaced.json()["replaced_at"] is not None
    target = {"url": "https://other.example", "show_numbers": False}
    changed = await site.client.put(f"{path}/target", headers=member.manager, json=target)
    assert {name: changed.json()[name] for name in target} == target
    assert (await site.client.delete(path, headers=member.manager)).status_code == 204
    assert await listed(site, member) == []
    assert (await site.client.delete(path, headers=member.manager)).status_code == 404


BAD: dict[str, dict[str, Any]] = {
    "a bad name": {"name": "A b"},
    "no secret": {"secret": ""},
    "half a secret": {"secret": "whsec_!!!!!!!!!!!!"},
    "a short secret": {"secret": "whsec_MDEy"},
    "a field that is not one": {"surprise": 1},
    "plain HTTP of a stranger": {"url": "http://app.example/"},
    "another protocol": {"url": "ftp://app.example/"},
    "a user in the URL": {"url": "https://u:p@app.example/"},
    "this machine": {"url": "https://localhost/"},
    "this machine by number": {"url": "https://127.0.0.1/"},
    "this machine by another number": {"url": "https://2130706433/"},
    "a private network": {"url": "https://10.0.0.7/"},
    "the cloud's metadata": {"url": "https://169.254.169.254/latest"},
    "IPv6 in IPv4's clothes": {"url": "https://[::ffff:127.0.0.1]/"},
    "a name of the network inside": {"url": "https://db.internal/"},
}


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD.keys())
async def test_what_cannot_be_is_refused_and_no_secret_is_quoted(
    site: Site, changes: dict[str, Any]
) -> None:
    member = await site.join()
    answer = await add(site, member, **changes)
    assert answer.status_code == 400
    assert SECRET not in answer.text
    assert await listed(site, member) == []


async def test_the_operator_may_forward_inward(site: Site) -> None:
    member = await site.operator()
    assert (await add(site, member, url="http://10.0.0.7:8080/hook")).status_code == 201


async def test_only_a_key_that_manages_changes_webhooks(site: Site) -> None:
    member = await site.join()
    for headers in (member.bearer, {"Authorization": f"Bearer {member.call_key}"}):
        answer = await site.client.post("/v1/webhooks", headers=headers, json=NEW)
        assert answer.status_code == 403
    assert await listed(site, member) == []


# --- the page ------------------------------------------------------------------------


async def test_the_page_stores_shows_changes_and_forgets(site: Site) -> None:
    member = await site.join()
    assert "No webhooks yet" in await page(site, member)
    assert (await site.post(member, "/webhooks", **NEW, numbers="last")).status_code == 303
    (made,) = await listed(site, member)
    shown = await page(site, member)
    for word in (
        "desk",
        "https://app.example/hook?a=1",
        "…Ng==",
        "last letters",
        made["address"][7:],
    ):
        assert word in shown
    path = f"/webhooks/{made['id']}"
    await site.post(member, f"{path}/secret", secret="a-plain-secret-of-1234")
    await site.post(member, f"{path}/target", url="https://other.example/")
    (changed,) = await listed(site, member)
    assert (changed["secret_hint"], changed["url"], changed["show_numbers"]) == (
        "…1234", "https://other.example/", True,
    )  # fmt: skip
    assert (await site.post(member, f"{path}/delete")).status_code == 303
    assert await listed(site, member) == []
    for gone in ("delete", "secret", "target"):
        answer = await site.post(member, f"{path}/{gone}", secret=SECRET, url=NEW["url"])
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "A b"}, "small letters"),
        ({"secret": "x"}, "as the provider shows it"),
        ({"url": "https://localhost"}, "own network"),
    ],
)
async def test_what_was_typed_stays_but_for_the_secret(
    site: Site, changes: dict[str, str], message: str
) -> None:
    member = await site.join()
    answer = await site.post(member, "/webhooks", **{**NEW, **changes})
    assert answer.status_code == 422
    assert message in answer.text
    assert f'value="{({**NEW, **changes})["url"]}"' in answer.text
    assert SECRET not in answer.text


async def test_a_bad_change_is_told(site: Site) -> None:
    member = await site.join()
    made = (await add(site, member)).json()
    path = f"/webhooks/{made['id']}"
    for form in ({"secret": "x"}, {"url": "https://localhost/"}):
        (name,) = form
        verb = "secret" if name == "secret" else "target"
        answer = await site.post(member, f"{path}/{verb}", **form)
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
    assert await listed(site, member) == [made]


async def test_the_page_is_for_those_who_keep_keys(site: Site) -> None:
    owner = await site.join()
    stranger = await site.join()
    made = (await add(site, owner)).json()
    assert made["id"] not in await page(site, stranger)
    for verb in ("delete", "secret", "target"):
        path = f"/webhooks/{made['id']}/{verb}"
        assert (await site.client.post(path, headers=owner.cookie)).status_code == 403
        answer = await site.post(stranger, path, secret=SECRET, url=NEW["url"])
        assert answer.status_code == 404
    assert await listed(site, owner) == [made]
