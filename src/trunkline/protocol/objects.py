"""Pure. Frames to JSON objects and back, losing nothing on the way.

msgspec refuses a lone surrogate (`"\\ud83d"`), which JavaScript writes whenever a
string was cut inside an emoji. Such frames are rare and legal: they take the slow way.
"""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import Any, TypeAlias, cast

import msgspec

Fields: TypeAlias = dict[str, Any]

BAD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""All that msgspec raises on hostile bytes; only the first is its own."""

MAX_COMMAS = 50_000
"""In what is read whole: beyond any event, and some 20 ms of work for a gateway that all its
calls wait for."""
_SMALL_BYTES = 64 * 1024
_STEP_BYTES = 16
_DIGITS = re.compile(rb"[0-9]{4}")

_object = msgspec.json.Decoder(Fields)


def read(frame: bytes) -> Fields | None:
    """Return the JSON object in `frame`; None if it is not one, or a bomb. Never raises."""
    if _is_bomb(frame):
        return None
    try:
        return _object.decode(frame)
    except BAD:
        pass
    try:
        value: object = json.loads(frame, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        return None
    return cast("Fields", value) if isinstance(value, dict) else None


def _is_bomb(frame: bytes) -> bool:
    """Return whether `frame` has so much in it that reading it would hold up other calls."""
    if len(frame) <= _SMALL_BYTES:
        return False
    return frame.count(b",") > MAX_COMMAS or _has_long_number(frame)


def _has_long_number(frame: bytes) -> bool:
    """Return whether there are some fifty digits in a row: found always when they are 150.

    The time that a number takes grows with the square of its digits. Sound of 30 MB is
    looked through within 25 ms, because it is enough to look at some of its bytes.
    """
    across = 3 * _STEP_BYTES + 1
    starts = (found.start() * _STEP_BYTES for found in _DIGITS.finditer(frame[::_STEP_BYTES]))
    return any(frame[start : start + across].isdigit() for start in starts)


def _finite(text: str) -> float:
    """Refuse NaN, which is not JSON, and 1e999, which we could not write back."""
    number = float(text)
    if not isfinite(number):
        raise ValueError(text)
    return number


def write(fields: Fields) -> bytes | None:
    """Return `fields` as compact JSON in their order; None if that cannot be. Never raises."""
    try:
        return msgspec.json.encode(fields)
    except (ValueError, RecursionError, OverflowError):
        pass
    try:
        return json.dumps(fields, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None


def read_scrubbed(frame: bytes) -> Fields | None:
    """Return what `read` does, with each lone surrogate as `?`: no store takes those."""
    if _is_bomb(frame):
        return None
    try:
        return _object.decode(frame)
    except BAD:
        pass
    try:
        text = json.dumps(read(frame), ensure_ascii=False)
        return _object.decode(text.encode("utf-8", "replace"))
    except (*BAD, ValueError):
        return None
