"""I/O. How fast rows are stored, alone and while pages are asked for, and how long each waits.

What is stored are calls as the recorder gives them: their parts, and a row for every frame.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final

from bench.facts_seed import NOW_US, TURNS
from bench.results import Ingested
from trunkline import ids
from trunkline.store.facts.amounts import Tokens
from trunkline.store.facts.rows import (
    CallRow,
    EventRow,
    ItemRow,
    ResponseRow,
    Row,
    TurnRow,
    UsageRow,
)
from trunkline.store.facts.store import FactsStore

ORG: Final = "org_ingested"
"""Beside the one that is asked about."""
FRAMES: Final = 5_000
"""Of a call: two minutes of 25 frames a second to the provider, and about as many back."""
CALLS: Final = 4
"""Of a batch: 20,000 rows are what the recorder stores at once, at most."""
BATCHES: Final = 8
"""Different ones: they are stored again and again."""


def batches() -> list[list[Row]]:
    """Return what is stored."""
    return [
        [row for number in range(CALLS) for row in _call(batch * CALLS + number)]
        for batch in range(BATCHES)
    ]


def _call(number: int) -> list[Row]:
    ulid = (NOW_US // 1000).to_bytes(6, "big") + number.to_bytes(10, "big")
    shared: dict[str, Any] = {"org_id": ORG, "call_id": ids.call_id(ulid)}
    parts: dict[str, Any] = {**shared, "version": FRAMES}
    rows: list[Row] = [
        EventRow(
            **shared, seq=seq, at_us=seq * 24_000, handed_us=seq * 24_000 + 60 + seq % 40,
            leg="caller" if seq % 2 else "provider", record="frame", size_bytes=3_400 + seq % 90,
            type="input_audio_buffer.append" if seq % 2 else "response.output_audio.delta",
            item_id="" if seq % 2 else f"item_{seq // 400}",
        )
        for seq in range(FRAMES)
    ]  # fmt: skip
    for turn in range(1, TURNS + 1):
        cost = Decimal(turn * 1_234_567) / 10**9
        rows += [
            TurnRow(
                **parts, turn=turn, kind="speech", status="completed", wait_us=900_000 + turn,
                endpoint_us=500_000 + turn, audio_us=5_000_000, heard_us=5_000_000, cost_usd=cost,
            ),
            ResponseRow(
                **parts, response_id=f"resp_{turn}", turn=turn, status="completed",
                created_us=turn * 10_000_000, first_audio_us=turn * 10_000_000 + 400_000,
            ),
            *(
                ItemRow(
                    **parts, item_id=f"item_{2 * turn + half}", position=20 * turn + 10 * half,
                    kind="message", text="Yes, please.",
                )
                for half in (0, 1)
            ),
            UsageRow(
                **parts, seq=turn * 400, at_us=turn * 10_000_000, at_day="2026-12-01",
                kind="response", model="gpt-realtime-2.1", cost_usd=cost,
                tokens=Tokens(input_audio=700, output_audio=220),
            ),
        ]  # fmt: skip
    call = CallRow(**parts, opened_at_us=NOW_US, status="completed", turns=TURNS)
    return [*rows, call]


async def measure(
    facts: FactsStore, asks: Sequence[Callable[[], Awaitable[Any]]], seconds: float
) -> tuple[Ingested, Ingested]:
    """Return how it goes alone, and while questions are asked one after the other."""
    rows = batches()
    await _stored(facts, rows, 0.5)
    alone = await _stored(facts, rows, seconds)
    asking = asyncio.create_task(_ask(asks))
    try:
        beside = await _stored(facts, rows, seconds)
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
    return alone, beside


async def _stored(facts: FactsStore, batches: list[list[Row]], seconds: float) -> Ingested:
    began, times, rows = time.perf_counter(), list[float](), 0
    for batch in itertools.cycle(batches):
        if (start := time.perf_counter()) - began >= seconds:
            break
        await facts.insert(batch)
        times.append(time.perf_counter() - start)
        rows += len(batch)
    took = time.perf_counter() - began
    times.sort()
    return Ingested(
        rows_per_s=round(rows / took),
        calls_per_s=round(CALLS * len(times) / took, 1),
        batch_rows=len(batches[0]),
        p50_ms=round(1000 * times[len(times) // 2], 1),
        max_ms=round(1000 * times[-1], 1),
    )


async def _ask(asks: Sequence[Callable[[], Awaitable[Any]]]) -> None:
    for ask in itertools.cycle(asks):
        await ask()
