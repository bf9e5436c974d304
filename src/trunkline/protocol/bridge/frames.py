"""Pure. What a bridge makes of a frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from trunkline.protocol.decode import peek
from trunkline.protocol.names import leading_type
from trunkline.protocol.objects import Fields, read, write


class Bridged(NamedTuple):
    """What to send in place of a frame, each in order."""

    up: tuple[bytes, ...]
    """To the provider."""
    down: tuple[bytes, ...]
    """To the caller."""
    changed: bool
    """False: send the frame itself, as received; `up` and `down` are empty."""


AS_RECEIVED = Bridged((), (), False)


def fields_if(frame: bytes, names: frozenset[str]) -> Fields | None:
    """Return the object in `frame` if its type is one of `names`, and decode no other."""
    leading = leading_type(frame)
    if leading and leading.decode("ascii", "replace") not in names:
        return None
    if not leading and peek(frame).type not in names:
        return None
    fields = read(frame)
    name = None if fields is None else fields.get("type")
    return fields if isinstance(name, str) and name in names else None


def changed(fields: Fields, name: str, change: Callable[[Any], Any]) -> Fields:
    """Return `fields` with `name` changed, if it is there."""
    return {**fields, name: change(fields[name])} if name in fields else fields


def under(parent: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the paths of `names` in `parent`."""
    return tuple(f"{parent}.{name}" for name in names)


def written(events: tuple[Fields, ...]) -> tuple[bytes, ...] | None:
    """Return each event as a frame; None if one of them cannot be written."""
    frames = tuple(write(event) for event in events)
    whole = tuple(frame for frame in frames if frame is not None)
    return whole if len(whole) == len(frames) else None
