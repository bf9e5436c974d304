"""WebRTC calls through real sockets: signalling passes, the call is recorded on a sideband.

The provider is the simulator, which has no media: an application's own sideband speaks in
the caller's place. No server process runs.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI
from tests.relay.world import KEY, PROVIDER_KEY, World, key, world
from tests.support import speech
from tests.support.patience import PATIENCE_S
from websockets.asyncio.client import connect

from trunkline.journal.record import Kind, Leg
from trunkline.sealing import Vault
from trunkline.simulator.app import Simulator
from trunkline.simulator.config import SimulatorConfig
from trunkline.simulator.ringing import Wish

KEYS = {"Authorization": f"Bearer {PROVIDER_KEY}", "Helicone-Auth": f"Bearer {KEY}"}
OFFER = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
SESSION: dict[str, Any] = {
    "type": "realtime", "model": "gpt-realtime-2.1", "instructions": "Sing.",
    "audio": {"input": {"transcription": {"model": "whisper-1"}}},
}  # fmt: skip


class Here:
    """A gateway and the simulator behind it."""

    def __init__(self, world: World, simulator: Simulator) -> None:
        self.world, self.simulator, self.journal = world, simulator, world.journal

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.world.port}"

    def sdk(self, **headers: str) -> AsyncOpenAI:
        return AsyncOpenAI(
            api_key=PROVIDER_KEY, base_url=f"{self.url}/v1", max_retries=0,
            default_headers={"Helicone-Auth": f"Bearer {KEY}", **headers},
        )  # fmt: skip

    async def ask(self, method: str, path: str, **options: Any) -> httpx2.Response:
        async with httpx2.AsyncClient(timeout=PATIENCE_S) as http:
            return await http.request(method, self.url + path, **{"headers": KEYS, **options})

    async def opened(self, **headers: str) -> str:
        """Open a call with the official SDK; return the provider's id of it."""
        response = await self.sdk(**headers).realtime.calls.create(sdp=OFFER, session=SESSION)
        return response.response.headers["Location"].rpartition("/")[2]

    async def listened_to(self, call_id: str, count: int = 1) -> None:
        """Wait until the gateway has its sideband, and both ends know."""
        call, gateway = self.simulator.direct[call_id], self.world.gateway
        async with asyncio.timeout(PATIENCE_S):
            while call.listeners < count or not gateway.live_calls:
                await asyncio.sleep(0.01)

    def sideband(self, call_id: str) -> connect:
        """An application's own, to the simulator itself."""
        port = self.world.gateway._settings.openai_url.rpartition(":")[2]
        return connect(
            f"ws://127.0.0.1:{port}?call_id={call_id}",
            additional_headers={"Authorization": f"Bearer {PROVIDER_KEY}"}, proxy=None,
        )  # fmt: skip


@contextlib.asynccontextmanager
async def installed(directory: Path, switches: Any = None, **settings: Any) -> AsyncIterator[Here]:
    known = str(Path(speech.__file__).parent.parent / "speech")
    simulator = Simulator(SimulatorConfig(seed=7, known_speech=(known,), **(switches or {})))
    port = await simulator.start()
    url = f"ws://127.0.0.1:{port}/v1/realtime"
    vault = Vault(directory / "master.key")
    try:
        async with world(directory, vault=vault, openai_url=url, **settings) as made:
            yield Here(made, simulator)
    finally:
        await simulator.stop()


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Here]:
    async with installed(tmp_path) as made:
        yield made


async def test_the_official_sdk_opens_a_call_and_it_is_recorded(here: Here) -> None:
    response = await here.sdk().realtime.calls.create(sdp=OFFER, session=SESSION)
    assert response.response.status_code == 201
    assert response.text.startswith("v=0")
    location = response.response.headers["Location"]
    call_id = location.rpartition("/")[2]
    assert location == f"/v1/realtime/calls/{call_id}"
    await here.listened_to(call_id)
    await here.sdk().realtime.calls.hangup(call_id)
    closed = await here.journal.closed()
    assert (closed.status, closed.end_reason) == ("completed", "provider_closed")
    opened = here.journal.opened
    assert (opened.transport, opened.kind, opened.model_asked) == (
        "webrtc", "realtime", "gpt-realtime-2.1",
    )  # fmt: skip
    assert response.response.headers["Helicone-Id"] == opened.call_id
    assert here.journal.notes["sideband"] == {"call_id": call_id, "transport": "webrtc"}
    (created,) = here.journal.frames(Leg.PROVIDER)
    assert json.loads(created)["session"]["instructions"] == "Sing."


