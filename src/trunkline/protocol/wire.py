"""Pure. What every event that we model is made of."""

from __future__ import annotations

import msgspec


class Wire(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of every event that we model; new fields must have defaults."""

    event_id: str = ""
    """Whoever sent the event chose it; callers usually choose none."""
