"""Limits of a key through whole processes: refused in time, and right after any of them died."""

import asyncio
import json
import os
import signal
from collections.abc import Generator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.support.patience import PATIENCE_S
from tests.support.running import Running, new_key, running, trunkline
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.protocol import State

pytestmark = pytest.mark.guarantee("B9")

WORKERS = ("gateway-0", "gateway-1")
PATH = "/v1/gateway/oai/realtime?model=gpt-realtime-2.1"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    """Two gateways on one port, which may be killed."""
    with running(
        tmp_path_factory.mktemp("pair") / "data", "--simulator", "--workers", "2"
    ) as started:
        yield started


def dial(started: Running, key: str) -> connect:
    headers = {"Authorization": "Bearer sk-of-the-provider", "Helicone-Auth": f"Bearer {key}"}
    return connect(started.websocket_url + PATH, additional_headers=headers, ping_interval=None)


async def opened(started: Running, key: str) -> ClientConnection:
    """Open a call, and wait until it runs: what its provider says first has come."""
    call = await dial(started, key)
    assert json.loads(await call.recv())["type"] == "session.created"
    return call


async def refused(started: Running, key: str) -> tuple[str, int, str]:
    """Return code, Retry-After and call id of a call that is answered 429."""
    with pytest.raises(InvalidStatus) as caught:
        await opened(started, key)
    response = caught.value.response
    assert response.status_code == 429
    error = json.loads(response.body)["error"]
    assert error["type"] == "rate_limit_error"
    return error["code"], int(response.headers["Retry-After"]), response.headers["Helicone-Id"]


async def admitted(started: Running, key: str) -> ClientConnection:
    """Return the next call that is let through, of a machine that a moment ago lost a gateway."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await opened(started, key)
            except (InvalidStatus, ConnectionClosed, OSError):
                await asyncio.sleep(0.05)


def kill(started: Running, name: str) -> None:
    """`kill -9`, and wait for the next process of that name."""
    pid = started.children()[name]
    os.kill(pid, signal.SIGKILL)
    started.wait(lambda: started.children().get(name, pid) != pid)


async def lost(calls: list[ClientConnection]) -> list[ClientConnection]:
    """Return those whose connection is gone; the others answer a ping."""
    gone: list[ClientConnection] = []
    for call in calls:
        try:
            await asyncio.wait_for(await call.ping(), 10)
        except ConnectionClosed:
            gone.append(call)
    return gone


async def ends(call: ClientConnection) -> tuple[str, int | None]:
    """Return the code of the error that a call ends with, and its close code."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            event = json.loads(await call.recv())
            if event["type"] == "error":
                break
        await call.wait_closed()
    assert event["event_id"].startswith("event_trunkline_")
    assert event["error"]["type"] == "rate_limit_error"
    return event["error"]["code"], call.close_code


async def test_calls_at_once_over_both_gateways_and_no_place_is_lost_with_a_killed_one(
    pair: Running,
) -> None:
    key = new_key(pair.data, "limited", "--max-calls", "4")
    calls = [await opened(pair, key) for _ in range(4)]
    code, retry_after_s, call_id = await refused(pair, key)
    assert (code, retry_after_s) == ("key_concurrency", 5)
    call = await asyncio.to_thread(pair.sealed, call_id, audio=False)
    assert (call["status"], call["http_status"]) == ("refused", 429)
    assert call["error"]["code"] == "key_concurrency"
    for worker in WORKERS:
        await asyncio.to_thread(kill, pair, worker)
        gone = await lost(calls)
        calls = [call for call in calls if call not in gone]
        calls += [await admitted(pair, key) for _ in gone]
        assert (await refused(pair, key))[0] == "key_concurrency"
    assert all(call.state is State.OPEN for call in calls)
    for call in calls:
        await call.close()
    again = await admitted(pair, key)
    await again.close()


async def test_new_calls_a_minute_over_both_gateways_and_their_deaths(pair: Running) -> None:
    key = new_key(pair.data, "limited", "--max-calls-per-minute", "3")
    for _ in range(3):
        await (await opened(pair, key)).close()
    code, retry_after_s, _ = await refused(pair, key)
    assert code == "key_rate"
    assert 0 < retry_after_s <= 60
    for worker in WORKERS:
        await asyncio.to_thread(kill, pair, worker)
        assert (await refused(pair, key))[0] == "key_rate"


