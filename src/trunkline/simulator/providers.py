"""Pure. Handshakes as providers other than OpenAI and Azure OpenAI take them (protocol.md 8.1).

Some live at paths of their own; those at OpenAI's path are chosen by the switch
`provider`. What a provider does with a bad credential, protocol.md does not say: here
it is HTTP 401.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from trunkline.simulator import admission
from trunkline.simulator.admission import (
    Accepted,
    Arrival,
    Rejected,
    Verdict,
    allowed,
    asked_of,
    bearer,
    offered_key,
)
from trunkline.simulator.config import SimulatorConfig, switched
from trunkline.simulator.room import Dialect
from trunkline.simulator.secrets import Secrets

_OPENAIS_PATH: Final = "/v1/realtime"


class Mode(msgspec.Struct, frozen=True, kw_only=True):
    """How one provider is."""

    dialect: Dialect = "ga"
    kind: str = "realtime"
    key: Callable[[Arrival], str] = bearer
    """The credential, from where this provider looks for it."""
    keyless: bool = False
    """Lets in who has none."""
    wants: tuple[str, ...] = ()
    """Query parameters without which it refuses, 400."""
    beta_header: bool = False
    """Refuses, 400, who does not send `OpenAI-Beta: realtime=v1`."""
    habits: str = ""
    """Switches, before those that are asked for."""
    session_s: int = 3600


def _azures_key(arrival: Arrival) -> str:
    token = bearer(arrival)
    return arrival.header("api-key") or (token if token.count(".") == 2 else "")


def _basic(arrival: Arrival) -> str:
    scheme, _, key = (arrival.header("Authorization") or "").partition(" ")
    return key if scheme.lower() in ("basic", "bearer") else ""


def _x_api_key(arrival: Arrival) -> str:
    return arrival.header("X-API-Key") or arrival.query.get("api_key") or ""


_XAIS_HABITS = "conversation_created,no_usage,sparse_events,text_twice,ping_events_ms:20000"
MODES: Final[dict[str, Mode]] = {
    "xai": Mode(wants=("model",), habits=_XAIS_HABITS),
    "localai": Mode(keyless=True, wants=("model",)),
    "speaches": Mode(keyless=True, key=_x_api_key, wants=("model",)),
    "vllm": Mode(keyless=True, kind="dictation"),
    "together": Mode(
        dialect="beta",
        kind="transcription",
        wants=("model", "input_audio_format"),
        beta_header=True,
    ),
}
"""Those at OpenAI's path, by the switch `provider`."""
PATHS: Final[dict[str, Mode]] = {
    "/voice-live/realtime": Mode(dialect="beta", key=_azures_key, wants=("api-version",)),
    "/api-ws/v1/realtime": Mode(dialect="beta", wants=("model",), habits="silence_ms:800"),
    "/api/v1/realtime/session": Mode(key=_basic, wants=("key", "protocol")),
    "/v1/convai/realtime": Mode(key=offered_key, wants=("model",)),
}
"""Azure Voice Live, Qwen-Omni, Inworld, ElevenLabs."""


def admit(
    arrival: Arrival, config: SimulatorConfig, secrets: Secrets | None = None, now_s: float = 0
) -> Verdict:
    """Return what the provider that lives at this path does with the handshake.

    `secrets` are those that it has made, `now_s` is wall clock.
    """
    asked = asked_of(arrival, config)
    if isinstance(asked, Rejected):
        return asked
    path = arrival.path.rstrip("/")
    mode = PATHS.get(path)
    if path == _OPENAIS_PATH:
        mode = MODES.get(asked.config.provider)
    if mode is None:
        return admission.admit(arrival, config, secrets, now_s)
    if asked.config.refuse_status:
        return _rejected(asked.config.refuse_status, "refused", "Refused on purpose.")
    if (refused := _refused(arrival, asked.config, mode)) is not None:
        return refused
    # Those that are asked for come last, so that a test can switch a habit off.
    habits = switched(switched(config, mode.habits), asked.switches)
    life_s = habits.session_s or mode.session_s
    return Accepted(habits, mode.dialect, asked.model, mode.kind, life_s)


def _refused(arrival: Arrival, config: SimulatorConfig, mode: Mode) -> Rejected | None:
    key = mode.key(arrival)
    if (key or not mode.keyless) and not allowed(key, config):
        return _rejected(401, "invalid_api_key", "Incorrect API key provided.")
    for name in mode.wants:
        if not arrival.query.get(name):
            return _rejected(400, "missing_parameter", f"The query parameter {name} is missing.")
    if mode.beta_header and "realtime=v1" not in (arrival.header("OpenAI-Beta") or ""):
        return _rejected(400, "missing_header", "Send the header OpenAI-Beta: realtime=v1.")
    return None


def _rejected(status: int, code: str, message: str) -> Rejected:
    return Rejected(status, {"error": {"code": code, "message": message}})
