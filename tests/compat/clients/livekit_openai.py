"""livekit-agents with its OpenAI plugin: the framework answers tools and truncates."""

import asyncio
import json
import time
from typing import Any

import stage
from livekit import rtc
from livekit.agents import Agent, AgentSession, function_tool
from livekit.agents.voice import io
from openai.types.realtime import AudioTranscription
from openai.types.realtime.realtime_audio_input_turn_detection import ServerVad

RATE = 24_000


class Microphone(io.AudioInput):
    """A silent room, in which a clip is said at times."""

    def __init__(self) -> None:
        super().__init__(label="microphone")
        self._frames: asyncio.Queue[bytes] = asyncio.Queue()

    async def __anext__(self) -> rtc.AudioFrame:
        pcm = await self._frames.get()
        return rtc.AudioFrame(pcm, RATE, 1, len(pcm) // 2)

    async def speak(self, clip: str) -> None:
        for chunk in stage.chunks(clip):
            self._frames.put_nowait(chunk)
            await asyncio.sleep(stage.CHUNK_MS / 1000)


class Speaker(io.AudioOutput):
    """Plays in its head, and tells the framework how much of it."""

    def __init__(self) -> None:
        capabilities = io.AudioOutputCapabilities(pause=False)
        super().__init__(label="speaker", capabilities=capabilities, sample_rate=RATE)
        self.bytes, self.interrupted_ms = 0, []
        self.playing = asyncio.Event()
        self._began_s, self._captured_s = 0.0, 0.0
        self._ending: asyncio.Task[None] | None = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self._captured_s:
            self._began_s = time.monotonic()
            self.on_playback_started(created_at=time.time())  # noqa: TID251
            self.playing.set()
        self.bytes += len(frame.data) * 2
        self._captured_s += frame.duration

    def flush(self) -> None:
        super().flush()
        if self._captured_s:
            self._ending = asyncio.create_task(self._play_out())

    def clear_buffer(self) -> None:
        if self._captured_s:
            played_s = min(self._captured_s, time.monotonic() - self._began_s)
            self._finish(played_s, interrupted=played_s < self._captured_s)

    async def _play_out(self) -> None:
        await asyncio.sleep(max(0.0, self._began_s + self._captured_s - time.monotonic()))
        self._ending = None
        self._finish(self._captured_s, interrupted=False)

    def _finish(self, played_s: float, *, interrupted: bool) -> None:
        if self._ending:
            self._ending.cancel()
        self._ending, self._captured_s = None, 0.0
        self.playing.clear()
        if interrupted:
            self.interrupted_ms.append(int(played_s * 1000))
        self.on_playback_finished(playback_position=played_s, interrupted=interrupted)


class Assistant(Agent):
    def __init__(self, seen: stage.Seen) -> None:
        super().__init__(instructions="You are a helpful assistant.")
        self._seen = seen

    @function_tool
    async def get_weather(self, city: str) -> str:
        """The weather in a city."""
        self._seen.tool("get_weather", json.dumps({"city": city}))
        return stage.WEATHER


async def main() -> None:
    from documented import http, model  # it needs the loop

    model.update_options(
        input_audio_transcription=AudioTranscription(**stage.LISTENING["transcription"]),
        turn_detection=ServerVad(
            **stage.LISTENING["turn_detection"], create_response=True, interrupt_response=True
        ),
    )
    async with http:
        await converse(model)


async def converse(model: Any) -> None:
    seen, microphone, speaker = stage.Seen(), Microphone(), Speaker()
    spoken: asyncio.Queue[str] = asyncio.Queue()
    async with AgentSession[Any](llm=model) as session:
        session.input.audio, session.output.audio = microphone, speaker

        @session.on("conversation_item_added")
        def _added(event: Any) -> None:
            if getattr(event.item, "role", "") == "assistant":
                seen.answer(event.item.text_content or "")
                spoken.put_nowait(event.item.id)

        await session.start(agent=Assistant(seen))
        async with asyncio.timeout(stage.WAIT_S):
            await session.generate_reply(user_input=stage.GREETING)
            await spoken.get()
            await session.generate_reply(user_input=stage.QUESTION)
            await spoken.get()

            await microphone.speak(stage.SPOKEN)
            await spoken.get()

            story = session.generate_reply(user_input=stage.STORY)
            await speaker.playing.wait()
            await microphone.speak(stage.SPOKEN_OVER)
            await story
            await spoken.get()
            await spoken.get()
    for heard_ms in speaker.interrupted_ms:
        seen.truncated(heard_ms)
    seen.report(audio_bytes=speaker.bytes)


asyncio.run(main())