async def test_a_call_is_closed_when_it_is_as_long_as_its_key_allows(pair: Running) -> None:
    call = await opened(pair, new_key(pair.data, "limited", "--max-call-seconds", "1"))
    assert await ends(call) == ("key_duration", 1008)
    assert call.response is not None
    call_id = call.response.headers["Helicone-Id"]
    recorded = await asyncio.to_thread(pair.sealed, call_id, audio=False)
    assert (recorded["status"], recorded["end_reason"]) == ("failed", "key_duration")
    assert 1000 <= recorded["duration_ms"] < 10_000


async def test_a_spent_budget_ends_live_calls_and_refuses_new_ones_until_it_is_raised(
    pair: Running,
) -> None:
    key = new_key(pair.data, "limited", "--max-usd-per-month", "0.000001")
    call = await opened(pair, key)
    await turn(call, "Hello?")
    assert await ends(call) == ("key_budget", 1008)
    code, retry_after_s, _ = await refused(pair, key)
    assert code == "key_budget"
    assert 0 < retry_after_s <= 31 * 24 * 3600
    manager = new_key(pair.data, "limited", "--manage")
    key_id, before = await asyncio.to_thread(spent, pair, manager, key)
    assert before > Decimal("0.000001")
    # The server is the one that knows: it dies, and the gateways go on refusing.
    await asyncio.to_thread(kill, pair, "server")
    assert (await refused(pair, key))[0] == "key_budget"
    await asyncio.to_thread(pair.wait, lambda: pair.get("/v1/calls").status_code == 200)
    assert (await asyncio.to_thread(spent, pair, manager, key))[1] == before
    raised = await asyncio.to_thread(
        ask, pair, manager, "PUT", f"/v1/keys/{key_id}/limits", {"max_usd_per_month": 5}
    )
    assert raised["limits"]["max_usd_per_month"] == "5"
    again = await admitted(pair, key)
    await turn(again, "And again?")
    await again.close()


@pytest.mark.soak
async def test_what_was_spent_is_the_same_after_a_reindex(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data, "--simulator") as started:
        key = new_key(started.data, "limited", "--max-usd-per-month", "100")
        for text in ("One?", "Two?"):
            call = await opened(started, key)
            await turn(call, text)
            await call.close()
            assert call.response is not None
            call_id = call.response.headers["Helicone-Id"]
            await asyncio.to_thread(started.sealed, call_id, audio=False)
        manager = new_key(started.data, "limited", "--manage")
        before = await asyncio.to_thread(spent, started, manager, key)
        assert before[1] > 0
    done = await asyncio.to_thread(trunkline, "reindex", "--data", str(data))
    assert done.returncode == 0, done.stderr
    with running(data, "--simulator") as started:
        assert await asyncio.to_thread(spent, started, manager, key) == before


async def turn(call: ClientConnection, text: str) -> None:
    """Write a message, and wait for what answering it has used."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    for event in (
        {"type": "session.update", "session": {"type": "realtime", "output_modalities": ["text"]}},
        {"type": "conversation.item.create", "item": item},
        {"type": "response.create"},
    ):
        await call.send(json.dumps(event))
    async with asyncio.timeout(PATIENCE_S):
        while json.loads(await call.recv())["type"] != "response.done":
            pass


def ask(started: Running, key: str, method: str, path: str, body: Any = None) -> Any:
    answer = httpx2.request(
        method, started.url + path, headers={"Authorization": f"Bearer {key}"}, json=body
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def spent(started: Running, reader: str, key: str) -> tuple[str, Decimal]:
    """Return id and spending of `key`, by the API; `reader` may read it."""
    for shown in ask(started, reader, "GET", "/v1/keys")["data"]:
        if key.startswith(shown["begins_with"]):
            assert shown["month"]["unpriced"] == []
            return shown["id"], Decimal(shown["month"]["spent_usd"])
    raise AssertionError("no such key")
