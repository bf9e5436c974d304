"""pipecat's OpenAI service in a pipeline: it answers tools and truncates by itself."""

import asyncio
import json

import documented
import stage
from pipecat.adapters.schemas.function_schema import FunctionSchema
from pipecat.adapters.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMRunFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.realtime import events
from pipecat.workers.runner import WorkerRunner

RATE = 24_000


class Speaker(FrameProcessor):
    """The end of the pipeline: what a transport would play."""

    def __init__(self, seen: stage.Seen) -> None:
        super().__init__()
        self._seen, self._words = seen, []
        self.playing, self.answered = asyncio.Event(), asyncio.Queue[str]()
        self.loud = stage.Loudspeaker()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case TTSAudioRawFrame():
                self.loud.play("", frame.audio)
                self.playing.set()
            case TTSTextFrame():
                self._words.append(frame.text)
            case InterruptionFrame() if self.loud.stop():
                self._seen.truncated()
            case LLMFullResponseEndFrame() if self._words:
                self._seen.answer("".join(self._words))
                self._words.clear()
                self.playing.clear()
                self.answered.put_nowait("")
            case ErrorFrame():
                raise AssertionError(frame.error)
            case _:
                pass
        await self.push_frame(frame, direction)


async def main() -> None:
    seen = stage.Seen()
    speaker = Speaker(seen)
    llm = documented.llm
    properties = events.SessionProperties(
        instructions="You are a helpful assistant.",
        audio=events.AudioConfiguration(
            input=events.AudioInput(
                transcription=events.InputAudioTranscription(**stage.LISTENING["transcription"]),
                turn_detection=events.TurnDetection(**stage.LISTENING["turn_detection"]),
            )
        ),
    )
    llm._settings.session_properties = properties

    async def get_weather(params: FunctionCallParams) -> None:
        seen.tool(params.function_name, json.dumps(params.arguments))
        await params.result_callback(stage.WEATHER)

    llm.register_function(stage.TOOL_NAME, get_weather)
    schema = stage.TOOL["parameters"]
    tool = FunctionSchema(
        name=stage.TOOL_NAME,
        description=stage.TOOL["description"],
        properties=schema["properties"],
        required=schema["required"],
    )
    context = LLMContext(
        [{"role": "user", "content": stage.QUESTION}], ToolsSchema(standard_tools=[tool])
    )
    user, assistant = LLMContextAggregatorPair(context)
    worker = PipelineWorker(
        Pipeline([user, llm, speaker, assistant]),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
    )

    async def speak(clip: str) -> None:
        for chunk in stage.chunks(clip):
            await worker.queue_frame(InputAudioRawFrame(chunk, RATE, 1))
            await asyncio.sleep(stage.CHUNK_MS / 1000)

    async def converse() -> None:
        async with asyncio.timeout(stage.WAIT_S):
            await worker.queue_frame(LLMRunFrame())
            await speaker.answered.get()
            await asyncio.sleep(speaker.loud.left_s)

            await speak(stage.SPOKEN)
            await speaker.answered.get()
            await asyncio.sleep(speaker.loud.left_s)

            await llm.send_client_event(
                events.ConversationItemCreateEvent(
                    item=events.ConversationItem(**stage.text_item(stage.STORY))
                )
            )
            await llm.send_client_event(events.ResponseCreateEvent())
            await speaker.playing.wait()
            await speak(stage.SPOKEN_OVER)
            await speaker.answered.get()
            await speaker.answered.get()
            await worker.queue_frame(EndFrame())

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    conversing = asyncio.create_task(converse())
    await runner.run()
    await conversing
    seen.report(audio_bytes=speaker.loud.bytes)


asyncio.run(main())
