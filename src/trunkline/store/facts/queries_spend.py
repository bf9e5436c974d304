"""I/O. Questions about money: what each key's calls cost."""

# ruff: noqa: S608 (what is put into SQL here are constants of this module)

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from trunkline.store.facts.query import Query
from trunkline.store.facts.store import FactsStore
from trunkline.store.month import Month

LONGEST_CALL_US: Final = 2 * 24 * 3600 * 1_000_000
"""What is used in a month may belong to a call that began before it, but not earlier than this."""


class KeySpend(msgspec.Struct, frozen=True, kw_only=True):
    """What the calls of one key cost, live ones included."""

    key_id: str
    spent_usd: Decimal
    """Of what is priced."""
    unpriced: list[str]
    """Models that were used and have no price: they cost something, and nobody knows what."""


_OVER_ITS_BEGINNING: Final = (
    "calls FINAL WHERE org_id = {org_id:String} AND key_id != ''"
    " AND hour >= toStartOfHour(toDateTime(greatest(0, intDiv({before_us:Int64}, 1000000)), 'UTC'))"
    " AND opened_at_us < {from_us:Int64}"
    " AND ifNull(ended_at_us, {from_us:Int64}) >= {from_us:Int64}"
)
_BY_KEY: Final = Query(
    "SELECT key_id, sum(usd) AS spent_usd, arraySort(groupUniqArrayArray(20)(models)) AS unpriced"
    # A call has the sum of its uses: there are many uses to a call.
    " FROM (SELECT key_id, ifNull(cost_usd, toDecimal64(0, 9)) AS usd, unpriced AS models"
    " FROM calls FINAL WHERE org_id = {org_id:String} AND key_id != ''"
    " AND opened_at_us >= {from_us:Int64} AND opened_at_us < {until_us:Int64}"
    " AND hour >= toStartOfHour(toDateTime(intDiv({from_us:Int64}, 1000000), 'UTC'))"
    # Of one that the month found live, what was used since.
    " UNION ALL SELECT key_id, usd, models FROM"
    " (SELECT call_id, ifNull(cost_usd, toDecimal64(0, 9)) AS usd,"
    " if(isNull(cost_usd), [model], []) AS models"
    " FROM usage FINAL WHERE org_id = {org_id:String} AND at_day >= {first_day:String}"
    " AND call_id IN (SELECT call_id FROM " + _OVER_ITS_BEGINNING + ")) AS used"
    " INNER JOIN (SELECT call_id, key_id FROM " + _OVER_ITS_BEGINNING + ") AS made"
    " USING (call_id)) GROUP BY key_id",
    KeySpend,
)


async def spend_by_key(facts: FactsStore, org_id: str, month: Month) -> dict[str, KeySpend]:
    """Return by key id what was used in `month`, which goes on: nothing was used after it.

    Each use belongs to the day on which it was, as its price does.
    """
    found = await facts.ask(
        _BY_KEY,
        org_id,
        first_day=month.days[0],
        from_us=month.from_us,
        until_us=month.until_us,
        before_us=month.from_us - LONGEST_CALL_US,
    )
    return {spend.key_id: spend for spend in found}
