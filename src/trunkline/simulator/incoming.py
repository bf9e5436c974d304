"""Pure. Frames of a caller, read as events; what cannot be one is refused."""

from __future__ import annotations

from typing import Any

import msgspec

from trunkline.simulator.refusal import Refused


def event_of(frame: bytes, *, text: bool) -> dict[str, Any]:
    """Return the event in `frame`. Raises `Refused` for what is none."""
    if not text:
        raise Refused("invalid_event", "Expected a text frame, but got a binary frame.")
    try:
        event = msgspec.json.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("invalid_json", "We could not parse the JSON body of your event.") from None
    if not isinstance(event, dict):
        raise Refused("invalid_event", "Expected a JSON object.")
    return event


def id_of(event: dict[str, Any]) -> str | None:
    """Return the id that the caller gave to `event`, if any."""
    given = event.get("event_id")
    return given if isinstance(given, str) else None
