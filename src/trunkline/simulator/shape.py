"""Pure. The session object: its defaults, and what `session.update` may make of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trunkline.simulator.refusal import Refused, invalid, missing, unknown

VOICES = ["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"]
FORMATS = ("audio/pcm", "audio/pcmu", "audio/pcma")
EAGERNESS_MS = {"low": 8_000, "medium": 4_000, "auto": 4_000, "high": 2_000}
"""Longest silence that semantic_vad waits for."""

Json = dict[str, Any]
_PCM: Json = {"type": "audio/pcm", "rate": 24_000}


def server_vad(silence_ms: int) -> Json:
    """Return the default turn detection, as the wire shows it."""
    return {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": silence_ms,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    }


_SEMANTIC_VAD: Json = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}


def realtime(id_: str, model: str, expires_at: int, silence_ms: int) -> Json:
    """Return a new session of type realtime, with all defaults."""
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": id_,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": expires_at,
        "audio": {
            "input": {
                "format": dict(_PCM),
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": server_vad(silence_ms),
            },
            "output": {
                "format": dict(_PCM),
                "voice": "marin" if model.startswith("gpt-realtime-2") else "alloy",
                "speed": 1.0,
            },
        },
        "include": None,
    }


def transcription(id_: str, expires_at: int, silence_ms: int) -> Json:
    """Return a new session of type transcription."""
    turn = _heard_only(server_vad(silence_ms))
    return {
        "type": "transcription",
        "object": "realtime.transcription_session",
        "id": id_,
        "expires_at": expires_at,
        "audio": {
            "input": {
                "format": dict(_PCM),
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": turn,
            }
        },
        "include": None,
    }


def updated(session: Json, change: object, *, spoken: bool, silence_ms: int) -> Json:
    """Return `session` after a `session.update`; all of it or, by `Refused`, nothing.

    `spoken`: the model has already produced audio, so the voice is fixed.
    """
    if not isinstance(change, dict):
        raise missing("session")
    if "type" not in change:
        raise missing("session.type")
    if change["type"] != session["type"]:
        raise invalid(
            "session.type", change["type"], f"This session is of type '{session['type']}'."
        )
    for name, value in change.items():
        _check_top(session, name, value)
    new = {**session, **{k: v for k, v in change.items() if k not in _FIXED and k != "audio"}}
    audio: Json = change.get("audio") or {}
    new["audio"] = {
        side: _side(session["audio"][side], audio.get(side), f"session.audio.{side}", silence_ms)
        for side in session["audio"]
    }
    if session["type"] == "transcription":
        new["audio"]["input"]["turn_detection"] = _heard_only(
            new["audio"]["input"]["turn_detection"]
        )
    elif spoken and new["audio"]["output"]["voice"] != session["audio"]["output"]["voice"]:
        raise Refused(
            "cannot_update_voice",
            "Cannot update a conversation's voice if assistant audio is present.",
            "session.audio.output.voice",
        )
    return new


def _heard_only(turn: Json | None) -> Json | None:
    """Turn detection without what concerns responses: a transcription session has none."""
    unheard = ("create_response", "interrupt_response", "idle_timeout_ms")
    return turn and {name: value for name, value in turn.items() if name not in unheard}


_FIXED = ("id", "object", "expires_at", "model", "type")
"""Accepted in an update, and left as they are."""


def _check_top(session: Json, name: str, value: object) -> None:
    if name not in session and name not in ("reasoning", "parallel_tool_calls"):
        raise unknown(f"session.{name}")
    if name == "audio":
        for side, fields in _object(value, "session.audio").items():
            if side not in session["audio"]:
                raise unknown(f"session.audio.{side}")
            _object(fields, f"session.audio.{side}")
    elif name in _CHECKS:
        _CHECKS[name](value, f"session.{name}")


def _object(value: object, path: str) -> Json:
    if not isinstance(value, dict):
        raise invalid(path, value, "Expected an object.")
    return value


def _side(now: Json, change: Json | None, path: str, silence_ms: int) -> Json:
    """One half of `audio`: each named field replaced, the others kept."""
    new = dict(now)
    for name, value in (change or {}).items():
        if name not in now:
            raise unknown(f"{path}.{name}")
        where = f"{path}.{name}"
        if name == "format":
            new[name] = audio_format(value, where)
        elif name == "turn_detection":
            new[name] = turn_detection(value, where, silence_ms)
        else:
            if name in _CHECKS:
                _CHECKS[name](value, where)
            new[name] = _without(value, "delay") if name == "transcription" else value
    return new


def _without(value: object, name: str) -> object:
    # Seen on the wire: `delay` is accepted and not echoed.
    return {k: v for k, v in value.items() if k != name} if isinstance(value, dict) else value


def audio_format(value: object, path: str) -> Json:
    """Return a checked audio format with its rate."""
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(value, dict) or kind not in FORMATS:
        raise invalid(f"{path}.type", kind, f"Supported values are: {', '.join(FORMATS)}.")
    rate = value.get("rate", 24_000)
    if kind != "audio/pcm":
        return {"type": kind}
    if not isinstance(rate, int) or rate < 24_000:
        raise Refused(
            "integer_below_min_value",
            f"Invalid '{path}.rate': integer below minimum value. Expected a value >= 24000, "
            f"but got {rate} instead.",
            f"{path}.rate",
        )
    if rate != 24_000:
        raise invalid(f"{path}.rate", rate, "Only 24000 is supported.")
    return {"type": kind, "rate": rate}


def turn_detection(value: object, path: str, silence_ms: int) -> Json | None:
    """Return checked turn detection with its defaults; None is manual mode."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise invalid(path, value, "Expected an object or null.")
    kind = value.get("type", "server_vad")
    if kind not in ("server_vad", "semantic_vad"):
        raise invalid(f"{path}.type", kind, "Supported: 'server_vad' and 'semantic_vad'.")
    defaults = server_vad(silence_ms) if kind == "server_vad" else _SEMANTIC_VAD
    for name, given in value.items():
        if name not in defaults:
            raise unknown(f"{path}.{name}")
        if name in _RANGES and given is not None:
            _in_range(*_RANGES[name])(given, f"{path}.{name}")
        if isinstance(defaults[name], bool) and not isinstance(given, bool):
            raise invalid(f"{path}.{name}", given, "Expected true or false.")
    if value.get("eagerness", "auto") not in list(EAGERNESS_MS):
        raise invalid(f"{path}.eagerness", value["eagerness"], "low, medium, high or auto.")
    return {**defaults, **value, "type": kind}


