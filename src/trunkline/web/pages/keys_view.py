"""Pure. The table of keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trunkline.store.control.accounts import ApiKey
from trunkline.web.pages import text

MAY = {"both": ("call", "read"), "call": ("call",), "read": ("read",)}
"""What the form offers, and the scopes that it stands for."""

_WORDS = {"call": "open calls", "read": "read"}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

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


def rows(keys: Sequence[ApiKey], call_use: Mapping[str, int]) -> tuple[Row, ...]:
    """Return the rows, keys that work first.

    `call_use` is when each key last opened a call, µs wall time; the key itself knows
    when it last read.
    """
    ordered = sorted(keys, key=lambda key: key.revoked_at_us is not None)
    return tuple(_row(key, call_use.get(key.id, 0)) for key in ordered)


def _row(key: ApiKey, last_call_us: int) -> Row:
    used_us = max(key.last_used_at_us or 0, last_call_us)
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
    )
