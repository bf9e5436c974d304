"""The integration guide's code works as written, and so does our own that does the same.

The guide is read from where it lies beside the project; it is not part of it. Only
host and port are replaced. Both are followed by a text turn and a spoken one.
"""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.support import speech
from tests.support.running import ROOT, Running, node

GUIDE = ROOT.parent / "shared" / "seed" / "realtime-integration.txt"
SCRIPTS = Path(__file__).parent / "scripts"
TURNS = (SCRIPTS / "turns.mjs").read_text("utf-8")
PROVIDERS = ("openai", "azure")
DIALLED = {
    "openai": "/v1/realtime?model=gpt-realtime-2.1",
    "azure": "/openai/v1/realtime?model=gpt-realtime",
}
MILLION = Decimal(1_000_000)

needs_guide = pytest.mark.skipif(not GUIDE.exists(), reason="the guide is not beside the project")


HEADINGS = {"openai": "OpenAI Provider\n\nimport", "azure": "Azure Provider\n\nimport"}


def from_guide(provider: str, host: str) -> str:
    """The guide's connection for one provider, and its event handlers."""
    text = GUIDE.read_text("utf-8")
    section = text[text.index(HEADINGS[provider]) :]
    connection = re.search(r"^import.*?^ws\.on\(\"open\".*?^\}\);\n", section, re.M | re.S)
    handlers = re.search(r"^ws\.on\(\"message\".*?process\.exit\(0\);\n\}\);\n", text, re.M | re.S)
    assert connection is not None
    assert handlers is not None
    return (connection[0] + handlers[0]).replace("api.helicone.ai", host)


class Played:
    """One script's call: what it saw, and what Trunkline says of it."""

    def __init__(self, running: Running, log: Path) -> None:
        self.seen = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
        self.call_id: str = self.seen[0]["headers"]["helicone-id"]
        self.call = running.sealed(self.call_id)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.seen if event["type"] == kind]


def play(running: Running, workplace: Path, script: str) -> Played:
    (workplace / "call.mjs").write_text(script + TURNS, "utf-8")
    (workplace / "speech.pcm").write_bytes(speech.load("young_man"))
    env = {
        "GATEWAY": running.websocket_url,
        "LOG": str(workplace / "log"),
        "SPEECH": str(workplace / "speech.pcm"),
        "OPENAI_API_KEY": "sk-of-the-provider",
        "AZURE_API_KEY": "azure-key-of-the-provider",
        "AZURE_RESOURCE": "my-resource",
        "AZURE_DEPLOYMENT": "gpt-realtime",
        "HELICONE_API_KEY": running.key,
        **({"NODE_EXTRA_CA_CERTS": str(running.ca)} if running.ca else {}),
    }
    node(workplace / "call.mjs", env)
    return Played(running, workplace / "log")


