"""What the simulator says, and when it calls a function."""

from __future__ import annotations

import json

import pytest

from trunkline.simulator import voices
from trunkline.simulator.script import RULES, Call, Say, Scene, arguments, choose

TOOLS = [
    {"type": "function", "name": "book_table", "description": "Reserve a table"},
    {"type": "function", "name": "get_weather", "description": "Forecast for a place"},
    {"type": "mcp", "server_label": "x"},
]

SAID = {
    "Good morning": "greeting",
    "Please tell me a story.": "story",
    "Will it rain?": "weather",
    "Book me an appointment": "booked",
    "Any free slots?": "slots",
    "Goodbye!": "goodbye",
    "Is it true?": "question",
    "": "greeting",
}


@pytest.mark.parametrize("text", SAID)
def test_words_choose_the_clip(text: str) -> None:
    assert choose(Scene(text, [])) == Say(SAID[text])


def test_every_clip_that_can_be_chosen_exists() -> None:
    wanted = {clip for _, clip in RULES} | set(SAID.values()) | {"sorry", "still_there", "result"}
    assert wanted <= set(voices.library().clips)


CALLS = {
    "Reserve a table for two": "book_table",
    "What does the forecast say": "get_weather",
    "call get_weather": "get_weather",
}


@pytest.mark.parametrize("text", CALLS)
def test_words_choose_the_function(text: str) -> None:
    assert choose(Scene(text, TOOLS)) == Call(CALLS[text], "{}")


def test_the_choice_of_tool_is_obeyed() -> None:
    assert choose(Scene("get_weather", TOOLS, "none")) == Say("greeting")
    assert choose(Scene("Hm", TOOLS, "required")) == Call("book_table", "{}")
    named = {"type": "function", "name": "get_weather"}
    assert choose(Scene("Hm", TOOLS, named)) == Call("get_weather", "{}")


def test_turns_interruptions_outputs_and_silence_are_answered() -> None:
    assert choose(Scene("Hm", [], turn=1)) == Say("sure")
    assert choose(Scene("Hm", [], interrupted=True)) == Say("sorry")
    assert choose(Scene("get_weather", TOOLS, output_of="get_weather")) == Say("weather")
    assert choose(Scene("x", TOOLS, output_of="lookup")) == Say("result")
    assert choose(Scene("Hm", [], idle=True)) == Say("still_there")


def test_say_is_said() -> None:
    assert choose(Scene("say:  Ahoy there!", [])) == Say("greeting", "Ahoy there!")
    assert choose(Scene("Hm", [], instructions="Say: Yes.")) == Say("greeting", "Yes.")


def test_arguments_fit_the_schema() -> None:
    schema = {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "guests": {"type": "integer", "minimum": 4},
            "price": {"type": ["number", "null"]},
            "outside": {"type": "boolean"},
            "kind": {"enum": ["lunch", "dinner"]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "who": {"type": "object", "properties": {"name": {"type": "string"}}},
        },
    }
    assert arguments(schema, "a dinner") == {
        "city": "Paris",
        "guests": 4,
        "price": 2.5,
        "outside": True,
        "kind": "dinner",
        "tags": ["example"],
        "who": {"name": "Ada Lovelace"},
    }
    assert json.dumps(arguments(None, "")) == "{}"
