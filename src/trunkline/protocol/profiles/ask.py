"""Pure. What a caller asks for, taken apart, and what of it travels to a provider.

Nothing of ours travels: headers are taken from an allow-list, so one that we do not
know is never sent on, and of the query everything but what is ours or a credential.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote

import msgspec

from trunkline.protocol.call import Dialect

REALTIME = "/realtime"
TRANSLATIONS = "/realtime/translations"
AZURE_PREVIEW = "/openai/realtime"
AZURE_GA = "/openai/v1/realtime"
VOICE_LIVE = "/voice-live/realtime"
LIVE = "/live/sessions"
"""What a caller may ask for, however the path before it looks. `LIVE` may go on: `/<id>/attach`."""

CLIENT_SECRETS = "/realtime/client_secrets"
TRANSLATION_SECRETS = "/realtime/translations/client_secrets"
SESSIONS = "/realtime/sessions"
TRANSCRIPTION_SESSIONS = "/realtime/transcription_sessions"
CALLS = "/realtime/calls"
"""What is asked in plain HTTP. `CALLS` may go on: `/<id>/hangup`."""
INCOMING = "/realtime/incoming"
"""Where providers post webhooks, `/<id>`: not asked of a provider."""

RESOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{1,62}")
"""What may stand in for `{resource}`: one DNS label, so that nothing else becomes the host."""

_DATED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?")
"""An `api-version` of Azure's preview surface, which speaks beta. Others (`v1`) mean GA."""
_NAME = re.compile(r"[\x20-\x7e]{1,256}")
_PASSED = (
    "OpenAI-Organization",
    "OpenAI-Project",
    "OpenAI-Safety-Identifier",
    "User-Agent",
    "X-MS-Client-Request-Id",
    "traceparent",
    "tracestate",
)
_OURS = frozenset({"resource", "deployment", "api-version", "traceparent"})
CREDENTIALS = frozenset({
    "api-key", "api_key", "apikey", "key", "token", "access_token", "authorization",
    "helicone-auth",
})  # fmt: skip
"""Query parameters, in lower case, that are taken for credentials: they do not travel."""

KEY_PROTOCOL = "openai-insecure-api-key."
_BETA = "realtime=v1"
_BETA_PROTOCOL = "openai-beta.realtime-v1"
_PROTOCOL_HEADERS = {
    "openai-organization.": "OpenAI-Organization",
    "openai-project.": "OpenAI-Project",
}
"""What a browser, which cannot set headers, offers as subprotocols (protocol.md 1.3)."""


class Refused(Exception):
    """What was asked cannot be dialled. The message says what to change."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller asked for, taken apart."""

    path: str = REALTIME
    """One of those above."""
    query: tuple[tuple[str, str, str], ...] = ()
    """(name, value, the piece as it was sent), in order."""
    headers: Mapping[str, str] = {}
    """By lower-case name, text. `authorization` is the provider's credential alone."""
    protocols: tuple[str, ...] = ()
    """Subprotocols offered."""
    call_id: str = ""
    """Ours, for providers that want to be told one."""

    def value(self, name: str) -> str:
        """Return the query parameter `name`, or an empty string. Refuses two of them."""
        values = [value for key, value, _ in self.query if key == name]
        if len(values) > 1:
            raise Refused(400, "repeated_parameter", f"give the query parameter {name} once")
        if values and values[0] and not _NAME.fullmatch(values[0]):
            raise Refused(400, "bad_parameter", f"the query parameter {name} is not plain text")
        return values[0] if values else ""

    def of_protocol(self, prefix: str) -> str:
        """Return the rest of the first offered subprotocol that begins with `prefix`."""
        return next((p.removeprefix(prefix) for p in self.protocols if p.startswith(prefix)), "")

    @property
    def beta(self) -> bool:
        """Whether the caller says that it speaks the beta dialect."""
        header = self.headers.get("openai-beta", "").replace(" ", "").lower()
        return _BETA in header.split(",") or _BETA_PROTOCOL in self.protocols

    @property
    def dialect(self) -> Dialect:
        """The dialect that the caller says it speaks."""
        return "beta" if self.beta else "ga"

    @property
    def preview(self) -> bool:
        """Whether it is in a form of Azure's whose callers speak beta unsaid."""
        if self.path == VOICE_LIVE:
            return True
        return bool(_DATED.fullmatch(self.value("api-version"))) and self.path in (
            REALTIME,
            AZURE_PREVIEW,
        )

    @property
    def transcribes(self) -> bool:
        """Whether a transcription session is asked for by the query."""
        return self.value("intent") == "transcription"

    @property
    def is_http(self) -> bool:
        """Whether it is asked in plain HTTP: no call, but what goes before one or beside it."""
        return self.path.startswith("/realtime/") and self.path != TRANSLATIONS

    @property
    def needs_model(self) -> bool:
        """Whether what is asked for needs a model: not a call's sideband, nor what names it later.

        A transcription session names it in its session, GPT-Live in its first event, what is
        asked in plain HTTP in its body.
        """
        named_later = self.transcribes or self.is_http or self.path.startswith(LIVE)
        return not (self.value("call_id") or named_later)

    @property
    def bare_key(self) -> str:
        """The provider's key as a caller gives it that sends no `Authorization`."""
        return (
            self.headers.get("api-key")
            or self.of_protocol(KEY_PROTOCOL)
            or self.value("api-key")
        )  # fmt: skip

    @property
    def has_credential(self) -> bool:
        """Whether the caller brings a provider's credential of its own."""
        return bool(self.headers.get("authorization") or self.bare_key)

    def holding(self, secret: str) -> Ask:
        """Return the same with `secret` as the provider's credential, and no other."""
        headers = {name: value for name, value in self.headers.items() if name != "api-key"}
        return msgspec.structs.replace(
            self,
            headers={**headers, "authorization": f"Bearer {secret}" if secret else ""},
            protocols=tuple(p for p in self.protocols if not p.startswith(KEY_PROTOCOL)),
            query=tuple(part for part in self.query if part[0].lower() not in CREDENTIALS),
        )


def passed_query(ask: Ask, model: str) -> Iterator[str]:
    """Yield the pieces of the query that travel, with `model` in place of the one asked for."""
    for name, value, piece in ask.query:
        if name.lower() in _OURS or name.lower() in CREDENTIALS:
            continue
        if name == "model" and value != model:
            if model:
                yield f"model={quote(model, safe='')}"
        else:
            yield piece


def with_query(base: str, pieces: Iterable[str]) -> str:
    """Return `base` with the `pieces` of a query after it."""
    query = "&".join(pieces)
    return f"{base}?{query}" if query else base


def passed_headers(ask: Ask) -> Iterator[tuple[str, str]]:
    """Yield the headers that travel."""
    by_protocol = {name: ask.of_protocol(prefix) for prefix, name in _PROTOCOL_HEADERS.items()}
    for name in _PASSED:
        value = ask.headers.get(name.lower()) or by_protocol.get(name, "")
        if value:
            yield name, value


def beta_header(ask: Ask, *, kept: bool) -> Iterator[tuple[str, str]]:
    """Yield `OpenAI-Beta` with what of it travels; the realtime beta only if it is to be `kept`."""
    # A beta that we do not know is the provider's to judge.
    named = [part.strip() for part in ask.headers.get("openai-beta", "").split(",")]
    known = () if kept else (_BETA,)
    if passed := [part for part in named if part and part.replace(" ", "").lower() not in known]:
        yield "OpenAI-Beta", ", ".join(passed)
