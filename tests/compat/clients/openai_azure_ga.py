"""The official SDK's Azure class with its GA vocabulary, on the preview path, which is beta."""

import asyncio
from base64 import b64decode, b64encode
from typing import Any

import stage
from documented import connecting
from openai.resources.realtime.realtime import AsyncRealtimeConnection


class Caller:
    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self._connection = connection
        self.seen, self.speaker = stage.Seen(), stage.Loudspeaker()

    async def until(self, kind: str) -> Any:
        async with asyncio.timeout(stage.WAIT_S):
            async for event in self._connection:
                await self._take(event)
                if event.type == kind:
                    return event
        raise AssertionError(f"the call ended without {kind}")

    async def _take(self, event: Any) -> None:
        match event.type:
            case "error":
                raise AssertionError(event)
            case "response.output_audio.delta":
                self.speaker.play(event.item_id, b64decode(event.delta))
            case "response.output_audio_transcript.done":
                self.seen.answer(event.transcript)
            case "response.function_call_arguments.done":
                self.seen.tool(event.name, event.arguments)
            case "input_audio_buffer.speech_started" if cut := self.speaker.stop():
                self.seen.truncated(cut["audio_end_ms"])
                await self._connection.conversation.item.truncate(**cut)

    async def type(self, text: str) -> None:
        await self._connection.conversation.item.create(item=stage.text_item(text))
        await self._connection.response.create()

    async def speak(self, clip: str) -> None:
        for chunk in stage.chunks(clip):
            await self._connection.input_audio_buffer.append(audio=b64encode(chunk).decode())
            await asyncio.sleep(stage.CHUNK_MS / 1000)

    async def answered(self) -> None:
        while (await self.until("response.done")).response.status != "completed":
            pass

    async def heard(self) -> None:
        await asyncio.sleep(self.speaker.left_s)


async def main() -> None:
    async with connecting as connection:
        caller = Caller(connection)
        await connection.session.update(session=stage.SESSION)
        await caller.type(stage.GREETING)
        await caller.answered()

        await caller.type(stage.QUESTION)
        called = await caller.until("response.function_call_arguments.done")
        await caller.answered()
        await connection.conversation.item.create(item=stage.output_item(called.call_id))
        await connection.response.create()
        await caller.answered()
        await caller.heard()

        speaking = asyncio.create_task(caller.speak(stage.SPOKEN))
        await caller.answered()
        await speaking
        await caller.heard()

        await caller.type(stage.STORY)
        await caller.until("response.output_audio.delta")
        speaking = asyncio.create_task(caller.speak(stage.SPOKEN_OVER))
        await caller.answered()
        await speaking
    caller.seen.report(audio_bytes=caller.speaker.bytes)


asyncio.run(main())
