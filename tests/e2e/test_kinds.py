"""Transcription and translation through a whole Trunkline: recorded and priced as what they are."""

import asyncio
import base64
import json
from decimal import Decimal
from typing import Any

from openai import AsyncOpenAI
from tests.support import speech
from tests.support.patience import PATIENCE_S
from tests.support.running import Running
from websockets.asyncio.client import connect

SENTENCE = "cards"


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
    async with asyncio.timeout(PATIENCE_S), connect(url, additional_headers=headers) as connection:
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
    async with asyncio.timeout(PATIENCE_S), sdk.realtime.connect(extra_query=asked) as connection:
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
    async with asyncio.timeout(PATIENCE_S), sdk.live.connect() as connection:
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


async def test_gpt_live_past_the_gateway_is_recorded_with_what_is_reflected(plain: Running) -> None:
    """By WebRTC: the gateway attaches to the session, and hears both voices."""
    sdk = AsyncOpenAI(
        api_key="sk-of-the-provider", default_headers=plain.headers, base_url=f"{plain.url}/v1",
    )  # fmt: skip
    made = await sdk.live.with_raw_response.create(
        session={"model": "gpt-live-1"},
        transport={"type": "webrtc", "sdp": "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"},
    )
    call_id, session_id = made.headers["Helicone-Id"], made.parse().session.id
    await asyncio.to_thread(plain.wait, lambda: plain.call(call_id)["connect_ms"] is not None)
    # The simulator has no media: whoever is attached speaks in the caller's place.
    async with (
        asyncio.timeout(PATIENCE_S),
        sdk.live.sideband.connect(session_id=session_id) as beside,
    ):
        for piece in sound():
            await beside.send({"type": "session.input_audio.append", "audio": piece})
        said, sounds = "", 0
        while not said.endswith((".", "?", "!")) or sounds < 10:
            event = await beside.recv()
            said += event.delta if event.type == "session.output_transcript.delta" else ""
            sounds += event.type == "session.output_audio.delta"
        await sdk.live.sessions.hangup(session_id)
    call = await asyncio.to_thread(plain.sealed, call_id)
    assert (call["kind"], call["transport"], call["status"]) == ("live", "webrtc", "completed")
    lines = {line["role"]: line["text"] for line in call["transcript"]}
    assert lines["caller"] == speech.transcript(SENTENCE)
    assert lines["assistant"]
    assert call["audio"]["recorded"]
    assert min(call["audio"]["caller_ms"], call["audio"]["assistant_ms"]) > 500
    (usage,) = call["usage"]
    assert (usage["kind"], usage["model"]) == ("session", "gpt-live-1")
    assert Decimal(usage["cost_usd"]) > 0
    # The application's own attachment is a call too, and pays nothing.
    others = await asyncio.to_thread(lambda: plain.get("/v1/calls?limit=20").json()["data"])
    beside_it = [one for one in others if one["kind"] == "live" and one["transport"] == "websocket"]
    assert beside_it[0]["cost_usd"] in (None, "0")
