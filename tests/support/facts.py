"""The one embedded facts engine of a test process, and rows to fill it with."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from trunkline.ids import call_id
from trunkline.recorder import gathering
from trunkline.recorder.state import Parts
from trunkline.settings import Settings
from trunkline.store.facts.amounts import Money, Tokens
from trunkline.store.facts.rows import (
    CallRow,
    ErrorRow,
    EventRow,
    FindingRow,
    ItemRow,
    MarkRow,
    ResponseRow,
    Row,
    ToolCallRow,
    TurnRow,
    UsageRow,
)
from trunkline.store.facts.store import FactsStore

NOON_US = 1_795_003_200_000_000
"""2026-11-18 12:00 UTC, wall time."""
SECOND_US = 1_000_000

_number = itertools.count(1)


_engine: list[Path] = []


def engine_path() -> Path:
    """Return the data directory of this process's engine, once the fixture `facts` is there."""
    return _engine[-1]


def fresh_org() -> str:
    """Return the id of an organisation that no other test of this process has used."""
    return f"org_{next(_number):026d}"


def fresh_call(at_us: int = NOON_US) -> str:
    """Return the id of a call opened at `at_us`, used by no other test of this process."""
    ulid = (at_us // 1000).to_bytes(6, "big") + next(_number).to_bytes(10, "big")
    return call_id(ulid)


def open_facts() -> Iterator[FactsStore]:
    """Yield the engine of this process: it may have one data directory, so tests share it."""
    with tempfile.TemporaryDirectory(prefix="trunkline-facts-") as directory:
        limits = Settings(facts_max_memory_bytes=1024 * 1024 * 1024)
        path = Path(directory) / "facts"
        store = asyncio.run(FactsStore.open(path, limits))
        _engine.append(path)
        try:
            yield store
        finally:
            asyncio.run(store.close())


def a_call(org_id: str, opened_at_us: int = NOON_US, **changes: Any) -> CallRow:
    """Return a finished call of one turn; `changes` are fields to set otherwise."""
    row = CallRow(
        org_id=org_id,
        call_id=fresh_call(opened_at_us),
        version=40,
        opened_at_us=opened_at_us,
        ended_at_us=opened_at_us + 61 * SECOND_US,
        duration_us=61 * SECOND_US,
        status="completed",
        end_reason="caller_closed",
        provider="openai",
        model_asked="gpt-realtime-2.1",
        model_used="gpt-realtime-2.1",
        key_id="key_1",
        key_name="Test key",
        user_id="user-1",
        session_id="session-1",
        session_name="Support",
        session_path="/support/greeting",
        properties={"Environment": "test"},
        caller_frames=20,
        provider_frames=20,
        turns=1,
        responses=1,
        tokens=Tokens(input_text=100, input_audio=50, cached_text=64, output_audio=40),
        cost_usd=Decimal("0.012345678"),
        wait_p50_us=640_000,
        wait_max_us=640_000,
    )
    return msgspec.structs.replace(row, **changes)


def whole(rows: Iterable[Row]) -> list[Row]:
    """Return `rows`, with what the calls among them gather of the parts among them, as the
    recorder writes them."""
    rows = list(rows)
    parts: defaultdict[str, Parts] = defaultdict(Parts)
    for row in rows:
        gathering.gather(parts[row.call_id], [row])
        if isinstance(row, UsageRow):
            gathering.billed(parts[row.call_id], row)
    return [
        msgspec.structs.replace(row, gathered=gathering.gathered(parts[row.call_id]))
        if isinstance(row, CallRow)
        else row
        for row in rows
    ]


def parts_of(call: CallRow) -> list[Row]:
    """Return one row of every kind that belongs to `call`, itself left out."""
    shared: dict[str, Any] = {
        "org_id": call.org_id,
        "call_id": call.call_id,
        "version": call.version,
    }
    return [
        TurnRow(
            **shared, turn=1, kind="speech", status="completed", wait_us=640_000, barge_in=True
        ),
        ResponseRow(**shared, response_id="resp_1", turn=1, status="completed", created_us=100),
        ItemRow(
            **shared, item_id="item_b", position=20, kind="message", role="assistant", text="Hi."
        ),
        ItemRow(
            **shared, item_id="item_a", position=10, kind="message", role="caller", text="Hello?"
        ),
        ToolCallRow(**shared, tool_call_id="call_x", turn=1, name="weather", called_us=300),
        ErrorRow(**shared, seq=12, at_us=400, source="provider", code="bad", message="It's \\ odd"),
        UsageRow(
            **shared,
            seq=30,
            at_us=500,
            at_day="2026-11-18",
            kind="response",
            model="gpt-realtime-2.1",
            tokens=Tokens(input_text=100),
            cost_usd=Decimal("0.0004"),
            parts=Money(input_text=Decimal("0.0004")),
            again_tokens=60,
            again_usd=Decimal("0.00024"),
        ),
        MarkRow(**shared, part="resp_1", kind="score", name="exact", number=0.5, by="key_1"),
        FindingRow(**shared, seq=3, code="late_audio", at_us=300, severity="note"),
        *(an_event(call, seq) for seq in range(1, 6)),
    ]


def charged(call: CallRow, *usd: str | None, day: str = "2026-11-18") -> list[Row]:
    """Return `call` as it is when it has used these, and the rows of them; None has no price."""
    uses = [
        UsageRow(
            org_id=call.org_id,
            call_id=call.call_id,
            version=seq,
            seq=seq,
            at_us=seq,
            at_day=day,
            kind="response",
            model="priced" if cost else "unpriced",
            cost_usd=Decimal(cost) if cost else None,
        )
        for seq, cost in enumerate(usd, 1)
    ]
    costs = [use.cost_usd for use in uses if use.cost_usd is not None]
    unpriced = ("unpriced",) if len(costs) < len(uses) else ()
    cost = sum(costs, Decimal(0)) if costs else None
    return [*uses, msgspec.structs.replace(call, cost_usd=cost, unpriced=unpriced)]


def an_event(call: CallRow, seq: int) -> EventRow:
    """Return the index row of one frame; even sequence numbers come from the provider."""
    return EventRow(
        org_id=call.org_id,
        call_id=call.call_id,
        seq=seq,
        at_us=seq * 1000,
        handed_us=seq * 1000 + 20,
        leg="caller" if seq % 2 else "provider",
        record="frame",
        type="input_audio_buffer.append" if seq % 2 else "response.output_audio.delta",
        size_bytes=3000 + seq,
    )