_RANGES = {
    "threshold": (0.0, 1.0),
    "prefix_padding_ms": (0, 5_000),
    "silence_duration_ms": (0, 10_000),
    "idle_timeout_ms": (5_000, 30_000),
}


def _in_range(low: float, high: float) -> Callable[[object, str], None]:
    def check(value: object, path: str) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise invalid(path, value, "Expected a number.")
        if isinstance(low, int) and not isinstance(value, int):
            raise invalid(path, value, "Expected an integer.")
        if not low <= value <= high:
            raise invalid(path, value, f"Expected a value between {low} and {high}.")

    return check


def check_modalities(value: object, path: str) -> None:
    """Refuse anything but ["audio"] and ["text"]."""
    if value not in (["audio"], ["text"]):
        raise invalid(path, value, "Supported combinations are: ['text'] and ['audio'].")


def check_voice(value: object, path: str) -> None:
    """Refuse a voice that does not exist; custom voices are objects with an id."""
    if isinstance(value, dict) and isinstance(value.get("id"), str):
        return
    if value not in VOICES:
        raise invalid(path, value, f"Supported values are: {', '.join(VOICES)}.")


def check_max_tokens(value: object, path: str) -> None:
    """Refuse anything but a positive number and "inf"."""
    if value != "inf" and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise invalid(path, value, "Expected an integer of at least 1, or 'inf'.")


def check_tools(value: object, path: str) -> None:
    """Refuse tools that are not functions with a name, or MCP servers."""
    if not isinstance(value, list):
        raise invalid(path, value, "Expected an array.")
    for index, tool in enumerate(value):
        kind = tool.get("type") if isinstance(tool, dict) else None
        if not isinstance(tool, dict) or kind not in ("function", "mcp"):
            raise invalid(f"{path}[{index}].type", kind, "Expected 'function' or 'mcp'.")
        if kind == "function" and not isinstance(tool.get("name"), str):
            raise missing(f"{path}[{index}].name")


def _check_text(value: object, path: str) -> None:
    if not isinstance(value, str):
        raise Refused(
            "invalid_type",
            f"Invalid type for '{path}': expected a string, but got {type(value).__name__}.",
            path,
        )


def _check_transcription(value: object, path: str) -> None:
    model = value.get("model", "") if isinstance(value, dict) else None
    if value is not None and not isinstance(model, str | None):
        raise invalid(f"{path}.model", model, "Expected a string.")
    if value is not None and not isinstance(value, dict):
        raise invalid(path, value, "Expected an object or null.")


_CHECKS: dict[str, Callable[[object, str], None]] = {
    "output_modalities": check_modalities,
    "instructions": _check_text,
    "tools": check_tools,
    "max_output_tokens": check_max_tokens,
    "voice": check_voice,
    "transcription": _check_transcription,
    "speed": _in_range(0.25, 1.5),
}
