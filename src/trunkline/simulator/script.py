"""Pure. What the simulator says: a short play, chosen by keywords. It never pretends to think.

Two ways to get exactly what a test wants:
- a text (a message, or the response's `instructions`) that begins with
  `Say: ` is answered with the rest of it;
- a text that holds the words of a rule below is answered with that rule's clip.

A session with tools gets a function call when the text names a tool, or shares
a word of four letters or more with the tool's name or description.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

_SAY = re.compile(r"^\s*say:\s*(.+)$", re.IGNORECASE | re.DOTALL)

RULES: tuple[tuple[str, str], ...] = (
    (r"\b(story|monologue|tell me)\b", "story"),
    (r"\b(weather|temperature|sunny|rain)\b", "weather"),
    (r"\b(slots?|free|available|availability)\b", "slots"),
    (r"\b(book|reserve|appointment|reminder)\b", "booked"),
    (r"\b(thank|thanks|goodbye|bye)\b", "goodbye"),
    (r"\b(hello|hi|hey|good morning)\b", "greeting"),
    (r"\?\s*$", "question"),
)
"""Pattern in the caller's words: name of the clip. The first that fits is taken."""

_ROUND = ("greeting", "sure", "question", "understood")
"""Without a rule, one after the other."""

_COMMON = {
    "with",
    "from",
    "this",
    "that",
    "what",
    "your",
    "please",
    "tell",
    "about",
    "given",
    "have",
}


class Say(msgspec.Struct, frozen=True):
    """Say a clip by its name, or `text` when there is a voice for it."""

    clip: str
    text: str | None = None


class Call(msgspec.Struct, frozen=True):
    """Call one of the session's functions."""

    name: str
    arguments: str
    """JSON that fits the function's parameters."""


class Scene(msgspec.Struct, frozen=True):
    """What the choice depends on."""

    text: str
    """The caller's last words, empty when they are not known."""
    tools: list[dict[str, Any]]
    tool_choice: object = "auto"
    turn: int = 0
    """Responses spoken before in this session."""
    interrupted: bool = False
    """The last response was cut off by the caller."""
    output_of: str | None = None
    """Name of the function whose output is the last item."""
    instructions: str = ""
    """The response's own instructions, not the session's."""
    idle: bool = False
    """The caller said nothing for too long."""


def choose(scene: Scene) -> Say | Call:
    """Return what comes next."""
    for text in (scene.instructions, scene.text):
        if (said := _SAY.match(text)) is not None:
            return Say(_ROUND[scene.turn % len(_ROUND)], said[1].strip())
    if scene.idle:
        return Say("still_there")
    if scene.output_of is not None:
        return Say(_by_rule(scene.output_of.replace("_", " ")) or "result")
    if (tool := _tool(scene)) is not None:
        return Call(tool["name"], json.dumps(arguments(tool.get("parameters"), scene.text)))
    if (clip := _by_rule(scene.text)) is not None:
        return Say(clip)
    return Say("sorry" if scene.interrupted else _ROUND[scene.turn % len(_ROUND)])


def _by_rule(text: str) -> str | None:
    return next((clip for rule, clip in RULES if re.search(rule, text, re.IGNORECASE)), None)


def _tool(scene: Scene) -> dict[str, Any] | None:
    functions = [tool for tool in scene.tools if tool.get("type") == "function"]
    if scene.tool_choice == "none" or not functions:
        return None
    if isinstance(scene.tool_choice, dict):
        wanted = scene.tool_choice.get("name")
        return next((tool for tool in functions if tool["name"] == wanted), None)
    words = set(re.findall(r"[a-z]{4,}", scene.text.lower())) - _COMMON
    for tool in functions:
        described = f"{tool['name']} {tool.get('description') or ''}".lower()
        if tool["name"] in scene.text or words & set(re.findall(r"[a-z]{4,}", described)):
            return tool
    return functions[0] if scene.tool_choice == "required" else None


_NAMED = {
    "city": "Paris",
    "location": "Paris",
    "place": "Paris",
    "date": "2026-12-01",
    "day": "Tuesday",
    "time": "09:30",
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "unit": "celsius",
    "query": "opening hours",
}
"""Plausible values by a word in the parameter's name."""


def arguments(schema: object, text: str) -> dict[str, Any]:
    """Return arguments that fit a JSON schema of type object; {} for anything else."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return {}
    return {name: _value(name, rule, text, depth=0) for name, rule in properties.items()}


def _value(name: str, schema: object, text: str, depth: int) -> object:
    rule: dict[str, Any] = schema if isinstance(schema, dict) else {}
    allowed, kind = rule.get("enum"), rule.get("type")
    if isinstance(allowed, list) and allowed:
        return next((one for one in allowed if str(one) in text), allowed[0])
    match kind[0] if isinstance(kind, list) and kind else kind:
        case "integer":
            return int(_at_least(rule, 2))
        case "number":
            return float(_at_least(rule, 2.5))
        case "boolean":
            return True
        case "array":
            return [_value(name, rule.get("items"), text, depth + 1)] if depth < _DEEPEST else []
        case "object":
            inner = rule.get("properties")
            if depth >= _DEEPEST or not isinstance(inner, dict):
                return {}
            return {key: _value(key, one, text, depth + 1) for key, one in inner.items()}
        case _:
            return next((v for k, v in _NAMED.items() if k in name.lower()), "example")


_DEEPEST = 3
"""A schema may refer to itself without end; arguments do not."""


def _at_least(rule: dict[str, Any], usual: float) -> float:
    minimum = rule.get("minimum")
    return max(usual, minimum) if isinstance(minimum, int | float) else usual
