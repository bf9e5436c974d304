"""Who is let in, who is not, and that every refusal has a row."""

import asyncio
import contextlib
import json
from typing import Any

import httpx2
import pytest
from tests.support.patience import PATIENCE_S
from tests.support.running import Running, command, new_key
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

PATH = "/v1/gateway/oai/realtime"
PROVIDER = {"Authorization": "Bearer sk-of-the-provider"}


def upgrade(
    plain: Running, target: str, headers: dict[str, str]
) -> tuple[int, dict[str, Any], str]:
    """Ask for an upgrade that is refused: status, error, call id."""

    async def dial() -> tuple[int, dict[str, Any], str]:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(plain.websocket_url + target, additional_headers=headers):
                pass
        response = refused.value.response
        body = json.loads(response.body or b"{}")
        return response.status_code, body["error"], response.headers.get("Helicone-Id", "")

    return asyncio.run(dial())


REFUSALS: dict[str, tuple[str, dict[str, str], int, str]] = {
    "no key": (f"{PATH}?model=m", {}, 401, "Helicone-Auth"),
    "a malformed key": (f"{PATH}?model=m", {"Helicone-Auth": "nonsense"}, 401, "Bearer"),
    "an unknown key": (f"{PATH}?model=m", {"Helicone-Auth": "Bearer sk-trunkline-x"}, 401, "key"),
    "no model": (PATH, {"Helicone-Auth": "ours"}, 400, "model"),
    "no deployment": (f"{PATH}?resource=r1", {"Helicone-Auth": "ours"}, 400, "deployment"),
    "a smuggled host": (
        f"{PATH}?resource=127.0.0.1:1/&deployment=d",
        {"Helicone-Auth": "ours"},
        400,
        "resource",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_says_what_to_do_and_has_a_row(case: str, plain: Running) -> None:
    target, ours, status, hint = REFUSALS[case]
    headers = {
        name: f"Bearer {plain.key}" if value == "ours" else value for name, value in ours.items()
    }
    answered, error, call_id = upgrade(plain, target, {**PROVIDER, **headers})
    assert answered == status
    assert hint in error["message"]
    assert set(error) == {"type", "code", "message"}
    call = plain.sealed(call_id, audio=False)
    assert (call["status"], call["end_reason"]) == ("refused", "refused_by_gateway")
    assert call["http_status"] == status
    assert call["error"]["code"] == error["code"]


def test_a_key_that_may_only_read_is_403(plain: Running) -> None:
    key = new_key(plain.data, "reader", "--read-only")
    headers = {**PROVIDER, "Helicone-Auth": f"Bearer {key}"}
    status, error, _ = upgrade(plain, f"{PATH}?model=m", headers)
    assert status == 403
    assert "open calls" in error["message"]


def test_a_plain_get_is_426(plain: Running) -> None:
    answer = httpx2.get(f"{plain.url}{PATH}?model=m", headers={**PROVIDER, **plain.headers})
    assert answer.status_code == 426
    assert answer.headers["upgrade"] == "websocket"


def test_azures_refusal_is_passed_on_with_its_status_and_body(plain: Running) -> None:
    target = f"{PATH}?resource=my-resource&deployment=missing-one"
    status, error, call_id = upgrade(plain, target, {**PROVIDER, **plain.headers})
    assert status == 404
    assert error["code"] == "DeploymentNotFound"
    call = plain.sealed(call_id, audio=False)
    assert (call["status"], call["end_reason"]) == ("refused", "refused_by_provider")


def test_a_revoked_key_ends_its_live_call_with_an_error_and_1008(plain: Running) -> None:
    data = str(plain.data)
    created = new_key(plain.data, "to-revoke")
    listed = command("keys", "list", "--data", data).stdout
    key_id = next(line.split()[0] for line in listed.splitlines() if "to-revoke" in line)
    headers = {**PROVIDER, "Helicone-Auth": f"Bearer {created}"}

    async def live() -> tuple[str, list[dict[str, Any]], int]:
        seen: list[dict[str, Any]] = []
        async with asyncio.timeout(PATIENCE_S):
            url = f"{plain.websocket_url}{PATH}?model=gpt-realtime-2.1"
            connection = await connect(url, additional_headers=headers)
            assert connection.response is not None
            seen.append(json.loads(await connection.recv()))
            revoking = asyncio.to_thread(command, "keys", "revoke", key_id, "--data", data)
            revoked = asyncio.create_task(revoking)
            with contextlib.suppress(ConnectionClosed):
                while True:
                    seen.append(json.loads(await connection.recv()))
            await revoked
            assert connection.close_code is not None
            return connection.response.headers["Helicone-Id"], seen, connection.close_code

    call_id, seen, code = asyncio.run(live())
    assert code == 1008
    assert [event["type"] for event in seen] == ["session.created", "error"]
    assert seen[-1]["event_id"].startswith("event_trunkline_")
    assert plain.sealed(call_id, audio=False)["end_reason"] == "key_revoked"
