"""Pure. Paths of calls: what is asked for, and what callers say there who can send no header.

People adopt a gateway by changing a base URL, and each SDK appends to it what it
likes (clients.md 2.2); so several paths mean the same. Before any of them may stand
`/k/<key>`, the gateway's key, and `/p/<name>`, the provider's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from trunkline.protocol.profiles.ask import (
    AZURE_GA,
    AZURE_PREVIEW,
    CALLS,
    CLIENT_SECRETS,
    INCOMING,
    LIVE,
    REALTIME,
    SESSIONS,
    TRANSCRIPTION_SESSIONS,
    TRANSLATION_SECRETS,
    TRANSLATIONS,
    VOICE_LIVE,
)

HELICONE = "/v1/gateway/oai"

_MEANING = {
    "/realtime": REALTIME,
    "/v1/realtime": REALTIME,
    "/openai/realtime": AZURE_PREVIEW,
    "/openai/v1/realtime": AZURE_GA,
    "/voice-live/realtime": VOICE_LIVE,
    "/v1/realtime/translations": TRANSLATIONS,
    "/openai/v1/realtime/translations": TRANSLATIONS,
    "/v1/live/sessions": LIVE,
    "/openai/v1/live/sessions": LIVE,
}
_UNDER_HELICONE = {
    **_MEANING,
    "/realtime/translations": TRANSLATIONS,
    "/live/sessions": LIVE,
}
"""Where a base URL ends in `…/oai`, SDKs leave the `/v1` out."""

_HTTP = frozenset({
    CLIENT_SECRETS, TRANSLATION_SECRETS, SESSIONS, TRANSCRIPTION_SESSIONS, CALLS, LIVE,
})  # fmt: skip
_BEFORE_HTTP = re.compile(
    r"(?:/v1/gateway/oai(?:/openai)?(?:/v1)?|(?:/openai)?/v1)(/(?:realtime|live)/.*)"
)
_CONTROL = re.compile(
    r"/realtime/calls/[A-Za-z0-9_-]{1,128}/(?:accept|reject|refer|hangup)"
    r"|/live/sessions/[A-Za-z0-9_-]{1,128}/(?:accept|reject|refer|hangup|fork)"
)
_INCOMING = re.compile(rf"{INCOMING}/hook_[0-9A-Z]{{26}}")
_LIVE_SESSION = re.compile(r"(/.*/sessions)(/[A-Za-z0-9_-]{1,128}/(?:attach|fork))")
_FIRST = re.compile(r"/(k|p)/([^/]+)(/.*)")
_HIDDEN = "…"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A path of a call, understood."""

    path: str
    """What is asked for: one of `protocol.profiles.ask`."""
    shown: str
    """As it may be recorded: without the key."""
    key: str = ""
    """The gateway's key, if it is in the path."""
    provider: str = ""
    """A provider's name, if it is in the path."""


def route(path: str) -> Route | None:
    """Return what `path` asks for; None: it is not a call's but the dashboard's or the API's.

    It is not percent-decoded: we compare, never open.
    """
    found, rest = _prefixes(path)
    asked = _asked(rest)
    return _route(path, asked, found) if asked else None


def _prefixes(path: str) -> tuple[dict[str, str], str]:
    """Return what stands before the path proper, and that; nothing when one stands there twice."""
    found, rest = {"k": "", "p": ""}, path
    while match := _FIRST.fullmatch(rest):
        kind, word, rest = match.groups()
        if found[kind]:
            return found, ""
        found[kind] = word
    return found, rest


def _route(path: str, asked: str, found: Mapping[str, str]) -> Route:
    # Only where it stands: a short key may occur elsewhere by chance.
    shown = path.replace(f"/k/{found['k']}/", f"/k/{_HIDDEN}/", 1) if found["k"] else path
    return Route(path=asked, shown=shown, key=found["k"], provider=found["p"])


def http_route(path: str) -> Route | None:
    """Return what `path` asks for in plain HTTP; None: nothing that belongs to a call."""
    found, rest = _prefixes(path)
    match = _BEFORE_HTTP.fullmatch(rest)
    if match is None:
        return None
    asked = match[1]
    if asked not in _HTTP and not _CONTROL.fullmatch(asked) and not _INCOMING.fullmatch(asked):
        return None
    return _route(path, asked, found)


def is_realtime(path: str) -> bool:
    """Return whether `path` is a call's, rather than the dashboard's or the API's."""
    return route(path) is not None


def _asked(path: str) -> str:
    base, more = path, ""
    if match := _LIVE_SESSION.fullmatch(path):
        base, more = match.groups()
    if base.startswith(f"{HELICONE}/"):
        asked = _under_helicone(base.removeprefix(HELICONE))
    else:
        asked = _MEANING.get(base, "")
    return asked + more if asked == LIVE or not more else ""


def _under_helicone(path: str) -> str:
    if asked := _UNDER_HELICONE.get(path):
        return asked
    _, realtime, more = path.partition("/realtime")
    # Helicone's own example appends `/v1/realtime`; what else follows is not looked at.
    if realtime and path.startswith("/realtime/"):
        return _UNDER_HELICONE.get(more, REALTIME)
    return ""
