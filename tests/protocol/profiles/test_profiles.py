"""Each provider: where it is dialled, with which credential, in which dialect."""

from __future__ import annotations

from typing import Any

import pytest

from trunkline.protocol.profiles.ask import REALTIME, VOICE_LIVE, Ask, Refused
from trunkline.protocol.profiles.catalogue import PROFILES
from trunkline.protocol.profiles.choosing import choose
from trunkline.protocol.profiles.credentials import secrets_of
from trunkline.protocol.profiles.planning import Plan, plan
from trunkline.settings import Settings
from trunkline.snapshot import Provider

JWT = "eyJhbGciOi.eyJzdWIi.c2ln-_0"
BEARER = {"Authorization": "Bearer k1234567"}
API_KEY = {"api-key": "k1234567"}


def planned(
    profile: str,
    query: str,
    *,
    path: str = REALTIME,
    secret: str = "k1234567",
    url: str = "",
    **headers: str,
) -> Plan:
    """Return how a stored provider is dialled for a caller that has a gateway key alone."""
    pieces = [piece.partition("=") for piece in query.split("&") if piece]
    ask = Ask(
        path=path,
        query=tuple((name, value, f"{name}={value}") for name, _, value in pieces),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        call_id="call_1",
    )
    stored = Provider(
        provider_id="1",
        org_id="o",
        name="it",
        profile=profile,
        url=url,
        resource="res-1" if "{resource}" in PROFILES[profile].url else "",
        sealed="x" if secret else "",
    )
    choice = choose(ask, "it", (stored,), simulated=False)
    return plan(ask, choice, secret, Settings())


