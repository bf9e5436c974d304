"""I/O. Questions about money: what each key's calls cost."""

# ruff: noqa: S608 (what is put into SQL here are constants of this module)

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from trunkline.store.facts.query import Query
from trunkline.store.facts.store import FactsStore
from trunkline.store.month import Month

LONGEST_CALL_US: Final = 7 * 24 * 3600 * 1_000_000
"""What is used in a month may belong to a call that began before it, but not earlier than this."""


class KeySpend(msgspec.Struct, frozen=True, kw_only=True):
    """What the calls of one key cost, live ones included."""

    key_id: str
    spent_usd: Decimal
    """Of what is priced."""
    unpriced: list[str]
    """Models that were used and have no price: they cost something, and nobody knows what."""


_RECENT: Final = (
    " AND hour >= toStartOfHour(toDateTime(greatest(0, intDiv({from_us:Int64}, 1000000)), 'UTC'))"
)
_BY_KEY: Final = Query(
    "SELECT key_id, sum(ifNull(cost_usd, toDecimal64(0, 9))) AS spent_usd,"
    " arraySort(groupUniqArrayIf(20)(model, isNull(cost_usd))) AS unpriced"
    " FROM (SELECT call_id, model, cost_usd FROM usage FINAL WHERE org_id = {org_id:String}"
    " AND at_day >= {first_day:String} AND at_day < {next_day:String}" + _RECENT + ") AS used"
    " INNER JOIN (SELECT call_id, key_id FROM calls FINAL WHERE org_id = {org_id:String}"
    " AND key_id != ''" + _RECENT + ") AS made USING (call_id)"
    " GROUP BY key_id",
    KeySpend,
)


async def spend_by_key(facts: FactsStore, org_id: str, month: Month) -> dict[str, KeySpend]:
    """Return by key id what was used in `month`, by the wall clock at which it was used."""
    first_day, next_day = month.days
    found = await facts.ask(
        _BY_KEY,
        org_id,
        first_day=first_day,
        next_day=next_day,
        from_us=month.from_us - LONGEST_CALL_US,
    )
    return {spend.key_id: spend for spend in found}
