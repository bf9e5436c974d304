"""Pure. What a request for a client secret asks for, and the token that is made of its answer."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import quote

import msgspec

from trunkline.protocol.call import CallKind, Opened
from trunkline.protocol.objects import Fields, read, write
from trunkline.protocol.profiles.ask import (
    CLIENT_SECRETS,
    TRANSCRIPTION_SESSIONS,
    TRANSLATION_SECRETS,
)
from trunkline.protocol.profiles.planning import Plan
from trunkline.protocol.token import Token
from trunkline.relay.credentials import Identity
from trunkline.relay.head import Head

MIN_SECONDS: Final = 10
MAX_SECONDS: Final = 7_200
DEFAULT_SECONDS: Final = 600
MAX_ORIGINS: Final = 16

ORIGINS: Final = "trunkline-token-origins"
USES: Final = "trunkline-token-uses"
"""Headers of ours: the body is the provider's, and an SDK writes it."""

_ORIGIN = re.compile(
    r"https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?|https?://\[[0-9a-f:.]{2,45}\](:[0-9]{1,5})?"
)


class BadWish(Exception):
    """What was asked cannot be had. The message says what to change."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for."""

    body: bytes
    fields: Fields
    """The same, read."""
    model: str
    kind: CallKind
    seconds: int
    origins: tuple[str, ...]
    uses: int


def wish_of(path: str, head: Head, body: bytes) -> Wish:
    """Return what `head` and `body` ask for at `path`. Raises `BadWish`."""
    fields = read(body) if body else {}
    if fields is None:
        raise BadWish("invalid_json", "send a JSON object as the body")
    session = fields.get("session", {}) if _is_nested(path) else fields
    if not isinstance(session, dict):
        raise BadWish("invalid_value", "session must be an object")
    return Wish(
        body=body,
        fields=fields,
        model=_model(session),
        kind=_kind(path, session),
        seconds=_seconds(fields.get("expires_after")),
        origins=_origins(head.text(ORIGINS)),
        uses=_uses(head.text(USES)),
    )


def _is_nested(path: str) -> bool:
    """Whether the session has a place of its own in the body, as it has in GA."""
    return path in (CLIENT_SECRETS, TRANSLATION_SECRETS)


def _model(session: Fields) -> str:
    """Return the model of the session: what a transcription names to transcribe is none."""
    model = session.get("model")
    return model[:256] if isinstance(model, str) else ""


def _kind(path: str, session: Fields) -> CallKind:
    if path == TRANSLATION_SECRETS:
        return "translation"
    transcribes = path == TRANSCRIPTION_SESSIONS or session.get("type") == "transcription"
    return "transcription" if transcribes else "realtime"


def _seconds(wanted: Any) -> int:
    seconds = wanted.get("seconds", DEFAULT_SECONDS) if isinstance(wanted, dict) else wanted
    if wanted is None:
        return DEFAULT_SECONDS
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        raise BadWish("invalid_value", "expires_after.seconds must be a whole number")
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise BadWish(
            "invalid_value",
            f"expires_after.seconds must be between {MIN_SECONDS} and {MAX_SECONDS}",
        )
    return seconds


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(filter(None, (part.strip().lower() for part in text.split(","))))
    if len(origins) > MAX_ORIGINS or not all(_ORIGIN.fullmatch(one) for one in origins):
        raise BadWish(
            "bad_origins",
            f"write Trunkline-Token-Origins as https://host, with commas between at most"
            f" {MAX_ORIGINS} of them",
        )
    return origins


def _uses(text: str) -> int:
    if not text:
        return 0
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text, re.ASCII):
        raise BadWish("bad_uses", "Trunkline-Token-Uses must be a number of calls, from 1")
    return int(text)


def with_model(who: Identity, model: str) -> Identity:
    """Return `who` asking for the model that the body names: providers are chosen by it."""
    if not model:
        return who
    query = [pair for pair in who.ask.query if pair[0] != "model"]
    query.append(("model", model, f"model={quote(model, safe='')}"))
    return msgspec.structs.replace(who, ask=msgspec.structs.replace(who.ask, query=tuple(query)))


def body_of(wish: Wish, path: str, plan: Plan) -> bytes:
    """Return the body for the provider: as it came, but for a model that has a successor."""
    if not wish.model or plan.model_used == wish.model:
        return wish.body
    named = {"model": plan.model_used}
    if _is_nested(path):
        named = {"session": {**wish.fields["session"], **named}}
    return write({**wish.fields, **named}) or wish.body


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider answered."""

    fields: Fields
    value: str
    expires_at_s: int
    nested: bool
    """It is under `client_secret`, as before GA."""


def secret_in(body: bytes) -> Secret | None:
    """Return the client secret in a provider's answer; None: there is none."""
    fields = read(body)
    if fields is None:
        return None
    inner: Any = fields.get("client_secret")
    nested = isinstance(inner, dict)
    holder: Fields = inner if nested else fields
    value, expires_at = holder.get("value"), holder.get("expires_at")
    if not isinstance(value, str) or not value or not isinstance(expires_at, int):
        return None
    return Secret(fields=fields, value=value, expires_at_s=expires_at, nested=nested)


def answered(secret: Secret, text: str, expires_at_s: int) -> bytes | None:
    """Return the provider's answer with our token in the place of its secret."""
    ours = {"value": text, "expires_at": expires_at_s}
    if secret.nested:
        return write({**secret.fields, "client_secret": {**secret.fields["client_secret"], **ours}})
    return write({**secret.fields, **ours})


def token_of(
    wish: Wish, secret: Secret, opened: Opened, provider: str, resource: str, id_: str, now_s: int
) -> Token:
    """Return the token for what was asked. `opened` says whose it is, and its properties.

    `provider` is the name by which it is found again, `now_s` wall clock.
    """
    return Token(
        id=id_,
        key_id=opened.key_id,
        expires_at_s=min(secret.expires_at_s, now_s + wish.seconds),
        provider=provider,
        secret=secret.value,
        model=wish.model,
        kind=wish.kind,
        resource=resource,
        origins=wish.origins,
        uses=wish.uses,
        user_id=opened.user_id,
        session_id=opened.session_id,
        session_name=opened.session_name,
        session_path=opened.session_path,
        properties=opened.properties,
    )
