"""Clients as people use them, unmodified: each is content, and its call is recorded whole."""

from collections.abc import Generator
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from tests.compat.troupe import CLIENTS as SCRIPTS
from tests.compat.troupe import Played, Troupe, made_keys
from tests.support import speech
from tests.support.running import secure_running

pytestmark = pytest.mark.timeout(300)


class Line(NamedTuple):
    """One line of a transcript. `text`: None where it is the simulator's choice."""

    who: str
    text: str | None = None


ANSWER = Line("assistant audio message")
ACTS: dict[str, tuple[Line, ...]] = {
    "greet": (Line("caller text message", "Hello"), ANSWER),
    "ask": (
        Line("caller text message", "What is the weather like in Paris?"),
        Line("assistant text function_call", '{"city": "Paris"}'),
        Line("tool text function_call_output"),
        ANSWER,
    ),
    "speak": (Line("caller audio message", speech.transcript("go_forward")), ANSWER),
    "story": (
        Line("caller text message", "Tell me a story."),
        ANSWER,
        Line("caller audio message", speech.transcript("young_man")),
        ANSWER,
    ),
}
TURNS = {"greet": ["text"], "ask": ["text"], "speak": ["speech"], "story": ["text", "speech"]}


class Client(NamedTuple):
    """What is particular to one client's call."""

    agent: str
    """How its User-Agent begins."""
    dialects: tuple[str, str] = ("ga", "ga")
    acts: tuple[str, ...] = ("greet", "ask", "speak", "story")
    dialled: str = "/v1/realtime?model=gpt-realtime-2.1"
    tool_output: str = "It is sunny, 21 degrees."
    """What it makes of the tool's answer."""
    races: tuple[str, ...] = ()
    """Errors that it may get and expects."""


PREVIEW = "/openai/realtime?api-version=2025-04-01-preview&deployment=gpt-4o-realtime-preview"
CLIENTS = {
    "aiohttp_by_hand.py": Client("Python/3"),
    "browser_native.html": Client("Mozilla/5.0"),
    "livekit_openai.py": Client("LiveKit Agents", races=("response_cancel_not_active",)),
    "openai_agents.py": Client("Agents/Python"),
    "openai_agents_realtime.mjs": Client("Agents/JavaScript"),
    "openai_async.py": Client("AsyncOpenAI/Python"),
    "openai_azure_beta.py": Client("AsyncAzureOpenAI/Python", ("beta", "beta"), dialled=PREVIEW),
    "openai_azure_ga.py": Client("AsyncAzureOpenAI/Python", ("ga", "beta"), dialled=PREVIEW),
    "openai_node_azure.mjs": Client("AzureOpenAI/JS", dialled="/v1/realtime?model=gpt-realtime"),
    "openai_node_native.mjs": Client("node"),
    "openai_node_ws.mjs": Client("OpenAI/JS"),
    "openai_sync.py": Client("OpenAI/Python"),
    "pipecat_openai.py": Client(
        "Python/3", acts=("ask", "speak", "story"), tool_output='"It is sunny, 21 degrees."'
    ),
    "websockets_by_hand.py": Client("Python/3"),
}

TRANSCRIBERS = ("livekit_transcribing.py", "pipecat_transcribing.py")
"""Clients that only listen."""


@pytest.fixture(scope="module")
def troupe(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Troupe]:
    """All clients, playing; with `-k`, those that are asked for."""
    directory = tmp_path_factory.mktemp("compat")
    ours = (item for item in request.session.items if item.path == request.path)
    asked = (getattr(item, "callspec", None) for item in ours)
    named = {"script", "transcriber"}
    scripts = {spec.params[name] for spec in asked if spec for name in named & spec.params.keys()}
    keys = made_keys(directory / "data", sorted(scripts))
    with secure_running(directory, "--simulator") as started:
        playing = Troupe(started, keys, directory)
        yield playing
        playing.end()


@pytest.fixture(params=sorted(CLIENTS), ids=lambda script: script.partition(".")[0])
def script(request: pytest.FixtureRequest) -> str:
    """Each client's script."""
    return request.param


@pytest.fixture
def client(script: str) -> Client:
    """What is particular to it."""
    return CLIENTS[script]


@pytest.fixture
def played(troupe: Troupe, script: str) -> Played:
    """Its call."""
    return troupe.played(script)


def answers(call: dict[str, Any]) -> list[dict[str, Any]]:
    return [line for line in call["transcript"] if line["role"] == "assistant" and is_spoken(line)]


def is_spoken(line: dict[str, Any]) -> bool:
    return line["modality"] == "audio"


def test_every_script_is_played() -> None:
    assert sorted([*CLIENTS, *TRANSCRIBERS]) == sorted(
        path.name for path in SCRIPTS.glob("*_*.*") if path.stem != "stage_node"
    )


