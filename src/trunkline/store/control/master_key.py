"""I/O. The key under which all that is stored is sealed, and its exchange for another."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.sealing import Unopened
from trunkline.store.control import keys, people, providers, webhooks
from trunkline.store.control.sealed import Access, Kind

KINDS: Final[tuple[Kind[Any, Any], ...]] = (providers.KIND, webhooks.KIND)


class MasterKey:
    """Of all organisations. Its exchange is audited, then published."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def rotate(self, *, by: str = "") -> tuple[int, list[str]]:
        """Seal everything anew, under a new master key where it is in a file.

        Returns how much was, and the names of what no key here opens, which stays as it
        is. May be called again after a failure: it goes on where it was.

        Raises:
            OperatorError: the master key cannot be used.
        """
        vault = self._access.needed_vault
        if not vault.is_setting:
            await asyncio.to_thread(vault.begin_rotation)
        resealed, lost = 0, list[str]()
        async with self._access.database.writing() as session:
            for kind in KINDS:
                done, unopened = await self._reseal(session, kind, by)
                resealed += done
                lost += unopened
            await keys.count_change(session)
        await self._access.publish()
        if not lost:
            # Whoever reads an older snapshot now has read its keys before.
            await asyncio.to_thread(vault.end_rotation)
        return resealed, lost

    async def _reseal(
        self, session: AsyncSession, kind: Kind[Any, Any], by: str
    ) -> tuple[int, list[str]]:
        vault, world = self._access.needed_vault, self._access.world
        resealed, lost = 0, list[str]()
        for row in await session.scalars(select(kind.table).where(kind.table.sealed != "")):
            if vault.is_current(row.sealed):
                continue
            context = kind.context(row.org_id, row.id)
            try:
                row.sealed = vault.seal(vault.open(row.sealed, context), context)
            except Unopened:
                lost.append(row.name)
                continue
            resealed += 1
            action = f"{kind.word}.resealed"
            people.add_audit(session, world, row.org_id, by, action, row.id, row.name)
        return resealed, lost
