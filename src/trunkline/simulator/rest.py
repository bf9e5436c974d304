"""Pure. The simulator's answers in plain HTTP: client secrets, and calls (protocol.md 1.4)."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from trunkline.simulator.admission import Arrival, Fatal, barred, presented
from trunkline.simulator.chance import Chance
from trunkline.simulator.config import SimulatorConfig
from trunkline.simulator.direct import ANSWER, offered
from trunkline.simulator.refusal import Refused, invalid, missing
from trunkline.simulator.secrets import Secret, Secrets

_CALLS = {"realtime": "/realtime/calls", "live": "/live/sessions"}


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


class Calls(Protocol):
    """The calls whose media would go direct: `app.Simulator`, or a list in tests."""

    def begin(self, call_id: str, kind: str, change: dict[str, Any], model: str = "") -> None:
        """Begin one, `realtime` or `live`; `model`: where the session does not name it.

        Raises `Refused` for a session that cannot be.
        """
        ...

    def rings(self, call_id: str) -> bool:
        """Return whether it rings, and nobody has answered it."""
        ...

    def answer(self, call_id: str) -> None:
        """It rings no more."""
        ...

    def has(self, call_id: str) -> bool:
        """Return whether it runs."""
        ...

    def stored(self, call_id: str) -> dict[str, Any] | None:
        """Return the configuration of a session that was stored; None: it was not."""
        ...

    def hang_up(self, call_id: str) -> None:
        """End it."""
        ...


class Rest:
    """Answers requests."""

    def __init__(self, config: SimulatorConfig, secrets: Secrets, calls: Calls) -> None:
        self._config, self._secrets, self._calls = config, secrets, calls
        self._asked = 0

    def answer(self, posted: Posted, now_s: int) -> Reply:
        """Return the answer to one request at `now_s`, wall clock."""
        self._asked += 1
        if posted.method != "POST":
            return _refused(405, Refused("method_not_allowed", "Not allowed method."))
        if (fatal := barred(posted.arrival, self._config)) is not None:
            return _error(401 if fatal.close_code == 3000 else 400, fatal)
        secret = self._secrets.find(presented(posted.arrival))
        if secret is not None and now_s >= secret.expires_at_s:
            return _refused(401, Refused("invalid_api_key", "The client secret has expired."))
        chance = Chance(self._config.seed or 0, -1_000_000 - self._asked)
        try:
            for kind, calls in _CALLS.items():
                _, found, asked = posted.arrival.path.partition(calls)
                if found:
                    return self._call(posted, secret, chance, kind, asked)
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

    def _call(
        self, posted: Posted, secret: Secret | None, chance: Chance, kind: str, asked: str
    ) -> Reply:
        """Take an offer, or what is asked of a call that runs."""
        if not asked.strip("/"):
            return (
                self._offer_live(posted, chance)
                if kind == "live"
                else self._offer(posted, secret, chance)
            )
        _, call_id, verb = (*asked.split("/"), "", "")[:3]
        if verb == "fork" and kind == "live":
            return self._fork(posted, call_id, chance)
        if verb not in ("accept", "reject", "refer", "hangup"):
            return _refused(404, Refused("not_found", f"Nothing lives at {posted.arrival.path}."))
        if self._calls.rings(call_id):
            return self._rung(posted, call_id, verb, kind)
        if not self._calls.has(call_id):
            return _refused(404, Refused("call_not_found", f"No call {call_id[:80]}."))
        if verb == "accept":
            raise Refused("call_already_accepted", f"Call {call_id[:80]} runs already.")
        if verb == "refer" and not _json(posted.body).get("target_uri"):
            raise missing("target_uri")
        if verb in ("reject", "hangup"):
            self._calls.hang_up(call_id)
        return Reply(status=200)

    def _rung(self, posted: Posted, call_id: str, verb: str, kind: str) -> Reply:
        """Do what is asked of a call that rings."""
        asked = _json(posted.body)
        if verb == "accept":
            self._calls.begin(call_id, kind, _session(asked) if kind == "live" else asked)
        elif verb == "refer":
            raise Refused("call_not_accepted", "Accept the call before you refer it.")
        self._calls.answer(call_id)
        return Reply(status=200)

    def _offer(self, posted: Posted, secret: Secret | None, chance: Chance) -> Reply:
        content_type = posted.arrival.header("Content-Type") or ""
        _, change = offered(content_type, posted.body)
        model = change.get("model") or posted.arrival.query.get("model") or ""
        if secret is not None:
            change, model = secret.change, secret.model
        call_id = chance.id("rtc")
        self._calls.begin(call_id, "realtime", change, model)
        location = ("Location", f"/v1/realtime/calls/{call_id}")
        return Reply(
            status=201, body=ANSWER.encode(), content_type="application/sdp", headers=(location,)
        )

    def _offer_live(self, posted: Posted, chance: Chance) -> Reply:
        asked = _json(posted.body)
        return self._begin_live(asked, _session(asked), chance)

    def _fork(self, posted: Posted, call_id: str, chance: Chance) -> Reply:
        """Begin another session where one that was stored left off, with some of it changed."""
        stored = self._calls.stored(call_id)
        if stored is None:
            return _refused(404, Refused("session_not_found", f"{call_id[:80]} is not stored."))
        asked = _json(posted.body)
        changes = asked.get("session", {})
        if not isinstance(changes, dict):
            raise invalid("session", changes, "Expected an object.")
        if "model" in changes:
            raise Refused("immutable", "A fork has the model of its session.", "session.model")
        return self._begin_live(asked, {**stored, **changes}, chance)

    def _begin_live(self, asked: dict[str, Any], session: dict[str, Any], chance: Chance) -> Reply:
        transport = asked.get("transport")
        if not isinstance(transport, dict) or transport.get("type") != "webrtc":
            raise missing("transport")
        if not str(transport.get("sdp", "")).startswith("v=0"):
            raise missing("transport.sdp")
        call_id = chance.id("live")
        self._calls.begin(call_id, "live", session)
        answer = {"session": {"id": call_id}, "transport": {"type": "webrtc", "sdp": ANSWER}}
        return Reply.of(201, answer)


def _session(asked: dict[str, Any]) -> dict[str, Any]:
    session = asked.get("session")
    if not isinstance(session, dict):
        raise missing("session")
    return session


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
