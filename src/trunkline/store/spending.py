"""I/O. Compares what was spent with what may be, again and again, and says who is over it.

What was spent is a question to the facts, so that nothing is counted twice or lost,
whatever dies in between, and a rebuilt store gives the same answer. It is late by as much
as the recorder is, by `EVERY_S`, and by the response that is under way: a provider says
what a response used when it is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError

from trunkline.clock import monotonic_ns
from trunkline.errors import TrunklineError
from trunkline.store.control.limits import Budgeted, Spent
from trunkline.store.control.store import ControlStore
from trunkline.store.facts.queries_spend import spend_by_key
from trunkline.store.facts.store import FactsStore
from trunkline.store.month import Month

EVERY_S: Final = 2.0
SHARE: Final = 20
"""Of the time, one part in so many may go into asking: facts have others to answer too."""

log = structlog.get_logger("trunkline.store")


class Spending:
    """Keeps the control store told of the budgets that are spent."""

    def __init__(
        self, control: ControlStore, facts: FactsStore, wall_ns: Callable[[], int]
    ) -> None:
        self._control = control
        self._facts = facts
        self._wall_ns = wall_ns
        self._changes = control.changes()
        self._budgets: list[Budgeted] | None = None
        """As they were when anything last changed; None: they must be asked for."""

    async def run(self) -> None:
        """Look every `EVERY_S`, until cancelled. Goes on after any failure of a store."""
        while True:
            began_ns = monotonic_ns()
            # A cancelled query would leave its connection's thread behind: it is waited for.
            look = asyncio.ensure_future(self._look())
            try:
                await asyncio.shield(look)
            except asyncio.CancelledError:
                await look
                raise
            await asyncio.sleep(max(EVERY_S, SHARE * (monotonic_ns() - began_ns) / 1e9))

    async def _look(self) -> None:
        try:
            await self.look()
        except (TrunklineError, DBAPIError, OSError) as exc:
            # The gateways go on with what they know: a budget spent stays spent for its month.
            log.error("cannot compare spending with budgets", error=str(exc))

    async def _all_budgets(self) -> list[Budgeted]:
        if self._changes.may_be():
            self._budgets = None
        if self._budgets is None:
            self._budgets = await self._control.budgets()
        return self._budgets

    async def look(self) -> None:
        """Find out who is over budget now, and have the control store know it."""
        month = Month.of(self._wall_ns() // 1000)
        keys, organisations = set[str](), set[str]()
        budgets = await self._all_budgets()
        for budgeted in budgets:
            usd = await self._spent(budgeted.org_id, month)
            over, over_keys = budgeted.spent_by(usd)
            keys |= over_keys
            if over:
                organisations.add(budgeted.org_id)
        if budgets:
            await self._control.note_spent(
                Spent(
                    until_us=month.until_us,
                    keys=frozenset(keys),
                    organisations=frozenset(organisations),
                )
            )

    async def _spent(self, org_id: str, month: Month) -> dict[str, Decimal]:
        found = await spend_by_key(self._facts, org_id, month)
        return {key_id: spend.spent_usd for key_id, spend in found.items()}
