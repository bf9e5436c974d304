"""Make the pictures in docs/images: a real conversation with the simulator, on the real page.

    .venv/bin/python -m scripts.make_screenshots

Needs what the tests need (`make test` installs it).
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from tests.support.browsing import open_browser
from tests.support.calling import LISTENING, Connected, calling
from tests.support.running import ROOT, Running, running, sign_in_link

IMAGES = ROOT / "docs" / "images"
SLOTS = '{"slots": ["15:30", "16:00", "17:15"]}'
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
    **LISTENING,
    "instructions": "You are the receptionist of a dental clinic.",
    "tools": [FIND_SLOT],
}
HEADERS = {
    "Helicone-Session-Id": "session_1",
    "Helicone-Session-Name": "Reschedule appointment",
    "Helicone-Session-Path": "/voice-assistant/conversation",
    "Helicone-User-Id": "user_123",
    "Helicone-Property-Tenant": "north-clinic",
}


async def converse(started: Running) -> str:
    """Have a conversation with a barge-in and a tool call; return the call's id."""
    async with calling(started, **HEADERS) as caller:
        await caller.configure(SESSION)
        await caller.silent(0.8)
        await caller.say("go_forward")
        await caller.answered()
        await caller.heard(0.8)
        await interrupt(caller)
        await use_a_tool(caller)
        await caller.say("young_man")
        await caller.answered()
        await caller.heard(0.5)
        return caller.call_id


async def interrupt(caller: Connected) -> None:
    """Speak while the assistant tells a story."""
    await caller.type("Tell me a story.")
    await caller.until("response.output_audio.delta")
    await caller.silent(4.2)
    await caller.say("cards")
    await caller.answered()
    await caller.heard(1.0)


async def use_a_tool(caller: Connected) -> None:
    """Let the assistant wait for us."""
    await caller.type("Find me a slot on Tuesday, please.")
    called = await caller.until("response.function_call_arguments.done")
    await caller.answered()
    await caller.silent(1.9)
    slots = {"type": "function_call_output", "call_id": called["call_id"], "output": SLOTS}
    await caller.send("conversation.item.create", item=slots)
    await caller.send("response.create")
    await caller.answered()
    await caller.heard(0.7)


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
                page.wait_for_url("**/overview")
                context.storage_state(path=directory / "cookies.json")
            for name, path in (
                ("call", f"/calls/{call_id}"), ("calls", "/calls"), ("keys", "/keys"),
                ("sessions", "/sessions"), ("session", "/sessions/session_1"),
                ("system", "/system"),
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
