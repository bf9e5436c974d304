"""Handshakes, as OpenAI and Azure take them (protocol notes, parts 1 and 3.7)."""

from __future__ import annotations

import json

import pytest

from trunkline.simulator.admission import (
    Accepted,
    Arrival,
    Fatal,
    Rejected,
    Verdict,
    admit,
    shown,
)
from trunkline.simulator.config import SimulatorConfig, switched

KEY = ("Authorization", "Bearer sk-good")
API_KEY = ("api-key", "azure-good")
JWT = ("Authorization", "Bearer aaa.bbb.ccc")
BETA = ("OpenAI-Beta", "realtime=v1")


def verdict(target: str, *headers: tuple[str, str], switches: str = "") -> Verdict:
    return admit(Arrival(target, headers), switched(SimulatorConfig(), switches))


def told(found: Verdict) -> str:
    match found:
        case Accepted(_, dialect, model, kind, session_s):
            return f"{dialect} {kind} {model or '-'} {session_s}"
        case Fatal():
            return f"{found.close_code} {found.reason}"
        case Rejected(status, body):
            return f"HTTP {status} {body['error']['code']}"


def offered(*protocols: str) -> tuple[str, str]:
    return ("Sec-WebSocket-Protocol", ", ".join(protocols))


OPENAI = "/v1/realtime?model=gpt-realtime-2.1"
GA = "/openai/v1/realtime?model=voice"
PREVIEW = "/openai/realtime?api-version=2025-04-01-preview&deployment=voice"

CASES: dict[str, tuple[str, tuple[tuple[str, str], ...], str]] = {
    "a good key": (OPENAI, (KEY,), "ga realtime gpt-realtime-2.1 3600"),
    "no key": (OPENAI, (), "3000 invalid_request_error.invalid_api_key"),
    "a bad key": (
        OPENAI, (("Authorization", "Bearer sk-bad"),),
        "3000 invalid_request_error.invalid_api_key",
    ),
    "two keys in one header": (
        OPENAI, (("Authorization", "Bearer sk-good, Bearer ours"),),
        "3000 invalid_request_error.invalid_api_key",
    ),
    "a key as subprotocol": (
        OPENAI, (offered("realtime", "openai-insecure-api-key.ek_1"),),
        "ga realtime gpt-realtime-2.1 3600",
    ),
    "the beta header": (OPENAI, (KEY, BETA), "4000 invalid_request_error.beta_api_shape_disabled"),
    "the beta subprotocol": (
        OPENAI, (KEY, offered("realtime", "openai-beta.realtime-v1")),
        "4000 invalid_request_error.beta_api_shape_disabled",
    ),
    "the beta header, served": (
        OPENAI + "&simulate=beta:serve", (KEY, BETA), "beta realtime gpt-realtime-2.1 3600",
    ),
    "no model": ("/v1/realtime", (KEY,), "4000 invalid_request_error.missing_model"),
    "a transcription model": (
        "/v1/realtime?model=gpt-4o-transcribe", (KEY,), "4000 invalid_request_error.invalid_model",
    ),
    "a retired model": (
        "/v1/realtime?model=gpt-4o-realtime-preview-2024-12-17", (KEY,),
        "4000 invalid_request_error.model_not_found",
    ),
    "transcription": ("/v1/realtime?intent=transcription", (KEY,), "ga transcription - 3600"),
    "transcription with a model": (
        "/v1/realtime?intent=transcription&model=whisper-1", (KEY,),
        "4000 invalid_request_error.invalid_model",
    ),
    "Azure GA": (GA, (API_KEY,), "ga realtime voice 1800"),
    "Azure GA, Entra": (GA, (JWT,), "ga realtime voice 1800"),
    "Azure GA, key as Bearer": (GA, (KEY,), "HTTP 401 401"),
    "Azure GA, key in the query": (GA + "&api-key=azure-good", (), "ga realtime voice 1800"),
    "Azure GA, bad key": (GA, (("api-key", "bad"),), "HTTP 401 401"),
    "Azure GA with a version": (GA + "&api-version=2025-04-01", (API_KEY,), "HTTP 401 401"),
    "Azure GA, no deployment": ("/openai/v1/realtime", (API_KEY,), "HTTP 404 DeploymentNotFound"),
    "Azure GA, missing deployment": (
        "/openai/v1/realtime?model=missing", (API_KEY,), "HTTP 404 DeploymentNotFound",
    ),
    "Azure GA, whisper": (
        "/openai/v1/realtime?model=gpt-realtime-whisper", (API_KEY,),
        "HTTP 400 OpperationNotSupported",
    ),
    "Azure preview": (PREVIEW, (API_KEY,), "beta realtime voice 1800"),
    "Azure preview, no version": (
        "/openai/realtime?deployment=voice", (API_KEY,), "HTTP 404 404",
    ),
    "an unknown path": ("/v1/chat", (KEY,), "HTTP 404 not_found"),
    "a refusal on purpose": (OPENAI + "&simulate=refuse_status:429", (KEY,), "HTTP 429 refused"),
    "a fatal error about an account": (
        OPENAI + "&simulate=fatal_code:insufficient_quota", (KEY,),
        "3000 invalid_request_error.insufficient_quota",
    ),
    "another fatal error": (
        OPENAI + "&simulate=fatal_code:model_not_found", (KEY,),
        "4000 invalid_request_error.model_not_found",
    ),
    "a switch in the model": (
        "/v1/realtime?model=gpt-realtime-2.1~session_s:60", (KEY,),
        "ga realtime gpt-realtime-2.1 60",
    ),
    "an unknown switch": (OPENAI + "&simulate=magic", (KEY,), "HTTP 400 unknown_switch"),
    "a switch that is not theirs": (
        OPENAI + "&simulate=accepted_keys:x", (), "HTTP 400 unknown_switch",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_handshake_ends_as_the_provider_ends_it(name: str) -> None:
    target, headers, expected = CASES[name]
    assert told(verdict(target, *headers)) == expected


def test_only_the_listed_keys_are_let_in_when_there_is_a_list() -> None:
    assert isinstance(verdict(OPENAI, KEY, switches="accepted_keys:sk-good|k2"), Accepted)
    assert isinstance(verdict(OPENAI, KEY, switches="accepted_keys:k2"), Fatal)


def test_an_error_about_a_key_shows_only_its_ends() -> None:
    found = verdict(OPENAI, ("Authorization", "Bearer sk-bad-0123456789"))
    assert isinstance(found, Fatal)
    assert "0123" not in json.dumps(found.error)
    assert "sk-…89" in found.error["message"]


def test_what_arrived_is_shown_without_credentials() -> None:
    arrival = Arrival(
        GA + "&api-key=secret1",
        (
            ("Authorization", "Bearer secret2"),
            ("Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key.secret3"),
            ("User-Agent", "x"),
        ),
    )
    text = json.dumps(shown(arrival))
    assert "secret" not in text
    assert '["User-Agent", "x"]' in text
