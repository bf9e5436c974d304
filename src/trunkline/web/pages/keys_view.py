"""Pure. Keys as their pages show them, and limits as a form holds them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from trunkline.store.control.accounts import UNLIMITED, ApiKey, BadAccountDetail, KeyLimits
from trunkline.store.facts.queries_calls import KeyUse
from trunkline.web.pages import text
from trunkline.web.pages.form import Field, filled
from trunkline.web.spend import MonthsSpend, Spent

MAY = {
    "both": ("call", "read"),
    "call": ("call",),
    "read": ("read",),
    "manage": ("read", "manage"),
}
"""What the form offers, and the scopes that it stands for."""

_WORDS = {"call": "open calls", "read": "read", "manage": "manage keys", "erase": "erase calls"}
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)
_DOLLARS = re.compile(r"\$?\s?(\d{1,9}(\.\d{1,6})?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Money:
    """What was spent in this month."""

    usd: str
    of: str
    """`of $12.50`, or empty where there is no budget."""
    share: float | None
    """Of the budget, at most 1."""
    unpriced: str
    """Models that were used and have no price; empty: there are none."""
    over: bool
    """New calls are refused."""


@dataclass(frozen=True, slots=True)
class Row:
    """One key."""

    id: str
    name: str
    prefix: str
    may: str
    created_at_iso: str
    created_at: str
    last_used_at_iso: str
    last_used_at: str
    """Empty: never."""
    revoked: bool
    limits: tuple[str, ...]
    """In words; empty: there are none."""
    month: Money
    calls: str
    live: str
    """Calls that run now, of as many as may: `2 of 3`."""


def _limit(name: str, label: str, hint: str, mode: str) -> Field:
    return Field(name, label, hint, "no limit", mode=mode, max_chars=20)


FIELDS = (
    _limit("max_calls", "Calls at once", "Then 429, key_concurrency.", "numeric"),
    _limit("max_calls_per_minute", "New calls a minute", "Then 429, key_rate.", "numeric"),
    _limit("max_call_seconds", "Longest call, seconds", "Then it is closed, 1008.", "numeric"),
    _limit(
        "max_usd_per_month",
        "Dollars a month (UTC)",
        "Then 429, key_budget; live calls end.",
        "decimal",
    ),
)


def rows(keys: Sequence[ApiKey], use: Mapping[str, KeyUse], spend: MonthsSpend) -> tuple[Row, ...]:
    """Return the rows, keys that work first.

    `use` is what the calls of each key say; the key itself knows when it last read.
    """
    ordered = sorted(keys, key=lambda key: key.revoked_at_us is not None)
    return tuple(_row(key, use.get(key.id), spend) for key in ordered)


def money(spent: Spent, budget: Decimal | None) -> Money:
    """Return what was spent, beside what may be."""
    return Money(
        usd=text.money(spent.usd),
        of="" if budget is None else f"of {text.money(budget)}",
        share=None if budget is None else min(1.0, float(spent.usd / budget)),
        unpriced=", ".join(spent.unpriced),
        over=spent.over_budget,
    )


def limit_words(limits: KeyLimits) -> tuple[str, ...]:
    """Return each limit that there is, in words: `3 at once`, `20 a minute`."""
    calls, rate = limits.max_calls, limits.max_calls_per_minute
    seconds, usd = limits.max_call_seconds, limits.max_usd_per_month
    words = (
        "" if calls is None else f"{calls:,} at once",
        "" if rate is None else f"{rate:,} a minute",
        "" if seconds is None else f"{text.clock(seconds * 1_000_000)} each",
        "" if usd is None else f"{text.money(usd)} a month",
    )
    return tuple(word for word in words if word)


def fields(
    values: KeyLimits | Mapping[str, str] = UNLIMITED, problem: BadAccountDetail | None = None
) -> tuple[Field, ...]:
    """Return the form with what a key has, or with what was typed and what is wrong with it."""
    typed = _typed(values) if isinstance(values, KeyLimits) else values
    return filled(FIELDS, typed, problem)


def read_limits(typed: Mapping[str, str]) -> KeyLimits:
    """Return the limits that were typed; an empty field is no limit.

    Raises:
        BadAccountDetail: a field holds no number. Whether it is one that can be, others know.
    """
    return KeyLimits(
        max_calls=_whole("max_calls", typed),
        max_calls_per_minute=_whole("max_calls_per_minute", typed),
        max_call_seconds=_whole("max_call_seconds", typed),
        max_usd_per_month=read_dollars("max_usd_per_month", typed.get("max_usd_per_month", "")),
    )


def read_dollars(name: str, typed: str) -> Decimal | None:
    """Return an amount that was typed; None for nothing. Raises `BadAccountDetail`."""
    if not (typed := typed.strip()):
        return None
    match = _DOLLARS.fullmatch(typed)
    if match is None:
        raise BadAccountDetail(name, "Write an amount in dollars, like 12.50.")
    return Decimal(match[1])


def _whole(name: str, typed: Mapping[str, str]) -> int | None:
    if not (value := typed.get(name, "").strip()):
        return None
    if not _WHOLE.fullmatch(value):
        raise BadAccountDetail(name, "Write a whole number, in digits.")
    return int(value)


def _typed(limits: KeyLimits) -> dict[str, str]:
    given = msgspec.structs.asdict(limits).items()
    return {
        name: format(value, "f" if isinstance(value, Decimal) else "d")
        for name, value in given
        if value
    }


def _row(key: ApiKey, use: KeyUse | None, spend: MonthsSpend) -> Row:
    used_us = max(key.last_used_at_us or 0, use.last_used_at_us if use else 0)
    live, most = use.live if use else 0, key.limits.max_calls
    return Row(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        may=", ".join(_WORDS[scope] for scope in key.scopes),
        created_at_iso=text.iso(key.created_at_us),
        created_at=text.when(key.created_at_us),
        last_used_at_iso=text.iso(used_us) if used_us else "",
        last_used_at=text.when(used_us) if used_us else "",
        revoked=key.revoked_at_us is not None,
        limits=limit_words(key.limits),
        month=money(spend.of_key(key), key.limits.max_usd_per_month),
        calls=text.count(use.calls if use else 0),
        live=text.count(live) if most is None else f"{live:,} of {most:,}",
    )
