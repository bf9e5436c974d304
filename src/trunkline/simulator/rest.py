"""Pure. The simulator's answers in plain HTTP: client secrets (protocol.md 1.4)."""

from __future__ import annotations

from typing import Any

import msgspec

from trunkline.simulator.admission import Arrival, Fatal, barred
from trunkline.simulator.chance import Chance
from trunkline.simulator.config import SimulatorConfig
from trunkline.simulator.refusal import Refused
from trunkline.simulator.secrets import Secrets


class Posted(msgspec.Struct, frozen=True):
    """A request with its body."""

    method: str
    arrival: Arrival
    body: bytes


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """Its answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, status: int, body: Any) -> Reply:
        """Return `body` as JSON."""
        return cls(status=status, body=msgspec.json.encode(body))


class Rest:
    """Answers requests."""

    def __init__(self, config: SimulatorConfig, secrets: Secrets) -> None:
        self._config, self._secrets = config, secrets
        self._asked = 0

    def answer(self, posted: Posted, now_s: int) -> Reply:
        """Return the answer to one request at `now_s`, wall clock."""
        self._asked += 1
        if posted.method != "POST":
            return _refused(405, Refused("method_not_allowed", "Not allowed method."))
        if (fatal := barred(posted.arrival, self._config)) is not None:
            return _error(401 if fatal.close_code == 3000 else 400, fatal)
        chance = Chance(self._config.seed or 0, -1_000_000 - self._asked)
        try:
            return self._answer(posted, chance, now_s)
        except Refused as refused:
            return _refused(400, refused)

    def _answer(self, posted: Posted, chance: Chance, now_s: int) -> Reply:
        path = posted.arrival.path.removeprefix("/openai")
        secrets = self._secrets
        match path.removeprefix("/v1/realtime"):
            case "/client_secrets":
                made = secrets.make(_json(posted.body), chance, now_s)
            case "/translations/client_secrets":
                made = secrets.make_for_translation(_json(posted.body), chance, now_s)
            case "/sessions":
                made = secrets.make_before_ga(_json(posted.body), "realtime", chance, now_s)
            case "/transcription_sessions":
                made = secrets.make_before_ga(_json(posted.body), "transcription", chance, now_s)
            case _:
                return _refused(404, Refused("not_found", f"Nothing lives at {path}."))
        return Reply.of(200, made)


def _json(body: bytes) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(body) if body else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise Refused("invalid_json", "We could not parse the JSON body of your request.")
    return fields


def _refused(status: int, refused: Refused) -> Reply:
    return Reply.of(status, {"error": refused.error(None)})


def _error(status: int, fatal: Fatal) -> Reply:
    return Reply.of(status, {"error": fatal.error})
