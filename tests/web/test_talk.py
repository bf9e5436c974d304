"""Talk: whom one may speak with, and the token that the page gets in place of any key."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.support.facts import a_call
from tests.support.web import ORIGIN, Member, Site, open_site

from trunkline.protocol.token import Token
from trunkline.relay import tokens
from trunkline.sealing import Vault
from trunkline.settings import Settings
from trunkline.store.control.providers import NewProvider, Provider
from trunkline.store.facts.store import FactsStore
from trunkline.web import talk
from trunkline.web.pace import Pace

CREDENTIAL = "sk-proj-canaryTALK0123456789"


@pytest.fixture
async def simulating(tmp_path: Path, facts: FactsStore) -> AsyncIterator[Site]:
    settings = Settings(data=tmp_path, public_url=ORIGIN, simulator=True)
    async with open_site(tmp_path, facts, settings) as found:
        yield found


async def ask(
    site: Site, member: Member, *, headers: dict[str, str] | None = None, **form: str
) -> httpx2.Response:
    told = {**member.cookie, "X-CSRF-Token": member.csrf_token, "Origin": ORIGIN, **(headers or {})}
    return await site.client.post(
        "/talk/token",
        headers={name: value for name, value in told.items() if value},
        data={"provider": "", "model": "simulator", **form},
    )


def opened(answer: httpx2.Response, directory: Path) -> Token:
    assert answer.status_code == 200, answer.text
    return tokens.read(answer.json()["token"], Vault(directory / "master.key").open)


async def told(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def audited(site: Site, org_id: str) -> list[tuple[str, str, str]]:
    from sqlalchemy import select

    from trunkline.store.control.models import AuditEntry

    async with site.control._database.reading() as session:  # pyright: ignore[reportPrivateUsage]
        rows = await session.scalars(select(AuditEntry).where(AuditEntry.org_id == org_id))
        return [(row.user_id, row.action, row.detail) for row in rows]


# --- the token ---------------------------------------------------------------------------


async def test_a_token_is_for_one_call_of_one_user_from_one_origin(
    site: Site, tmp_path: Path
) -> None:
    member = await site.join()
    answer = await ask(site, member)
    token = opened(answer, tmp_path)
    assert (token.uses, token.origins, token.secret) == (1, (ORIGIN,), "")
    assert token.expires_at_s == site.clock.wall_ns() // 10**9 + 60
    assert (token.provider, token.model) == ("", "simulator")
    assert token.user_id == "owner1@example.com"
    assert (token.session_id, token.session_name) == (answer.json()["talk_id"], "Talk")
    assert token.properties == {"source": "talk"}
    who = (member.session.signed_in.user.id, "talk.begun", "simulator simulator")
    assert who in await audited(site, member.org_id)


async def test_calls_are_made_under_one_key_that_nobody_knows(site: Site, tmp_path: Path) -> None:
    member = await site.join()
    first, second = [opened(await ask(site, member), tmp_path).key_id for _ in range(2)]
    assert first == second
    keys = {key.id: key for key in await site.control.list_keys(member.org_id)}
    assert (keys[first].name, keys[first].scopes) == ("Talk", ("call",))
    assert keys[first].limits.max_call_seconds == 1_800
    assert await site.control.revoke_key(member.org_id, first)
    assert opened(await ask(site, member), tmp_path).key_id not in (first, "")


async def test_another_organisations_key_is_not_used(site: Site, tmp_path: Path) -> None:
    one, other = await site.join(), await site.join()
    keys = [opened(await ask(site, member), tmp_path).key_id for member in (one, other)]
    assert keys[0] != keys[1]


async def test_no_other_page_gets_a_token(site: Site) -> None:
    member = await site.join()
    for headers in (
        {"X-CSRF-Token": "wrong"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        assert (await ask(site, member, headers=headers)).status_code == 403
    nobody = await site.client.post("/talk/token", headers={"Origin": ORIGIN}, data={"model": "x"})
    assert nobody.status_code == 303
    assert (await told(await ask(site, member, headers={"Origin": ""})))[1] == "no_origin"


async def test_tokens_are_made_at_a_walk(site: Site) -> None:
    member, other = await site.join(), await site.join()
    for _ in range(10):
        assert (await ask(site, member)).status_code == 200
    assert await told(await ask(site, member)) == (429, "too_many_talks")
    assert (await ask(site, other)).status_code == 200
    site.clock.advance_s(61)
    assert (await ask(site, member)).status_code == 200


async def test_only_what_the_organisation_has_can_be_asked_for(site: Site) -> None:
    member, other = await site.join(), await site.join()
    new = NewProvider(name="ours", profile="openai", credential=CREDENTIAL)
    await site.control.providers.add(other.org_id, new)
    assert await told(await ask(site, member, provider="ours", model="x")) == (
        400, "unknown_provider",
    )  # fmt: skip
    assert await told(await ask(site, member, model="gpt-realtime-2.1")) == (400, "bad_model")
    assert await told(await ask(site, other, provider="ours", model=" ")) == (400, "bad_model")
    answer = await ask(site, other, provider="ours", model="gpt-realtime-2.1")
    assert answer.status_code == 200
    assert CREDENTIAL[3:-4] not in answer.text


# --- the page ----------------------------------------------------------------------------


async def page(site: Site, member: Member) -> httpx2.Response:
    answer = await site.client.get("/talk", headers=member.cookie)
    assert answer.status_code == 200
    return answer


async def test_the_page_holds_no_key_and_may_connect_to_this_gateway_alone(site: Site) -> None:
    member = await site.join()
    new = NewProvider(name="ours", profile="openai", credential=CREDENTIAL, models=("voice-1",))
    await site.control.providers.add(member.org_id, new)
    answer = await page(site, member)
    assert CREDENTIAL[3:-4] not in answer.text
    assert not re.search(r"sk-trunkline-\w|ek_tl_", answer.text)
    policy = answer.headers["content-security-policy"]
    assert "; connect-src 'self' ws://trunkline.test wss://trunkline.test;" in policy
    assert "script-src 'self';" in policy
    assert "ours · OpenAI" in answer.text
    assert "Simulator" in answer.text


async def test_where_the_simulator_answers_every_call_there_is_nobody_else(
    simulating: Site, tmp_path: Path
) -> None:
    member = await simulating.join()
    new = NewProvider(name="ours", profile="openai", credential=CREDENTIAL)
    await simulating.control.providers.add(member.org_id, new)
    text = (await page(simulating, member)).text
    assert "Simulator (nothing is billed)" in text
    assert "ours · OpenAI" not in text
    token = opened(await ask(simulating, member, model="gpt-realtime-2.1-mini"), tmp_path)
    assert token.model == "gpt-realtime-2.1-mini"


async def test_the_first_page_of_a_new_organisation_leads_here(site: Site) -> None:
    member = await site.join()
    text = (await site.client.get("/calls", headers=member.cookie)).text
    assert 'href="/talk">' in text.partition("Make the first call")[2]


# --- what has become of a call -------------------------------------------------------------

TALK_ID = "talk_01JD0000000000000000000000"


async def found(site: Site, member: Member) -> Any:
    answer = await site.client.get(f"/talk/calls/{TALK_ID}", headers=member.cookie)
    assert answer.status_code == 200
    return answer.json()["call"]


async def test_a_call_is_found_by_what_the_token_was_made_for(site: Site) -> None:
    owner, stranger = await site.join(), await site.join()
    assert await found(site, owner) is None
    call = await site.add_call(a_call(owner.org_id, session_id=TALK_ID, has_audio=True))
    told = await found(site, owner)
    assert (told["url"], told["playable"]) == (f"/calls/{call.call_id}", True)
    assert await found(site, stranger) is None


async def test_why_a_call_was_refused_is_told(site: Site) -> None:
    member = await site.join()
    why = {"status": "refused", "error_code": "key_rate", "error_message": "too fast"}
    await site.add_call(a_call(member.org_id, session_id=TALK_ID, **why))
    told = await found(site, member)
    assert (told["status"], told["code"], told["message"]) == ("refused", "key_rate", "too fast")


async def test_nothing_else_is_looked_for(site: Site) -> None:
    member = await site.join()
    answer = await site.client.get("/talk/calls/ses-1", headers=member.cookie)
    assert answer.status_code == 400


# --- rules ---------------------------------------------------------------------------------


def stored(profile: str, *models: str, name: str = "ours") -> Provider:
    return Provider(
        id="prov_1", name=name, profile=profile, url="", resource="", models=models, hint="",
        created_at_us=0, replaced_at_us=None,
    )  # fmt: skip


OFFERS: dict[str, tuple[Provider, tuple[str, ...]]] = {
    "its named models": (stored("openai", "voice-1", "gpt-*"), ("voice-1",)),
    "OpenAI's own": (stored("openai"), ("gpt-realtime-2.1", "gpt-realtime-2.1-mini")),
    "a deployment has any name": (stored("azure"), ()),
    "patterns are no models": (stored("xai", "grok-*"), ()),
}


@pytest.mark.parametrize(("provider", "models"), OFFERS.values(), ids=OFFERS)
def test_models_to_choose_from(provider: Provider, models: tuple[str, ...]) -> None:
    offer, simulator = talk.offers([provider], simulated=False)
    assert offer.models == models
    assert simulator.models == ("simulator",)


def test_who_only_writes_down_is_nobody_to_talk_with() -> None:
    assert [offer.name for offer in talk.offers([stored("vllm")], simulated=False)] == [""]


ELSEWHERE = {
    "the same place": ("https://gw.example.com", "gw.example.com", ""),
    "nothing said": ("", "gw.example.com", ""),
    "only what was bound": ("http://0.0.0.0:8585", "10.0.0.5:8585", ""),
    "loopback by another name": ("http://127.0.0.1:8585", "localhost:8585", ""),
    "another name": ("https://gw.example.com", "dash.example.com", "wss://gw.example.com"),
    "another port": ("http://gw.test:9000", "gw.test", "ws://gw.test:9000"),
}


@pytest.mark.parametrize(("public_url", "host", "expected"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_where_the_gateway_is(public_url: str, host: str, expected: str) -> None:
    assert talk.gateway_elsewhere(public_url, host) == expected
    connecting = list(talk.connecting_to(expected, host))
    assert connecting == ([expected] if expected else [f"ws://{host}", f"wss://{host}"])


def test_a_host_that_is_none_gets_into_no_policy() -> None:
    assert list(talk.connecting_to("", "a; script-src *")) == []


def test_a_pace_is_kept_for_each_and_forgotten_with_time() -> None:
    pace = Pace(2, 100)
    assert [pace.admits("a", at) for at in (0, 10, 50, 100, 101)] == [
        True,
        True,
        False,
        True,
        False,
    ]
    assert pace.admits("b", 50)
