"""Pure. What the API says of keys, their limits and budgets; see `models`."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from trunkline.web.api.models import Page, Usd


class KeyLimits(BaseModel):
    """What the calls of a key may be at most. null: no limit."""

    model_config = ConfigDict(extra="forbid")

    max_calls: int | None = Field(default=None, description="At once, on one machine.")
    max_calls_per_minute: int | None = Field(default=None, description="Begun in any 60 s.")
    max_call_seconds: int | None = Field(
        default=None, description="A call that lasts longer is closed."
    )
    max_usd_per_month: Usd | None = Field(default=None, description="Calendar month, UTC.")


class Spend(BaseModel):
    """What calls have cost in this calendar month (UTC), live ones included."""

    from_at: datetime
    until_at: datetime = Field(description="When the next month begins.")
    spent_usd: Usd = Field(description="Of what is priced.")
    unpriced: list[str] = Field(
        description="Models that were used and have no price: they cost something, and it is not"
        " known what."
    )
    over_budget: bool = Field(
        description="A budget is spent, the key's or the organisation's: new calls are refused."
    )


class ApiKey(BaseModel):
    """A key. Its text is told once, when it is made."""

    id: str
    name: str
    begins_with: str
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None = Field(description="Opened a call, or asked the API.")
    revoked_at: datetime | None
    limits: KeyLimits
    month: Spend


class CreatedKey(ApiKey):
    """A key just made."""

    key: str = Field(description="Its text. It is not told again.")


class NewKey(BaseModel):
    """What a new key is to be."""

    model_config = ConfigDict(extra="forbid")

    name: str
    scopes: list[str] = Field(
        ["call", "read"],
        description="call: opens calls. read: asks the API. manage: this. erase: deletes calls.",
    )
    limits: KeyLimits = KeyLimits()


class Budget(BaseModel):
    """What all keys together may spend in a calendar month (UTC), and have spent in this one."""

    max_usd_per_month: Usd | None = Field(description="null: no limit.")
    month: Spend
    forecast_usd: Usd | None = Field(
        description="What the month will have cost if it goes on as so far: what was spent,"
        " divided by the share of the month (UTC) that is over. null in its first two days."
    )


class NewBudget(BaseModel):
    """What all keys together may spend in a calendar month (UTC)."""

    model_config = ConfigDict(extra="forbid")

    max_usd_per_month: Usd | None = Field(description="null: no limit.")


class KeyPage(Page[ApiKey]):
    """A part of the keys."""
