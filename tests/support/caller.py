"""A caller for real calls: a microphone, a loudspeaker, and an application between them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from base64 import b64encode
from typing import Any

import numpy as np
import soxr
from tests.support import speech
from tests.support.patience import PATIENCE_S
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from trunkline.protocol.audio import duration_us, encode_pcm16
from trunkline.protocol.formats import PCM_24K, Format

CHUNK_MS = 100


class Caller:
    """An application at the pace of a microphone and a loudspeaker.

    The microphone is live: a chunk is sent when it is over. The loudspeaker plays an item
    when it comes and the one before it has ended; when the caller speaks over it, it stops,
    and the application truncates the item at what was played.
    """

    def __init__(self, connection: ClientConnection, format_: Format = PCM_24K) -> None:
        self._connection, self._format = connection, format_
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._mic_at_s = 0.0
        self._heard_at_s = 0.0
        self._item: tuple[str, float] = ("", 0.0)
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        # However the call ends, `gone` tells that it has.
        with contextlib.suppress(ConnectionClosed):
            async for frame in self._connection:
                await self._take(json.loads(frame))

    async def _take(self, event: dict[str, Any]) -> None:
        if event["type"] == "response.output_audio.delta":
            self._play(event)
        if event["type"] == "input_audio_buffer.speech_started":
            await self._stop()
        self._events.put_nowait(event)

    def _play(self, event: dict[str, Any]) -> None:
        now_s = asyncio.get_running_loop().time()
        self._heard_at_s = max(self._heard_at_s, now_s)
        if event["item_id"] != self._item[0]:
            self._item = (event["item_id"], self._heard_at_s)
        self._heard_at_s += duration_us(self._format, event["delta"]) / 1_000_000

    async def _stop(self) -> None:
        now_s = asyncio.get_running_loop().time()
        item_id, began_s = self._item
        if self._heard_at_s <= now_s:
            return
        self._heard_at_s = now_s
        await self.send(
            "conversation.item.truncate", item_id=item_id, content_index=0,
            audio_end_ms=max(0, int((now_s - began_s) * 1000)),
        )  # fmt: skip

    async def send(self, kind: str, **fields: Any) -> None:
        """Send one event."""
        await self._connection.send(json.dumps({"type": kind, **fields}))

    async def until(self, kind: str) -> dict[str, Any]:
        """Return the next event of this kind, and forget those before it."""
        async with asyncio.timeout(PATIENCE_S):
            while (event := await self._events.get())["type"] != kind:
                pass
        return event

    async def gone(self) -> None:
        """Wait until the connection has ended, whoever ended it."""
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait([self._reading])

    async def heard(self, besides_s: float = 0.4) -> None:
        """Keep silent until the answer has been played, and for `besides_s` more."""
        left_s = self._heard_at_s - asyncio.get_running_loop().time()
        await self.silent(max(0.0, left_s) + besides_s)

    async def silent(self, duration_s: float) -> None:
        """Let the microphone hear nothing for so long."""
        await self._say(speech.silence(int(duration_s * 1000)))

    async def say(self, name: str, then_ms: int = 900) -> None:
        """Speak a clip of tests/speech, and then be silent for a while."""
        await self._say(speech.load(name) + speech.silence(then_ms))

    async def _say(self, pcm: bytes) -> None:
        clock = asyncio.get_running_loop()
        if clock.time() - self._mic_at_s > CHUNK_MS / 1000:
            self._mic_at_s = clock.time()
        for chunk in speech.chunks(pcm, CHUNK_MS):
            # By the clock and not by pauses, whose delays would add up.
            self._mic_at_s += len(chunk) / (speech.BYTES_PER_MS * 1000)
            await asyncio.sleep(self._mic_at_s - clock.time())
            audio = b64encode(encoded(chunk, self._format)).decode()
            await self.send("input_audio_buffer.append", audio=audio)

    async def type(self, text: str) -> None:
        """Write a message, and ask for an answer."""
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        await self.send("conversation.item.create", item=item)
        await self.send("response.create")


def encoded(pcm: bytes, format_: Format) -> bytes:
    """Return PCM16 of 24 kHz as a telephone would send it."""
    samples = np.frombuffer(pcm, "<i2")
    if format_.rate_hz != speech.RATE:
        samples = soxr.resample(samples, speech.RATE, format_.rate_hz)
    return encode_pcm16(format_, samples)
