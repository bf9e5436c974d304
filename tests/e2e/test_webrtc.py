"""A WebRTC call through a whole Trunkline: its page has the conversation, and says what it has not.

The simulator has no media; an application's sideband, through Trunkline too, speaks in the
caller's place.
"""

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

OFFER = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
SESSION: dict[str, Any] = {
    "type": "realtime", "model": "gpt-realtime-2.1",
    "audio": {"input": {"transcription": {"model": "whisper-1"}}},
}  # fmt: skip


async def spoken_into(started: Running, provider_call: str) -> None:
    """Say a sentence in the call, and wait until it is answered."""
    url = f"{started.websocket_url}/v1/realtime?call_id={provider_call}"
    headers = {"Authorization": "Bearer sk-of-the-provider", **started.headers}
    async with asyncio.timeout(PATIENCE_S), connect(url, additional_headers=headers) as sideband:
        for piece in speech.chunks(speech.load("cards") + speech.silence(700), 200):
            audio = base64.b64encode(piece).decode()
            event = {"type": "input_audio_buffer.append", "audio": audio}
            await sideband.send(json.dumps(event))
        awaited = {"response.done", "conversation.item.input_audio_transcription.completed"}
        while awaited:
            awaited.discard(json.loads(await sideband.recv())["type"])


async def test_it_is_recorded_as_far_as_a_sideband_hears_it(plain: Running) -> None:
    sdk = AsyncOpenAI(
        api_key="sk-of-the-provider", base_url=f"{plain.url}/v1", default_headers=plain.headers
    )
    answer = await sdk.realtime.calls.create(
        sdp=OFFER, session=SESSION, extra_headers={"Helicone-User-Id": "u-webrtc"}
    )
    call_id = answer.response.headers["Helicone-Id"]
    await asyncio.to_thread(plain.wait, lambda: _connected(plain, call_id))
    provider_call = answer.response.headers["Location"].rpartition("/")[2]
    await spoken_into(plain, provider_call)
    await sdk.realtime.calls.hangup(provider_call)
    call = await asyncio.to_thread(lambda: plain.sealed(call_id, audio=False))
    assert (call["transport"], call["kind"], call["status"]) == ("webrtc", "realtime", "completed")
    assert (call["user_id"], call["model_used"]) == ("u-webrtc", "gpt-realtime-2.1")
    assert call["audio"] == {
        "caller_ms": 0, "assistant_ms": 0, "heard_ms": 0, "recorded": False,
        "unheard_share": None,
    }  # fmt: skip
    (turn,) = call["turns"]
    assert turn["status"] == "completed"
    said = {line["role"]: line["text"] for line in call["transcript"]}
    assert said["caller"] == speech.transcript("cards")
    assert said["assistant"]
    assert {usage["kind"] for usage in call["usage"]} == {"response", "transcription"}
    assert Decimal(call["cost_usd"]) > 0


def _connected(started: Running, call_id: str) -> bool:
    response = started.get(f"/v1/calls/{call_id}")
    return response.status_code == 200 and response.json()["connect_ms"] is not None
