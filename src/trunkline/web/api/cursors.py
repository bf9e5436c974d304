"""Pure. Where a page ended, as text that a program hands back unread."""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar

import msgspec

from trunkline.web.refusals import BadRequest

T = TypeVar("T", bound=msgspec.Struct)


def write(cursor: msgspec.Struct | None) -> str | None:
    """Return `cursor` as text; None stays None."""
    if cursor is None:
        return None
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def read(text: str, kind: type[T]) -> T | None:
    """Return the cursor that `write` wrote; None for empty text.

    Raises:
        BadRequest: it is not one of ours, or of another list.
    """
    if not text:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=kind)
    except (binascii.Error, ValueError, RecursionError) as exc:
        raise BadRequest("cursor: use `next_cursor` of the page before, as it is.") from exc
