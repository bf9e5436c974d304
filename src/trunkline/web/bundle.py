"""I/O. A call as one ZIP: its facts, its frames, its recording, and a page that shows them without
a server."""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
import zipfile
from collections.abc import AsyncGenerator
from typing import IO, Final

import msgspec
from fastapi.concurrency import run_in_threadpool

from trunkline.store.archive import ArchiveDamaged
from trunkline.store.blobs import BlobMissing
from trunkline.store.facts.queries_call import marks_of_call
from trunkline.store.facts.queries_traffic import traffic_of_call
from trunkline.store.facts.rows import CallRow
from trunkline.web.api.calls import detail_of
from trunkline.web.api.events import all_lines
from trunkline.web.deps import Dependencies
from trunkline.web.pages.call import facts_of
from trunkline.web.pages.call_facts import Facts
from trunkline.web.pages.offline import LONGEST_SOUND_BYTES, Held, offline_page
from trunkline.web.scrubbing import scrubbed_line, scrubbed_row

_IN_MEMORY_BYTES: Final = 8 * 1024 * 1024
_CHUNK_BYTES: Final = 256 * 1024

MOST_EVENTS: Final = 100_000
MOST_TEXT_BYTES: Final = 16 * 1024 * 1024
LONGEST_TEXT: Final = 20_000
"""Characters of a frame that the page shows; nobody reads more of it there."""
LONGEST_SOUND_TEXT: Final = 200
ELSEWHERE: Final = "This frame is in events.ndjson."
"""Instead of a frame, when the page holds enough."""


class _Line(msgspec.Struct, frozen=True):
    """What the page shows of a line of raw events."""

    record: str
    seq: int = 0
    leg: str = ""
    received_ms: float = 0
    type: str = ""
    text: str | None = None
    base64: str | None = None


class _Events:
    """The events that the page holds: all that it can, and of the frames as much as is bearable."""

    def __init__(self) -> None:
        self.held: list[tuple[int, int, str, str, str, int, str]] = []
        self._left_bytes = MOST_TEXT_BYTES

    def add(self, line: bytes) -> None:
        """Hold a line, while there is room."""
        told = msgspec.json.decode(line, type=_Line)
        if told.record not in ("frame", "bridged") or len(self.held) >= MOST_EVENTS:
            return
        text = told.text if told.text is not None else "(binary)"
        size_bytes = len(text.encode()) if told.base64 is None else len(told.base64) * 3 // 4
        longest = LONGEST_SOUND_TEXT if told.type.endswith(_SOUND) else LONGEST_TEXT
        shown = text if len(text) <= longest else f"{text[:longest]}…"
        if len(shown) > self._left_bytes:
            shown = ELSEWHERE
        self._left_bytes -= len(shown)
        at_ms = int(told.received_ms)
        self.held.append((told.seq, at_ms, told.leg, told.record, told.type, size_bytes, shown))


_SOUND: Final = ("audio.append", "audio_buffer.append", "audio.delta")


async def bundle(
    deps: Dependencies, call: CallRow, *, scrub: bool
) -> tuple[AsyncGenerator[bytes], int]:
    """Return the ZIP of `call` in pieces, and how many bytes it has. `scrub`: without sound, and
    without what people said or are called."""
    own = await deps.control.thresholds(call.org_id)
    facts, marks = await asyncio.gather(
        facts_of(deps, call, own), marks_of_call(deps.facts, call.org_id, call.call_id)
    )
    if scrub:
        facts, marks = _scrubbed(facts), []
    packed = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 (closed by _chunks)
    try:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as into:
            into.writestr("call.json", detail_of(facts).model_dump_json(indent=1))
            events = await _pack_events(into, deps, call, scrub=scrub)
            sound = None if scrub else await _pack_sound(into, deps, call)
            peaks = await _pack_peaks(into, deps, call)
            held = Held(
                events=events.held,
                peaks=None if peaks is None else msgspec.Raw(peaks),
                traffic=await traffic_of_call(deps.facts, call, now_us=deps.now_us()),
            )

            def page() -> None:
                now_us = deps.now_us()
                html = offline_page(facts, marks, held, sound, now_us=now_us, scrubbed=scrub)
                into.writestr("index.html", html)

            await run_in_threadpool(page)
        size_bytes = packed.tell()
        packed.seek(0)
    except BaseException:
        packed.close()
        raise
    return _chunks(packed), size_bytes


def _scrubbed(facts: Facts) -> Facts:
    return dataclasses.replace(
        facts,
        call=scrubbed_row(facts.call),
        turns=[scrubbed_row(row) for row in facts.turns],
        responses=[scrubbed_row(row) for row in facts.responses],
        items=[scrubbed_row(row) for row in facts.items],
        tool_calls=[scrubbed_row(row) for row in facts.tool_calls],
        errors=[scrubbed_row(row) for row in facts.errors],
        usage=[scrubbed_row(row) for row in facts.usage],
        lint=[dataclasses.replace(one, detail="") for one in facts.lint],
    )


async def _pack_events(
    into: zipfile.ZipFile, deps: Dependencies, call: CallRow, *, scrub: bool
) -> _Events:
    events = _Events()
    try:
        lines = await all_lines(deps, call.org_id, call.call_id)
    except (BlobMissing, ArchiveDamaged) as exc:
        into.writestr("events.missing.txt", f"The frames cannot be read: {type(exc).__name__}.\n")
        return events
    with into.open("events.ndjson", "w", force_zip64=True) as out:

        def write(line: bytes) -> None:
            written = scrubbed_line(line) if scrub else line
            out.write(written)
            events.add(written)

        async for line in lines:
            await run_in_threadpool(write, line)
    return events


async def _pack_sound(into: zipfile.ZipFile, deps: Dependencies, call: CallRow) -> bytes | None:
    """Pack the recording; return it, if it is short enough to be in a page."""
    try:
        path = await deps.recordings.audio(call.org_id, call.call_id)
        await run_in_threadpool(into.write, path, "audio.opus", zipfile.ZIP_STORED)
        if path.stat().st_size > LONGEST_SOUND_BYTES:
            return None
        return await run_in_threadpool(path.read_bytes)
    except (BlobMissing, FileNotFoundError):
        return None


async def _pack_peaks(into: zipfile.ZipFile, deps: Dependencies, call: CallRow) -> bytes | None:
    try:
        peaks = await deps.recordings.peaks(call.org_id, call.call_id)
    except (BlobMissing, FileNotFoundError):
        return None
    into.writestr("peaks.json", peaks)
    return peaks


async def _chunks(file: IO[bytes]) -> AsyncGenerator[bytes]:
    try:
        while chunk := await run_in_threadpool(file.read, _CHUNK_BYTES):
            yield chunk
    finally:
        file.close()