async def test_what_happens_in_it_is_recorded_without_sound(here: Here) -> None:
    call_id = await here.opened()
    await here.listened_to(call_id)
    async with asyncio.timeout(PATIENCE_S), here.sideband(call_id) as application:
        for piece in speech.chunks(speech.load("cards") + speech.silence(700), 200):
            audio = base64.b64encode(piece).decode()
            await application.send(
                json.dumps({"type": "input_audio_buffer.append", "audio": audio})
            )
        kinds = [json.loads(await application.recv())["type"]]
        while kinds[-1] != "output_audio_buffer.stopped":
            kinds.append(json.loads(await application.recv())["type"])
    await here.sdk().realtime.calls.hangup(call_id)
    await here.journal.closed()
    recorded = [json.loads(frame)["type"] for frame in here.journal.frames(Leg.PROVIDER)]
    assert recorded == kinds
    assert "response.output_audio.delta" not in recorded
    assert {"input_audio_buffer.speech_started", "output_audio_buffer.started", "response.done"} < {
        *recorded
    }
    assert here.journal.frames(Leg.CALLER) == []
    assert {record.handed_ns for record in here.journal.of(Kind.FRAME)} == {0}


async def token_of(here: Here, **headers: str) -> str:
    made = await here.sdk(**headers).realtime.client_secrets.create(session=SESSION)
    return made.value


async def test_a_page_opens_one_with_a_token(here: Here) -> None:
    origin = "https://app.example"
    token = await token_of(here, **{
        "Trunkline-Token-Origins": origin, "Trunkline-Token-Uses": "1", "Helicone-User-Id": "u1",
    })  # fmt: skip
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
    asked: dict[str, Any] = {"content": OFFER, "headers": {**headers, "Origin": origin}}
    answer = await here.ask("POST", "/v1/realtime/calls", **asked)
    assert (answer.status_code, answer.text[:3]) == (201, "v=0")
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert "Location" in answer.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    call_id = answer.headers["Location"].rpartition("/")[2]
    await here.listened_to(call_id)
    assert here.journal.opened.user_id == "u1"
    again = await here.ask("POST", "/v1/realtime/calls", **asked)
    assert (again.status_code, again.json()["error"]["code"]) == (401, "token_used_up")
    asked["headers"]["Origin"] = "https://evil.example"
    evil = await here.ask("POST", "/v1/realtime/calls", **asked)
    assert (evil.status_code, evil.json()["error"]["code"]) == (403, "origin_not_allowed")
    hangup = f"/v1/realtime/calls/{call_id}/hangup"
    by_page = await here.ask("POST", hangup, headers=headers)
    assert (by_page.status_code, by_page.json()["error"]["code"]) == (403, "token_may_not_control")
    await here.sdk().realtime.calls.hangup(call_id)
    await here.journal.closed()


async def test_a_browser_may_ask_first(here: Here) -> None:
    headers = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    answer = await here.ask("OPTIONS", "/v1/realtime/calls", headers=headers)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    other = await here.ask("OPTIONS", "/v1/realtime/client_secrets", headers=headers)
    assert (other.status_code, "Access-Control-Allow-Origin" in other.headers) == (405, False)


