"""Records golden conversations: `.venv/bin/python -m tests.golden.record [name …]`.

Each function below is one call: an application that speaks recorded human speech, live,
through a whole Trunkline to its simulator. What the journal had of it is taken out of the
sealed archive and written down by `tests.golden.written`. Times differ from one recording
to the next, so `--update-golden` follows, and the diff is reviewed: tests/golden/README.md
says what each call must show.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.golden.written import written
from tests.support import golden
from tests.support.caller import Caller
from tests.support.running import Running, running
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from trunkline.journal.record import Record
from trunkline.protocol.formats import PCM_24K, PCMU, Format
from trunkline.store.archive import ArchiveReader
from trunkline.store.blobs import Blobs

SEED = "seed:20261120"
GATEWAY = "/v1/gateway/oai/realtime"
ABOUT = {
    "Helicone-Session-Id": "ses-golden",
    "Helicone-Session-Name": "Golden",
    "Helicone-Session-Path": "/golden",
    "Helicone-User-Id": "user-1",
    "Helicone-Property-Environment": "test",
}
DETECTION = {"type": "server_vad", "silence_duration_ms": 500}
HEARD = {"transcription": {"model": "gpt-4o-mini-transcribe"}, "turn_detection": DETECTION}
MOVE = {
    "type": "function",
    "name": "move",
    "description": "Drive the robot forward",
    "parameters": {"type": "object", "properties": {"distance_meters": {"type": "number"}}},
}
LATE_MS = 9000

Script = Callable[[Caller], Awaitable[None]]


async def configured(caller: Caller, heard: dict[str, Any] | None = None, **more: Any) -> None:
    session = {"type": "realtime", "audio": {"input": {**HEARD, **(heard or {})}}, **more}
    await caller.send("session.update", session=session)
    await caller.until("session.updated")
    await caller.silent(0.6)


async def asked(caller: Caller, clip: str, besides_s: float = 0.4) -> None:
    """Say a clip, and listen to the whole answer."""
    await caller.say(clip)
    await caller.until("response.done")
    await caller.heard(besides_s)


async def clean_turns(caller: Caller) -> None:
    """Two spoken turns, nobody interrupts."""
    await configured(caller, instructions="Be brief and kind.")
    await asked(caller, "go_forward", 0.9)
    await asked(caller, "young_man")


async def barge_in(caller: Caller) -> None:
    """The second answer is spoken over while it is still being made."""
    await configured(caller)
    await asked(caller, "go_forward", 0.5)
    await caller.say("amiable")
    await caller.until("response.output_audio.delta")
    await caller.silent(0.6)
    await caller.say("cards")
    await caller.until("response.done")
    await caller.until("response.done")
    await caller.heard()


async def tool_call(caller: Caller) -> None:
    """The answer needs a function, which takes a second; then it is spoken."""
    await configured(caller, tools=[MOVE])
    await caller.say("go_forward")
    called = await caller.until("response.function_call_arguments.done")
    await caller.until("response.done")
    await caller.silent(0.4)
    output = {"call_id": called["call_id"], "output": '{"moved_meters": 10}'}
    item = {"type": "function_call_output", **output}
    await caller.send("conversation.item.create", item=item)
    await caller.send("response.create")
    await caller.until("response.done")
    await caller.heard()


async def transcription_late(caller: Caller) -> None:
    """The words of the first turn come after the second answer; those of the second never."""
    await configured(caller)
    await asked(caller, "go_forward", 0.3)
    await asked(caller, "young_man", 0)
    await caller.until("conversation.item.input_audio_transcription.completed")


async def text_only(caller: Caller) -> None:
    """Typed, and answered in writing; one answer is cut by a limit, one event is refused."""
    session = {"type": "realtime", "output_modalities": ["text"]}
    await caller.send("session.update", session=session)
    await caller.until("session.updated")
    for text in ("What is the weather in Paris?", "Thank you."):
        await caller.type(text)
        await caller.until("response.done")
        await asyncio.sleep(1)
    await caller.send("response.create", response={"max_output_tokens": 4})
    await caller.until("response.done")
    await caller.send("no.such.event", event_id="mine_1")
    await caller.until("error")


async def g711(caller: Caller) -> None:
    """A telephone: mu-law both ways."""
    ulaw = {"type": "audio/pcmu"}
    audio = {"input": {"format": ulaw, **HEARD}, "output": {"format": ulaw, "voice": "cedar"}}
    await configured(caller, audio=audio)
    await asked(caller, "selfish")


async def provider_drops(caller: Caller) -> None:
    """The provider is lost in the middle of its answer."""
    await configured(caller)
    # The microphone is still on when it happens.
    with contextlib.suppress(ConnectionClosed):
        await caller.say("go_forward", then_ms=3000)
    await caller.gone()


PLAN: dict[str, tuple[Script, dict[str, str], Format]] = {
    "clean_turns": (clean_turns, {}, PCM_24K),
    "barge_in": (barge_in, {"simulate": "burst:2"}, PCM_24K),
    "tool_call": (tool_call, {}, PCM_24K),
    "transcription_late": (
        transcription_late,
        {"simulate": f"transcription_timing:after,transcription_ms:{LATE_MS}"},
        PCM_24K,
    ),
    "text_only": (text_only, {"model": "gpt-realtime-2.1-mini"}, PCM_24K),
    "g711": (g711, {}, PCMU),
    "provider_drops": (provider_drops, {"simulate": "drop_after_deltas:14"}, PCM_24K),
}
"""Script, query beside the model, and how sound is coded; `refused` is no call."""


async def call(started: Running, name: str) -> str:
    """Make one call, and hang up; return its id."""
    script, query, format_ = PLAN[name]
    target = f"{GATEWAY}?{urlencode({'model': 'gpt-realtime-2.1', **query})}"
    headers = {"Authorization": "Bearer sk-of-the-provider", **ABOUT, **started.headers}
    async with connect(
        started.websocket_url + target, additional_headers=headers, user_agent_header="golden/1"
    ) as connection:
        await script(Caller(connection, format_))
    assert connection.response is not None
    return connection.response.headers["Helicone-Id"]


async def refused(started: Running) -> str:
    """Azure refuses the key at the handshake."""
    target = f"{GATEWAY}?resource=acme&deployment=voice"
    headers = {"api-key": "bad-key-of-the-provider", **started.headers}
    with contextlib.suppress(InvalidStatus):
        async with connect(
            started.websocket_url + target, additional_headers=headers, user_agent_header="golden/1"
        ):
            raise AssertionError("a bad key was let in")
    calls = started.wait(lambda: started.get("/v1/calls?status=refused").json()["data"])
    return calls[0]["id"]


async def archived(started: Running, call_id: str) -> list[Record]:
    """Return all records of a call that is over."""
    blobs = started.data / "blobs"
    (path,) = started.wait(lambda: list(blobs.glob(f"**/*{call_id}*/archive*")))
    key = str(path.relative_to(blobs))
    reader = await ArchiveReader.open(Blobs.open("", blobs), key)
    return [record async for record in reader.records()]


async def record(started: Running, names: list[str]) -> None:
    for name in names:
        dialled = refused(started) if name == "refused" else call(started, name)
        call_id = await dialled
        await asyncio.to_thread(started.sealed, call_id, audio=False)
        text = written(await archived(started, call_id))
        (golden.GOLDEN / f"{name}.jsonl").write_text(text, "utf-8")


def main(names: list[str]) -> None:
    """Record the calls named, or all of them."""
    env = {"TRUNKLINE_SIMULATOR_SWITCHES": SEED}
    with (
        tempfile.TemporaryDirectory(prefix="golden-") as directory,
        running(Path(directory) / "data", "--simulator", env=env) as started,
    ):
        asyncio.run(record(started, names or [*PLAN, "refused"]))


if __name__ == "__main__":
    main(sys.argv[1:])
