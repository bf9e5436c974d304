"""Pure. What a response is to be: the session's settings, those of `response.create` on top."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from trunkline.simulator.refusal import invalid, unknown
from trunkline.simulator.shape import (
    audio_format,
    check_max_tokens,
    check_modalities,
    check_tools,
    check_voice,
)

_KNOWN = (
    "output_modalities", "instructions", "tools", "tool_choice", "max_output_tokens", "metadata",
    "conversation", "input", "audio", "prompt", "reasoning", "parallel_tool_calls",
)  # fmt: skip


class Request(msgspec.Struct, frozen=True):
    """One checked request for a response."""

    modality: Literal["audio", "text"]
    format: dict[str, Any]
    """GA audio format of the output."""
    voice: object
    instructions: str
    """In force: the request's own, or the session's."""
    own_instructions: str
    """The request's own, empty without."""
    tools: list[dict[str, Any]]
    tool_choice: object
    max_output_tokens: int | Literal["inf"]
    metadata: dict[str, Any] | None
    in_conversation: bool
    input: list[Any] | None
    """The context, in place of the conversation."""


def parsed(params: object, session: dict[str, Any]) -> Request:
    """Return the request that `response.create` makes. Raises `Refused`."""
    given: dict[str, Any] = params if isinstance(params, dict) else {}
    _check(given)
    wanted: dict[str, Any] = {**session, **{k: v for k, v in given.items() if v is not None}}
    output: dict[str, Any] = dict(session["audio"]["output"])
    own_output: dict[str, Any] = (given.get("audio") or {}).get("output") or {}
    if "format" in own_output:
        output["format"] = audio_format(own_output["format"], "response.audio.output.format")
    if "voice" in own_output:
        check_voice(own_output["voice"], "response.audio.output.voice")
        output["voice"] = own_output["voice"]
    return Request(
        modality="audio" if wanted["output_modalities"] == ["audio"] else "text",
        format=output["format"],
        voice=output["voice"],
        instructions=wanted["instructions"] or "",
        own_instructions=given.get("instructions") or "",
        tools=wanted["tools"],
        tool_choice=wanted["tool_choice"],
        max_output_tokens=wanted["max_output_tokens"],
        metadata=given.get("metadata"),
        in_conversation=given.get("conversation", "auto") != "none",
        input=given.get("input"),
    )


def _check(given: dict[str, Any]) -> None:
    for name in given:
        if name not in _KNOWN:
            raise unknown(f"response.{name}")
    if given.get("output_modalities") is not None:
        check_modalities(given["output_modalities"], "response.output_modalities")
    if given.get("max_output_tokens") is not None:
        check_max_tokens(given["max_output_tokens"], "response.max_output_tokens")
    if given.get("tools") is not None:
        check_tools(given["tools"], "response.tools")
    if given.get("conversation", "auto") not in ("auto", "none", None):
        raise invalid("response.conversation", given["conversation"], "'auto' or 'none'.")
    for name, kind in (("instructions", str), ("input", list), ("metadata", dict), ("audio", dict)):
        if given.get(name) is not None and not isinstance(given[name], kind):
            raise invalid(f"response.{name}", given[name], f"Expected {kind.__name__}.")
    output = (given.get("audio") or {}).get("output")
    if not isinstance(output, dict | None):
        raise invalid("response.audio.output", output, "Expected an object.")