REFUSED = {
    "no key": ({"headers": {}}, (401, "missing_key")),
    "no offer": ({"content": "hello"}, (400, "invalid_value")),
    "no model": ({"content": OFFER}, (400, "missing_required_parameter")),
    "another kind of body": ({"json": {}}, (415, "bad_content_type")),
    "a key that the provider refuses": (
        {"content": OFFER, "headers": {**KEYS, "Authorization": "Bearer sk-bad"}},
        (401, "invalid_api_key"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
async def test_every_attempt_has_a_record(here: Here, name: str) -> None:
    request, expected = REFUSED[name]
    answer = await here.ask("POST", "/v1/realtime/calls", **request)
    assert (answer.status_code, answer.json()["error"]["code"]) == expected
    closed = await here.journal.closed()
    assert (closed.status, closed.http_status, closed.error_code) == ("refused", *expected)
    assert here.journal.opened.transport == "webrtc"
    assert answer.headers["Helicone-Id"] == here.journal.opened.call_id


async def test_calls_are_controlled_with_a_key(here: Here) -> None:
    call_id = await here.opened()
    calls = here.sdk().realtime.calls
    await calls.refer(call_id, target_uri="tel:+15550100")
    bad = await here.ask("POST", f"/v1/realtime/calls/{call_id}/refer", json={})
    assert (bad.status_code, bad.json()["error"]["code"]) == (400, "missing_required_parameter")
    await here.listened_to(call_id)
    await calls.reject(call_id)
    await here.journal.closed()
    gone = await here.ask("POST", f"/v1/realtime/calls/{call_id}/hangup")
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "call_not_found")


async def test_a_call_by_telephone_is_recorded_from_its_acceptance_on(here: Here) -> None:
    rung = await here.simulator.ring(Wish(url="http://127.0.0.1:1/nobody"))
    phone = rung["call_id"]
    calls = here.sdk(**{"Helicone-User-Id": "u2"}).realtime.calls
    await calls.accept(phone, type="realtime", model="gpt-realtime-2.1")
    await here.listened_to(phone)
    opened = here.journal.opened
    assert (opened.transport, opened.user_id, opened.model_asked) == (
        "sip", "u2", "gpt-realtime-2.1",
    )  # fmt: skip
    assert here.journal.notes["sideband"]["call_id"] == phone
    here.world.publish(key(revoked=True))
    closed = await here.journal.closed()
    assert closed.end_reason == "key_revoked"
    async with asyncio.timeout(PATIENCE_S):
        while here.simulator.has(phone):
            await asyncio.sleep(0.01)


async def test_a_call_that_is_gone_cannot_be_accepted(here: Here) -> None:
    body = {"type": "realtime", "model": "gpt-realtime-2.1"}
    answer = await here.ask("POST", "/v1/realtime/calls/rtc_none/accept", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "call_not_found")
    closed = await here.journal.closed()
    assert (closed.status, closed.http_status) == ("refused", 404)


async def test_what_somebody_has_hung_up_ends_at_the_provider(here: Here) -> None:
    call_id = await here.opened()
    await here.listened_to(call_id)
    here.world.publish(key(), hung_up=(here.journal.opened.call_id,))
    closed = await here.journal.closed()
    assert (closed.status, closed.end_reason) == ("failed", "hung_up")
    async with asyncio.timeout(PATIENCE_S):
        while here.simulator.has(call_id):
            await asyncio.sleep(0.01)


async def test_revoking_its_key_hangs_up(here: Here) -> None:
    call_id = await here.opened()
    await here.listened_to(call_id)
    here.world.publish(key(revoked=True))
    closed = await here.journal.closed()
    assert (closed.status, closed.end_reason) == ("failed", "key_revoked")
    async with asyncio.timeout(PATIENCE_S):
        while here.simulator.has(call_id):
            await asyncio.sleep(0.01)


async def test_a_seat_is_taken_for_as_long_as_it_runs(here: Here) -> None:
    here.world.publish(key(max_calls=1))
    call_id = await here.opened()
    await here.listened_to(call_id)
    answer = await here.ask(
        "POST", "/v1/realtime/calls?model=gpt-realtime-2.1", content=OFFER,
    )  # fmt: skip
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "key_concurrency")
    await here.sdk().realtime.calls.hangup(call_id)
    await here.journal.closed(2)
    async with asyncio.timeout(PATIENCE_S):
        while here.world.gateway.live_calls:
            await asyncio.sleep(0.01)
    answer = await here.ask("POST", "/v1/realtime/calls?model=gpt-realtime-2.1", content=OFFER)
    assert answer.status_code == 201
    await here.sdk().realtime.calls.hangup(answer.headers["Location"].rpartition("/")[2])
    # That may be before its sideband is open, which then is refused.
    await here.journal.closed(3)


async def test_a_call_that_cannot_be_listened_to_runs_and_says_so(tmp_path: Path) -> None:
    async with installed(tmp_path, {"refuse_status": 503}) as here:
        call_id = await here.opened()
        closed = await here.journal.closed()
        assert (closed.status, closed.error_code) == ("failed", "sideband_refused")
        assert "unrecorded" in closed.error_message
        assert here.simulator.has(call_id)


async def test_a_restart_ends_the_recording_and_not_the_call(tmp_path: Path) -> None:
    async with installed(tmp_path, drain_timeout_ms=0) as here:
        call_id = await here.opened()
        await here.listened_to(call_id)
        await here.world.gateway.stop()
        closed = await here.journal.closed()
        assert closed.end_reason == "drained"
        assert here.simulator.has(call_id)


async def test_a_caller_who_leaves_while_its_offer_comes_has_a_record(here: Here) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", here.world.port)
    fields = [
        "Host: h", "Content-Type: application/sdp", "Content-Length: 1000", "Expect: 100-continue",
        *(f"{name}: {value}" for name, value in KEYS.items()),
    ]  # fmt: skip
    head = "\r\n".join(["POST /v1/realtime/calls?model=gpt-realtime-2.1 HTTP/1.1", *fields])
    writer.write(head.encode() + b"\r\n\r\nv=0")
    assert b" 100 " in await reader.readline()
    writer.close()
    closed = await here.journal.closed()
    assert (closed.status, closed.end_reason) == ("failed", "caller_lost")
    assert (here.journal.opened.transport, here.journal.opened.key_id) == ("webrtc", "key_1")
    assert len(here.journal.of(Kind.OPENED)) == len(here.journal.of(Kind.CLOSED)) == 1


async def test_so_has_one_at_which_the_gateway_fails(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(here.world.gateway._incoming, "ringing", fails)
    answer = await here.ask("POST", "/v1/realtime/calls/rtc_1/accept", json={"type": "realtime"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    closed = await here.journal.closed()
    assert (closed.status, closed.end_reason) == ("failed", "internal_error")
    assert (here.journal.opened.transport, here.journal.opened.key_id) == ("sip", "key_1")
