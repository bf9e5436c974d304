"""I/O. How many frames of sealed calls the facts have, to be compared with the archives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from trunkline.store.facts.parts import about_call
from trunkline.store.facts.query import Query
from trunkline.store.facts.store import FactsStore


class _Frames(msgspec.Struct, frozen=True):
    call_id: str
    frames: int


_FRAMES: Final = Query(
    "SELECT call_id, toInt64(count()) AS frames FROM events FINAL"
    " WHERE org_id = {org_id:String}"
    " AND hour >= toDateTime({first_hour:UInt32}, 'UTC')"
    " AND hour <= toDateTime({last_hour:UInt32}, 'UTC')"
    " AND has({call_ids:Array(String)}, call_id)"
    " GROUP BY call_id",
    _Frames,
)


async def frames_of_calls(
    facts: FactsStore, org_id: str, call_ids: Sequence[str]
) -> dict[str, int]:
    """Return the number of rows of the event index by call; 0 for those that have none."""
    hours = [about_call(call_id)["hour"] for call_id in call_ids]
    found = await facts.ask(
        _FRAMES,
        org_id,
        call_ids=list(call_ids),
        first_hour=min(hours, default=0),
        last_hour=max(hours, default=0),
    )
    return dict.fromkeys(call_ids, 0) | {row.call_id: row.frames for row in found}
