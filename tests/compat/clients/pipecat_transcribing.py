"""pipecat's service that only listens."""

import asyncio

import documented
import stage
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    TranscriptionFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

RATE = 24_000


class Reader(FrameProcessor):
    """The end of the pipeline: what an application would read."""

    def __init__(self, seen: stage.Seen) -> None:
        super().__init__()
        self._seen, self.read = seen, asyncio.Queue[str]()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, ErrorFrame):
            raise AssertionError(frame.error)
        if isinstance(frame, TranscriptionFrame):
            self._seen.answer(frame.text)
            self.read.put_nowait(frame.text)
        await self.push_frame(frame, direction)


async def main() -> None:
    seen = stage.Seen()
    reader = Reader(seen)
    worker = PipelineWorker(
        Pipeline([documented.transcriber, reader]),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
    )

    async def converse() -> None:
        async with asyncio.timeout(stage.WAIT_S):
            for clip in (stage.SPOKEN, stage.SPOKEN_OVER):
                for chunk in stage.chunks(clip):
                    await worker.queue_frame(InputAudioRawFrame(chunk, RATE, 1))
                    await asyncio.sleep(stage.CHUNK_MS / 1000)
                await reader.read.get()
            await worker.queue_frame(EndFrame())

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    conversing = asyncio.create_task(converse())
    await runner.run()
    await conversing
    seen.report()


asyncio.run(main())
