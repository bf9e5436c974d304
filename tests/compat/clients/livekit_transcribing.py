"""livekit's OpenAI plugin, which only listens."""

import asyncio

import stage
from livekit import rtc
from livekit.agents import stt
from livekit.agents.utils import http_context

RATE = 24_000


async def main() -> None:
    async with http_context.open():
        from documented import transcriber  # it needs the loop

        seen, stream = stage.Seen(), transcriber.stream()
        for clip in (stage.SPOKEN, stage.SPOKEN_OVER):
            speaking = asyncio.create_task(speak(stream, clip))
            seen.answer(await heard(stream))
            await speaking
        await stream.aclose()
        await transcriber.aclose()
    seen.report()


async def speak(stream: stt.RecognizeStream, clip: str) -> None:
    for chunk in stage.chunks(clip):
        stream.push_frame(rtc.AudioFrame(chunk, RATE, 1, len(chunk) // 2))
        await asyncio.sleep(stage.CHUNK_MS / 1000)


async def heard(stream: stt.RecognizeStream) -> str:
    async with asyncio.timeout(stage.WAIT_S):
        async for event in stream:
            if event.type is stt.SpeechEventType.FINAL_TRANSCRIPT:
                return event.alternatives[0].text
    raise AssertionError("the call ended without a transcript")


asyncio.run(main())