@pytest.fixture(scope="module")
def ours(plain: Running, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    """Our own scripts, played once for each provider."""
    return {
        provider: play(
            plain,
            tmp_path_factory.mktemp(provider),
            (SCRIPTS / f"{provider}.mjs").read_text("utf-8"),
        )
        for provider in PROVIDERS
    }


def assert_both_turns(played: Played) -> None:
    answers = [item for item in played.call["transcript"] if item["role"] == "assistant"]
    assert not played.of("error")
    assert len(played.of("response.done")) == 2
    assert [event["transcript"] for event in played.of("response.audio_transcript.done")] == [
        answer["text"] for answer in answers
    ]
    assert all(answer["text"] for answer in answers)


@needs_guide
@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_guides_code_works_as_written(provider: str, secure: Running, tmp_path: Path) -> None:
    host = secure.url.removeprefix("https://")
    played = play(secure, tmp_path, from_guide(provider, host))
    assert_both_turns(played)
    assert DIALLED[provider] in played.call["provider_url"]
    assert played.call["user_id"] == "user_123"
    assert played.call["session"]["id"].startswith("session_")
    assert played.call["caller_dialect"] == "beta"
    assert played.call["provider_dialect"] == "ga"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_same_by_a_script_of_our_own(provider: str, ours: dict[str, Played]) -> None:
    assert_both_turns(ours[provider])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_record_says_who_called(provider: str, ours: dict[str, Played]) -> None:
    call = ours[provider].call
    assert call["status"] == "completed"
    assert call["end_reason"] == "caller_closed"
    assert call["provider"] == "simulator"
    assert DIALLED[provider] in call["provider_url"]
    assert call["session"]["id"] == f"session_{provider}"
    assert call["session"]["name"] == "VoiceAssistant"
    assert call["session"]["path"] == "/voice-assistant/conversation"
    assert call["user_id"] == "user_123"
    assert call["properties"]["Tenant"] == "north-clinic"


def test_a_retired_model_is_dialled_as_its_successor_visibly(ours: dict[str, Played]) -> None:
    call = ours["openai"].call
    assert call["model_asked"] == "gpt-4o-realtime-preview-2024-12-17"
    assert call["model_used"] == "gpt-realtime-2.1"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_transcript_has_both_sides_in_order(provider: str, ours: dict[str, Played]) -> None:
    lines = [f"{line['role']} {line['modality']}" for line in ours[provider].call["transcript"]]
    assert lines == ["caller text", "assistant audio", "caller audio", "assistant audio"]
    texts = [line["text"] for line in ours[provider].call["transcript"]]
    assert texts[0] == "What is the weather like in Paris?"
    assert texts[2] == speech.transcript("young_man")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_caller_waited_from_the_true_end_of_its_speech(
    provider: str, ours: dict[str, Played]
) -> None:
    turn = ours[provider].call["turns"][1]
    assert turn["kind"] == "speech"
    assert turn["wait_ms"] > turn["wait_from_stopped_ms"] > 0
    spoken_ms = turn["speech_ended_ms"] - turn["speech_started_ms"]
    about = speech.about("young_man")
    # A caller on a busy machine speaks more slowly.
    true_ms = about["speech_ends_ms"] - about["speech_begins_ms"]
    assert true_ms - 400 < spoken_ms < 2 * true_ms


def test_the_cost_is_what_a_calculation_by_hand_gives(ours: dict[str, Played]) -> None:
    """Prices of gpt-realtime-2.1 per million tokens, protocol.md 4.3."""
    by_hand = Decimal(0)
    for done in ours["openai"].of("response.done"):
        usage = done["response"]["usage"]
        given, cached = (
            usage["input_token_details"],
            usage["input_token_details"]["cached_tokens_details"],
        )
        by_hand += (given["text_tokens"] - cached["text_tokens"]) * Decimal("4.00") / MILLION
        by_hand += (given["audio_tokens"] - cached["audio_tokens"]) * Decimal("32.00") / MILLION
        by_hand += given["cached_tokens"] * Decimal("0.40") / MILLION
        by_hand += usage["output_token_details"]["text_tokens"] * Decimal("24.00") / MILLION
        by_hand += usage["output_token_details"]["audio_tokens"] * Decimal("64.00") / MILLION
    call = ours["openai"].call
    priced = [Decimal(row["cost_usd"]) for row in call["usage"] if row["kind"] == "response"]
    assert sum(priced) == pytest.approx(by_hand, abs=Decimal("1e-9"))
    assert Decimal(call["cost_usd"]) >= by_hand > 0


def test_no_secret_is_in_the_record(plain: Running, ours: dict[str, Played]) -> None:
    secrets = (b"sk-of-the-provider", b"azure-key-of-the-provider", plain.key.encode())
    files = [path for path in plain.data.rglob("*") if path.is_file()]
    for path in files:
        data = path.read_bytes()
        assert not any(secret in data for secret in secrets), path.relative_to(plain.data)
