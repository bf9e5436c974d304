"""GPT-Live calls whose media goes direct, through real sockets and with the official SDK."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.json import decode
from openai import AsyncOpenAI, NotFoundError
from tests.relay.test_direct import OFFER, Here, installed
from tests.relay.test_incoming import SECRET, fine, telephone
from tests.relay.world import key
from tests.support import speech
from tests.support.patience import PATIENCE_S

from trunkline.journal.record import Kind, Leg
from trunkline.protocol.call import Opened

SESSION: dict[str, Any] = {"type": "live", "model": "gpt-live-1", "instructions": "Sing."}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Here]:
    async with installed(tmp_path) as made:
        yield made


async def opened(sdk: AsyncOpenAI) -> str:
    made = await sdk.live.create(
        session={"model": "gpt-live-1", "instructions": "Sing."},
        transport={"type": "webrtc", "sdp": OFFER},
    )
    assert made.transport.sdp.startswith("v=0")
    return made.session.id


async def test_the_official_sdk_opens_one_talks_beside_it_and_hangs_up(here: Here) -> None:
    sdk = here.sdk(**{"Helicone-User-Id": "u1"})
    session_id = await opened(sdk)
    await here.listened_to(session_id)
    record = here.journal.opened
    assert (record.transport, record.kind, record.model_asked, record.user_id) == (
        "webrtc", "live", "gpt-live-1", "u1",
    )  # fmt: skip
    assert here.journal.notes["sideband"] == {"call_id": session_id, "transport": "webrtc"}
    # An application's own sideband, through the gateway too: a call of its own in the record.
    async with (
        asyncio.timeout(PATIENCE_S),
        sdk.live.sideband.connect(session_id=session_id) as beside,
    ):
        assert (await beside.recv()).type == "session.started"
        for piece in speech.chunks(speech.load("cards") + speech.silence(700), 200):
            await beside.send(
                {"type": "session.input_audio.append", "audio": base64.b64encode(piece).decode()}
            )
        kinds = {"session.started"}
        while "session.output_transcript.delta" not in kinds:
            kinds.add((await beside.recv()).type)
        await sdk.live.sessions.hangup(session_id)
        async for event in beside:
            kinds.add(event.type)
    assert {"session.input_audio.append", "session.output_audio.delta", "session.closed"} <= kinds
    await here.journal.closed(2)
    by_call: dict[bytes, list[dict[str, Any]]] = {}
    for record in here.journal.of(Kind.FRAME):
        if record.leg is Leg.PROVIDER:
            by_call.setdefault(record.call, []).append(json.loads(record.payload))
    own, other = by_call.values()
    assert [event["type"] for event in own] == [event["type"] for event in other]
    assert own[-1]["reason"] == "remote_hangup"


async def test_it_is_controlled_with_a_key(here: Here) -> None:
    sdk = here.sdk()
    session_id = await opened(sdk)
    await here.listened_to(session_id)
    await sdk.live.sessions.refer(session_id, target_uri="tel:+15550100")
    await sdk.live.sessions.hangup(session_id)
    closed = await here.journal.closed()
    assert (closed.status, closed.end_reason) == ("completed", "provider_closed")
    with pytest.raises(NotFoundError):
        await sdk.live.sessions.hangup(session_id)


async def test_a_stored_session_is_forked_into_a_call_of_its_own(here: Here) -> None:
    sdk, transport = here.sdk(**{"Helicone-User-Id": "u3"}), {"type": "webrtc", "sdp": OFFER}
    session: Any = {"model": "gpt-live-1", "instructions": "Sing.", "store": True}
    made = await sdk.live.create(session=session, transport=transport)
    await here.listened_to(made.session.id)
    await sdk.live.sessions.hangup(made.session.id)
    await here.journal.closed()
    fork = await sdk.live.sessions.fork(
        made.session.id, transport=transport, session={"store": False}
    )
    assert (fork.transport.sdp[:3], fork.session.id != made.session.id) == ("v=0", True)
    await here.listened_to(fork.session.id)
    await sdk.live.sessions.hangup(fork.session.id)
    closed = await here.journal.closed(2)
    assert (closed.status, closed.end_reason) == ("completed", "provider_closed")
    first, second = (decode(r.payload, type=Opened) for r in here.journal.of(Kind.OPENED))
    assert first.call_id != second.call_id
    assert (second.kind, second.transport, second.user_id) == ("live", "webrtc", "u3")
    assert second.path == f"/v1/live/sessions/{made.session.id}/fork"
    (started,) = (
        event["session"]
        for record in here.journal.of(Kind.FRAME)
        if record.call != here.journal.of(Kind.OPENED)[0].call
        and (event := json.loads(record.payload))["type"] == "session.started"
    )
    assert (started["instructions"], started["store"]) == ("Sing.", False)
    # And of one that was not stored there is none, which has its record too.
    with pytest.raises(NotFoundError):
        await sdk.live.sessions.fork(fork.session.id, transport=transport)
    refused = await here.journal.closed(3)
    assert (refused.status, refused.http_status) == ("refused", 404)


REFUSED = {
    "no model": ({"session": {}, "transport": {"type": "webrtc", "sdp": OFFER}}, 400),
    "another model": (
        {"session": {"model": "gpt-realtime-2.1"}, "transport": {"type": "webrtc", "sdp": OFFER}},
        400,
    ),
    "no offer": ({"session": {"model": "gpt-live-1"}}, 400),
    "no session": ({}, 400),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_every_attempt_has_a_record(here: Here, name: str) -> None:
    body, status = REFUSED[name]
    answer = await here.ask("POST", "/v1/live/sessions", json=body)
    assert answer.status_code == status, answer.text
    closed = await here.journal.closed()
    assert (closed.status, closed.http_status) == ("refused", status)
    assert (here.journal.opened.kind, here.journal.opened.transport) == ("live", "webrtc")


async def test_an_offer_of_it_is_json_and_has_no_token(here: Here) -> None:
    answer = await here.ask("POST", "/v1/live/sessions", content=OFFER)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "bad_content_type")
    made = await here.sdk().realtime.client_secrets.create(
        session={"type": "realtime", "model": "gpt-realtime-2.1"}
    )
    answer = await here.ask(
        "POST", "/v1/live/sessions", json={}, headers={"Authorization": f"Bearer {made.value}"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "token_kind")
    looked = await here.ask("GET", "/v1/live/sessions")
    assert looked.status_code == 426


async def test_revoking_its_key_hangs_up(here: Here) -> None:
    session_id = await opened(here.sdk())
    await here.listened_to(session_id)
    here.world.publish(key(revoked=True))
    closed = await here.journal.closed()
    assert closed.end_reason == "key_revoked"
    async with asyncio.timeout(PATIENCE_S):
        while here.simulator.has(session_id):
            await asyncio.sleep(0.01)


async def test_a_call_by_telephone_is_accepted_for_it(tmp_path: Path) -> None:
    async with telephone(tmp_path, fine) as phone:
        rung = await phone.ring(api="both")
        sdk = phone.here.sdk()
        unwrap = AsyncOpenAI(api_key="k", webhook_secret=SECRET).webhooks.unwrap
        events = [unwrap(body, headers).type for headers, body in phone.app.requests]
        assert events == ["realtime.call.incoming", "live.transport.incoming"]
        await sdk.live.sessions.accept(rung["session_id"], session=SESSION)
        await phone.here.listened_to(rung["session_id"])
        record = phone.journal.opened
        assert (record.transport, record.kind) == ("sip", "live")
        assert record.properties["Sip-From"] == "sip:+15550100@sip.example.com"
        assert (phone.ringing, len(phone.journal.of(Kind.OPENED))) == (0, 1)
        await sdk.live.sessions.hangup(rung["session_id"])
        await phone.journal.closed()


async def test_a_call_by_telephone_is_rejected_there(tmp_path: Path) -> None:
    async with telephone(tmp_path, fine) as phone:
        rung = await phone.ring(api="live")
        await phone.here.sdk().live.sessions.reject(rung["session_id"], status_code=486)
        closed = await phone.journal.closed()
        assert (closed.end_reason, phone.journal.opened.kind) == ("rejected", "live")
