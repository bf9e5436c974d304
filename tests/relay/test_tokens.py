"""Ephemeral tokens, made and used through real sockets; the provider is the simulator.

No server process runs here: whatever works in these tests works while it is down.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI
from tests.relay.world import KEY, PROVIDER_KEY, World, key, raw, world
from tests.support.patience import PATIENCE_S
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from trunkline.clock import wall_ns
from trunkline.journal.record import Leg
from trunkline.protocol import token as form
from trunkline.protocol.token import Token
from trunkline.relay import tokens
from trunkline.sealing import Vault, context_of
from trunkline.simulator.app import Simulator
from trunkline.simulator.config import SimulatorConfig
from trunkline.snapshot import Provider

KEYS = {"Authorization": f"Bearer {PROVIDER_KEY}", "Helicone-Auth": f"Bearer {KEY}"}
SESSION: dict[str, Any] = {
    "type": "realtime", "model": "gpt-realtime-2.1", "instructions": "Sing every answer.",
}  # fmt: skip


@contextlib.asynccontextmanager
async def installed(directory: Path, **settings: Any) -> AsyncIterator[World]:
    """A gateway that can seal, with the simulator in OpenAI's place."""
    simulator = Simulator(SimulatorConfig(seed=7))
    port = await simulator.start()
    url = f"ws://127.0.0.1:{port}/v1/realtime"
    vault = Vault(directory / "master.key")
    try:
        async with world(directory, vault=vault, openai_url=url, **settings) as made:
            made.publish(key(), key("sk-trunkline-read", key_id="key_2", may_call=False))
            yield made
    finally:
        await simulator.stop()


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with installed(tmp_path) as made:
        yield made


def sdk(here: World, **headers: str) -> AsyncOpenAI:
    return AsyncOpenAI(
        api_key=PROVIDER_KEY,
        base_url=f"http://127.0.0.1:{here.port}/v1",
        default_headers={"Helicone-Auth": f"Bearer {KEY}", **headers},
        max_retries=0,
    )


async def minted(here: World, session: Any = None, **headers: str) -> str:
    made = await sdk(here, **headers).realtime.client_secrets.create(session=session or SESSION)
    return made.value


def post(here: World, path: str = "/v1/realtime/client_secrets", **options: Any) -> Any:
    http = httpx2.AsyncClient(timeout=PATIENCE_S)
    return http.post(f"http://127.0.0.1:{here.port}{path}", **{"headers": KEYS, **options})


async def refused(here: World, path: str = "/v1/realtime/client_secrets", **options: Any) -> tuple:
    answer = await post(here, path, **options)
    return answer.status_code, answer.json()["error"]["code"]


def calling(here: World, token: str, target: str = "/v1/realtime", **headers: str) -> connect:
    return connect(
        f"ws://127.0.0.1:{here.port}{target}",
        additional_headers={"Authorization": f"Bearer {token}", **headers},
        compression=None, proxy=None,
    )  # fmt: skip


async def first(here: World, token: str, target: str = "/v1/realtime", **headers: str) -> Any:
    """Return the session with which a call by `token` begins."""
    async with asyncio.timeout(PATIENCE_S), calling(here, token, target, **headers) as connection:
        event = json.loads(await connection.recv())
    assert event["type"] == "session.created", event
    return event["session"]


async def turned_away(here: World, token: str, *target: str, **headers: str) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as caught:
        await first(here, token, *target, **headers)
    response = caught.value.response
    return response.status_code, json.loads(response.body or b"{}")["error"]["code"]


# --- making -------------------------------------------------------------------------------


async def test_the_official_sdk_has_one_made(here: World) -> None:
    before_s = wall_ns() / 1e9
    made = await sdk(here).realtime.client_secrets.create(
        session=SESSION, expires_after={"anchor": "created_at", "seconds": 60}
    )
    assert made.value.startswith("ek_tl_")
    assert before_s + 58 <= made.expires_at <= wall_ns() / 1e9 + 60
    assert made.session.type == "realtime"
    assert made.session.instructions == "Sing every answer."


async def test_it_holds_no_key_that_can_be_read(here: World) -> None:
    token = await minted(here)
    assert KEY not in token
    assert PROVIDER_KEY not in token
    vault = Vault(here.snapshot_path.parent / "master.key")
    told = tokens.read(token, vault.open)
    assert told.secret.startswith("ek_")
    assert PROVIDER_KEY not in repr(told)
    assert KEY not in repr(told)


