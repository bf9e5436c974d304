"""Pure. What becomes of a handshake: a session, a fatal error after the 101, or an HTTP status.

OpenAI accepts every upgrade and complains afterwards; Azure refuses at the
handshake. Both are told by the path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from trunkline.errors import OperatorError
from trunkline.simulator.config import AT_START, SimulatorConfig, switched
from trunkline.simulator.refusal import Refused
from trunkline.simulator.room import Dialect
from trunkline.simulator.secrets import Secret, Secrets

SUBPROTOCOL = "realtime"
_KEY_SUBPROTOCOL = "openai-insecure-api-key."
_BETA_SUBPROTOCOL = "openai-beta.realtime-v1"
_ATTACH = re.compile(r"/v1/live/sessions/([A-Za-z0-9_-]{1,128})/attach")
_KEY = re.compile(r"[^\s,]+")
_API_VERSION = re.compile(r"\d{4}-\d\d-\d\d(-preview)?")
_ACCOUNT_CODES = (
    "invalid_api_key", "insufficient_permissions", "account_deactivated", "insufficient_quota",
    "billing_hard_limit_reached", "credit_balance_exhausted",
)  # fmt: skip
_NOT_FOR_SESSIONS = ("transcribe", "whisper", "translate")
"""Parts of names of models that cannot be the model of a realtime session."""


class Arrival(msgspec.Struct, frozen=True):
    """A handshake as it arrived. Holds credentials: for tests, never for logs."""

    target: str
    """Path and query of the request line."""
    headers: tuple[tuple[str, str], ...]
    """In their order and spelling."""

    def header(self, name: str) -> str | None:
        """Return the first header of this name, whatever its case."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    @property
    def path(self) -> str:
        """The path without its query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The query; of repeated names the last."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def subprotocols(self) -> tuple[str, ...]:
        """What was offered in Sec-WebSocket-Protocol."""
        offered = self.header("Sec-WebSocket-Protocol") or ""
        return tuple(filter(None, (one.strip() for one in offered.split(","))))


class Accepted(msgspec.Struct, frozen=True):
    """A session may begin."""

    config: SimulatorConfig
    """With the switches of this connection."""
    dialect: Dialect
    model: str
    kind: str
    session_s: int
    change: dict[str, Any] | None = None
    """What the session begins with in place of the defaults."""


class Sideband(msgspec.Struct, frozen=True):
    """101, and from then on the events of a call that runs elsewhere."""

    call_id: str


class Fatal(msgspec.Struct, frozen=True):
    """101, then an `error` event, then this close."""

    close_code: int
    error: dict[str, Any]

    @property
    def reason(self) -> str:
        """The close reason: `<type>.<code>`."""
        return f"{self.error['type']}.{self.error['code']}"


class Rejected(msgspec.Struct, frozen=True):
    """No WebSocket: an HTTP status with a JSON body."""

    status: int
    body: Mapping[str, Any]


Verdict = Accepted | Sideband | Fatal | Rejected


class Asked(msgspec.Struct, frozen=True):
    """What a connection asks for itself."""

    model: str
    """The model or deployment, without switches."""
    switches: str
    """After the model's name, and in the query."""
    config: SimulatorConfig
    """With these switches."""


def asked_of(arrival: Arrival, config: SimulatorConfig) -> Asked | Rejected:
    """Return what the handshake asks for, or why that cannot be."""
    query = arrival.query
    model, _, switches = (query.get("deployment") or query.get("model") or "").partition("~")
    asked = ",".join(filter(None, (switches, query.get("simulate"))))
    try:
        return Asked(model, asked, switched(config, asked, fixed=AT_START))
    except OperatorError as exc:
        return _rejected(400, "unknown_switch", str(exc))


