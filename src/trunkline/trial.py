"""`trunkline try`: one spoken turn through a running gateway.

The sentence is recorded human speech (assets/trial, "Go forward ten meters.",
from pocketsphinx-testdata, BSD-2-Clause), sent at the pace of a microphone.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from importlib import resources
from typing import Any
from urllib.parse import quote, urlsplit

import av
import msgspec
import numpy as np
from picows import (
    WSCloseCode,
    WSFrame,
    WSHandshakeError,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

from trunkline.errors import OperatorError

CLIP = resources.files("trunkline") / "assets" / "trial" / "go_forward.opus"
RATE_HZ = 24_000
CHUNK_MS = 40
SILENCE_AFTER_MS = 1_500
ANSWER_TIMEOUT_S = 30.0
SESSION = {
    "type": "session.update",
    "session": {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "Answer in one short sentence.",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": RATE_HZ},
                "transcription": {"model": "gpt-4o-mini-transcribe"},
                "turn_detection": {"type": "server_vad"},
            },
            "output": {"format": {"type": "audio/pcm", "rate": RATE_HZ}},
        },
    },
}


class _Events(WSListener):
    """Decoded events of one call, in order; None when it is over."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.heard_at_s = 0.0
        """When all audio that came so far has been played, on the loop's clock."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        elif frame.msg_type == WSMsgType.TEXT:
            event = msgspec.json.decode(frame.get_payload_as_bytes())
            if event["type"] == "response.output_audio.delta":
                self._play(event["delta"])
            self.queue.put_nowait(event)

    def _play(self, delta: str) -> None:
        begins_s = max(self.heard_at_s, asyncio.get_running_loop().time())
        self.heard_at_s = begins_s + len(base64.b64decode(delta)) / 2 / RATE_HZ

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.queue.put_nowait(None)


async def speak(url: str, key: str, model: str, write: Callable[[str], object]) -> None:
    """Speak one sentence to `model` through the Trunkline at `url`; say what came back.

    Raises:
        OperatorError: nothing answers there, the key is refused, or no answer came.
    """
    transport, events = await _dial(url, key, model)
    call_id = transport.response.headers.get("Helicone-Id", "")
    transport.send(WSMsgType.TEXT, msgspec.json.encode(SESSION))
    speaking = asyncio.create_task(_speak_clip(transport))
    try:
        await asyncio.wait_for(_report(events, write), ANSWER_TIMEOUT_S)
    except TimeoutError as exc:
        raise OperatorError(f"no answer within {ANSWER_TIMEOUT_S:.0f} s") from exc
    finally:
        speaking.cancel()
    # The answer came faster than it can be listened to: hang up when it has been heard.
    await asyncio.sleep(max(0.0, events.heard_at_s - asyncio.get_running_loop().time()))
    transport.send_close(WSCloseCode.OK)
    write(f"See and hear it: {url}/calls/{call_id}\n")


async def _dial(url: str, key: str, model: str) -> tuple[WSTransport, _Events]:
    parts = urlsplit(url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    address = f"{scheme}://{parts.netloc}/v1/gateway/oai/realtime?model={quote(model)}"
    headers = {
        "Authorization": "Bearer simulator",
        "Helicone-Auth": f"Bearer {key}",
        "Helicone-Session-Id": "first-call",
        "Helicone-Session-Name": "Try",
        "Helicone-Session-Path": "/try",
        "Helicone-User-Id": "you",
    }
    try:
        transport, listener = await ws_connect(_Events, address, extra_headers=headers)
    except WSHandshakeError as exc:
        status = exc.response.status if exc.response else "no"
        body = (exc.raw_body or b"").decode("utf-8", "replace")
        raise OperatorError(f"{parts.netloc} refused the call: {status} {body}") from exc
    except OSError as exc:
        raise OperatorError(f"nothing answers at {url}: start it with `trunkline up`") from exc
    if not isinstance(listener, _Events):
        raise TypeError("picows returned a listener that we did not make")
    return transport, listener


async def _speak_clip(transport: WSTransport) -> None:
    step = RATE_HZ * 2 * CHUNK_MS // 1000
    speech = _clip() + bytes(RATE_HZ * 2 * SILENCE_AFTER_MS // 1000)
    for at in range(0, len(speech), step):
        audio = base64.b64encode(speech[at : at + step]).decode("ascii")
        event = {"type": "input_audio_buffer.append", "audio": audio}
        transport.send(WSMsgType.TEXT, msgspec.json.encode(event))
        await asyncio.sleep(CHUNK_MS / 1000)


def _clip() -> bytes:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    with (
        resources.as_file(CLIP) as path,
        av.open(str(path)) as container,
    ):
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).tobytes()


async def _report(events: _Events, write: Callable[[str], object]) -> None:
    while (event := await events.queue.get()) is not None:
        match event["type"]:
            case "conversation.item.input_audio_transcription.completed":
                write(f"You:       {event['transcript']}\n")
            case "response.output_audio_transcript.done":
                write(f"Assistant: {event['transcript']}\n")
            case "response.done":
                return
            case "error":
                raise OperatorError(f"the provider answered: {event['error']['message']}")
            case _:
                pass
    raise OperatorError("the call ended before an answer came")
