"""Pure. What is particular to each provider: where to dial, with which headers, which dialect.

`plan` turns what a caller asked into a `Plan`. Nothing of ours goes into one: headers
are taken from an allow-list, so a header that we do not know is never sent on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias
from urllib.parse import quote, unquote_plus

import msgspec

from trunkline.protocol.call import Dialect
from trunkline.settings import Settings

ProfileName: TypeAlias = Literal["openai", "azure", "simulator"]

SIMULATOR_MODEL = "simulator"
RESOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{1,62}")
"""What may stand in for `{resource}`: one DNS label, so that nothing else becomes the host."""

_DATED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?")
"""An `api-version` of the preview surface, which speaks beta. Others (`v1`) mean GA."""
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
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
_OURS = frozenset({"resource", "deployment", "api-version"})
_CREDENTIALS = frozenset({"api-key", "api_key", "apikey", "key", "token", "access_token"})
_SHOWN = frozenset({"model", "intent", "call_id", "api-version", "deployment"})
"""Query parameters whose values may be recorded."""

_KEY_PROTOCOL = "openai-insecure-api-key."
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

    query: tuple[tuple[str, str, str], ...] = ()
    """(name, value, the piece as it was sent), in order."""
    headers: Mapping[str, str] = {}
    """By lower-case name, text. `authorization` is the provider's credential alone."""
    protocols: tuple[str, ...] = ()
    """Subprotocols offered."""

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


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How to dial, and which languages are spoken. Holds credentials: never log it."""

    profile: ProfileName
    url: str
    headers: tuple[tuple[str, str], ...]
    model_asked: str
    model_used: str
    caller_dialect: Dialect
    provider_dialect: Dialect

    @property
    def shown_url(self) -> str:
        """The URL as it may be recorded: values of unknown parameters are left out."""
        base, _, query = self.url.partition("?")
        pieces = (piece.partition("=") for piece in query.split("&") if piece)
        shown = "&".join(
            f"{name}={value}" if unquote_plus(name) in _SHOWN else f"{name}=…"
            for name, _, value in pieces
        )
        return f"{base}?{shown}" if shown else base


def plan(ask: Ask, settings: Settings) -> Plan:
    """Return how to dial what `ask` asks for.

    Raises:
        Refused: a parameter or the provider's credential is missing or wrong.
    """
    if ask.value("resource") or ask.value("deployment"):
        return _azure(ask, settings)
    if ask.value("model") or ask.value("call_id") or ask.value("intent") == "transcription":
        return _openai(ask, settings)
    raise Refused(
        400,
        "missing_model",
        "add ?model=<model> for OpenAI, or ?resource=<name>&deployment=<name> for Azure",
    )


def _openai(ask: Ask, settings: Settings) -> Plan:
    asked = ask.value("model")
    used = settings.successors.get(asked, asked)
    simulated = settings.simulator or asked == SIMULATOR_MODEL
    base = _simulator(settings) + "/v1/realtime" if simulated else settings.openai_url
    query = "&".join(_passed_query(ask, used))
    return Plan(
        profile="simulator" if simulated else "openai",
        url=f"{base}?{query}" if query else base,
        headers=(
            *_openai_credential(ask, required=not simulated),
            *_passed_headers(ask),
            *_beta_header(ask, "ga"),
        ),
        model_asked=asked,
        model_used=used,
        caller_dialect="beta" if ask.beta else "ga",
        provider_dialect="ga",
    )


def _azure(ask: Ask, settings: Settings) -> Plan:
    resource, deployment = ask.value("resource"), ask.value("deployment")
    if not RESOURCE.fullmatch(resource):
        raise Refused(
            400, "bad_resource" if resource else "missing_resource",
            "resource must be the name of an Azure OpenAI resource: letters, digits and hyphens",
        )  # fmt: skip
    if not deployment:
        raise Refused(400, "missing_deployment", "add &deployment=<name of the deployment>")
    version = ask.value("api-version")
    dialect: Dialect = "beta" if _DATED.fullmatch(version) else "ga"
    base = _simulator(settings) if settings.simulator else settings.azure_url
    return Plan(
        profile="simulator" if settings.simulator else "azure",
        url=base.replace("{resource}", resource) + _azure_path(ask, deployment, dialect),
        headers=(
            *_azure_credential(ask, required=not settings.simulator),
            *_passed_headers(ask),
            *_beta_header(ask, dialect),
        ),
        model_asked=deployment,
        model_used=deployment,
        caller_dialect="beta" if ask.beta or dialect == "beta" else "ga",
        provider_dialect=dialect,
    )


def _azure_path(ask: Ask, deployment: str, dialect: Dialect) -> str:
    if dialect == "beta":
        version = quote(ask.value("api-version"), safe="")
        return f"/openai/realtime?api-version={version}&deployment={quote(deployment, safe='')}"
    # No api-version on the GA path: one report of a 401 for it (protocol.md 1.5).
    intent = ask.value("intent")
    suffix = f"&intent={quote(intent, safe='')}" if intent else ""
    return f"/openai/v1/realtime?model={quote(deployment, safe='')}{suffix}"


def _simulator(settings: Settings) -> str:
    if not settings.simulator_url:
        raise Refused(
            503, "no_simulator", "no simulator runs here: start one and set simulator_url"
        )
    return settings.simulator_url


def _passed_query(ask: Ask, model: str) -> Iterator[str]:
    # OpenAI refuses a model beside intent=transcription as `invalid_model`; LiveKit's
    # plugin adds one when the host is not OpenAI's (clients.md 2.4).
    transcribing = ask.value("intent") == "transcription"
    for name, value, piece in ask.query:
        if name.lower() in _OURS or name.lower() in _CREDENTIALS:
            continue
        if name != "model":
            yield piece
        elif not transcribing:
            yield piece if value == model else f"model={quote(model, safe='')}"


def _passed_headers(ask: Ask) -> Iterator[tuple[str, str]]:
    by_protocol = {name: ask.of_protocol(prefix) for prefix, name in _PROTOCOL_HEADERS.items()}
    for name in _PASSED:
        value = ask.headers.get(name.lower()) or by_protocol.get(name, "")
        if value:
            yield name, value


def _beta_header(ask: Ask, dialect: Dialect) -> Iterator[tuple[str, str]]:
    # The retired beta is fatal at OpenAI since 2026-05-12, accepted on Azure's preview path.
    # A beta that we do not know is the provider's to judge.
    named = [part.strip() for part in ask.headers.get("openai-beta", "").split(",")]
    known = () if dialect == "beta" else (_BETA,)
    if passed := [part for part in named if part and part.replace(" ", "").lower() not in known]:
        yield "OpenAI-Beta", ", ".join(passed)


def _openai_credential(ask: Ask, *, required: bool) -> Iterator[tuple[str, str]]:
    authorization = ask.headers.get("authorization", "")
    if authorization:
        yield "Authorization", authorization
    elif key := _bare_key(ask):
        yield "Authorization", f"Bearer {key}"
    elif required:
        raise _no_credential("Authorization: Bearer <your OpenAI key>")
    else:
        yield "Authorization", f"Bearer {SIMULATOR_MODEL}"


def _azure_credential(ask: Ask, *, required: bool) -> Iterator[tuple[str, str]]:
    scheme, _, token = ask.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    key = _bare_key(ask) or bearer
    if _JWT.fullmatch(bearer):
        yield "Authorization", f"Bearer {bearer}"
    elif key:
        yield "api-key", key
    elif required:
        raise _no_credential("api-key: <your Azure key>")
    else:
        yield "api-key", SIMULATOR_MODEL


def _bare_key(ask: Ask) -> str:
    return (
        ask.headers.get("api-key")
        or ask.of_protocol(_KEY_PROTOCOL)
        or ask.value("api-key")
    )  # fmt: skip


def _no_credential(header: str) -> Refused:
    return Refused(
        401,
        "missing_provider_credential",
        f"the provider's own key is missing: send the header {header}",
    )