def test_the_transcript_has_every_line(played: Played, client: Client) -> None:
    expected = [line for act in client.acts for line in ACTS[act]]
    lines = [
        Line(f"{line['role']} {line['modality']} {line['kind']}", line["text"])
        for line in played.call["transcript"]
    ]
    assert [line.who for line in lines] == [line.who for line in expected]
    pairs = zip(lines, expected, strict=True)
    assert all(line.text == known.text for line, known in pairs if known.text is not None)


def test_the_answers_are_those_that_the_client_got(played: Played) -> None:
    texts = [line["text"] for line in answers(played.call)]
    # Of the one that was cut, some play what had come, others what was heard.
    *before, cut, last = played.seen["answers"]
    assert [*texts[:-2], texts[-1]] == [*before, last]
    assert texts[-2].startswith(cut)
    assert cut


def test_every_byte_of_audio_is_recorded(played: Played) -> None:
    audio = played.call["audio"]
    assert audio["recorded"]
    (cut,) = [one for one in played.call["responses"] if one["status"] == "cancelled"]
    # What was in flight when the caller spoke is thrown away by some.
    assert 0 <= audio["assistant_ms"] + 1 - played.seen["audio_bytes"] / 48 < cut["audio_ms"]
    said_ms = sum(speech.about(clip)["duration_ms"] for clip in ("go_forward", "young_man"))
    assert audio["caller_ms"] >= said_ms


def test_the_turns_are_those_of_the_conversation(played: Played, client: Client) -> None:
    turns = played.call["turns"]
    assert [turn["kind"] for turn in turns] == [kind for act in client.acts for kind in TURNS[act]]
    *before, cut, last = [turn["status"] for turn in turns]
    assert (set(before), cut, last) == ({"completed"}, "interrupted", "completed")
    spoken = [turn for turn in turns if turn["kind"] == "speech"]
    assert all(turn["wait_ms"] > turn["wait_from_stopped_ms"] > 0 for turn in spoken)


def test_the_barge_in_is_known_with_what_was_heard(played: Played) -> None:
    call = played.call
    assert [turn["barge_in"] for turn in call["turns"]][-1:] == [True]
    assert call["counts"]["barge_ins"] == 1
    (cut,) = [one for one in call["responses"] if one["status"] == "cancelled"]
    assert cut["status_reason"] == "turn_detected"
    assert cut["heard_ms"] < cut["audio_ms"]
    assert played.seen["truncated_ms"]
    if (heard_ms := played.seen["truncated_ms"][0]) is not None:
        assert cut["heard_ms"] == pytest.approx(heard_ms, abs=1)


def test_the_tool_call_is_whole(played: Played, client: Client) -> None:
    assert played.seen["tools"] == [{"name": "get_weather", "arguments": {"city": "Paris"}}]
    (called,) = played.call["tool_calls"]
    assert (called["name"], called["arguments"]) == ("get_weather", '{"city": "Paris"}')
    assert called["output"] == client.tool_output
    assert called["latency_ms"] > 0


def test_all_that_was_used_has_its_price(played: Played) -> None:
    call = played.call
    responses = [row["response_id"] for row in call["usage"] if row["kind"] == "response"]
    assert responses == [response["response_id"] for response in call["responses"]]
    transcribed = [row for row in call["usage"] if row["kind"] == "transcription"]
    assert len(transcribed) == sum(line["modality"] == "audio" for line in caller_lines(call))
    prices = [Decimal(row["cost_usd"]) for row in call["usage"]]
    assert all(price > 0 for price in prices)
    assert sum(prices) == Decimal(call["cost_usd"])
    assert call["unpriced"] == []


def caller_lines(call: dict[str, Any]) -> list[dict[str, Any]]:
    return [line for line in call["transcript"] if line["role"] == "caller"]


def test_the_call_ended_well_and_says_who_called(played: Played, client: Client) -> None:
    call = played.call
    assert (call["status"], call["end_reason"]) == ("completed", "caller_closed")
    assert {error["code"] for error in call["errors"]} <= set(client.races)
    assert call["lost_frames"] == call["damaged_records"] == 0
    assert call["user_agent"].startswith(client.agent)
    assert (call["caller_dialect"], call["provider_dialect"]) == client.dialects
    assert call["provider_url"].endswith(client.dialled)


@pytest.mark.parametrize("transcriber", TRANSCRIBERS, ids=lambda script: script.partition(".")[0])
def test_what_is_only_listened_to_is_recorded_as_such(troupe: Troupe, transcriber: str) -> None:
    seen, call = (played := troupe.played(transcriber)).seen, played.call
    said = [speech.transcript(clip) for clip in ("go_forward", "young_man")]
    assert seen["answers"] == said
    assert [(line["role"], line["text"]) for line in call["transcript"]] == [
        ("caller", text) for text in said
    ]
    assert (call["kind"], call["status"]) == ("transcription", "completed")
    assert call["provider_url"].endswith("/v1/realtime?intent=transcription")
    assert (call["responses"], call["errors"], call["unpriced"]) == ([], [], [])
    assert [row["kind"] for row in call["usage"]] == ["transcription", "transcription"]
    assert Decimal(call["cost_usd"]) == sum(Decimal(row["cost_usd"]) for row in call["usage"]) > 0
