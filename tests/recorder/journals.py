"""Journals to record from, and facts and blobs that tests can look into."""

import asyncio
import os
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from trunkline import ids
from trunkline.journal import lock
from trunkline.journal.record import (
    Flag,
    Kind,
    Leg,
    Record,
    SegmentHeader,
    encode,
    encode_segment_header,
)
from trunkline.journal.segments import segment_path
from trunkline.live.board import Board
from trunkline.protocol import prices
from trunkline.protocol.call import Closed, Opened
from trunkline.recorder.fold import call_row, finish, fold
from trunkline.recorder.run import Recorder
from trunkline.recorder.seal import sealed_row
from trunkline.recorder.state import State
from trunkline.store.blobs import Blobs
from trunkline.store.facts.rows import (
    CallRow,
    ErrorRow,
    EventRow,
    FindingRow,
    ItemRow,
    ResponseRow,
    Row,
    ToolCallRow,
    TurnRow,
    UsageRow,
)
from trunkline.store.tombstones import Tombstones

KEYS: dict[type[Row], tuple[str, ...]] = {
    CallRow: ("call_id",),
    TurnRow: ("call_id", "turn"),
    ResponseRow: ("call_id", "response_id"),
    ItemRow: ("call_id", "item_id"),
    ToolCallRow: ("call_id", "tool_call_id"),
    ErrorRow: ("call_id", "seq"),
    UsageRow: ("call_id", "seq"),
    FindingRow: ("call_id", "seq", "code"),
    EventRow: ("call_id", "seq"),
}
ORG = "org_1"
WALL_NS = 1_790_000_000_000 * 1_000_000
START_NS = 7_000_000_000

Table = dict[tuple[Any, ...], Row]


def latest(rows: Iterable[Row]) -> Table:
    """Return what a store shows that was given `rows`: of each key the highest version."""
    table: Table = {}
    for row in rows:
        key = (type(row).__name__, *(getattr(row, field) for field in KEYS[type(row)]))
        known = table.get(key)
        if known is None or getattr(row, "version", 0) >= getattr(known, "version", 0):
            table[key] = row
    return table


class MemoryFacts:
    """A facts store in memory, that can refuse."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.refusals = 0
        self.whole = True

    async def insert(self, rows: list[Row]) -> None:
        await asyncio.sleep(0)
        if self.refusals:
            self.refusals -= 1
            # A part may have been stored: at least once is all that is promised.
            self.rows += rows[: len(rows) // 2]
            raise OSError("facts are down")
        self.rows += rows

    async def clear(self) -> None:
        self.rows.clear()
        self.whole = False

    async def rebuilt(self) -> None:
        self.whole = True

    @property
    def table(self) -> Table:
        return latest(self.rows)

    def call(self, call_id: str) -> CallRow:
        row = self.table[("CallRow", call_id)]
        assert isinstance(row, CallRow)
        return row


class Journal:
    """One gateway worker's directory, as its writer makes it. Holds the lock until `die`."""

    def __init__(self, data: Path, name: str = "gateway-0") -> None:
        self.directory = data / "journal" / name
        self.directory.mkdir(parents=True, exist_ok=True)
        self.number = max((int(path.stem) for path in self.directory.glob("*.journal")), default=0)
        self.instance = b""
        self._lock: int | None = None

    def begin(self, instance: bytes) -> None:
        """Begin a segment as process `instance`."""
        if self._lock is None:
            self._lock = lock.hold(self.directory)
        self.number += 1
        self.instance = instance
        header = SegmentHeader(instance, self.number, WALL_NS)
        segment_path(self.directory, self.number).write_bytes(encode_segment_header(header))

    def write(self, records: Iterable[Record]) -> None:
        """Append `records`."""
        with segment_path(self.directory, self.number).open("ab") as file:
            file.write(b"".join(encode(record) for record in records))

    def die(self) -> None:
        """Let go of the lock, as the kernel does for a process that is gone."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def instance(number: int) -> bytes:
    """Return the id of a gateway process."""
    return ids.ulid_bytes(WALL_NS, b"process-%02d" % number)


def ulid(number: int) -> bytes:
    """Return the ULID of call `number`."""
    return ids.ulid_bytes(WALL_NS + number * 1_000_000, b"call-%05d" % number)


def a_call(number: int, frames: int = 3, *, closed: bool = True, size: int = 50) -> list[Record]:
    """Return the records of a small call."""
    call = ulid(number)
    opened = Opened(
        call_id=ids.call_id(call), wall_ns=WALL_NS, opened_ns=START_NS, org_id=ORG, key_id="key_1"
    )
    records = [_record(Kind.OPENED, call, 0, Leg.NONE, msgspec.json.encode(opened))]
    for seq in range(1, frames + 1):
        payload = b'{"type":"x.%d","pad":"%s"}' % (seq, b"-" * size)
        records.append(_record(Kind.FRAME, call, seq, Leg(1 + seq % 2), payload))
    if closed:
        end = Closed(status="completed", end_reason="caller_closed", caller_close_code=1000)
        records.append(_record(Kind.CLOSED, call, frames + 1, Leg.NONE, msgspec.json.encode(end)))
    return records


def _record(kind: Kind, call: bytes, seq: int, leg: Leg, payload: bytes) -> Record:
    at_ns = START_NS + seq * 20_000_000
    return Record(kind, call, seq, leg, Flag(0), at_ns, at_ns + 30_000, payload)


def rows_of(records: Sequence[Record], *, has_audio: bool = False) -> list[Row]:
    """Return all rows of one whole call, folded in one go: what a recorder must have stored."""
    state, rows = State.new(), list[Row]()
    for record in records:
        state, found = fold(state, record, prices.shipped())
        rows += found
    if not records or records[-1].kind is not Kind.CLOSED:
        state, found = finish(state)
        rows += found
    return [*rows, sealed_row(call_row(state), has_audio=has_audio)]


@asynccontextmanager
async def recording(
    data: Path,
    facts: MemoryFacts,
    *,
    min_free_bytes: int = 0,
    erased: Tombstones | None = None,
    board: Board | None = None,
) -> AsyncGenerator[Recorder]:
    """Run a recorder on `data` for the time of the block."""
    recorder = Recorder(
        data,
        facts,
        Blobs.open("", data / "blobs"),
        prices.shipped(),
        min_free_bytes=min_free_bytes,
        erased=erased,
        board=board,
    )
    task = asyncio.create_task(recorder.run())
    try:
        yield recorder
    finally:
        await recorder.stop()
        await task
