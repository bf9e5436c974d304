"""aiohttp's WebSocket client; it offers compression, and reacts instead of waiting."""

import asyncio
import json
from base64 import b64decode, b64encode
from typing import Any

import aiohttp
import stage
from documented import headers, url


class Caller:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.seen, self.speaker = stage.Seen(), stage.Loudspeaker()
        self._speaking: asyncio.Task[None] | None = None
        self._script = stage.conversation()
        self._act = ""

    async def call(self) -> None:
        await self._send("session.update", session=stage.SESSION)
        async with asyncio.timeout(stage.WAIT_S):
            async for message in self._socket:
                assert message.type is aiohttp.WSMsgType.TEXT, message
                await self._take(json.loads(message.data))

    async def _take(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "error":
                raise AssertionError(event)
            case "session.updated":
                await self._next()
            case "response.output_audio.delta":
                self.speaker.play(event["item_id"], b64decode(event["delta"]))
                if self._act == "story" and self._speaking is None:
                    self._speak(stage.SPOKEN_OVER)
            case "response.output_audio_transcript.done":
                self.seen.answer(event["transcript"])
            case "response.function_call_arguments.done":
                self.seen.tool(event["name"], event["arguments"])
                item = stage.output_item(event["call_id"])
                await self._send("conversation.item.create", item=item)
            case "input_audio_buffer.speech_started" if cut := self.speaker.stop():
                self.seen.truncated(cut["audio_end_ms"])
                await self._send("conversation.item.truncate", **cut)
            case "response.done":
                await self._done(event["response"])

    async def _done(self, response: dict[str, Any]) -> None:
        if response["output"][0]["type"] == "function_call":
            await self._send("response.create")
        elif response["status"] == "completed":
            await self._next()

    async def _next(self) -> None:
        self._act = next(self._script)
        match self._act:
            case "greet":
                await self._type(stage.GREETING)
            case "ask":
                await self._type(stage.QUESTION)
            case "speak":
                await asyncio.sleep(self.speaker.left_s)
                self._speak(stage.SPOKEN)
            case "story":
                await self._spoken()
                await asyncio.sleep(self.speaker.left_s)
                await self._type(stage.STORY)
            case _:
                await self._spoken()
                await self._socket.close()

    async def _send(self, kind: str, **fields: Any) -> None:
        await self._socket.send_json({"type": kind, **fields})

    async def _type(self, text: str) -> None:
        await self._send("conversation.item.create", item=stage.text_item(text))
        await self._send("response.create")

    def _speak(self, clip: str) -> None:
        self._speaking = asyncio.create_task(self._append(clip))

    async def _append(self, clip: str) -> None:
        for chunk in stage.chunks(clip):
            await self._send("input_audio_buffer.append", audio=b64encode(chunk).decode())
            await asyncio.sleep(stage.CHUNK_MS / 1000)

    async def _spoken(self) -> None:
        assert self._speaking is not None
        await self._speaking
        self._speaking = None


async def main() -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(url, headers=headers, compress=15) as socket,
    ):
        caller = Caller(socket)
        await caller.call()
    caller.seen.report(audio_bytes=caller.speaker.bytes)


asyncio.run(main())
