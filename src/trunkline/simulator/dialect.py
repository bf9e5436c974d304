"""Pure. The beta dialect of an older provider: GA events out to beta, beta events in to GA.

The simulator thinks in GA. This module is written from the protocol, not from
the gateway's own bridge, so that each can be a check of the other.
"""

from __future__ import annotations

from typing import Any

from trunkline.simulator.refusal import Refused, invalid, unknown

Json = dict[str, Any]

_FORMAT_NAMES = {"audio/pcm": "pcm16", "audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw"}
_FORMATS: dict[str, Json] = {
    "pcm16": {"type": "audio/pcm", "rate": 24_000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
_PART_NAMES = {"output_text": "text", "output_audio": "audio"}
_ABSENT = ("conversation.item.done", "input_audio_buffer.timeout_triggered")
"""Events that the beta dialect does not have."""
_PREFIXES = (
    ("response.output_text.", "response.text."),
    ("response.output_audio_transcript.", "response.audio_transcript."),
    ("response.output_audio.", "response.audio."),
)


def event_to_beta(event: Json) -> Json | None:
    """Return a GA event of the provider in the beta dialect, None when beta has no such event."""
    type_: str = event["type"]
    if type_ in _ABSENT:
        return None
    beta: Json = {**event, "type": _type_to_beta(type_)}
    if "item" in beta:
        beta["item"] = _item_to_beta(beta["item"])
    if "response" in beta:
        beta["response"] = _response_to_beta(beta["response"])
    if "session" in beta:
        if beta["session"]["type"] == "transcription":
            beta["type"] = f"transcription_{type_}"
        beta["session"] = _session_to_beta(beta["session"])
    if type_ == "response.function_call_arguments.done":
        del beta["name"]
    return beta


_PATHS = (
    ("session.audio.input.format", "session.input_audio_format"),
    ("session.audio.input.transcription", "session.input_audio_transcription"),
    ("session.audio.input.noise_reduction", "session.input_audio_noise_reduction"),
    ("session.audio.input.turn_detection", "session.turn_detection"),
    ("session.audio.output.format", "session.output_audio_format"),
    ("session.audio.output.", "session."),
    ("session.output_modalities", "session.modalities"),
    ("session.max_output_tokens", "session.max_response_output_tokens"),
    ("response.audio.output.format", "response.output_audio_format"),
    ("response.audio.output.", "response."),
    ("response.output_modalities", "response.modalities"),
    ("response.max_output_tokens", "response.max_response_output_tokens"),
)


def refused_to_beta(refused: Refused) -> Refused:
    """Return what is refused of an event that was taken for GA, in the caller's words."""
    param = refused.param or ""
    for ga, beta in _PATHS:
        if param.startswith(ga):
            told = beta + param[len(ga) :]
            message = refused.message.replace(param, told)
            return Refused(refused.code, message, told, type=refused.type)
    return refused


def _type_to_beta(type_: str) -> str:
    if type_ == "conversation.item.added":
        return "conversation.item.created"
    for ga, beta in _PREFIXES:
        if type_.startswith(ga):
            return beta + type_[len(ga) :]
    return type_


def _item_to_beta(item: Json) -> Json:
    if "content" not in item:
        return item
    parts = [
        {**part, "type": _PART_NAMES.get(part["type"], part["type"])} for part in item["content"]
    ]
    return {**item, "content": parts}


def _response_to_beta(response: Json) -> Json:
    kept = {
        name: value
        for name, value in response.items()
        if name not in ("audio", "output_modalities", "output")
    }
    output = response["audio"]["output"]
    return {
        **kept,
        "output": [_item_to_beta(item) for item in response["output"]],
        "modalities": _modalities_to_beta(response["output_modalities"]),
        "voice": output["voice"],
        "output_audio_format": _FORMAT_NAMES[output["format"]["type"]],
        "temperature": 0.8,
    }


def _modalities_to_beta(modalities: list[str]) -> list[str]:
    return ["text"] if modalities == ["text"] else ["text", "audio"]


def _session_to_beta(session: Json) -> Json:
    audio_in = session["audio"]["input"]
    common = {
        "id": session["id"],
        "object": session["object"],
        "expires_at": session["expires_at"],
        "input_audio_format": _FORMAT_NAMES[audio_in["format"]["type"]],
        "input_audio_transcription": audio_in["transcription"],
        "input_audio_noise_reduction": audio_in["noise_reduction"],
        "turn_detection": _turn_detection_to_beta(audio_in["turn_detection"]),
        "include": session["include"],
    }
    if session["type"] == "transcription":
        return {**common, "modalities": ["text"]}
    output = session["audio"]["output"]
    return {
        **common,
        "model": session["model"],
        "modalities": _modalities_to_beta(session["output_modalities"]),
        "instructions": session["instructions"],
        "voice": output["voice"],
        "speed": output["speed"],
        "output_audio_format": _FORMAT_NAMES[output["format"]["type"]],
        "tools": session["tools"],
        "tool_choice": session["tool_choice"],
        "temperature": session.get("temperature", 0.8),
        "max_response_output_tokens": session["max_output_tokens"],
        "tracing": session["tracing"],
        "client_secret": None,
    }


def _turn_detection_to_beta(turn: Json | None) -> Json | None:
    return turn and {name: value for name, value in turn.items() if name != "idle_timeout_ms"}


def event_from_beta(event: Json) -> Json:
    """Return a beta event of the caller in GA. Raises `Refused` for what beta would refuse."""
    match event.get("type"):
        case "session.update" if isinstance(event.get("session"), dict):
            return {**event, "session": _session_from_beta(event["session"], "realtime")}
        case "transcription_session.update" if isinstance(event.get("session"), dict):
            session = _session_from_beta(event["session"], "transcription")
            return {**event, "type": "session.update", "session": session}
        case "response.create" if isinstance(event.get("response"), dict):
            return {**event, "response": _response_from_beta(event["response"])}
        case "conversation.item.create" if isinstance(event.get("item"), dict):
            return {**event, "item": _item_from_beta(event["item"], "item")}
        case _:
            return event


_SAME = ("instructions", "tools", "tool_choice", "tracing", "include", "temperature", "model")
"""Fields of a session that are called the same in both dialects."""
_INPUT = {
    "input_audio_transcription": "transcription",
    "input_audio_noise_reduction": "noise_reduction",
    "turn_detection": "turn_detection",
}

_LATER = {
    "input_audio_transcription": ("languages", "keywords", "delay"),
    "input_audio_noise_reduction": ("strength",),
    "turn_detection": ("idle_timeout_ms",),
    "response": ("output_modalities", "audio", "prompt", "reasoning", "parallel_tool_calls"),
}
"""Fields that came with GA."""
_LATER_PARTS = ("output_text", "output_audio", "input_image")


def _refuse_any(value: object, names: tuple[str, ...], path: str) -> None:
    found = [name for name in names if isinstance(value, dict) and name in value]
    if found:
        raise unknown(f"{path}.{found[0]}")


def _session_from_beta(session: Json, kind: str) -> Json:
    ga: Json = {"type": kind}
    audio_in: Json = {}
    audio_out: Json = {}
    for name, value in session.items():
        if name in _SAME:
            ga[name] = value
        elif name in _INPUT:
            _refuse_any(value, _LATER.get(name, ()), f"session.{name}")
            audio_in[_INPUT[name]] = value
        elif name == "input_audio_format":
            audio_in["format"] = _format_from_beta(value, f"session.{name}")
        elif name == "output_audio_format":
            audio_out["format"] = _format_from_beta(value, f"session.{name}")
        elif name in ("voice", "speed"):
            audio_out[name] = value
        elif name == "modalities":
            if kind == "realtime":
                ga["output_modalities"] = _modalities_from_beta(value, "session.modalities")
        elif name == "max_response_output_tokens":
            ga["max_output_tokens"] = value
        else:
            raise unknown(f"session.{name}")
    sides = {"input": audio_in, "output": audio_out}
    return {**ga, "audio": {side: fields for side, fields in sides.items() if fields}}


def _format_from_beta(value: object, path: str) -> Json:
    if not isinstance(value, str) or value not in _FORMATS:
        raise invalid(path, value, "Supported values are: 'pcm16', 'g711_ulaw' and 'g711_alaw'.")
    return dict(_FORMATS[value])


def _modalities_from_beta(value: object, path: str) -> list[str]:
    if isinstance(value, list) and sorted(map(str, value)) == ["audio", "text"]:
        return ["audio"]
    if value == ["text"]:
        return ["text"]
    raise Refused(
        "invalid_value",
        f"Invalid modalities: {value}. Supported combinations are: ['text'] and ['audio', 'text'].",
        path,
    )


def _response_from_beta(response: Json) -> Json:
    _refuse_any(response, _LATER["response"], "response")
    ga: Json = {}
    output: Json = {}
    for name, value in response.items():
        match name:
            case "modalities":
                ga["output_modalities"] = _modalities_from_beta(value, "response.modalities")
            case "voice":
                output["voice"] = value
            case "output_audio_format":
                output["format"] = _format_from_beta(value, "response.output_audio_format")
            case "max_response_output_tokens" | "max_output_tokens":
                ga["max_output_tokens"] = value
            case "temperature":
                pass
            case "input" if isinstance(value, list):
                ga["input"] = [
                    _item_from_beta(item, f"response.input[{n}]")
                    if isinstance(item, dict)
                    else item
                    for n, item in enumerate(value)
                ]
            case _:
                ga[name] = value
    return {**ga, "audio": {"output": output}} if output else ga


def _item_from_beta(item: Json, path: str) -> Json:
    content = item.get("content")
    if not isinstance(content, list):
        return item
    for n, part in enumerate(content):
        if isinstance(part, dict) and part.get("type") in _LATER_PARTS:
            allowed = "Supported values are: 'input_text', 'input_audio', 'item_reference', 'text'."
            raise invalid(f"{path}.content[{n}].type", part["type"], allowed)
    if item.get("role") != "assistant":
        return item
    parts = [
        {**part, "type": "output_text"}
        if isinstance(part, dict) and part.get("type") == "text"
        else part
        for part in content
    ]
    return {**item, "content": parts}
