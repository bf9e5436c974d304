"""Pure. How a provider wants its credential: one function for each way.

Each yields the headers to send for the credential in `ask`, which the caller sent or
which is stored here, and nothing when there is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from trunkline.protocol.profiles.ask import KEY_PROTOCOL, Ask

Header = tuple[str, str]
Credential = Callable[[Ask], Iterator[Header]]

PROTOCOLS = "Sec-WebSocket-Protocol"
SUBPROTOCOL = "realtime"
"""The one that a provider may choose of those that we offer: the other is a credential."""
_HOLDERS = ("authorization", "api-key", "x-api-key")
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


def as_x_api_key(ask: Ask) -> Iterator[Header]:
    """`X-API-Key`, whichever way it came."""
    if key := ask.bare_key or _bearer(ask):
        yield "X-API-Key", key


def as_basic(ask: Ask) -> Iterator[Header]:
    """A JSON web token as `Authorization: Bearer`; any other key as `Authorization: Basic`."""
    authorization = ask.headers.get("authorization", "")
    if authorization.lower().startswith("basic "):
        yield "Authorization", authorization
    elif key := _bearer(ask) or ask.bare_key:
        yield "Authorization", f"{'Bearer' if _JWT.fullmatch(key) else 'Basic'} {key}"


def as_subprotocol(ask: Ask) -> Iterator[Header]:
    """As a browser gives OpenAI's: the subprotocol after `realtime`."""
    if key := _bearer(ask) or ask.bare_key:
        yield PROTOCOLS, f"{SUBPROTOCOL}, {KEY_PROTOCOL}{key}"


def secrets_of(headers: Iterable[Header]) -> tuple[str, ...]:
    """Return the credentials in the headers of a leg, without their schemes."""
    held = {name.lower(): value for name, value in headers}
    bare = [held[name].split()[-1:] for name in _HOLDERS if name in held]
    offered = held.get(PROTOCOLS.lower(), "").partition(KEY_PROTOCOL)[2]
    return (*(word for words in bare for word in words), *([offered] if offered else []))
