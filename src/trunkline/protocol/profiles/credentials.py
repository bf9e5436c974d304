"""Pure. How a provider wants its credential: one function for each way.

Each yields the headers to send for the credential in `ask`, which the caller sent or
which is stored here, and nothing when there is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from trunkline.protocol.profiles.ask import Ask

Header = tuple[str, str]
Credential = Callable[[Ask], Iterator[Header]]

_JWT = re.compile(r"eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


def as_bearer(ask: Ask) -> Iterator[Header]:
    """`Authorization`, as the caller wrote it; a key that came otherwise as `Bearer`."""
    if authorization := ask.headers.get("authorization", ""):
        yield "Authorization", authorization
    elif key := ask.bare_key:
        yield "Authorization", f"Bearer {key}"


def as_azure(ask: Ask) -> Iterator[Header]:
    """An Entra token as `Authorization: Bearer`, which a JWT is; any other key as `api-key`."""
    bearer = _bearer(ask)
    if _JWT.fullmatch(bearer):
        yield "Authorization", f"Bearer {bearer}"
    elif key := ask.bare_key or bearer:
        yield "api-key", key


def _bearer(ask: Ask) -> str:
    scheme, _, token = ask.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
