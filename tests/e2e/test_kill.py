"""`kill -9` of any process at any moment: nothing that was written is lost."""

import asyncio
import json
import os
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from tests.support.patience import PATIENCE_S
from tests.support.running import Running, ndjson, running
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

FLUSHED_S = 0.3
"""Longer than the gateway keeps anything in memory only."""


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    """A Trunkline whose processes may be killed."""
    with running(tmp_path_factory.mktemp("mortal") / "data", "--simulator") as started:
        yield started


def dial(started: Running) -> connect:
    return connect(
        f"{started.websocket_url}/v1/gateway/oai/realtime?model=gpt-realtime-2.1",
        additional_headers={"Authorization": "Bearer sk-of-the-provider", **started.headers},
    )


def call_id_of(connection: ClientConnection) -> str:
    assert connection.response is not None
    return connection.response.headers["Helicone-Id"]


async def turn(connection: ClientConnection, text: str) -> list[dict[str, Any]]:
    """Say `text`, and return the events up to the end of the answer."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    for event in (
        {"type": "session.update", "session": {"type": "realtime", "output_modalities": ["text"]}},
        {"type": "conversation.item.create", "item": item},
        {"type": "response.create"},
    ):
        await connection.send(json.dumps(event))
    seen: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE_S):
        while not seen or seen[-1]["type"] != "rate_limits.updated":
            seen.append(json.loads(await connection.recv()))
    return seen


def kill(started: Running, name: str) -> None:
    pid = started.children()[name]
    os.kill(pid, signal.SIGKILL)
    started.wait(lambda: started.children().get(name, pid) != pid)


def events_of(started: Running, call_id: str) -> list[dict[str, Any]]:
    """Return the provider's events as they were recorded."""
    recorded = ndjson(started.get(f"/v1/calls/{call_id}/events?limit=1000").text)
    return [json.loads(event["text"]) for event in recorded if event["leg"] == "provider"]


def said(call: dict[str, Any]) -> list[str]:
    return [line["text"] for line in call["transcript"] if line["role"] == "caller"]


async def test_a_call_does_not_notice_that_the_server_died(mortal: Running) -> None:
    async with dial(mortal) as connection:
        seen = await turn(connection, "first")
        await asyncio.to_thread(kill, mortal, "server")
        seen += await turn(connection, "second")
    call_id = call_id_of(connection)
    call = await asyncio.to_thread(mortal.sealed, call_id, audio=False)
    assert said(call) == ["first", "second"]
    assert call["status"] == "completed"
    assert events_of(mortal, call_id) == seen


async def test_a_call_whose_gateway_died_is_in_the_list_readable(mortal: Running) -> None:
    connection = await dial(mortal)
    seen = await turn(connection, "before the end")
    await asyncio.sleep(FLUSHED_S)
    await asyncio.to_thread(kill, mortal, "gateway-0")
    with pytest.raises(ConnectionClosed):
        await connection.recv()
    call_id = call_id_of(connection)
    call = await asyncio.to_thread(mortal.sealed, call_id, audio=False)
    assert (call["status"], call["end_reason"]) == ("recovered", "gateway_died")
    assert said(call) == ["before the end"]
    assert events_of(mortal, call_id) == seen


async def test_calls_go_on_after_a_gateway_died(mortal: Running) -> None:
    await asyncio.to_thread(kill, mortal, "gateway-0")
    async with dial(mortal) as connection:
        await turn(connection, "after")
    call = await asyncio.to_thread(mortal.sealed, call_id_of(connection), audio=False)
    assert call["status"] == "completed"


async def test_calls_go_on_after_the_simulator_died(mortal: Running) -> None:
    await asyncio.to_thread(kill, mortal, "simulator")
    async with dial(mortal) as connection:
        await turn(connection, "after")


async def test_the_whole_of_it_killed_at_once_and_started_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    connection = None
    try:
        with running(data, "--simulator") as started:
            connection = await dial(started)
            await turn(connection, "before the power cut")
            await asyncio.sleep(FLUSHED_S)
            for pid in (started.process.pid, *started.children().values()):
                os.kill(pid, signal.SIGKILL)
            started.process.wait()
            raise InterruptedError
    except InterruptedError:
        pass
    with running(data, "--simulator") as again:
        call = await asyncio.to_thread(again.sealed, call_id_of(connection), audio=False)
        assert call["status"] == "recovered"
        assert said(call) == ["before the power cut"]