HOST = "ws://10.0.0.7:8000/v1/realtime"
CASES: dict[str, tuple[str, str, dict[str, Any], str, dict[str, str], str]] = {
    "OpenAI": (
        "openai", "model=m", {}, "wss://api.openai.com/v1/realtime?model=m", BEARER, "ga",
    ),
    "OpenAI, for a caller of Azure": (
        "openai", "deployment=m", {}, "wss://api.openai.com/v1/realtime?model=m", BEARER, "ga",
    ),
    "Azure, for a caller of OpenAI": (
        "azure", "model=d", {}, "wss://res-1.openai.azure.com/openai/v1/realtime?model=d",
        API_KEY, "ga",
    ),
    "Azure, with an Entra token": (
        "azure", "model=d", {"secret": JWT},
        "wss://res-1.openai.azure.com/openai/v1/realtime?model=d",
        {"Authorization": f"Bearer {JWT}"}, "ga",
    ),
    "Voice Live": (
        "voice-live", "model=gpt-x&api-version=2025-10-01", {},
        "wss://res-1.services.ai.azure.com/voice-live/realtime?api-version=2025-10-01&model=gpt-x",
        API_KEY, "beta",
    ),
    "Voice Live, an agent": (
        "voice-live", "agent-name=a&agent-project-name=p&api-version=v", {"path": VOICE_LIVE},
        "wss://res-1.services.ai.azure.com/voice-live/realtime"
        "?api-version=v&agent-name=a&agent-project-name=p",
        API_KEY, "beta",
    ),
    "xAI": (
        "xai", "model=grok-voice-latest&conversation_id=c1", {},
        "wss://api.x.ai/v1/realtime?model=grok-voice-latest&conversation_id=c1", BEARER, "ga",
    ),
    "Qwen-Omni": (
        "qwen", "model=qwen3-omni-flash-realtime", {},
        "wss://res-1.ap-southeast-1.maas.aliyuncs.com/api-ws/v1/realtime"
        "?model=qwen3-omni-flash-realtime",
        BEARER, "beta",
    ),
    "Qwen-Omni at an older host": (
        "qwen", "model=qwen-omni", {"url": "wss://dashscope-intl.aliyuncs.com/api-ws/v1/realtime"},
        "wss://dashscope-intl.aliyuncs.com/api-ws/v1/realtime?model=qwen-omni", BEARER, "beta",
    ),
    "Inworld, with a key": (
        "inworld", "model=m", {},
        "wss://api.inworld.ai/api/v1/realtime/session?key=call_1&protocol=realtime&model=m",
        {"Authorization": "Basic k1234567"}, "ga",
    ),
    "Inworld, with a token": (
        "inworld", "protocol=realtime", {"secret": JWT},
        "wss://api.inworld.ai/api/v1/realtime/session?key=call_1&protocol=realtime",
        {"Authorization": f"Bearer {JWT}"}, "ga",
    ),
    "Inworld, a call's control": (
        "inworld", "call_id=c1", {}, "wss://api.inworld.ai/v1/realtime?call_id=c1",
        {"Authorization": "Basic k1234567"}, "ga",
    ),
    "Together": (
        "together", "model=openai/whisper", {},
        "wss://api.together.ai/v1/realtime?model=openai/whisper"
        "&input_audio_format=pcm_s16le_16000",
        {**BEARER, "OpenAI-Beta": "realtime=v1"}, "beta",
    ),
    "Together, a format of the caller's": (
        "together", "model=m&input_audio_format=x", {"openai_beta": "realtime=v1"},
        "wss://api.together.ai/v1/realtime?model=m&input_audio_format=x",
        {**BEARER, "OpenAI-Beta": "realtime=v1"}, "beta",
    ),
    "ElevenLabs": (
        "elevenlabs", "model=eleven_realtime_v1_mini", {},
        "wss://api.elevenlabs.io/v1/convai/realtime?model=eleven_realtime_v1_mini",
        {"Sec-WebSocket-Protocol": "realtime, openai-insecure-api-key.k1234567"}, "ga",
    ),
    "LocalAI": ("localai", "model=m", {"url": HOST}, f"{HOST}?model=m", BEARER, "ga"),
    "LocalAI, without a key": (
        "localai", "model=m", {"url": HOST, "secret": ""}, f"{HOST}?model=m", {}, "ga",
    ),
    "Speaches, whose model transcribes": (
        "speaches", "intent=transcription&model=whisper", {"url": HOST},
        f"{HOST}?intent=transcription&model=whisper", {"X-API-Key": "k1234567"}, "ga",
    ),
    "vLLM, that is told the model later": (
        "vllm", "", {"url": HOST, "secret": ""}, HOST, {}, "beta",
    ),
    "a compatible one": (
        "compatible", "model=m&call_id=c", {"url": "wss://h/x/rt"},
        "wss://h/x/rt?model=m&call_id=c", BEARER, "ga",
    ),
    "a compatible one, beta": (
        "compatible-beta", "model=m", {"url": HOST, "openai_beta": "realtime=v1"},
        f"{HOST}?model=m", {**BEARER, "OpenAI-Beta": "realtime=v1"}, "beta",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("profile", "query", "options", "url", "headers", "dialect"), CASES.values(), ids=CASES.keys()
)
def test_how_each_is_dialled(
    profile: str,
    query: str,
    options: dict[str, Any],
    url: str,
    headers: dict[str, str],
    dialect: str,
) -> None:
    made = planned(profile, query, **options)
    assert (made.url, dict(made.headers), made.provider_dialect) == (url, headers, dialect)
    assert made.profile == profile
    secret = options.get("secret", "k1234567")
    assert made.secrets == ((secret,) if secret else ())


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_is_dialled_in_some_case(name: str) -> None:
    assert name in {case[0] for case in CASES.values()}
    profile = PROFILES[name]
    assert profile.url or profile.usual_path


REFUSALS = {
    "Voice Live without a version": ("voice-live", "model=m", "missing_api_version"),
    "Voice Live without a model": ("voice-live", "api-version=v", "missing_model"),
    "xAI without a model": ("xai", "", "missing_model"),
    "a server that nobody said where it is": ("localai", "model=m", "missing_url"),
}


@pytest.mark.parametrize(("profile", "query", "code"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_is_missing_is_said(profile: str, query: str, code: str) -> None:
    with pytest.raises(Refused) as caught:
        planned(profile, query)
    assert caught.value.code == code


def test_who_speaks_which_dialect_is_known_of_the_caller_too() -> None:
    assert planned("qwen", "model=qwen-x").caller_dialect == "beta"
    assert planned("xai", "model=m", openai_beta="realtime=v1").caller_dialect == "beta"
    assert planned("xai", "model=m").caller_dialect == "ga"
    voice_live = planned("voice-live", "model=m&api-version=v", path=VOICE_LIVE)
    assert voice_live.caller_dialect == "beta"
    # In neither dialect: whatever the caller says, there is nothing to bridge.
    assert planned("vllm", "", url=HOST).caller_dialect == "beta"


def test_a_credential_is_found_wherever_a_provider_wants_it() -> None:
    assert secrets_of([("Authorization", "Basic abc"), ("User-Agent", "x y")]) == ("abc",)
    assert secrets_of([("api-key", "k")]) == ("k",)
    offered = [("Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key.k")]
    assert secrets_of(offered) == ("k",)
    assert secrets_of([("Sec-WebSocket-Protocol", "realtime")]) == ()
