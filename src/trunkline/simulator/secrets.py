"""Pure. Client secrets of the simulator: what they open, and until when (protocol.md 1.4)."""

from __future__ import annotations

from typing import Any

import msgspec

from trunkline.simulator import shape
from trunkline.simulator.chance import Chance
from trunkline.simulator.dialect import event_from_beta, event_to_beta
from trunkline.simulator.refusal import Refused, invalid, missing

MIN_S, MAX_S, DEFAULT_S = 10, 7_200, 600
BETA_S = 60
"""What the deprecated endpoints give."""


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """What one secret opens."""

    kind: str
    model: str
    change: dict[str, Any]
    """What its session differs by from the defaults, as a `session.update` says it."""
    expires_at_s: int


class Secrets:
    """All that were made."""

    def __init__(self, silence_ms: int) -> None:
        self._silence_ms = silence_ms
        self._made: dict[str, Secret] = {}

    def find(self, value: str) -> Secret | None:
        """Return what `value` opens, or opened; None: it was not made here."""
        return self._made.get(value)

    def make(self, body: dict[str, Any], chance: Chance, now_s: int) -> dict[str, Any]:
        """Answer `POST /realtime/client_secrets`. Raises `Refused`."""
        change = body.get("session") or {"type": "realtime", "model": "gpt-realtime-2.1"}
        if not isinstance(change, dict):
            raise invalid("session", change, "Expected an object.")
        kind = change.get("type")
        if kind is None:
            raise missing("session.type")
        if kind not in ("realtime", "transcription"):
            raise invalid("session.type", kind, "Expected 'realtime' or 'transcription'.")
        model = change.get("model") or ""
        if kind == "realtime" and not model:
            raise missing("session.model")
        expires_at = now_s + _seconds(body.get("expires_after"))
        session = self._session(kind, model, change, chance, expires_at)
        value = self._keep(Secret(
            kind=kind, model=model, change=change, expires_at_s=expires_at,
        ), chance)  # fmt: skip
        return {"value": value, "expires_at": expires_at, "session": session}

    def make_for_translation(
        self, body: dict[str, Any], chance: Chance, now_s: int
    ) -> dict[str, Any]:
        """Answer `POST /realtime/translations/client_secrets`. Raises `Refused`."""
        change = body.get("session") or {}
        model = change.get("model") or ""
        if "translate" not in model:
            raise invalid("session.model", model, "Expected a model that translates.")
        expires_at = now_s + _seconds(body.get("expires_after"))
        session = {
            "type": "translation",
            "id": chance.id("sess"),
            "model": model,
            "expires_at": expires_at,
            "audio": change.get("audio") or {},
        }
        value = self._keep(Secret(
            kind="translation", model=model, change=change, expires_at_s=expires_at,
        ), chance)  # fmt: skip
        return {"value": value, "expires_at": expires_at, "session": session}

    def make_before_ga(
        self, body: dict[str, Any], kind: str, chance: Chance, now_s: int
    ) -> dict[str, Any]:
        """Answer the deprecated `/realtime/sessions` and `/realtime/transcription_sessions`."""
        name = "transcription_session.update" if kind == "transcription" else "session.update"
        change = event_from_beta({"type": name, "session": body})["session"]
        model = change.get("model") or ""
        if kind == "realtime" and not model:
            raise missing("model")
        expires_at = now_s + BETA_S
        session = self._session(kind, model, change, chance, expires_at)
        if kind == "realtime":
            session["temperature"] = 0.8
        flat = event_to_beta({"type": "session.created", "session": session}) or {}
        value = self._keep(Secret(
            kind=kind, model=model, change=change, expires_at_s=expires_at,
        ), chance)  # fmt: skip
        return {**flat["session"], "client_secret": {"value": value, "expires_at": expires_at}}

    def _session(
        self, kind: str, model: str, change: dict[str, Any], chance: Chance, expires_at: int
    ) -> dict[str, Any]:
        id_ = chance.id("sess")
        first = (
            shape.transcription(id_, expires_at, self._silence_ms)
            if kind == "transcription"
            else shape.realtime(id_, model, expires_at, self._silence_ms)
        )
        # Of a transcription the model is in its audio, and a session has no other.
        fields = {k: v for k, v in change.items() if k != "model" and k != "temperature"}
        return shape.updated(first, fields, spoken=False, silence_ms=self._silence_ms)

    def _keep(self, secret: Secret, chance: Chance) -> str:
        value = chance.id("ek")
        self._made[value] = secret
        return value


def _seconds(wanted: Any) -> int:
    seconds = wanted.get("seconds", DEFAULT_S) if isinstance(wanted, dict) else DEFAULT_S
    if not isinstance(seconds, int) or not MIN_S <= seconds <= MAX_S:
        raise Refused(
            "invalid_value",
            f"Invalid 'expires_after.seconds': expected between {MIN_S} and {MAX_S}.",
            "expires_after.seconds",
        )
    return seconds
