"""Pure. What a key may do at most, and what an organisation may spend."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from trunkline.store.control.accounts import BadAccountDetail, KeyLimits

MICRO: Final = Decimal("1e-6")
"""Budgets are kept in millionths of a dollar, which no database rounds."""
MAX_CALLS: Final = 10_000
MAX_SECONDS: Final = 24 * 3600
MAX_USD: Final = Decimal(10_000_000)
MIN_USD: Final = Decimal("0.000001")


_MOST: Final = {
    "max_calls": (MAX_CALLS, "Calls at once"),
    "max_calls_per_minute": (MAX_CALLS, "New calls a minute"),
    "max_call_seconds": (MAX_SECONDS, "The longest call, in seconds,"),
}


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """Who has spent their budget of a month, and until when that holds."""

    until_us: int
    """First moment of the next month, µs since 1970 UTC."""
    keys: frozenset[str] = frozenset()
    """Key ids."""
    organisations: frozenset[str] = frozenset()
    """Organisation ids."""


class Budgeted(msgspec.Struct, frozen=True, kw_only=True):
    """The budgets of one organisation that has any."""

    org_id: str
    max_usd: Decimal | None
    keys: dict[str, Decimal]
    """By key id, those of keys that work."""

    def spent_by(self, usd: dict[str, Decimal]) -> tuple[bool, frozenset[str]]:
        """Return whether the organisation's budget is spent, and which keys' are.

        `usd` is what the calls of each key cost, keys without a budget included.
        """
        over = self.max_usd is not None and sum(usd.values(), Decimal(0)) >= self.max_usd
        spent = (key_id for key_id, most in self.keys.items() if usd.get(key_id, 0) >= most)
        return over, frozenset(spent)


def clean_limits(limits: KeyLimits) -> KeyLimits:
    """Return `limits` as they are kept. Raises `BadAccountDetail` for one that cannot be."""
    for name, (most, what) in _MOST.items():
        value: int | None = getattr(limits, name)
        if value is not None and not 1 <= value <= most:
            raise BadAccountDetail(
                name, f"{what} may be 1 to {most:,}. Leave it empty for no limit."
            )
    usd = clean_budget(limits.max_usd_per_month, "max_usd_per_month")
    return msgspec.structs.replace(limits, max_usd_per_month=usd)


def clean_budget(usd: Decimal | None, field: str) -> Decimal | None:
    """Return a budget as it is kept, in whole millionths of a dollar.

    Raises:
        BadAccountDetail: it is nothing, too much, or no number; `field` is named.
    """
    if usd is None:
        return None
    if not usd.is_finite() or not MIN_USD <= usd <= MAX_USD:
        raise BadAccountDetail(
            field,
            f"A budget may be $0.000001 to ${MAX_USD:,}. Leave it empty for no limit;"
            " to stop a key, revoke it.",
        )
    return usd.quantize(MICRO)


def told(limits: KeyLimits) -> str:
    """Return `limits` for the audit log; empty when there are none."""
    given = {name: value for name, value in msgspec.structs.asdict(limits).items() if value}
    if limits.max_usd_per_month is not None:
        given["max_usd_per_month"] = plain(limits.max_usd_per_month)
    return ", ".join(f"{name} = {value}" for name, value in given.items())


def plain(usd: Decimal) -> str:
    """Return an amount in digits, without zeros that say nothing: `12.5`."""
    return f"{usd.normalize():f}"


def micro(usd: Decimal | None) -> int | None:
    """Return dollars as they are kept in a table."""
    return None if usd is None else int(usd / MICRO)


def dollars(micro_usd: int | None) -> Decimal | None:
    """Return what a table holds as dollars, without zeros that say nothing."""
    return None if micro_usd is None else (micro_usd * MICRO).normalize()
