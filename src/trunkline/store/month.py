"""Pure. Calendar months, UTC: what budgets are for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Month(msgspec.Struct, frozen=True):
    """From its first moment up to, and without, that of the next."""

    first: datetime
    after: datetime

    @classmethod
    def of(cls, wall_us: int) -> Month:
        """Return the month that the wall clock showed at `wall_us`, µs since 1970 UTC."""
        at = _EPOCH + timedelta(microseconds=wall_us)
        first = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        # The first of a month and 32 days more are in the next one, whichever it is.
        return cls(first, (first + timedelta(days=32)).replace(day=1))

    @property
    def from_us(self) -> int:
        """Its first moment, µs since 1970 UTC."""
        return (self.first - _EPOCH) // timedelta(microseconds=1)

    @property
    def until_us(self) -> int:
        """The first moment of the next month, µs since 1970 UTC."""
        return (self.after - _EPOCH) // timedelta(microseconds=1)

    @property
    def days(self) -> tuple[str, str]:
        """Its first day and that of the next month, `YYYY-MM-DD`."""
        return self.first.date().isoformat(), self.after.date().isoformat()