def admit(
    arrival: Arrival, config: SimulatorConfig, secrets: Secrets | None = None, now_s: float = 0
) -> Verdict:
    """Return what OpenAI, or Azure OpenAI, does with the handshake at its path.

    `secrets` are those that it has made, `now_s` is wall clock.
    """
    secret = secrets.find(presented(arrival)) if secrets else None
    if secret is not None:
        if now_s >= secret.expires_at_s:
            return _fatal(3000, "invalid_api_key", "The client secret has expired.")
        return _by_secret(arrival, config, secret)
    asked = asked_of(arrival, config)
    if isinstance(asked, Rejected):
        return asked
    model, config = asked.model, asked.config
    if config.refuse_status:
        return _rejected(config.refuse_status, "refused", "Refused on purpose (refuse_status).")
    if (attached := _ATTACH.fullmatch(arrival.path)) is not None:
        return barred(arrival, config) or Sideband(attached[1])
    match arrival.path.rstrip("/"):
        case "/v1/realtime":
            return _openai(arrival, config, model)
        case "/v1/live/sessions":
            if (fatal := barred(arrival, config)) is not None:
                return fatal
            return Accepted(config, "ga", "", "live", _life(config, 3600))
        case "/v1/realtime/translations":
            return _translation(arrival, config, model)
        case "/openai/v1/realtime":
            return _azure(arrival, config, model, preview=False)
        case "/openai/realtime":
            return _azure(arrival, config, model, preview=True)
        case path:
            return _rejected(404, "not_found", f"Nothing lives at {path}.")


def allowed(key: str, config: SimulatorConfig) -> bool:
    """Return whether this credential opens anything."""
    if config.accepted_keys:
        return key in config.accepted_keys
    # Two credentials in one header, as some gateways want them, are none for a provider.
    return bool(_KEY.fullmatch(key)) and config.refused_key not in key


def offered_key(arrival: Arrival) -> str:
    """Return the credential among the subprotocols, as browsers give it."""
    keys = (p for p in arrival.subprotocols if p.startswith(_KEY_SUBPROTOCOL))
    return next(keys, "").removeprefix(_KEY_SUBPROTOCOL)


