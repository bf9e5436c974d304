"""Pure. Who asks: the gateway's key, however it came, and apart from it the provider's credential.

`Helicone-Auth` is the gateway's own header. Callers that can send none (browsers,
several SDKs) give the key in the path, in the query, as a subprotocol, or in the place
where the provider's credential would be; the setting `key_ways` says which of these are
taken. Whatever way it came, the key goes no further: not to the provider, not into a
record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from trunkline.protocol.profiles.ask import Ask
from trunkline.relay.head import Head, as_text, query_pairs
from trunkline.relay.paths import Route
from trunkline.relay.refusal import Refusal
from trunkline.settings import KeyWay
from trunkline.snapshot import Key, sha256_of_key

IN_QUERY = "helicone-auth"
IN_PROTOCOL = "helicone-auth."
_PROVIDERS_PROTOCOL = "openai-insecure-api-key."
_PROVIDERS_QUERY = "api-key"
_OURS = "sk-trunkline-"
"""How keys begin that were made here. Never a provider's, even if nobody knows it."""

_BEARER = re.compile(r"[Bb]earer +([\x21-\x7e]{1,512})")
_BARE = re.compile(r"[\x21-\x7e]{1,512}")

_NAMES: Mapping[KeyWay, str] = {
    "authorization": "in the place of the provider's key",
    "path": "in the path",
    "query": "in the query",
    "subprotocol": "as a subprotocol",
}


class Unidentified(Exception):
    """Nobody who may call. Holds what to answer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.refusal = Refusal(status=status, code=code, message=message)


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and what for. Holds the provider's credential: never log it."""

    key: Key
    ask: Ask
    """With the caller's own credential for the provider, if it brought one, and nothing of ours."""
    provider: str
    """The name of the provider that the caller wants, from header or path; or empty."""


class _Found(msgspec.Struct, frozen=True):
    """A key, and where it was."""

    text: str
    way: KeyWay | None = None
    """None: in our own header."""


def identify(
    head: Head, route: Route, keys: Mapping[str, Key], ways: tuple[KeyWay, ...]
) -> Identity:
    """Return who sent `head`.

    Raises:
        Unidentified: there is no key, more than one, or not a good one.
    """
    first, comma, second = head.text("authorization").partition(",")
    own = list(_in_header(head, second.strip() if comma else ""))
    found = [*own, *_beside(head, route)] or [
        one for one in _in_providers_place(head, first) if _is_ours(one.text, keys)
    ]
    if len({one.text for one in found}) > 1:
        raise Unidentified(400, "ambiguous_key", "send one of the gateway's keys, in one way")
    return Identity(
        key=_good(found[0], keys, ways) if found else _missing(),
        ask=_without_ours(head, route, first.strip(), keys),
        provider=route.provider or head.text("trunkline-provider"),
    )


def _missing() -> Key:
    raise Unidentified(
        401, "missing_key", "send the header Helicone-Auth: Bearer <your Trunkline key>"
    )


def _in_header(head: Head, after_comma: str) -> Iterator[_Found]:
    """Yield what our own header says, and `Authorization` after a comma, as Helicone has it."""
    for value in (head.text("helicone-auth"), after_comma):
        if value:
            match = _BEARER.fullmatch(value)
            if match is None:
                raise Unidentified(
                    401, "malformed_key", "write the key as Helicone-Auth: Bearer <key>"
                )
            yield _Found(match[1])


def _beside(head: Head, route: Route) -> Iterator[_Found]:
    """Yield keys that are where only ours can be."""
    if route.key:
        yield _Found(route.key, "path")
    for name, value, _ in query_pairs(head.query):
        if name.lower() == IN_QUERY:
            yield _Found(_bare(value), "query")
    for protocol in head.tokens("sec-websocket-protocol"):
        if protocol.startswith(IN_PROTOCOL):
            yield _Found(protocol.removeprefix(IN_PROTOCOL), "subprotocol")


def _in_providers_place(head: Head, authorization: str) -> Iterator[_Found]:
    """Yield what is where a provider's credential would be, whosever it is."""
    for value in (authorization, head.text("api-key")):
        if value:
            yield _Found(_bare(value), "authorization")
    for protocol in head.tokens("sec-websocket-protocol"):
        if protocol.startswith(_PROVIDERS_PROTOCOL):
            yield _Found(protocol.removeprefix(_PROVIDERS_PROTOCOL), "subprotocol")
    for name, value, _ in query_pairs(head.query):
        if name.lower() == _PROVIDERS_QUERY:
            yield _Found(_bare(value), "query")


def _bare(value: str) -> str:
    match = _BEARER.fullmatch(value.strip())
    return match[1] if match else value.strip()


def _is_ours(text: str, keys: Mapping[str, Key]) -> bool:
    return text.startswith(_OURS) or sha256_of_key(text) in keys


def _good(found: _Found, keys: Mapping[str, Key], ways: tuple[KeyWay, ...]) -> Key:
    if found.way is not None and found.way not in ways:
        raise Unidentified(
            401, "key_way_off",
            f"no key is taken {_NAMES[found.way]} here: send the header"
            " Helicone-Auth: Bearer <key>, or ask the operator about the setting key_ways",
        )  # fmt: skip
    if not _BARE.fullmatch(found.text):
        raise Unidentified(401, "malformed_key", "a key is letters and digits, without spaces")
    key = keys.get(sha256_of_key(found.text))
    if key is None:
        raise Unidentified(
            401, "invalid_key", "this key is not known here: create one under API keys"
        )
    if key.revoked:
        raise Unidentified(
            401, "revoked_key", "this key was revoked: create another under API keys"
        )
    return key


def _without_ours(head: Head, route: Route, authorization: str, keys: Mapping[str, Key]) -> Ask:
    """Return what is asked, with nothing in the provider's place that is a key of ours."""
    headers = {name.lower(): as_text(value) for name, value in reversed(head.fields)}
    headers["authorization"] = authorization
    for name in ("authorization", "api-key"):
        if _is_ours(_bare(headers.get(name, "")), keys):
            headers.pop(name)
    return Ask(
        path=route.path,
        headers=headers,
        query=tuple(
            pair
            for pair in query_pairs(head.query)
            if pair[0].lower() != _PROVIDERS_QUERY or not _is_ours(_bare(pair[1]), keys)
        ),
        protocols=tuple(
            protocol
            for protocol in head.tokens("sec-websocket-protocol")
            if not protocol.startswith(IN_PROTOCOL)
            and not _is_ours(protocol.removeprefix(_PROVIDERS_PROTOCOL), keys)
        ),
    )