async def test_nothing_is_made_without_a_key_that_may_call(here: World) -> None:
    body: dict[str, Any] = {"json": {"session": SESSION}}
    assert await refused(here, headers={}, **body) == (401, "missing_key")
    reader = {**KEYS, "Helicone-Auth": "Bearer sk-trunkline-read"}
    assert await refused(here, headers=reader, **body) == (403, "key_may_not_call")
    token = await minted(here)
    by_token = {"Authorization": f"Bearer {token}"}
    assert await refused(here, headers=by_token, **body) == (403, "token_may_not_mint")


BAD = {
    "not JSON": ({"content": b"{"}, (400, "invalid_json")),
    "too short": ({"json": {"expires_after": {"seconds": 9}}}, (400, "invalid_value")),
    "too long": ({"json": {"expires_after": {"seconds": 7201}}}, (400, "invalid_value")),
    "no seconds": ({"json": {"expires_after": {"seconds": "60"}}}, (400, "invalid_value")),
    "no session": ({"json": {"session": 5}}, (400, "invalid_value")),
    "bad origins": (
        {"json": {}, "headers": {**KEYS, "Trunkline-Token-Origins": "https://a/path"}},
        (400, "bad_origins"),
    ),
    "bad uses": ({"json": {}, "headers": {**KEYS, "Trunkline-Token-Uses": "0"}}, (400, "bad_uses")),
    "what the provider refuses": (
        {"json": {"session": {"type": "realtime"}}}, (400, "missing_required_parameter"),
    ),
    "a key that it refuses": (
        {"json": {}, "headers": {**KEYS, "Authorization": "Bearer sk-bad"}},
        (401, "invalid_api_key"),
    ),
    "too big": ({"content": b" " * 5000}, (413, "body_too_big")),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
async def test_what_cannot_be_had_is_refused(tmp_path: Path, name: str) -> None:
    request, expected = BAD[name]
    async with installed(tmp_path, max_body_bytes=4096) as here:
        assert await refused(here, **request) == expected


async def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    head = (
        f"POST /v1/realtime/client_secrets HTTP/1.1\r\nHost: h\r\nHelicone-Auth: Bearer {KEY}\r\n"
        f"Authorization: Bearer {PROVIDER_KEY}\r\nContent-Length: 5\r\n\r\n{{"
    )
    async with installed(tmp_path, head_timeout_ms=200) as here:
        assert (await raw(here.port, head.encode())).startswith(b"HTTP/1.1 408 ")


async def test_a_body_in_chunks_is_asked_for_and_taken(here: World) -> None:
    body = json.dumps({"session": SESSION}).encode()
    head = (
        f"POST /v1/realtime/client_secrets HTTP/1.1\r\nHost: h\r\nHelicone-Auth: Bearer {KEY}\r\n"
        f"Authorization: Bearer {PROVIDER_KEY}\r\nTransfer-Encoding: chunked\r\n"
        "Expect: 100-continue\r\n\r\n"
    )
    sent = head.encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    answer = await raw(here.port, sent)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert b"Cache-Control: no-store" in answer


async def test_other_methods_are_refused(here: World) -> None:
    request = b"GET /v1/realtime/client_secrets HTTP/1.1\r\nHost: h\r\n\r\n"
    assert (await raw(here.port, request)).startswith(b"HTTP/1.1 405 ")


async def test_without_a_master_key_there_are_none(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        assert await refused(made, json={}) == (503, "no_tokens")
        assert await turned_away(made, "ek_tl_v1.a.b") == (503, "no_tokens")


@pytest.mark.parametrize("path", ["sessions", "transcription_sessions"])
async def test_the_deprecated_endpoints_make_them_too(here: World, path: str) -> None:
    body = {"model": "gpt-realtime-2.1"} if path == "sessions" else {}
    answer = await post(here, f"/v1/realtime/{path}", json=body)
    secret = answer.json()["client_secret"]
    assert secret["value"].startswith("ek_tl_")
    session = await first(here, secret["value"])
    assert session["type"] == ("realtime" if path == "sessions" else "transcription")


# --- using --------------------------------------------------------------------------------


async def test_a_call_begins_with_the_session_that_the_token_has(here: World) -> None:
    session = await first(here, await minted(here))
    assert session["instructions"] == "Sing every answer."


async def test_no_frame_is_changed_and_none_is_added(here: World) -> None:
    async with asyncio.timeout(PATIENCE_S), calling(here, await minted(here)) as connection:
        created = await connection.recv()
        update = '{"type":"session.update", "session":{"type":"realtime","instructions":"Hum."}}'
        await connection.send(update)
        updated = await connection.recv()
    await here.journal.closed()
    assert here.journal.frames(Leg.CALLER) == [update.encode()]
    assert here.journal.frames(Leg.PROVIDER)[:2] == [created.encode(), updated.encode()]  # type: ignore[union-attr]  # text frames


async def test_a_browser_gives_it_as_a_subprotocol(here: World) -> None:
    offered: Any = ["realtime", f"openai-insecure-api-key.{await minted(here)}"]
    url = f"ws://127.0.0.1:{here.port}/v1/realtime?model=gpt-realtime-2.1"
    async with connect(url, subprotocols=offered, compression=None, proxy=None) as connection:
        assert connection.subprotocol == "realtime"
        assert json.loads(await connection.recv())["type"] == "session.created"


async def test_calls_are_recorded_as_who_made_it_wished(here: World) -> None:
    wishes = {
        "Helicone-User-Id": "u1", "Helicone-Session-Id": "s1",
        "Helicone-Property-Tenant": "north",
    }  # fmt: skip
    token = await minted(here, **wishes)
    theirs = {"Helicone-User-Id": "mallory", "Helicone-Property-Tenant": "south"}
    await first(here, token, **theirs)
    opened = here.journal.opened
    assert (opened.key_id, opened.user_id, opened.session_id) == ("key_1", "u1", "s1")
    properties = {name.lower(): value for name, value in opened.properties.items()}
    assert properties == {"tenant": "north", "helicone-session-id": "s1"}
    assert here.journal.notes["token"]["uses"] == 0


async def test_a_transcription_token_needs_neither_model_nor_intent(here: World) -> None:
    audio = {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}
    token = await minted(here, {"type": "transcription", "audio": audio})
    session = await first(here, token)
    assert session["type"] == "transcription"
    assert session["audio"]["input"]["transcription"] == {"model": "gpt-4o-transcribe"}


async def test_a_translation_token_opens_a_translation(here: World) -> None:
    body = {"session": {"model": "gpt-realtime-translate", "audio": {"output": {"language": "fr"}}}}
    answer = await post(here, "/v1/realtime/translations/client_secrets", json=body)
    token = answer.json()["value"]
    session = await first(here, token, "/v1/realtime/translations")
    assert session["audio"]["output"] == {"language": "fr"}
    assert await turned_away(here, token) == (403, "token_kind")


async def test_it_opens_nothing_but_its_session(here: World) -> None:
    token = await minted(here)
    other = "/v1/realtime?model=gpt-realtime-mini"
    assert await turned_away(here, token, other) == (403, "token_model")
    assert await turned_away(here, token, "/v1/realtime?call_id=rtc_1") == (403, "token_kind")
    assert await turned_away(here, token, **{"Helicone-Auth": f"Bearer {KEY}"}) == (
        400, "ambiguous_key",
    )  # fmt: skip


async def test_pages_of_other_origins_may_not_use_it(here: World) -> None:
    origins = {"Trunkline-Token-Origins": "https://a.example, https://b.example:8443"}
    token = await minted(here, **origins)
    for origin in ("https://a.example", "https://b.example:8443"):
        assert await first(here, token, Origin=origin)
    for headers in ({"Origin": "https://a.example.evil"}, {"Origin": "http://a.example"}, {}):
        assert await turned_away(here, token, **headers) == (403, "origin_not_allowed")


async def test_it_is_used_as_often_as_it_may_be_and_failures_do_not_count(here: World) -> None:
    token = await minted(here, **{"Trunkline-Token-Uses": "3"})
    refused_there = "/v1/realtime?simulate=refuse_status:503"

    async def attempt() -> int:
        try:
            await first(here, token)
        except InvalidStatus as exc:
            return exc.response.status_code
        return 101

    with pytest.raises((InvalidStatus, ConnectionClosed)):
        await first(here, token, refused_there)
    answers = await asyncio.gather(*(attempt() for _ in range(8)))
    assert sorted(answers) == [101] * 3 + [401] * 5
    assert await turned_away(here, token) == (401, "token_used_up")


def written(here: World, **changes: Any) -> str:
    fields: dict[str, Any] = {
        "id": "t", "key_id": "key_1", "expires_at_s": wall_ns() // 10**9 + 60,
        "provider": "openai", "secret": "sk-any", "model": "gpt-realtime-2.1",
    }  # fmt: skip
    vault = Vault(here.snapshot_path.parent / "master.key")
    return form.written(Token(**{**fields, **changes}), vault.seal)


async def test_it_ends_with_its_time_and_with_its_key(here: World) -> None:
    assert await first(here, written(here))
    late = written(here, expires_at_s=wall_ns() // 10**9)
    assert await turned_away(here, late) == (401, "expired_token")
    assert await turned_away(here, written(here, key_id="key_9")) == (401, "revoked_token")
    token = written(here)
    async with calling(here, token) as connection:
        await connection.recv()
        here.publish(key(revoked=True))
        async with asyncio.timeout(PATIENCE_S):
            await connection.wait_closed()
    assert await turned_away(here, token) == (401, "revoked_token")


async def test_one_without_a_secret_uses_what_its_organisation_has_stored(here: World) -> None:
    """So the dashboard's own page calls: it holds no credential, not even sealed."""
    sealed = written(here, provider="", secret="", model="simulator")
    assert await turned_away(here, sealed) == (503, "no_simulator")
    sealed = written(here, provider="openai", secret="")
    assert await turned_away(here, sealed) == (401, "missing_provider_credential")
    vault = Vault(here.snapshot_path.parent / "master.key")
    stored = Provider(
        provider_id="prov_1", org_id=key().org_id, name="ours", profile="openai",
        sealed=vault.seal("sk-stored", context_of(key().org_id, "prov_1")),
    )  # fmt: skip
    here.publish(key(), providers=(stored,))
    assert await first(here, written(here, provider="ours", secret=""))
    assert here.journal.notes["stored_provider"]["credential"] == "stored"


async def test_what_was_not_made_here_is_none(here: World) -> None:
    token = written(here)
    elsewhere = Vault(here.snapshot_path.parent / "other.key")
    for forged in (
        token[:-3] + ("AAA" if token[-3:] != "AAA" else "BBB"),
        "ek_tl_",
        "ek_tl_v1.0.AAAA",
        form.PREFIX + elsewhere.seal("{}", form.CONTEXT).rstrip("="),
        form.PREFIX + Vault(here.snapshot_path.parent / "master.key").seal("{}", "x").rstrip("="),
    ):
        assert await turned_away(here, forged) == (401, "invalid_token"), forged


async def test_another_process_with_the_same_master_key_takes_it(tmp_path: Path) -> None:
    async with installed(tmp_path) as one:
        token = await minted(one, **{"Trunkline-Token-Uses": "1"})
        provider = one.gateway._settings.openai_url
        vault = Vault(tmp_path / "master.key")
        async with world(tmp_path, vault=vault, openai_url=provider) as other:
            assert (await first(other, token))["instructions"] == "Sing every answer."
        assert await turned_away(one, token) == (401, "token_used_up")


async def test_neither_token_nor_secret_gets_into_the_record(here: World) -> None:
    token = await minted(here)
    await first(here, token, f"/v1/realtime?token={token}")
    await here.journal.closed()
    secret = tokens.read(token, Vault(here.snapshot_path.parent / "master.key").open).secret
    written_down = b"".join(record.payload for record in here.journal.records)
    for hidden in (token, token.rpartition(".")[2], secret, KEY, PROVIDER_KEY):
        assert hidden.encode() not in written_down


async def test_a_cookie_authenticates_no_call(here: World) -> None:
    cookie = {"Cookie": f"trunkline_session={KEY}; Helicone-Auth=Bearer {KEY}"}
    with pytest.raises(InvalidStatus) as caught:
        async with connect(
            f"ws://127.0.0.1:{here.port}/v1/realtime?model=gpt-realtime-2.1",
            additional_headers=cookie, compression=None, proxy=None,
        ):  # fmt: skip
            pass
    assert caught.value.response.status_code == 401
    assert await refused(here, headers=cookie, json={"session": SESSION}) == (401, "missing_key")
