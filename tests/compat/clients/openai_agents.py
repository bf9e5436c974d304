"""openai-agents for Python: it calls tools and truncates by itself."""

import asyncio
from typing import Any

import stage
from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession
from documented import model_config


@function_tool
async def get_weather(city: str) -> str:
    """The weather in a city."""
    return stage.WEATHER


class Caller:
    def __init__(self, session: RealtimeSession) -> None:
        self._session = session
        self.seen, self.speaker = stage.Seen(), stage.Loudspeaker()
        self._transcripts: dict[str, str] = {}
        self._events = aiter(session)

    async def until(self, kind: str) -> Any:
        async with asyncio.timeout(stage.WAIT_S):
            async for event in self._events:
                self._take(event)
                if event.type == kind:
                    return event
        raise AssertionError(f"the call ended without {kind}")

    def _take(self, event: Any) -> None:
        match event.type:
            case "error":
                raise AssertionError(event)
            case "audio":
                self.speaker.play(event.item_id, event.audio.data)
            case "audio_interrupted":
                self.speaker.stop()
                self.seen.truncated()
            case "tool_end":
                self.seen.tool(event.tool.name, event.arguments)
            case "raw_model_event" if event.data.type == "transcript_delta":
                said = self._transcripts.get(event.data.item_id, "")
                self._transcripts[event.data.item_id] = said + event.data.delta

    async def speak(self, clip: str) -> None:
        for chunk in stage.chunks(clip):
            await self._session.send_audio(chunk)
            await asyncio.sleep(stage.CHUNK_MS / 1000)

    async def heard(self) -> None:
        await asyncio.sleep(self.speaker.left_s)

    def report(self) -> None:
        for text in self._transcripts.values():
            self.seen.answer(text)
        self.seen.report(audio_bytes=self.speaker.bytes)


async def main() -> None:
    agent = RealtimeAgent(
        name="Assistant", instructions="You are a helpful assistant.", tools=[get_weather]
    )
    settings = {"audio": {"input": stage.LISTENING}}
    session = await RealtimeRunner(agent).run(
        model_config={**model_config, "initial_model_settings": settings}
    )
    async with session:
        caller = Caller(session)
        await session.send_message(stage.GREETING)
        await caller.until("agent_end")

        await session.send_message(stage.QUESTION)
        await caller.until("tool_end")
        await caller.until("audio_end")
        await caller.until("agent_end")
        await caller.heard()

        speaking = asyncio.create_task(caller.speak(stage.SPOKEN))
        await caller.until("audio_end")
        await caller.until("agent_end")
        await speaking
        await caller.heard()

        await session.send_message(stage.STORY)
        await caller.until("audio")
        speaking = asyncio.create_task(caller.speak(stage.SPOKEN_OVER))
        await caller.until("audio_interrupted")
        await caller.until("agent_end")
        await caller.until("audio_end")
        await caller.until("agent_end")
        await speaking
    caller.report()


asyncio.run(main())
