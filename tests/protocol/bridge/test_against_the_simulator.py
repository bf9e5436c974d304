"""Over a bridge, a provider of the other dialect says what one of the caller's own would say.

The simulator has both vocabularies, written without ours. The same seed and the same input give
the same ids and the same times, so whole conversations can be compared event by event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from tests.simulator.talk import Talk
from tests.support import speech

from trunkline.protocol.bridge.beta_caller import BetaCaller
from trunkline.protocol.bridge.between import Bridge
from trunkline.protocol.bridge.ga_caller import GaCaller
from trunkline.simulator.faults import Output, Send

MODEL = "gpt-4o-realtime-preview"
VAD = {"type": "server_vad", "silence_duration_ms": 500}
TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


class Over(Talk):
    """A call over a bridge."""

    def __init__(self, bridge: Bridge, dialect: Any, **options: Any) -> None:
        self._bridge = bridge
        super().__init__(dialect=dialect, **options)

    def _take(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            made = self._bridge.to_caller(output.frame) if isinstance(output, Send) else None
            if made is None or not made.changed:
                super()._take([output])
            else:
                super()._take([Send(frame) for frame in made.down])

    def raw(self, frame: bytes, *, text: bool = True) -> None:
        made = self._bridge.to_provider(frame)
        for sent in made.up if made.changed else (frame,):
            super().raw(sent, text=text)
        super()._take([Send(told) for told in made.down])


def call(talk: Talk) -> None:
    """What the caller does that both dialects call the same."""
    item_id = talk.ask("Hello")["output"][0]["id"]
    talk.send("conversation.item.retrieve", item_id=item_id)
    talk.say(speech.load("cards") + speech.silence(900))
    talk.wait(9_000)
    talk.write("Tell me a story.")
    talk.send("response.create", event_id="event_story")
    talk.wait(900)
    talk.send("response.create")
    talk.say(speech.load("go_forward") + speech.silence(900))
    talk.wait(9_000)
    talk.send("response.cancel")
    talk.send("conversation.item.delete", item_id="nobody")
    for end_ms in (10**6, 300):
        cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": end_ms}
        talk.send("conversation.item.truncate", **cut)


def in_ga(talk: Talk) -> None:
    """A call, as a GA caller makes it."""
    audio = {
        "input": {"transcription": {"model": "gpt-4o-mini-transcribe"}, "turn_detection": VAD},
        "output": {"voice": "alloy", "format": {"type": "audio/pcmu"}},
    }
    talk.update(instructions="Be brief.", tools=[TOOL], audio=audio, max_output_tokens=900)
    answer = talk.ask("What is the weather like in Paris?")
    result = {"type": "function_call_output", "output": "{}"}
    item = {**result, "call_id": answer["output"][0]["call_id"]}
    talk.send("conversation.item.create", item=item)
    talk.send("response.create", response={"output_modalities": ["text"]})
    talk.wait(9_000)
    said = {"type": "message", "role": "assistant"}
    content = [{"type": "output_text", "text": "Earlier words."}]
    talk.send("conversation.item.create", item={**said, "content": content})
    aside = {"conversation": "none", "metadata": {"topic": "aside"}, "input": []}
    talk.send("response.create", response={**aside, "audio": {"output": {"voice": "ash"}}})
    talk.wait(9_000)
    call(talk)
    for wrong in (
        {"audio": {"output": {"voice": 7}}},
        {"audio": {"output": {"speed": 9}}},
        {"audio": {"input": {"turn_detection": {"type": "never"}}}},
        {"max_output_tokens": -1},
    ):
        talk.update(**wrong)
    talk.send("response.create", response={"max_output_tokens": -1})


def in_beta(talk: Talk) -> None:
    """The same, as a beta caller makes it."""
    session = {
        "instructions": "Be brief.",
        "tools": [TOOL],
        "input_audio_transcription": {"model": "gpt-4o-mini-transcribe"},
        "turn_detection": VAD,
        "voice": "alloy",
        "output_audio_format": "g711_ulaw",
        "max_response_output_tokens": 900,
    }
    talk.send("session.update", session=session)
    answer = talk.ask("What is the weather like in Paris?")
    result = {"type": "function_call_output", "output": "{}"}
    item = {**result, "call_id": answer["output"][0]["call_id"]}
    talk.send("conversation.item.create", item=item)
    talk.send("response.create", response={"modalities": ["text"]})
    talk.wait(9_000)
    said = {"type": "message", "role": "assistant"}
    content = [{"type": "text", "text": "Earlier words."}]
    talk.send("conversation.item.create", item={**said, "content": content})
    aside = {"conversation": "none", "metadata": {"topic": "aside"}, "input": []}
    talk.send("response.create", response={**aside, "voice": "ash"})
    talk.wait(9_000)
    call(talk)
    for wrong in (
        {"voice": 7},
        {"speed": 9},
        {"turn_detection": {"type": "never"}},
        {"max_response_output_tokens": -1},
    ):
        talk.send("session.update", session=wrong)
    talk.send("response.create", response={"max_response_output_tokens": -1})


UNKNOWN_TO_ONE = {
    "session": {"temperature", "client_secret", "truncation", "prompt", "parallel_tool_calls"},
    "response": {"temperature"},
}
"""Of what a provider tells: it stays under its name, or is not there."""


def essence(event: dict[str, Any]) -> dict[str, Any]:
    """What an event says, without its own id and what one of the dialects does not have."""
    about = {name: value for name, value in event.items() if name != "event_id"}
    for name, unknown in UNKNOWN_TO_ONE.items():
        if isinstance(inner := about.get(name), dict):
            about[name] = {key: value for key, value in inner.items() if key not in unknown}
    turns = about.get("session", {}).get("turn_detection") or (
        about.get("session", {}).get("audio", {}).get("input", {}).get("turn_detection")
    )
    if turns:
        turns.pop("idle_timeout_ms", None)
    about.pop("name" if event["type"] == "response.function_call_arguments.done" else "", None)
    return about


def told(talk: Talk) -> list[dict[str, Any]]:
    return [essence(event) for event in talk.events]


@pytest.mark.parametrize(
    ("act", "bridge", "spoken", "other"),
    [(in_ga, GaCaller, "ga", "beta"), (in_beta, BetaCaller, "beta", "ga")],
    ids=["a GA caller of a beta provider", "a beta caller of a GA provider"],
)
def test_a_bridge_makes_no_difference(
    act: Callable[[Talk], None], bridge: Callable[[], Bridge], spoken: Any, other: Any
) -> None:
    directly, over = Talk(dialect=spoken, model=MODEL), Over(bridge(), other, model=MODEL)
    act(directly)
    act(over)
    assert over.types() == directly.types()
    assert told(over) == told(directly)
    assert len(directly.all("error")) >= 8


def test_a_function_is_named_where_beta_names_none() -> None:
    over = Over(GaCaller(), "beta", model=MODEL)
    over.update(tools=[TOOL])
    over.ask("What is the weather like in Paris?")
    assert over.last("response.function_call_arguments.done")["name"] == "get_weather"
