"""I/O. What an organisation's keys have spent in this month, for API and pages."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from trunkline.store.control.accounts import ApiKey, Organisation
from trunkline.store.facts.queries_spend import KeySpend, spend_by_key
from trunkline.store.month import Month
from trunkline.web.deps import Dependencies

FORECAST_AFTER_US: Final = 2 * 24 * 3600 * 1_000_000
"""A day or two say little about a month."""
_MICRODOLLAR: Final = Decimal("0.000001")


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What was spent, by one key or by all."""

    month: Month
    usd: Decimal
    """Of what is priced."""
    unpriced: tuple[str, ...]
    """Models that were used and have no price."""
    over_budget: bool
    """New calls are refused."""


@dataclass(frozen=True)
class MonthsSpend:
    """What every key of an organisation has spent in the month of `now_us`."""

    organisation: Organisation
    month: Month
    now_us: int
    by_key: dict[str, KeySpend]

    def of_key(self, key: ApiKey) -> Spent:
        """Return what `key` has spent."""
        found = self.by_key.get(key.id)
        until_us = max(key.spent_until_us, self.organisation.spent_until_us)
        return Spent(
            month=self.month,
            usd=found.spent_usd if found else Decimal(0),
            unpriced=tuple(found.unpriced) if found else (),
            over_budget=self.now_us < until_us,
        )

    def of_all(self) -> Spent:
        """Return what all keys have spent, revoked ones too."""
        every = self.by_key.values()
        return Spent(
            month=self.month,
            usd=sum((spend.spent_usd for spend in every), Decimal(0)),
            unpriced=tuple(sorted({model for spend in every for model in spend.unpriced})),
            over_budget=self.now_us < self.organisation.spent_until_us,
        )

    def forecast_usd(self) -> Decimal | None:
        """Return what the month will have cost if it goes on as it began; None: it just began.

        What was spent so far, divided by the share of the month that is over.
        """
        over_us = self.now_us - self.month.from_us
        if over_us < FORECAST_AFTER_US:
            return None
        month_us = self.month.until_us - self.month.from_us
        return (self.of_all().usd * month_us / over_us).quantize(_MICRODOLLAR)


async def months_spend(deps: Dependencies, org_id: str) -> MonthsSpend:
    """Return what was spent since this month began."""
    now_us = deps.now_us()
    month = Month.of(now_us)
    organisation = await deps.control.organisation(org_id)
    return MonthsSpend(organisation, month, now_us, await spend_by_key(deps.facts, org_id, month))
