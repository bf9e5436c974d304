"""I/O. Calls that somebody has hung up: the line in the audit log is the order itself.

So none is carried out that is not in the log. Works in the transaction that it is given.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.store.control import models
from trunkline.store.control.world import World

ACTION: Final = "call.hung_up"
TOLD_US: Final = 10 * 60_000_000
"""For so long gateways are told: none is without the snapshot for longer, and calls on."""


async def for_gateways(session: AsyncSession, world: World) -> tuple[str, ...]:
    """Return the ids of the calls that were hung up in the last minutes."""
    rows = await session.scalars(
        select(models.AuditEntry.subject)
        .where(
            models.AuditEntry.action == ACTION,
            models.AuditEntry.at_us >= world.now_us() - TOLD_US,
        )
        .order_by(models.AuditEntry.at_us, models.AuditEntry.id)
    )
    return tuple(rows)
