"""A provider that others maintain, in the simulator's place: `@copilotkit/aimock`."""

import asyncio
import contextlib
import json
import socket
import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from tests.support.patience import PATIENCE_S
from tests.support.running import ROOT, Running, environment, running
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from trunkline.sealing import Vault
from trunkline.store.control.database import sqlite_url
from trunkline.store.control.providers import NewProvider
from trunkline.store.control.store import ControlStore

CLI = ROOT / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
PROVIDER_KEY = "sk-up-0123"
FIXTURES = {
    "fixtures": [{"match": {"userMessage": "hello"}, "response": {"content": "Hello from a mock."}}]
}


@dataclass
class Behind:
    """Trunkline with the mock behind it."""

    gateway: Running
    mock_url: str

    def dial(self, key: str = PROVIDER_KEY, **headers: str) -> connect:
        return connect(
            f"{self.gateway.websocket_url}/v1/gateway/oai/realtime?model=gpt-realtime-2.1",
            additional_headers={
                "Authorization": f"Bearer {key}",
                **self.gateway.headers,
                **headers,
            },
        )

    def journal(self) -> list[dict[str, Any]]:
        """What the mock was asked."""
        headers = {"Authorization": f"Bearer {PROVIDER_KEY}"}
        return httpx2.get(f"{self.mock_url}/__aimock/journal", headers=headers).json()


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Generator[Behind]:
    directory = tmp_path_factory.mktemp("aimock")
    (directory / "fixtures.json").write_text(json.dumps(FIXTURES))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mock = subprocess.Popen(
        ["node", str(CLI), "-p", str(port), "-f", str(directory / "fixtures.json")],
        stdout=subprocess.DEVNULL,
        env=environment({"AIMOCK_API_KEYS": PROVIDER_KEY}),
    )
    env = {"TRUNKLINE_OPENAI_URL": f"ws://127.0.0.1:{port}/v1/realtime"}
    try:
        with running(directory / "data", env=env) as gateway:
            gateway.wait(lambda: answers(port))
            yield Behind(gateway, f"http://127.0.0.1:{port}")
    finally:
        mock.terminate()
        mock.wait(10)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


async def read(connection: ClientConnection, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while (event := json.loads(await connection.recv()))["type"] != kind:
            pass
    return event


async def test_a_text_turn_and_what_arrived_at_the_provider(behind: Behind) -> None:
    ours = {
        "Helicone-Session-Id": "session_1",
        "Helicone-User-Id": "user_123",
        "Helicone-Property-Tenant": "north-clinic",
        "OpenAI-Project": "proj_1",
    }
    async with behind.dial(**ours) as connection:
        await read(connection, "session.created")
        item = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "hello"}],
        }
        await connection.send(json.dumps({"type": "conversation.item.create", "item": item}))
        await connection.send(json.dumps({"type": "response.create"}))
        done = await read(connection, "response.output_text.done")
    assert done["text"] == "Hello from a mock."
    asked = behind.journal()[-1]["headers"]
    assert not [name for name in asked if "helicone" in name.lower()]
    assert behind.gateway.key not in json.dumps(asked)
    assert asked["openai-project"] == "proj_1"
    assert "authorization" in asked


async def test_its_401_reaches_the_caller_as_it_is(behind: Behind) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with behind.dial(key="sk-wrong"):
            pass
    direct = httpx2.get(
        f"{behind.mock_url}/v1/realtime?model=gpt-realtime-2.1",
        headers={"Authorization": "Bearer sk-wrong"},
    )
    assert refused.value.response.status_code == direct.status_code == 401
    assert refused.value.response.body == direct.content
    call = behind.gateway.sealed(refused.value.response.headers["Helicone-Id"], audio=False)
    assert (call["status"], call["end_reason"]) == ("refused", "refused_by_provider")
    assert call["http_status"] == 401


async def test_its_close_4000_reaches_the_caller_as_it_is(behind: Behind) -> None:
    # A beta that we do not know is the provider's to judge; the mock takes it for the retired one.
    beta = {"OpenAI-Beta": "realtime=v1.5"}
    async with behind.dial(**beta) as connection:
        error = await read(connection, "error")
        with pytest.raises(ConnectionClosed) as closed:
            await connection.recv()
    assert error["error"]["code"] == "beta_api_shape_disabled"
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4000
    assert closed.value.rcvd.reason == "invalid_request_error.beta_api_shape_disabled"
    assert connection.response is not None
    call = behind.gateway.sealed(connection.response.headers["Helicone-Id"], audio=False)
    assert call["end_reason"] == "provider_closed"
    assert call["provider_leg"]["close_code"] == call["caller_leg"]["close_code"] == 4000


async def test_a_beta_caller_is_bridged_and_not_refused(behind: Behind) -> None:
    beta = {"OpenAI-Beta": "realtime=v1"}
    async with behind.dial(**beta) as connection:
        created = await read(connection, "session.created")
    assert "audio" not in created["session"]


async def test_with_its_key_stored_ours_alone_is_enough(behind: Behind) -> None:
    """It refuses, 401, whoever does not send its key: the stored one arrived, and not ours."""
    vault = Vault(behind.gateway.data / "master.key")
    database = sqlite_url(behind.gateway.data / "control.sqlite3")
    async with ControlStore.opened(database, vault=vault) as control:
        org = await control.ensure_operator()
        new = NewProvider(
            name="mock", profile="compatible", url=behind.mock_url, credential=PROVIDER_KEY
        )
        await control.providers.add(org.id, new)
    url = f"{behind.gateway.websocket_url}/p/mock/v1/realtime?model=gpt-realtime-2.1"
    ours = {"Authorization": f"Bearer {behind.gateway.key}"}

    async def published() -> ClientConnection:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with contextlib.suppress(InvalidStatus):
                    return await connect(url, additional_headers=ours)

    async with await published() as connection:
        created = await read(connection, "session.created")
    assert created["session"]["model"] == "gpt-realtime-2.1"


async def test_only_the_model_named_simulator_goes_to_the_simulator(behind: Behind) -> None:
    url = f"{behind.gateway.websocket_url}/v1/gateway/oai/realtime?model=simulator"
    asked = len(behind.journal())
    async with connect(url, additional_headers=behind.gateway.headers) as connection:
        await read(connection, "session.created")
        assert connection.response is not None
    call_id = connection.response.headers["Helicone-Id"]
    call = await asyncio.to_thread(behind.gateway.sealed, call_id, audio=False)
    assert (call["provider"], call["model_asked"]) == ("simulator", "simulator")
    assert len(behind.journal()) == asked
