"""The simulator on a socket: handshakes, closes, pings, and clients that others wrote."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import httptools
import openai
import pytest
import websockets
from tests.simulator.talk import SERVER_VAD, SPEECH
from tests.support import speech
from tests.support.patience import PATIENCE_S
from websockets.exceptions import ConnectionClosed, InvalidStatus

from trunkline.errors import OperatorError
from trunkline.simulator.app import Simulator
from trunkline.simulator.config import SimulatorConfig

KEY = {"Authorization": "Bearer sk-good"}
FAST = SimulatorConfig(
    seed=1, burst=0, first_audio_ms=5, respond_ms=5, jitter_ms=0, known_speech=(SPEECH,)
)


class Served:
    """A running simulator and its address."""

    def __init__(self, simulator: Simulator, port: int) -> None:
        self.simulator, self.port = simulator, port
        self.url = f"ws://127.0.0.1:{port}"

    def dial(
        self, target: str = "/v1/realtime?model=gpt-realtime-2.1", **options: Any
    ) -> websockets.connect:
        options.setdefault("additional_headers", KEY)
        return websockets.connect(self.url + target, max_size=None, **options)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    simulator = Simulator(FAST)
    port = await simulator.start()
    yield Served(simulator, port)
    await simulator.stop()


async def event(ws: websockets.ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        frame = await ws.recv()
    assert isinstance(frame, str), "events are text frames"
    return json.loads(frame)


async def until(ws: websockets.ClientConnection, type_: str) -> dict[str, Any]:
    while (found := await event(ws))["type"] != type_:
        pass
    return found


async def closed(ws: websockets.ClientConnection) -> tuple[int, str]:
    async with asyncio.timeout(PATIENCE_S):
        try:
            while True:
                await ws.recv()
        except ConnectionClosed:
            pass
    return ws.close_code or 0, ws.close_reason or ""


async def test_a_bad_key_is_told_after_the_handshake_and_closed_3000(served: Served) -> None:
    async with served.dial(additional_headers={}) as ws:
        assert (await event(ws))["error"]["code"] == "invalid_api_key"
        assert await closed(ws) == (3000, "invalid_request_error.invalid_api_key")


async def test_azure_refuses_at_the_handshake_with_json(served: Served) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await served.dial("/openai/v1/realtime?model=voice")
    response = refused.value.response
    assert response.status_code == 401
    assert json.loads(response.body or b"")["error"]["code"] == "401"
    assert response.headers["Content-Type"] == "application/json"


async def test_only_realtime_is_selected_of_the_subprotocols(served: Served) -> None:
    offered = ["realtime", "openai-insecure-api-key.sk-browser"]
    async with served.dial(additional_headers={}, subprotocols=offered) as ws:
        assert ws.subprotocol == "realtime"
        assert (await event(ws))["type"] == "session.created"


async def test_what_arrived_is_remembered(served: Served) -> None:
    headers = {**KEY, "Helicone-Auth": "Bearer ours"}
    async with served.dial(additional_headers=headers):
        pass
    arrival = served.simulator.connections[-1]
    assert arrival.target == "/v1/realtime?model=gpt-realtime-2.1"
    assert arrival.header("authorization") == "Bearer sk-good"
    assert arrival.header("helicone-auth") == "Bearer ours"
    assert arrival.header("helicone-user-id") is None


async def test_a_written_and_a_spoken_turn_by_the_official_package(served: Served) -> None:
    provider = openai.AsyncOpenAI(
        api_key="sk-good", websocket_base_url=served.url + "/v1", max_retries=0
    )
    async with provider.realtime.connect(model="gpt-realtime-2.1") as connection:
        transcribed = {"model": "gpt-4o-transcribe"}
        await connection.session.update(
            session={
                "type": "realtime",
                "audio": {"input": {"turn_detection": SERVER_VAD, "transcription": transcribed}},
            }  # pyright: ignore[reportArgumentType]
        )
        part = {"type": "input_text", "text": "Hello"}
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [part]}  # pyright: ignore[reportArgumentType]
        )
        await connection.response.create()
        heard = b""
        async for found in connection:
            if found.type == "response.output_audio.delta":
                heard += base64.b64decode(found.delta)
            elif found.type == "response.done":
                break
        assert len(heard) / 48 > 2_000
        for chunk in speech.chunks(speech.load("cards") + speech.silence(700)):
            await connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())
        awaited = {"conversation.item.input_audio_transcription.completed", "response.done"}
        async for found in connection:
            awaited.discard(found.type)
            if found.type == "conversation.item.input_audio_transcription.completed":
                assert found.transcript == speech.transcript("cards")
            if not awaited:
                break
    await provider.close()


async def test_pings_are_answered_and_sent(served: Served) -> None:
    async with served.dial(
        "/v1/realtime?model=m&simulate=ping_every_ms:30", ping_interval=None
    ) as ws:
        async with asyncio.timeout(PATIENCE_S):
            await (await ws.ping(b"there?"))
        await until(ws, "session.created")
        await asyncio.sleep(0.1)
        await ws.send('{"type":"input_audio_buffer.clear"}')
        assert (await event(ws))["type"] == "input_audio_buffer.cleared"


async def test_the_callers_close_is_answered_with_its_code(served: Served) -> None:
    ws = await served.dial()
    await until(ws, "session.created")
    await ws.close(4321, "done")
    assert ws.protocol.close_rcvd is not None
    assert ws.protocol.close_rcvd.code == 4321
    async with asyncio.timeout(PATIENCE_S):
        while served.simulator.live:
            await asyncio.sleep(0.01)


FAULTS = {
    "drop_after_deltas:3": (1006, ""),
    "close_after_deltas:3,close_code:1013,close_reason:later": (1013, "later"),
    "expire_after_ms:200": (1001, "Your session hit the maximum duration of 60 minutes."),
    "close_after_ms:100,close_code:1012,close_reason:restart": (1012, "restart"),
}


@pytest.mark.parametrize("switches", FAULTS)
async def test_the_connection_ends_as_it_is_told_to(served: Served, switches: str) -> None:
    async with served.dial(f"/v1/realtime?model=m&simulate={switches}") as ws:
        await ws.send('{"type":"response.create"}')
        assert await closed(ws) == FAULTS[switches]


async def test_a_half_open_connection_says_nothing_more_and_does_not_close(served: Served) -> None:
    ws = await served.dial(
        "/v1/realtime?model=m&simulate=half_open_after_ms:50", ping_interval=None
    )
    await until(ws, "session.created")
    await asyncio.sleep(0.1)
    await ws.send('{"type":"input_audio_buffer.clear"}')
    pong = await ws.ping()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await pong
    assert len(served.simulator.live) == 1
    ws.transport.abort()


async def test_a_slow_reader_makes_the_caller_wait(served: Served) -> None:
    async with served.dial("/v1/realtime?model=m&simulate=read_bytes_per_s:20000") as ws:
        await until(ws, "session.created")
        silence = base64.b64encode(speech.silence(500)).decode()
        frame = json.dumps({"type": "input_audio_buffer.append", "audio": silence})
        connection = next(iter(served.simulator.live))
        for _ in range(3):
            await ws.send(frame)
        await asyncio.sleep(0.2)
        assert connection.frames_received == 1


async def test_events_may_come_in_fragments_and_go_in_fragments(served: Served) -> None:
    async with served.dial("/v1/realtime?model=m&simulate=fragment_bytes:100") as ws:
        created = await event(ws)
        assert created["session"]["audio"]["output"]["speed"] == 1.0
        update = json.dumps({"type": "session.update", "session": {"type": "realtime"}})
        await ws.send([update[:10], update[10:30], update[30:]])
        assert (await event(ws))["type"] == "session.updated"


async def test_a_binary_frame_and_a_frame_of_20_mb_are_taken(served: Served) -> None:
    async with served.dial() as ws:
        await until(ws, "session.created")
        await ws.send(b"\x00\x01")
        assert (await event(ws))["error"]["code"] == "invalid_event"
        big = base64.b64encode(bytes(15 << 20)).decode()
        manual = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        await ws.send(json.dumps({"type": "session.update", "session": manual}))
        await ws.send(json.dumps({"type": "input_audio_buffer.append", "audio": big}))
        await ws.send('{"type":"input_audio_buffer.commit"}')
        await until(ws, "input_audio_buffer.committed")


async def test_many_calls_at_once_are_kept_apart(served: Served) -> None:
    async def call() -> str:
        async with served.dial() as ws:
            session_id: str = (await until(ws, "session.created"))["session"]["id"]
            await ws.send('{"type":"response.create"}')
            await until(ws, "response.done")
            return session_id

    ids = await asyncio.gather(*(call() for _ in range(25)))
    assert len(set(ids)) == 25


class Answer:
    """A parsed HTTP answer."""

    def __init__(self) -> None:
        self.body = b""

    def on_body(self, body: bytes) -> None:
        self.body += body


async def get(port: int, target: str, headers: str = "") -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
    answer = Answer()
    parser = httptools.HttpResponseParser(answer)
    while data := await reader.read(65_536):
        parser.feed_data(data)
    writer.close()
    await writer.wait_closed()
    return parser.get_status_code(), answer.body


async def test_what_arrived_is_told_over_http_without_secrets_if_allowed(served: Served) -> None:
    status, _ = await get(served.port, "/simulator/connections")
    assert status == 404
    shown = Simulator(SimulatorConfig(show_connections=True))
    port = await shown.start()
    await get(port, "/v1/chat", "Authorization: Bearer sk-secret\r\nHelicone-User-Id: u1\r\n")
    status, body = await get(port, "/simulator/connections")
    await shown.stop()
    assert status == 200
    assert ["Helicone-User-Id", "u1"] in json.loads(body)[0]["headers"]
    assert b"sk-secret" not in body


async def test_a_busy_port_is_one_clear_line(served: Served) -> None:
    with pytest.raises(OperatorError, match=f"cannot listen on 127.0.0.1:{served.port}"):
        await Simulator().start(port=served.port)


async def test_a_bound_socket_is_taken_over() -> None:
    bound = socket.create_server(("127.0.0.1", 0))
    simulator = Simulator()
    assert await simulator.start(sock=bound) == bound.getsockname()[1]
    await simulator.stop()
    await simulator.stop()


async def test_known_speech_that_is_not_there_is_one_clear_line() -> None:
    with pytest.raises(OperatorError, match="speech manifest /nowhere"):
        await Simulator(SimulatorConfig(known_speech=("/nowhere",))).start()


async def test_without_a_seed_each_simulator_is_another() -> None:
    assert Simulator().config.seed != Simulator().config.seed


async def test_a_process_runs_until_it_is_told_to_stop() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trunkline", "simulator", "--port", "0",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        url = (await process.stdout.readline()).decode().strip()
        async with websockets.connect(f"{url}?model=gpt-realtime-2.1", additional_headers=KEY):
            process.terminate()
            assert await process.wait() == 0
