"""Transcription and translation through a whole Trunkline: recorded and priced as what they are."""

import asyncio
import base64
import json
from decimal import Decimal
from typing import Any

from openai import AsyncOpenAI
from tests.support import speech
from tests.support.running import Running
from websockets.asyncio.client import connect

SENTENCE = "cards"
WAIT_S = 60.0


def sound() -> list[str]:
    """A sentence and the silence after it, in base64 of 200 ms each."""
    pcm = speech.load(SENTENCE) + speech.silence(1_000)
    return [base64.b64encode(piece).decode() for piece in speech.chunks(pcm, 200)]


async def translated(started: Running) -> tuple[str, list[dict[str, Any]]]:
    """Have a sentence translated; return the call's id and what came."""
    url = f"{started.websocket_url}/v1/realtime/translations?model=gpt-realtime-translate"
    headers = {"Authorization": "Bearer sk-of-the-provider", **started.headers}
    audio = {
        "input": {"transcription": {"model": "gpt-realtime-whisper"}},
        "output": {"language": "fr"},
    }
    async with asyncio.timeout(WAIT_S), connect(url, additional_headers=headers) as connection:
        assert connection.response is not None
        update = {"type": "session.update", "session": {"audio": audio}}
        await connection.send(json.dumps(update))
        for piece in sound():
            event = {"type": "session.input_audio_buffer.append", "audio": piece}
            await connection.send(json.dumps(event))
        await connection.send('{"type":"session.close"}')
        seen = [json.loads(frame) async for frame in connection]
    return connection.response.headers["Helicone-Id"], seen


async def test_a_translation_is_recorded_shown_and_paid_as_one(plain: Running) -> None:
    call_id, seen = await translated(plain)
    assert seen[-1]["type"] == "session.closed"
    call = await asyncio.to_thread(plain.sealed, call_id)
    assert (call["kind"], call["language"]) == ("translation", "fr")
    assert (call["status"], call["end_reason"]) == ("completed", "provider_closed")
    assert (call["counts"]["turns"], call["turns"], call["responses"]) == (0, [], [])
    said = {
        role: "".join(line["text"] for line in call["transcript"] if line["role"] == role)
        for role in ("caller", "assistant")
    }
    told = [event["delta"] for event in seen if event["type"] == "session.output_transcript.delta"]
    assert said == {"caller": speech.transcript(SENTENCE), "assistant": "".join(told)}
    (usage,) = call["usage"]
    assert (usage["kind"], usage["model"]) == ("session", "gpt-realtime-translate")
    assert (usage["billed_ms"], usage["estimated"]) == (call["session_billed_ms"], True)
    # The store keeps nine places.
    cost = Decimal("0.034") * Decimal(usage["billed_ms"]) / 60_000
    assert abs(Decimal(usage["cost_usd"]) - cost) < Decimal("0.00000001")


async def test_a_transcription_is_recorded_shown_and_paid_as_one(plain: Running) -> None:
    sdk = AsyncOpenAI(
        api_key="sk-of-the-provider",
        default_headers=plain.headers,
        websocket_base_url=f"{plain.websocket_url}/v1/gateway/oai",
    )
    session: Any = {
        "type": "transcription",
        "audio": {"input": {"transcription": {"model": "gpt-transcribe"}}},
    }
    asked = {"intent": "transcription"}
    async with asyncio.timeout(WAIT_S), sdk.realtime.connect(extra_query=asked) as connection:
        call_id = connection._connection.response.headers["Helicone-Id"]
        await connection.session.update(session=session)
        for piece in sound():
            await connection.input_audio_buffer.append(audio=piece)
        async for event in connection:
            assert event.type != "error", event
            if event.type == "conversation.item.input_audio_transcription.completed":
                break
    call = await asyncio.to_thread(plain.sealed, call_id)
    assert (call["kind"], call["model_used"]) == ("transcription", "gpt-transcribe")
    assert [line["text"] for line in call["transcript"]] == [speech.transcript(SENTENCE)]
    assert (call["turns"], call["responses"]) == ([], [])
    (usage,) = call["usage"]
    assert (usage["kind"], usage["model"]) == ("transcription", "gpt-transcribe")
    assert Decimal(usage["cost_usd"]) > 0


async def test_gpt_live_is_recorded_shown_and_paid_as_such(plain: Running) -> None:
    """Both sides flow: lines and lanes, no turns; the provider says for how long it bills."""
    sdk = AsyncOpenAI(
        api_key="sk-of-the-provider", default_headers=plain.headers,
        websocket_base_url=f"{plain.websocket_url}/v1",
    )  # fmt: skip
    said, closing = "", False
    async with asyncio.timeout(WAIT_S), sdk.live.connect() as connection:
        call_id = connection._connection.response.headers["Helicone-Id"]
        await connection.session.start(session={"model": "gpt-live-1"})
        for piece in sound():
            await connection.session.input_audio.append(audio=piece)
        async for event in connection:
            assert event.type != "error", event
            if event.type == "session.output_transcript.delta":
                said += event.delta
            if said.endswith((".", "?", "!")) and not closing:
                closing = True
                await connection.session.close()
            if event.type == "session.closed":
                seconds = event.usage.seconds
                break
    call = await asyncio.to_thread(plain.sealed, call_id)
    assert (call["kind"], call["model_used"]) == ("live", "gpt-live-1")
    assert (call["turns"], call["responses"]) == ([], [])
    lines = [line["text"] for line in call["transcript"] if line["role"] == "caller"]
    assert lines == [speech.transcript(SENTENCE)]
    assert "".join(
        line["text"] for line in call["transcript"] if line["role"] == "assistant"
    ).startswith(said)
    assert call["audio"]["assistant_ms"] > 0
    (usage,) = call["usage"]
    assert (usage["kind"], usage["model"], usage["estimated"]) == ("session", "gpt-live-1", False)
    assert usage["billed_ms"] == seconds * 1000
