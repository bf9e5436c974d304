"""I/O. `/v1/calls/{id}/events`: the raw frames of a call, one JSON object per line."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Final, Literal

import msgspec
import structlog
from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from trunkline.protocol.call import Opened
from trunkline.protocol.decode import peek
from trunkline.store.archive import ArchiveDamaged, Page
from trunkline.store.blobs import BlobMissing
from trunkline.store.holes import missed
from trunkline.web.api.calls import CallId, WhoReads, find_call
from trunkline.web.auth import Deps
from trunkline.web.deps import Dependencies
from trunkline.web.refusals import Damaged, NotFound

router = APIRouter(tags=["Calls"])

MAX_LINES: Final = 10_000
READ_AT_ONCE: Final = 500
READ_BYTES: Final = 4 * 1024 * 1024
"""Of raw records, so that a reader of long calls needs little memory here."""
_SHOWN: Final = frozenset({"frame", "bridged", "gap"})

log = structlog.get_logger("trunkline.web.events")


class EventsQuery(BaseModel):
    """Which frames."""

    model_config = ConfigDict(extra="forbid")

    after: int = Field(-1, ge=-1, le=2**32, description="Only those with a higher `seq`.")
    limit: int = Field(1000, ge=1, le=MAX_LINES)
    type: list[str] = Field([], description="Event types, as they were on the wire.")
    leg: Literal["caller", "provider"] | None = Field(None, description="Where it came from.")


class EventLine(BaseModel):
    """One line of the answer."""

    seq: int
    record: Literal["frame", "bridged", "gap"] = Field(
        description="frame: as received on `leg`. bridged: what was sent to the other leg in its"
        " place. gap: frames were relayed, but not recorded."
    )
    leg: str
    received_ms: float = Field(description="Since the call was opened.")
    handed_ms: float | None = Field(description="To the other leg; null: never.")
    type: str = Field(description="The event's type; empty when it cannot be read.")
    ours: bool = Field(description="Made by the gateway.")
    altered: bool = Field(description="Not handed on as received: see the `bridged` lines.")
    text: str | None = Field(description="The frame, as it was on the wire.")
    base64: str | None = Field(description="The frame, when it is not UTF-8 text.")


class DamagedLine(BaseModel):
    """A line in the place of frames that cannot be read: whichever they were, it is shown."""

    record: Literal["damaged"]
    first_seq: int
    last_seq: int | None = Field(description="null: up to the end.")
    message: str


_NDJSON: Final = {
    200: {
        "content": {
            "application/x-ndjson": {
                "schema": {
                    "anyOf": [EventLine.model_json_schema(), DamagedLine.model_json_schema()]
                }
            }
        }
    }
}


@router.get(
    "/v1/calls/{call_id}/events",
    response_class=StreamingResponse,
    responses=_NDJSON,  # pyright: ignore[reportArgumentType] (invariant dict in its signature)
)
async def get_events(
    reader: WhoReads, deps: Deps, call_id: CallId, query: Annotated[EventsQuery, Query()]
) -> StreamingResponse:
    """Raw frames in order, as lines of JSON. Works while the call is running.

    To go on, ask again with `after` set to the last line's `seq`. Fewer lines than
    `limit`: there are no more yet.
    """
    await find_call(deps, reader, call_id)
    try:
        head = await deps.archives.events(reader.org_id, call_id, -1, 1)
        first = await _read(deps, reader.org_id, call_id, query.after)
    except BlobMissing as exc:
        raise NotFound("No frames are kept of this call.") from exc
    except ArchiveDamaged as exc:
        log.error("cannot read an archive", call=call_id, error=str(exc))
        raise Damaged("The archive cannot be read: it is not what was sealed.") from exc
    lines = _lines(deps, reader.org_id, call_id, query, _opened_ns(head), first)
    return StreamingResponse(lines, media_type="application/x-ndjson")


async def all_lines(deps: Dependencies, org_id: str, call_id: str) -> AsyncGenerator[bytes]:
    """Return all frames of a call as lines.

    Raises:
        BlobMissing: no frames are kept of it.
        ArchiveDamaged: it cannot be read at all.
    """
    head = await deps.archives.events(org_id, call_id, -1, 1)
    first = await _read(deps, org_id, call_id, -1)
    everything = EventsQuery.model_construct(limit=-1, after=-1, type=[], leg=None)
    return _lines(deps, org_id, call_id, everything, _opened_ns(head), first)


async def _lines(
    deps: Dependencies, org_id: str, call_id: str, query: EventsQuery, opened_ns: int, page: Page
) -> AsyncGenerator[bytes]:
    left, last_seq = query.limit, query.after
    while True:
        for record in page.records:
            if missed(last_seq, record):
                yield _damaged(last_seq + 1, last_seq + missed(last_seq, record))
            last_seq = record.seq
            line = _line(record, query, opened_ns)
            if line is None:
                continue
            yield line
            left -= 1
            if left == 0:
                return
        if not page.more or page.last_seq is None:
            if page.damaged_to > last_seq:
                yield _damaged(last_seq + 1, page.damaged_to)
            return
        try:
            page = await _read(deps, org_id, call_id, page.last_seq)
        except (ArchiveDamaged, BlobMissing) as exc:
            # The answer has begun: its end must not look like the call's.
            log.error("cannot read an archive", call=call_id, error=str(exc))
            yield _damaged(last_seq + 1, None)
            return


def _damaged(first_seq: int, last_seq: int | None) -> bytes:
    line = DamagedLine(
        record="damaged",
        first_seq=first_seq,
        last_seq=last_seq,
        message="These were recorded, and cannot be read any more.",
    )
    return msgspec.json.encode(line.__dict__) + b"\n"


async def _read(deps: Dependencies, org_id: str, call_id: str, after: int) -> Page:
    return await deps.archives.events(org_id, call_id, after, READ_AT_ONCE, READ_BYTES)


def _line(record: Any, query: EventsQuery, opened_ns: int) -> bytes | None:
    """Return a journal record as a line; None when it was not asked for."""
    kind, leg = record.kind.name.lower(), record.leg.name.lower()
    if kind not in _SHOWN or (query.leg is not None and leg != query.leg):
        return None
    event_type = peek(record.payload).type if kind != "gap" else ""
    if query.type and event_type not in query.type:
        return None
    flags = {flag.name for flag in record.flags}
    text = None if "BINARY" in flags else _text(record.payload)
    line = EventLine.model_construct(
        seq=record.seq,
        record=kind,
        leg=leg,
        received_ms=(record.received_ns - opened_ns) / 1e6,
        handed_ms=(record.handed_ns - opened_ns) / 1e6 if record.handed_ns else None,
        type=event_type,
        ours="OURS" in flags,
        altered="ALTERED" in flags,
        text=text,
        base64=b64encode(record.payload).decode() if text is None else None,
    )
    return msgspec.json.encode(line.__dict__) + b"\n"


def _text(payload: bytes) -> str | None:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return None


def _opened_ns(head: Page) -> int:
    """Return the zero of the call's clock, from the first record; 0 when that is lost."""
    try:
        return msgspec.json.decode(head.records[0].payload, type=Opened).opened_ns
    except (IndexError, msgspec.DecodeError, UnicodeDecodeError):
        return head.records[0].received_ns if head.records else 0
