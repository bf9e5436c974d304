"""Pure. Who comes with a token in place of a key, and what its holder may ask for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

import msgspec

from trunkline.protocol.profiles.ask import TRANSLATIONS, Ask
from trunkline.protocol.token import CONTEXT, PREFIX, Token
from trunkline.relay.credentials import Unidentified
from trunkline.relay.head import Head, query_pairs
from trunkline.relay.paths import Route
from trunkline.snapshot import Key

SUBPROTOCOL: Final = "openai-insecure-api-key."

_TEXT = re.compile(r"ek_tl_[A-Za-z0-9._-]{1,16384}")
_NOT_OURS = "this token was not made here: have a new one made"
_BEARER = re.compile(r"[Bb]earer +(ek_tl_[\x21-\x7e]*)")


Open = Callable[[str, str], str]
"""(sealed, context) -> what was sealed. Raises `ValueError`."""


def read(text: str, unseal: Open) -> Token:
    """Return the token in `text`. Raises `Unidentified`: it is none of ours, or damaged."""
    sealed = text.removeprefix(PREFIX)
    last = sealed.rpartition(".")[2]
    try:
        opened = unseal(sealed + "=" * (-len(last) % 4), CONTEXT)
        return msgspec.json.decode(opened, type=Token)
    except (ValueError, msgspec.DecodeError) as exc:
        raise Unidentified(401, "invalid_token", _NOT_OURS) from exc


def found(head: Head) -> str:
    """Return the token that came with `head`, as bearer or as a subprotocol; or nothing."""
    match = _BEARER.fullmatch(head.text("authorization").strip())
    held = [match[1]] if match else []
    held += [
        protocol.removeprefix(SUBPROTOCOL)
        for protocol in head.tokens("sec-websocket-protocol")
        if protocol.startswith(SUBPROTOCOL + PREFIX)
    ]
    if not held:
        return ""
    if len(set(held)) > 1 or head.text("helicone-auth"):
        raise Unidentified(400, "ambiguous_key", "send one token, and no key beside it")
    if not _TEXT.fullmatch(held[0]):
        raise Unidentified(401, "invalid_token", _NOT_OURS)
    return held[0]


def holder(token: Token, head: Head, keys: Mapping[str, Key], now_s: float) -> Key:
    """Return the key behind `token`, if whoever sent `head` may use it now.

    `keys` are by id. Raises `Unidentified`.
    """
    if now_s >= token.expires_at_s:
        raise Unidentified(401, "expired_token", "this token has expired: have a new one made")
    key = keys.get(token.key_id)
    if key is None or key.revoked:
        raise Unidentified(401, "revoked_token", "the key that made this token was revoked")
    if token.origins and head.text("origin") not in token.origins:
        raise Unidentified(403, "origin_not_allowed", "this token is for pages of another origin")
    return key


def asked(token: Token, head: Head, there: Route) -> Ask:
    """Return what the holder of `token` asks for: its own words only where the token has none.

    Raises:
        Unidentified: it asks for another model, or another kind of session.
    """
    query = [pair for pair in query_pairs(head.query) if pair[0] in ("model", "simulate")]
    given = {name for name, _, _ in query_pairs(head.query)}
    if (there.path == TRANSLATIONS) != (token.kind == "translation") or "call_id" in given:
        raise Unidentified(403, "token_kind", f"this token opens {token.kind} sessions only")
    if token.kind == "transcription":
        query = [("intent", "transcription", "intent=transcription")]
    elif any(name == "model" and value != token.model for name, value, _ in query):
        raise Unidentified(403, "token_model", f"this token is for the model {token.model}")
    elif "model" not in given and token.model:
        query.append(("model", token.model, f"model={quote(token.model, safe='')}"))
    return Ask(
        path=there.path,
        query=tuple(query),
        headers={
            "authorization": f"Bearer {token.secret}" if token.secret else "",
            "user-agent": head.text("user-agent"),
            "trunkline-resource": token.resource,
        },
    )
