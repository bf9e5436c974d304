"""The official SDK for Python, synchronous: one thread reads, another speaks."""

import threading
import time
from base64 import b64decode, b64encode
from typing import Any

import stage
from documented import client
from openai.resources.realtime.realtime import RealtimeConnection


class Caller:
    def __init__(self, connection: RealtimeConnection) -> None:
        self._connection = connection
        self.seen, self.speaker = stage.Seen(), stage.Loudspeaker()

    def until(self, kind: str) -> Any:
        for event in self._connection:
            self._take(event)
            if event.type == kind:
                return event
        raise AssertionError(f"the call ended without {kind}")

    def _take(self, event: Any) -> None:
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
                self._connection.conversation.item.truncate(**cut)

    def type(self, text: str) -> None:
        self._connection.conversation.item.create(item=stage.text_item(text))
        self._connection.response.create()

    def speak(self, clip: str) -> threading.Thread:
        speaking = threading.Thread(target=self._speak, args=(clip,))
        speaking.start()
        return speaking

    def _speak(self, clip: str) -> None:
        for chunk in stage.chunks(clip):
            self._connection.input_audio_buffer.append(audio=b64encode(chunk).decode())
            time.sleep(stage.CHUNK_MS / 1000)

    def answered(self) -> None:
        while self.until("response.done").response.status != "completed":
            pass

    def heard(self) -> None:
        time.sleep(self.speaker.left_s)


def main() -> None:
    with client.realtime.connect(model=stage.MODEL) as connection:
        caller = Caller(connection)
        connection.session.update(session=stage.SESSION)
        caller.type(stage.GREETING)
        caller.answered()

        caller.type(stage.QUESTION)
        called = caller.until("response.function_call_arguments.done")
        caller.answered()
        connection.conversation.item.create(item=stage.output_item(called.call_id))
        connection.response.create()
        caller.answered()
        caller.heard()

        speaking = caller.speak(stage.SPOKEN)
        caller.answered()
        speaking.join()
        caller.heard()

        caller.type(stage.STORY)
        caller.until("response.output_audio.delta")
        speaking = caller.speak(stage.SPOKEN_OVER)
        caller.answered()
        speaking.join()
    caller.seen.report(audio_bytes=caller.speaker.bytes)


main()
