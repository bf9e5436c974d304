"""Pure. What the row of a call gathers of the rows of its parts, as they are written.

Of a part that is written again the last row counts, as it does in the store.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from trunkline.recorder.state import Parts, TurnTimes
from trunkline.store.facts.amounts import Bill
from trunkline.store.facts.flame import input_usd
from trunkline.store.facts.rows import (
    EventRow,
    Gathered,
    ResponseRow,
    Row,
    ToolCallRow,
    TurnRow,
    UsageRow,
)


def gather(parts: Parts, rows: Iterable[Row]) -> None:
    """Take note of what `rows` say of turns, responses and tools. May be told twice."""
    for row in rows:
        if type(row) is EventRow:  # Of most frames the only one.
            continue
        match row:
            case TurnRow():
                parts.turns[row.turn] = TurnTimes(
                    row.wait_us, row.endpoint_us, row.stop_us, row.barge_in
                )
            case ResponseRow():
                parts.conversation.made(row)
                if row.first_audio_us is not None:
                    parts.first_audios_us[row.response_id] = row.first_audio_us - row.created_us
            case ToolCallRow() if row.latency_us is not None:
                parts.latencies_us[row.tool_call_id] = row.latency_us
            case _:
                pass


def billed(parts: Parts, row: UsageRow) -> None:
    """Add what was used; to be told once."""
    key = f"{row.kind} {row.at_day} {row.model}"
    there = parts.bills.get(key) or Bill(model=row.model, kind=row.kind, day=row.at_day)
    parts.bills[key] = replace(
        there,
        uses=there.uses + 1,
        unpriced=there.unpriced + (row.cost_usd is None),
        cost_usd=there.cost_usd + (row.cost_usd or Decimal(0)),
        tokens=there.tokens + row.tokens,
        seconds_us=there.seconds_us + row.seconds_us,
        **_told_apart(there, row),
    )


def _told_apart(there: Bill, row: UsageRow) -> dict[str, Any]:
    """Return what changes in a bill by a use whose input is new, or billed again."""
    found: dict[str, Any] = {}
    if row.again_tokens is not None:
        found["told_apart"] = there.told_apart + 1
        found["new_tokens"] = there.new_tokens + row.tokens.input - row.again_tokens
        found["again_tokens"] = there.again_tokens + row.again_tokens
    if row.again_usd is not None:
        found["priced_apart"] = there.priced_apart + 1
        found["new_usd"] = there.new_usd + input_usd(row.parts) - row.again_usd
        found["again_usd"] = there.again_usd + row.again_usd
    return found


def gathered(parts: Parts) -> Gathered:
    """Return what the call's row has of them."""
    turns = parts.turns.values()
    return Gathered(
        turns=len(turns),
        barge_ins=sum(turn.barge_in for turn in turns),
        waits_us=tuple(turn.wait_us for turn in turns if turn.wait_us is not None),
        endpoints_us=tuple(turn.endpoint_us for turn in turns if turn.endpoint_us is not None),
        stops_us=tuple(turn.stop_us for turn in turns if turn.stop_us is not None),
        first_audios_us=tuple(parts.first_audios_us.values()),
        latencies_us=tuple(parts.latencies_us.values()),
        bills=tuple(parts.bills.values()),
    )