def bearer(arrival: Arrival) -> str:
    """Return the credential in `Authorization: Bearer`."""
    scheme, _, key = (arrival.header("Authorization") or "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def presented(arrival: Arrival) -> str:
    """Return the key that came, in whatever way."""
    return bearer(arrival) or arrival.header("api-key") or offered_key(arrival)


def _by_secret(arrival: Arrival, config: SimulatorConfig, secret: Secret) -> Verdict:
    """A session as the secret has it: what the address says beside it must not differ."""
    if call_id := arrival.query.get("call_id"):
        return Sideband(call_id)
    asked = arrival.query.get("model", secret.model)
    if secret.kind == "realtime" and asked != secret.model:
        return _fatal(4000, "invalid_model", f"The client secret is for '{secret.model}'.")
    try:
        config = switched(config, arrival.query.get("simulate", ""), fixed=AT_START)
    except OperatorError as exc:
        return _rejected(400, "unknown_switch", str(exc))
    if config.refuse_status:
        return _rejected(config.refuse_status, "refused", "Refused on purpose (refuse_status).")
    return Accepted(config, "ga", secret.model, secret.kind, _life(config, 3600), secret.change)


def barred(arrival: Arrival, config: SimulatorConfig) -> Fatal | None:
    """Return why OpenAI lets nobody in with this key, or None."""
    key = presented(arrival)
    if not allowed(key, config):
        return _fatal(3000, "invalid_api_key", f"Incorrect API key provided: {_masked(key)}.")
    if config.fatal_code:
        close_code = 3000 if config.fatal_code in _ACCOUNT_CODES else 4000
        return _fatal(close_code, config.fatal_code, "Refused on purpose (fatal_code).")
    return None


def _translation(arrival: Arrival, config: SimulatorConfig, model: str) -> Verdict:
    if (fatal := barred(arrival, config)) is not None:
        return fatal
    if not model:
        return _fatal(4000, "missing_model", "You must provide a model parameter.")
    if "translate" not in model:
        return _fatal(4000, "invalid_model", f"Model '{model}' does not translate.")
    return Accepted(config, "ga", model, "translation", _life(config, 3600))


def _openai(arrival: Arrival, config: SimulatorConfig, model: str) -> Verdict:
    if (fatal := barred(arrival, config)) is not None:
        return fatal
    offered = arrival.subprotocols
    beta = _BETA_SUBPROTOCOL in offered or "realtime=v1" in (arrival.header("OpenAI-Beta") or "")
    if beta and config.beta == "refuse":
        return _fatal(
            4000,
            "beta_api_shape_disabled",
            "The Realtime Beta API is no longer supported. Please use the GA API instead.",
        )
    if call_id := arrival.query.get("call_id"):
        if model:
            return _fatal(4000, "invalid_model", "Omit `model` with call_id.")
        return Sideband(call_id)
    if arrival.query.get("intent") == "transcription":
        if model:
            return _fatal(4000, "invalid_model", "Omit `model` with intent=transcription.")
        return Accepted(config, "beta" if beta else "ga", "", "transcription", _life(config, 3600))
    if not model:
        return _fatal(4000, "missing_model", "You must provide a model parameter.")
    if any(part in model for part in _NOT_FOR_SESSIONS):
        return _fatal(4000, "invalid_model", f"Model '{model}' is not supported in realtime mode.")
    if not beta and model.startswith(config.retired_models):
        return _fatal(
            4000, "model_not_found", f"The model '{model}' does not exist or you have no access."
        )
    return Accepted(config, "beta" if beta else "ga", model, "realtime", _life(config, 3600))


def _azure(arrival: Arrival, config: SimulatorConfig, name: str, *, preview: bool) -> Verdict:
    query, token = arrival.query, bearer(arrival)
    key = arrival.header("api-key") or query.get("api-key") or ""
    # An Entra token is a JWT, three parts; a resource's own key is not taken as Bearer.
    by_token = token.count(".") == 2 and allowed(token, config)
    if not (allowed(key, config) or by_token):
        return _rejected(
            401,
            "401",
            "Access denied due to invalid subscription key or wrong API endpoint. Make sure to "
            "provide a valid key for an active subscription.",
        )
    version = query.get("api-version")
    if preview and not (version and _API_VERSION.fullmatch(version)):
        return _rejected(404, "404", "Resource not found: api-version is missing or unknown.")
    if not preview and version:
        return _rejected(401, "401", "This path takes no api-version.")
    if not preview and (call_id := query.get("call_id")):
        return Sideband(call_id)
    transcribes = query.get("intent") == "transcription"
    if not name and not transcribes:
        return _rejected(404, "DeploymentNotFound", "No deployment was named.")
    if any(part in name for part in config.missing_deployments):
        return _rejected(
            404, "DeploymentNotFound", "The API deployment for this resource does not exist."
        )
    if "whisper" in name:
        # Spelt as the real one spells it.
        return _rejected(400, "OpperationNotSupported", "The operation does not work with it.")
    kind = "transcription" if transcribes else "realtime"
    return Accepted(config, "beta" if preview else "ga", name, kind, _life(config, 1800))


def _life(config: SimulatorConfig, default_s: int) -> int:
    return config.session_s or default_s


def _fatal(close_code: int, code: str, message: str) -> Fatal:
    return Fatal(close_code, Refused(code, message).error(None))


def _rejected(status: int, code: str, message: str) -> Rejected:
    return Rejected(status, {"error": {"code": code, "message": message}})


def _masked(key: str) -> str:
    return f"{key[:3]}…{key[-2:]}" if len(key) > 8 else "…"


_SECRET_HEADERS = ("authorization", "api-key", "x-api-key", "helicone-auth", "cookie")


def shown(arrival: Arrival) -> dict[str, Any]:
    """Return an arrival as JSON with its credentials hidden."""
    headers = list[Sequence[str]]()
    for name, value in arrival.headers:
        hidden = name.lower() in _SECRET_HEADERS
        value = re.sub(rf"({re.escape(_KEY_SUBPROTOCOL)})[^,\s]+", r"\1…", value)
        headers.append((name, "…" if hidden else value))
    return {
        "target": re.sub(r"(api-key=)[^&]+", r"\1…", arrival.target),
        "headers": headers,
    }
