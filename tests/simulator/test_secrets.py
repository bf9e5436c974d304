"""The simulator's client secrets, held to the official package's types."""

import json
from typing import Any

import pydantic
import pytest
from openai.types.realtime import ClientSecretCreateResponse
from tests.simulator.test_official_types import extras

from trunkline.simulator.admission import Accepted, Arrival, Fatal, admit
from trunkline.simulator.config import SimulatorConfig
from trunkline.simulator.rest import Posted, Reply, Rest
from trunkline.simulator.secrets import Secrets

CONFIG = SimulatorConfig(seed=7)
MADE: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(ClientSecretCreateResponse)
NOW_S = 1_800_000_000
REALTIME = {"type": "realtime", "model": "gpt-realtime-2.1", "instructions": "Hum."}
TRANSCRIPTION = {
    "type": "transcription", "audio": {"input": {"transcription": {"model": "whisper-1"}}},
}  # fmt: skip


class NoCalls:
    """Nobody calls: these tests have no offers."""

    def begin(self, call_id: str, kind: str, change: dict[str, Any], model: str = "") -> None:
        raise AssertionError(call_id)

    def has(self, call_id: str) -> bool:
        return False

    def stored(self, call_id: str) -> None:
        return None

    def hang_up(self, call_id: str) -> None:
        raise AssertionError(call_id)

    def rings(self, call_id: str) -> bool:
        return False

    def answer(self, call_id: str) -> None:
        raise AssertionError(call_id)


class Provider:
    """The simulator without its sockets."""

    def __init__(self) -> None:
        self.secrets = Secrets(CONFIG.silence_ms)
        self._rest = Rest(CONFIG, self.secrets, NoCalls())

    def post(self, path: str, body: Any, key: str = "sk-good") -> Reply:
        arrival = Arrival(path, (("Authorization", f"Bearer {key}"),))
        return self._rest.answer(Posted("POST", arrival, json.dumps(body).encode()), NOW_S)

    def made(self, session: Any, path: str = "/v1/realtime/client_secrets", **more: Any) -> Any:
        reply = self.post(path, {"session": session, **more})
        assert reply.status == 200, reply
        return json.loads(reply.body)

    def admit(self, key: str, target: str = "/v1/realtime", later_s: int = 0) -> Any:
        arrival = Arrival(target, (("Authorization", f"Bearer {key}"),))
        return admit(arrival, CONFIG, self.secrets, NOW_S + later_s)


@pytest.mark.parametrize("session", [REALTIME, TRANSCRIPTION], ids=["realtime", "transcription"])
def test_the_answer_is_what_the_official_package_knows(session: Any) -> None:
    made = Provider().made(session)
    model = MADE.validate_json(json.dumps(made), strict=True)
    assert list(extras(model)) == []
    assert (made["expires_at"], made["value"][:3]) == (NOW_S + 600, "ek_")


def test_a_secret_opens_its_session_until_it_expires() -> None:
    provider = Provider()
    value = provider.made(REALTIME, expires_after={"seconds": 10})["value"]
    for _ in range(2):
        accepted = provider.admit(value, later_s=9)
        assert isinstance(accepted, Accepted)
        assert (accepted.kind, accepted.model) == ("realtime", "gpt-realtime-2.1")
        assert accepted.change == REALTIME
    assert isinstance(provider.admit(value, later_s=10), Fatal)


def test_the_kind_of_session_is_the_secrets() -> None:
    provider = Provider()
    assert provider.admit(provider.made(TRANSCRIPTION)["value"]).kind == "transcription"
    path = "/v1/realtime/translations/client_secrets"
    value = provider.made({"model": "gpt-realtime-translate"}, path)["value"]
    assert provider.admit(value, "/v1/realtime/translations").kind == "translation"


def test_another_model_than_the_secrets_is_refused() -> None:
    provider = Provider()
    value = provider.made(REALTIME)["value"]
    assert isinstance(provider.admit(value, "/v1/realtime?model=gpt-realtime-mini"), Fatal)


BAD = {
    "a bad key": ("/v1/realtime/client_secrets", {}, "sk-bad", 401),
    "no type": ("/v1/realtime/client_secrets", {"session": {"model": "m"}}, "sk-good", 400),
    "no model": ("/v1/realtime/client_secrets", {"session": {"type": "realtime"}}, "sk-good", 400),
    "an unknown field": (
        "/v1/realtime/client_secrets", {"session": {**REALTIME, "loud": 1}}, "sk-good", 400,
    ),
    "too short": ("/v1/realtime/client_secrets", {"expires_after": {"seconds": 9}}, "sk-good", 400),
    "a path that is none": ("/v1/realtime/nothing", {}, "sk-good", 404),
}  # fmt: skip


@pytest.mark.parametrize(("path", "body", "key", "status"), BAD.values(), ids=BAD.keys())
def test_what_is_wrong_is_refused(path: str, body: Any, key: str, status: int) -> None:
    reply = Provider().post(path, body, key)
    assert reply.status == status
    assert json.loads(reply.body)["error"]["code"]
