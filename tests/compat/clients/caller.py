"""A caller with the official SDK for Python, asynchronous, in either vocabulary."""

import asyncio
from base64 import b64decode, b64encode
from typing import Any, NamedTuple

import stage


class Words(NamedTuple):
    """What the dialects call the same things."""

    sound: str
    transcript: str
    session: Any


GA = Words("response.output_audio.delta", "response.output_audio_transcript.done", stage.SESSION)
BETA = Words("response.audio.delta", "response.audio_transcript.done", stage.BETA_SESSION)


class Caller:
    def __init__(self, connection: Any, words: Words) -> None:
        self._connection, self._words = connection, words
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
            case self._words.sound:
                self.speaker.play(event.item_id, b64decode(event.delta))
            case self._words.transcript:
                self.seen.answer(event.transcript)
            case "response.output_item.done" if event.item.type == "function_call":
                self.seen.tool(event.item.name, event.item.arguments)
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


async def converse(connecting: Any, words: Words = GA) -> None:
    """Have the whole conversation with what `connecting` connects to."""
    async with connecting as connection:
        caller = Caller(connection, words)
        await connection.session.update(session=words.session)
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
        await caller.until(words.sound)
        speaking = asyncio.create_task(caller.speak(stage.SPOKEN_OVER))
        await caller.answered()
        await speaking
    caller.seen.report(audio_bytes=caller.speaker.bytes)
