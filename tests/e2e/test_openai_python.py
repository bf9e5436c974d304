"""The official Python SDK, GA, async, pointed at us by its base URL alone."""

import asyncio
import base64
import ssl
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from tests.support import speech
from tests.support.running import Running

CHUNK_MS = 100
SILENCE_MS = 1000


def client(running: Running, **options: Any) -> AsyncOpenAI:
    return AsyncOpenAI(api_key="sk-of-the-provider", default_headers=running.headers, **options)


async def until(connection: AsyncRealtimeConnection, kind: str) -> list[Any]:
    """Read events up to the first of `kind`, which is the last of those returned."""
    seen: list[Any] = []
    async with asyncio.timeout(30):
        async for event in connection:
            assert event.type != "error", event
            seen.append(event)
            if event.type == kind:
                return seen
    raise AssertionError(f"the call ended without {kind}")


async def speak(connection: AsyncRealtimeConnection, name: str) -> None:
    pcm = speech.load(name) + speech.silence(SILENCE_MS)
    for chunk in speech.chunks(pcm, CHUNK_MS):
        await connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())
        await asyncio.sleep(CHUNK_MS / 1000)


def call_id_of(connection: AsyncRealtimeConnection) -> str:
    """The SDK hides the handshake's answer; its WebSocket has it."""
    return connection._connection.response.headers["Helicone-Id"]


async def a_text_turn(sdk: AsyncOpenAI, **options: Any) -> tuple[str, list[str]]:
    """Return the call's id and what the assistant said."""
    async with sdk.realtime.connect(model="gpt-realtime-2.1", **options) as connection:
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        await connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "What is the weather like in Paris?"}],
            }
        )
        await connection.response.create()
        seen = await until(connection, "response.done")
    said = [event.text for event in seen if event.type == "response.output_text.done"]
    return call_id_of(connection), said


def assistant(call: dict[str, Any]) -> list[str]:
    return [line["text"] for line in call["transcript"] if line["role"] == "assistant"]


async def test_a_text_turn_by_websocket_base_url(plain: Running) -> None:
    call_id, said = await a_text_turn(
        client(plain, websocket_base_url=f"{plain.websocket_url}/v1/gateway/oai")
    )
    assert said
    assert assistant(plain.sealed(call_id, audio=False)) == said


@pytest.mark.parametrize("path", ["/v1", "/v1/gateway/oai", "/v1/gateway/oai/v1"])
async def test_a_text_turn_by_base_url(path: str, secure: Running) -> None:
    trusting = ssl.create_default_context(cafile=str(secure.ca))
    sdk = client(secure, base_url=f"{secure.url}{path}")
    call_id, said = await a_text_turn(sdk, websocket_connection_options={"ssl": trusting})
    assert said
    assert assistant(secure.sealed(call_id, audio=False)) == said


async def test_an_audio_turn(plain: Running) -> None:
    sdk = client(plain, websocket_base_url=f"{plain.websocket_url}/v1/gateway/oai")
    async with sdk.realtime.connect(model="gpt-realtime-2.1") as connection:
        await connection.session.update(
            session={
                "type": "realtime",
                "audio": {"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}},
            }
        )
        await until(connection, "session.updated")
        speaking = asyncio.create_task(speak(connection, "cards"))
        seen = await until(connection, "response.done")
        await speaking
    audio = b"".join(
        base64.b64decode(event.delta)
        for event in seen
        if event.type == "response.output_audio.delta"
    )
    assert len(audio) > speech.BYTES_PER_MS * 500
    call = plain.sealed(call_id_of(connection))
    assert call["transcript"][0]["text"] == speech.transcript("cards")
    assert call["audio"]["recorded"]
