"""Calls by telephone through real sockets: webhook in, webhook on, accepted, recorded.

The provider is the simulator, which signs its webhooks as OpenAI does; the application is
code of the official SDK, as its documentation has it. No server process runs.
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
from openai import AsyncOpenAI, InvalidWebhookSignatureError
from openai.types.webhooks import RealtimeCallIncomingWebhookEvent
from tests.relay.test_direct import KEYS, Here, installed
from tests.relay.world import KEY, ORG, PROVIDER_KEY, key
from tests.support.application import Application, Handler, application
from tests.support.patience import PATIENCE_S

from trunkline.clock import wall_ns
from trunkline.journal.record import Kind
from trunkline.protocol import webhooks
from trunkline.relay import forward, ringing
from trunkline.sealing import Vault, webhook_context_of
from trunkline.simulator.ringing import Wish
from trunkline.snapshot import Webhook

SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()
HOOK = "hook_01JD0000000000000000000000"
PATH = f"/v1/realtime/incoming/{HOOK}"


class Phone:
    """A gateway with a webhook, the simulator before it and an application behind it."""

    def __init__(self, here: Here, app: Application, directory: Path) -> None:
        self.here, self.app, self.directory = here, app, directory
        self.journal, self.simulator = here.journal, here.simulator

    def publish(self, *, operator: str = ORG, **changes: Any) -> None:
        sealed = Vault(self.directory / "master.key").seal(SECRET, webhook_context_of(ORG, HOOK))
        fields: dict[str, Any] = {
            "webhook_id": HOOK, "org_id": ORG, "name": "desk", "sealed": sealed,
            "url": self.app.url, **changes,
        }  # fmt: skip
        self.here.world.publish(key(), webhooks=(Webhook(**fields),), operator=operator)

    async def ring(self, **wish: Any) -> dict[str, Any]:
        return await self.simulator.ring(Wish(url=self.here.url + PATH, **wish))

    async def post(
        self, body: bytes = b'{"type":"batch.completed"}', **fields: str
    ) -> httpx2.Response:
        delivery = webhooks.Delivery(fields.pop("id", "wh_1"), int(fields.pop("at", now_s())))
        signed = dict(webhooks.headers_of(SECRET, delivery, body))
        return await self.here.ask("POST", PATH, content=body, headers={**signed, **fields})

    @property
    def ringing(self) -> int:
        return len(list((self.here.world.snapshot_path.parent / "ringing").glob("*.json")))


def now_s() -> str:
    return str(wall_ns() // 10**9)


@contextlib.asynccontextmanager
async def telephone(directory: Path, handle: Handler) -> AsyncIterator[Phone]:
    switches = {"webhook_secret": SECRET}
    async with installed(directory, switches) as here, application(handle) as app:
        phone = Phone(here, app, directory)
        phone.publish()
        yield phone


async def fine(headers: dict[str, str], body: bytes) -> int:
    return 200


@pytest.fixture
async def phone(tmp_path: Path) -> AsyncIterator[Phone]:
    async with telephone(tmp_path, fine) as made:
        yield made


def code_of(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.guarantee("R10")
async def test_the_applications_code_works_as_it_is_and_the_call_is_recorded(
    tmp_path: Path,
) -> None:
    events = list[RealtimeCallIncomingWebhookEvent]()

    async def answer(headers: dict[str, str], body: bytes) -> int:
        # As the provider's documentation has it, but for the base URL and one header.
        client = AsyncOpenAI(
            api_key=PROVIDER_KEY, webhook_secret=SECRET, base_url=f"{made.here.url}/v1",
            default_headers={"Helicone-Auth": f"Bearer {KEY}"}, max_retries=0,
        )  # fmt: skip
        event = client.webhooks.unwrap(body, headers)
        assert event.type == "realtime.call.incoming"
        events.append(event)
        await client.realtime.calls.accept(
            event.data.call_id, type="realtime", model="gpt-realtime-2.1",
            extra_headers={"Helicone-User-Id": "u9"},
        )  # fmt: skip
        return 200

    async with telephone(tmp_path, answer) as made:
        rung = await made.ring(caller="+15550123")
        assert rung["statuses"] == [200]
        (event,) = events
        call_id = event.data.call_id
        assert call_id == rung["call_id"]
        await made.here.listened_to(call_id)
        await made.here.sdk().realtime.calls.hangup(call_id)
        closed = await made.journal.closed()
        opened = made.journal.opened
        assert (closed.status, opened.transport, opened.kind) == ("completed", "sip", "realtime")
        assert (opened.user_id, opened.org_id, opened.key_id) == ("u9", ORG, "key_1")
        assert opened.properties == {
            "Sip-From": "sip:+15550123@sip.example.com",
            "Sip-To": "sip:+15550199@sip.example.com",
        }
        note = made.journal.notes["incoming"]
        assert (note["call_id"], note["webhook"], note["media_security"]) == (
            call_id, "desk", "srtp",
        )  # fmt: skip
        assert [one["name"] for one in note["sip_headers"]] == ["From", "To", "Call-ID"]
        assert (len(made.journal.of(Kind.OPENED)), made.ringing) == (1, 0)
        ((headers, body),) = made.app.requests
        assert json.loads(body)["data"]["call_id"] == call_id
        assert headers["trunkline-webhook"] == "desk"


async def test_a_call_that_was_accepted_is_handed_on_and_goes_on_being_recorded(
    phone: Phone,
) -> None:
    call_id = (await phone.ring())["call_id"]
    refer = f"/v1/realtime/calls/{call_id}/refer"
    to = {"target_uri": "sip:desk@example.com"}
    assert code_of(await phone.here.ask("POST", refer, json=to)) == (400, "call_not_accepted")
    calls = phone.here.sdk().realtime.calls
    await calls.accept(call_id, type="realtime", model="gpt-realtime-2.1")
    await phone.here.listened_to(call_id)
    await calls.refer(call_id, **to)
    # Whom it goes to is the provider's to read, and to miss.
    assert code_of(await phone.here.ask("POST", refer, json={})) == (
        400, "missing_required_parameter",
    )  # fmt: skip
    assert phone.here.world.gateway.live_calls == 1
    await calls.hangup(call_id)
    closed = await phone.journal.closed()
    assert (closed.status, phone.journal.opened.transport) == ("completed", "sip")
    assert len(phone.journal.of(Kind.OPENED)) == 1


@pytest.mark.parametrize(("rejects", "code"), [(True, ""), (False, "not_answered")])
async def test_a_call_that_nobody_takes_has_a_record_too(
    phone: Phone, monkeypatch: pytest.MonkeyPatch, *, rejects: bool, code: str
) -> None:
    rung = await phone.ring()
    assert phone.ringing == 1
    if rejects:
        await phone.here.sdk().realtime.calls.reject(rung["call_id"], status_code=486)
    else:
        monkeypatch.setattr(ringing, "RINGS_NS", 0)
    closed = await phone.journal.closed()
    why = "rejected" if rejects else "not_answered"
    assert (closed.status, closed.end_reason, closed.error_code) == ("refused", why, code)
    opened = phone.journal.opened
    assert (opened.transport, opened.properties["Sip-From"]) == (
        "sip", "sip:+15550100@sip.example.com",
    )  # fmt: skip
    assert opened.key_id == ("key_1" if rejects else "")
    assert (phone.ringing, len(phone.journal.of(Kind.CLOSED))) == (0, 1)
    assert phone.journal.notes["incoming"]["call_id"] == rung["call_id"]


async def test_of_two_names_of_one_call_one_is_accepted_and_recorded(phone: Phone) -> None:
    rung = await phone.ring(api="both")
    assert (rung["statuses"], phone.ringing) == ([200, 200], 2)
    calls = phone.here.sdk().realtime.calls
    await calls.accept(rung["call_id"], type="realtime", model="gpt-realtime-2.1")
    await phone.here.listened_to(rung["call_id"])
    assert (phone.ringing, len(phone.journal.of(Kind.OPENED))) == (0, 1)
    await calls.hangup(rung["call_id"])
    await phone.journal.closed()


async def test_a_call_that_was_given_up_has_one_record(phone: Phone) -> None:
    rung = await phone.ring()
    phone.simulator.answer(rung["call_id"])
    body = {"type": "realtime", "model": "gpt-realtime-2.1"}
    path = f"/v1/realtime/calls/{rung['call_id']}/accept"
    gone = await phone.here.ask("POST", path, json=body)
    assert code_of(gone) == (404, "call_not_found")
    await phone.journal.closed()
    assert phone.journal.opened.properties["Sip-From"]
    assert len(phone.journal.of(Kind.OPENED)) == 1
    async with asyncio.timeout(PATIENCE_S):
        while phone.ringing:  # It is forgotten once it is recorded.
            await asyncio.sleep(0.01)


async def test_another_organisations_key_has_no_call_of_this_one(phone: Phone) -> None:
    rung = await phone.ring()
    stranger = "sk-trunkline-stranger"
    phone.here.world.publish(
        key(), key(stranger, key_id="key_2", org_id="org_2"),
        webhooks=phone.here.world.gateway._keys.snapshot.webhooks,
    )  # fmt: skip
    headers = {**KEYS, "Helicone-Auth": f"Bearer {stranger}"}
    path = f"/v1/realtime/calls/{rung['call_id']}/accept"
    body = {"type": "realtime", "model": "gpt-realtime-2.1"}
    await phone.here.ask("POST", path, json=body, headers=headers)
    assert (phone.journal.opened.org_id, phone.journal.opened.properties) == ("org_2", {})
    assert phone.ringing == 1
    phone.here.simulator.hang_up(rung["call_id"])
    await phone.journal.closed()


async def test_numbers_are_hidden_where_they_are_to_be(phone: Phone) -> None:
    phone.publish(show_numbers=False)
    rung = await phone.ring(caller="+15550123456", callee="+15550999999")
    await phone.here.sdk().realtime.calls.reject(rung["call_id"])
    await phone.journal.closed()
    assert phone.journal.opened.properties == {"Sip-From": "…56", "Sip-To": "…99"}
    recorded = b"".join(record.payload for record in phone.journal.records)
    assert b"5550" not in recorded
    # The application is told all the same.
    assert b"+15550123456" in phone.app.requests[0][1]


# --- who may post ----------------------------------------------------------------------


@pytest.mark.guarantee("S15")
async def test_only_who_has_the_secret_and_only_now(phone: Phone) -> None:
    good = await phone.post()
    assert (good.status_code, good.json()) == (200, {"received": True})
    old, ahead = (str(int(now_s()) + offset) for offset in (-301, 400))
    refused = {
        "another secret": {"webhook-signature": "v1,AAAA"},
        "no signature": {"webhook-signature": ""},
        "another id": {"webhook-id": "wh_9"},
        "another time": {"webhook-timestamp": old},
        "a time that is none": {"webhook-timestamp": "soon"},
    }
    for name, fields in refused.items():
        answer = await phone.post(id=name.replace(" ", "_"), **fields)
        assert answer.status_code == 401, name
        assert SECRET[6:] not in answer.text
    for at in (old, ahead):
        assert code_of(await phone.post(id=f"wh_{at}", at=at)) == (401, "webhook_too_old")
    several = dict(webhooks.headers_of(SECRET, webhooks.Delivery("wh_2", int(now_s())), b"{}"))
    several["webhook-signature"] = f"v1,AAAA v1a,BBBB {several['webhook-signature']}"
    answer = await phone.here.ask("POST", PATH, content=b"{}", headers=several)
    assert answer.status_code == 200
    assert len(phone.app.requests) == 2


async def test_a_copy_is_refused_and_a_repeated_delivery_is_not_forwarded_twice(
    phone: Phone,
) -> None:
    at = int(now_s())
    assert (await phone.post(id="wh_1", at=str(at))).status_code == 200
    assert code_of(await phone.post(id="wh_1", at=str(at))) == (409, "webhook_replayed")
    assert (await phone.post(id="wh_1", at=str(at + 1))).status_code == 200
    assert len(phone.app.requests) == 1


async def test_what_is_no_webhook_is_refused(phone: Phone) -> None:
    elsewhere = PATH[:-1] + "1"
    answer = await phone.here.ask("POST", elsewhere, content=b"{}")
    assert code_of(answer) == (404, "no_webhook")
    assert (await phone.here.ask("GET", PATH)).status_code == 405
    big = b"x" * (phone.here.world.gateway._settings.max_body_bytes + 1)
    assert code_of(await phone.post(big)) == (413, "body_too_big")
    assert phone.app.requests == []


async def test_a_secret_that_does_not_open_is_told(phone: Phone) -> None:
    phone.publish(sealed="v1.0000000000000000.AAAA")
    assert code_of(await phone.post()) == (503, "secret_unreadable")


# --- forwarding ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statuses", "expected", "asked"),
    [
        ([503, 500, 200], (200, ""), 3),
        ([429, 202], (200, ""), 2),
        ([500, 500, 500, 200], (500, "webhook_refused"), 3),
        ([400, 200], (400, "webhook_refused"), 1),
        ([302, 200], (502, "webhook_redirected"), 1),
    ],
)
async def test_who_posts_is_told_what_the_application_answers(
    tmp_path: Path, statuses: list[int], expected: tuple[int, str], asked: int
) -> None:
    left = iter(statuses)

    async def answer(headers: dict[str, str], body: bytes) -> int:
        return next(left)

    async with telephone(tmp_path, answer) as made:
        told = await made.post()
        code = told.json().get("error", {}).get("code", "")
        assert ((told.status_code, code), len(made.app.requests)) == (expected, asked)
        # Every attempt is the same, byte for byte.
        assert len({(h["webhook-signature"], body) for h, body in made.app.requests}) == 1


async def test_a_delivery_that_was_not_taken_is_forwarded_when_it_comes_again(
    tmp_path: Path,
) -> None:
    left = iter([400, 200])

    async def answer(headers: dict[str, str], body: bytes) -> int:
        return next(left)

    async with telephone(tmp_path, answer) as made:
        at = int(now_s())
        assert (await made.post(id="wh_1", at=str(at))).status_code == 400
        assert (await made.post(id="wh_1", at=str(at + 1))).status_code == 200


async def test_a_call_whose_webhook_nobody_took_is_recorded(tmp_path: Path) -> None:
    async def answer(headers: dict[str, str], body: bytes) -> int:
        return 403

    async with telephone(tmp_path, answer) as made:
        assert (await made.ring())["statuses"] == [403]
        closed = await made.journal.closed()
        assert (closed.end_reason, closed.error_code) == ("not_answered", "webhook_refused")
        assert "403" in closed.error_message
        assert made.ringing == 0


async def test_an_application_that_is_silent_or_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "ATTEMPT_S", 0.05)
    monkeypatch.setattr(forward, "FIRST_WAIT_S", 0.01)
    gate = asyncio.Event()

    async def silent(headers: dict[str, str], body: bytes) -> int:
        await gate.wait()
        return 200

    async with telephone(tmp_path, silent) as made:
        assert code_of(await made.post(id="wh_1")) == (502, "webhook_unreachable")
        gate.set()
        made.publish(url="http://127.0.0.1:1/")
        assert code_of(await made.post(id="wh_2")) == (502, "webhook_unreachable")


async def test_the_call_goes_on_ringing_when_the_provider_hangs_up(tmp_path: Path) -> None:
    came, gate = asyncio.Event(), asyncio.Event()

    async def slow(headers: dict[str, str], body: bytes) -> int:
        came.set()
        await gate.wait()
        return 200

    async with telephone(tmp_path, slow) as made:
        posting = asyncio.create_task(made.ring())
        await came.wait()
        posting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await posting
        assert made.ringing == 1
        gate.set()
        async with asyncio.timeout(PATIENCE_S):
            await made.here.world.gateway._errands.idle()
        assert (made.ringing, len(made.app.requests)) == (1, 1)


@pytest.mark.guarantee("S15")
async def test_others_than_the_operator_reach_nothing_inside(phone: Phone) -> None:
    port = phone.app.url.split(":")[2].partition("/")[0]
    phone.publish(operator="org_operator")
    assert code_of(await phone.post(id="wh_0")) == (502, "webhook_address")
    for number, host in enumerate(("localhost", "127.0.0.1", "[::1]", "0", "2130706433")):
        phone.publish(operator="org_operator", url=f"http://{host}:{port}/")
        answer = await phone.post(id=f"wh_{number + 1}")
        assert answer.status_code == 502, host
    assert phone.app.requests == []


def test_the_official_sdk_verifies_what_we_sign() -> None:
    body = json.dumps({"type": "realtime.call.incoming"}).encode()
    delivery = webhooks.Delivery("wh_1", wall_ns() // 10**9)
    for secret in (SECRET, "a plain secret".replace(" ", "-") + "-of-no-base"):
        client = AsyncOpenAI(api_key="k", webhook_secret=secret)
        fields = dict(webhooks.headers_of(secret, delivery, body))
        assert client.webhooks.unwrap(body, fields).type == "realtime.call.incoming"
        assert webhooks.verified(secret, fields, body, delivery.at_s) == delivery
        with pytest.raises(InvalidWebhookSignatureError):
            client.webhooks.unwrap(body + b" ", fields)
        with pytest.raises(webhooks.BadSignature):
            webhooks.verified(secret, fields, body + b" ", delivery.at_s)
