"""I/O. The prices that the recorder takes: everybody's, with those of organisations' own.

They are asked for again and again, so that a change counts for what is used a second later.
While the accounts do not answer, the last known ones count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from trunkline.errors import OperatorError
from trunkline.protocol.prices import PriceTable
from trunkline.store.control.prices import OwnPrices

LOOK_SECONDS: Final = 1.0

log = structlog.get_logger("trunkline.recorder")


class Pricing:
    """Keeps whoever asks for prices up to date."""

    def __init__(self, table: PriceTable, own: OwnPrices) -> None:
        """`table` is everybody's."""
        self._table = table
        self._own = own
        self._changes = -1
        self._failed = False

    async def look(self) -> PriceTable | None:
        """Return the prices if they may have changed since the last look, or cannot be known."""
        if not self._own.may_have_changed() and not self._failed:
            return None
        try:
            changes = await self._own.changes()
            if changes == self._changes:
                return None
            found = await self._own.by_organisation()
        except OperatorError as exc:
            if not self._failed:
                log.error("prices of organisations cannot be read", error=str(exc))
            self._failed = True
            return None
        self._changes, self._failed = changes, False
        return self._table.with_own(found)

    async def run(self, use: Callable[[PriceTable], None]) -> None:
        """Give `use` the prices whenever they change, until cancelled."""
        while True:
            # A cancelled query would leave its connection's thread behind: it is waited for.
            looking = asyncio.ensure_future(self.look())
            try:
                table = await asyncio.shield(looking)
            except asyncio.CancelledError:
                await looking
                raise
            if table is not None:
                use(table)
            await asyncio.sleep(LOOK_SECONDS)
