"""I/O. Limits and budgets in the control store, and which of the budgets are spent.

Every function works in the transaction that it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.store.control import models
from trunkline.store.control.accounts import ApiKey, KeyLimits
from trunkline.store.control.keys import as_key, count_change, working
from trunkline.store.control.limits import Budgeted, Spent, clean_limits, dollars, micro


async def limit(
    session: AsyncSession, org_id: str, key_id: str, limits: KeyLimits
) -> ApiKey | None:
    """Give the key these limits in place of those it has; None when there is no such key.

    Raises:
        BadAccountDetail: one of them cannot be.
    """
    limits = clean_limits(limits)
    row = await working(session, org_id, key_id)
    if row is None:
        return None
    row.max_calls = limits.max_calls
    row.max_calls_per_minute = limits.max_calls_per_minute
    row.max_call_seconds = limits.max_call_seconds
    row.max_microusd_per_month = micro(limits.max_usd_per_month)
    if limits.max_usd_per_month is None:
        row.spent_until_us = None
    await count_change(session)
    return as_key(row)


async def limit_organisation(session: AsyncSession, org_id: str, usd: Decimal | None) -> None:
    """Give the organisation this budget in place of the one it has."""
    row = await session.get_one(models.Organisation, org_id)
    row.max_microusd_per_month = micro(usd)
    if usd is None:
        row.spent_until_us = None
    await count_change(session)


async def budgets(session: AsyncSession) -> list[Budgeted]:
    """Return the budgets of every organisation that has some."""
    found = {
        org.id: Budgeted(org_id=org.id, max_usd=dollars(org.max_microusd_per_month), keys={})
        for org in await _organisations(session)
    }
    for key in await _keys(session):
        usd = dollars(key.max_microusd_per_month)
        if usd is not None and key.revoked_at_us is None:
            theirs = found.setdefault(
                key.org_id, Budgeted(org_id=key.org_id, max_usd=None, keys={})
            )
            theirs.keys[key.id] = usd
    return list(found.values())


async def note_spent(session: AsyncSession, spent: Spent) -> bool:
    """Have these, and no others, have spent their budgets; return whether that is new."""
    changed = False
    for row, is_spent in (
        *((key, key.id in spent.keys) for key in await _keys(session)),
        *((org, org.id in spent.organisations) for org in await _organisations(session)),
    ):
        until_us = spent.until_us if is_spent else None
        if row.spent_until_us != until_us:
            row.spent_until_us = until_us
            changed = True
    if changed:
        await count_change(session)
    return changed


async def _keys(session: AsyncSession) -> Sequence[models.ApiKey]:
    with_budget = models.ApiKey.max_microusd_per_month.is_not(None)
    return (await session.scalars(select(models.ApiKey).where(with_budget))).all()


async def _organisations(session: AsyncSession) -> Sequence[models.Organisation]:
    with_budget = models.Organisation.max_microusd_per_month.is_not(None)
    return (await session.scalars(select(models.Organisation).where(with_budget))).all()
