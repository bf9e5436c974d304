"""Make the pictures in docs/images: a real conversation with the simulator, on the real page.

    .venv/bin/python -m scripts.make_screenshots

Needs what the tests need (`make test` installs it).
"""

from __future__ import annotations

import asyncio
import base64
import json
import tempfile
from pathlib import Path
from typing import Any

from tests.support import speech
from tests.support.browsing import open_browser
from tests.support.running import ROOT, Running, running
from trunkline.store.control.store import ControlStore
from websockets.asyncio.client import ClientConnection, connect

IMAGES = ROOT / "docs" / "images"
CHUNK_MS = 100
FIND_SLOT = {
    "type": "function",
    "name": "find_slot",
    "description": "Find a free slot for an appointment",
    "parameters": {
        "type": "object",
        "properties": {"day": {"type": "string"}, "after": {"type": "string"}},
    },
}
SESSION = {
    "type": "realtime",
    "instructions": "You are the receptionist of a dental clinic.",
    "tools": [FIND_SLOT],
    "audio": {
        "input": {
            "transcription": {"model": "gpt-4o-mini-transcribe"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 500},
        }
    },
}


class Caller:
    """An application at the pace of a microphone and a loudspeaker."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._heard_at_s = 0.0
        self._item: tuple[str, float] = ("", 0.0)
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for frame in self._connection:
            event = json.loads(frame)
            now_s = asyncio.get_running_loop().time()
            if event["type"] == "response.output_audio.delta":
                if event["item_id"] != self._item[0]:
                    self._item = (event["item_id"], now_s)
                duration_s = len(base64.b64decode(event["delta"])) / 48_000
                self._heard_at_s = max(self._heard_at_s, now_s) + duration_s
            if event["type"] == "input_audio_buffer.speech_started" and self._heard_at_s > now_s:
                self._heard_at_s = now_s
                audio_end_ms = int((now_s - self._item[1]) * 1000)
                await self.send("conversation.item.truncate", item_id=self._item[0],
                                content_index=0, audio_end_ms=audio_end_ms)  # fmt: skip
            self._events.put_nowait(event)

    async def send(self, kind: str, **fields: Any) -> None:
        await self._connection.send(json.dumps({"type": kind, **fields}))

    async def until(self, kind: str) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while (event := await self._events.get())["type"] != kind:
                pass
        return event

    async def heard(self, besides_s: float = 0.4) -> None:
        """Wait until the answer has been played."""
        left_s = self._heard_at_s - asyncio.get_running_loop().time()
        await self.silent(max(0.0, left_s) + besides_s)

    async def silent(self, duration_s: float) -> None:
        await self._say(speech.silence(int(duration_s * 1000)))

    async def say(self, name: str, then_ms: int = 900) -> None:
        await self._say(speech.load(name) + speech.silence(then_ms))

    async def _say(self, pcm: bytes) -> None:
        for chunk in speech.chunks(pcm, CHUNK_MS):
            await self.send("input_audio_buffer.append", audio=base64.b64encode(chunk).decode())
            await asyncio.sleep(CHUNK_MS / 1000)

    async def type(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        await self.send("conversation.item.create", item=item)
        await self.send("response.create")


async def converse(started: Running) -> str:
    """Have a conversation with a barge-in and a tool call; return the call's id."""
    url = f"{started.websocket_url}/v1/gateway/oai/realtime?model=gpt-realtime-2.1"
    headers = {
        "Authorization": "Bearer sk-of-the-provider",
        "Helicone-Session-Id": "session_1",
        "Helicone-Session-Name": "Reschedule appointment",
        "Helicone-Session-Path": "/voice-assistant/conversation",
        "Helicone-User-Id": "user_123",
        "Helicone-Property-Tenant": "north-clinic",
        **started.headers,
    }
    async with connect(url, additional_headers=headers) as connection:
        caller = Caller(connection)
        await caller.send("session.update", session=SESSION)
        await caller.until("session.updated")
        await caller.silent(0.8)
        await caller.say("go_forward")
        await caller.until("response.done")
        await caller.heard(0.8)
        await caller.type("Tell me a story.")
        await caller.until("response.output_audio.delta")
        await caller.silent(4.2)
        await caller.say("cards")
        await caller.until("response.done")
        await caller.heard(1.0)
        await caller.type("Find me a slot on Tuesday, please.")
        called = await caller.until("response.function_call_arguments.done")
        await caller.silent(1.9)
        output = {"type": "function_call_output", "call_id": called["call_id"],
                  "output": '{"slots": ["15:30", "16:00", "17:15"]}'}  # fmt: skip
        await caller.send("conversation.item.create", item=output)
        await caller.send("response.create")
        await caller.until("response.output_audio.done")
        await caller.heard(0.7)
        await caller.say("young_man")
        await caller.until("response.done")
        await caller.heard(0.5)
        assert connection.response is not None
        return connection.response.headers["Helicone-Id"]


async def sign_in_link(started: Running) -> str:
    async with ControlStore.opened(
        f"sqlite+aiosqlite:///{started.data}/control.sqlite3"
    ) as control:
        return f"{started.url}/sign-in/{await control.issue_sign_in_link()}"


def take(started: Running, call_id: str, link: str, directory: Path) -> None:
    """Take the pictures that README and docs show, and more to look at."""
    for browser in open_browser():
        for scheme, width in (("light", 1440), ("dark", 1440), ("light", 390)):
            context = browser.new_context(
                base_url=started.url,
                color_scheme=scheme,
                viewport={"width": width, "height": 1000},
                storage_state=directory / "cookies.json"
                if width == 390 or scheme == "dark"
                else None,
            )
            page = context.new_page()
            if scheme == "light" and width == 1440:
                page.goto(link)
                page.get_by_role("button", name="Open the dashboard").click()
                page.wait_for_url("**/calls")
                context.storage_state(path=directory / "cookies.json")
            for name, path in (
                ("call", f"/calls/{call_id}"), ("calls", "/calls"), ("keys", "/keys"),
                ("sessions", "/sessions"), ("session", "/sessions/session_1"),
            ):  # fmt: skip
                page.goto(path)
                page.wait_for_timeout(600)
                shot = directory / f"{name}-{scheme}-{width}.png"
                page.screenshot(path=shot, full_page=True)
                if name == "call" and scheme == "light" and width == 1440:
                    page.screenshot(path=IMAGES / "call.png")
            context.close()


def main() -> None:
    directory = Path(tempfile.mkdtemp(prefix="screenshots-"))
    IMAGES.mkdir(exist_ok=True)
    with running(directory / "data", "--simulator") as started:
        call_id = asyncio.run(converse(started))
        started.sealed(call_id)
        take(started, call_id, asyncio.run(sign_in_link(started)), directory)
    print(directory)


if __name__ == "__main__":
    main()
