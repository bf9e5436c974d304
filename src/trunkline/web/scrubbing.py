"""Pure. A call without what people said or are called: to attach to a bug report.

What is kept is named, and everything else goes: a field that comes later is left out until
somebody says that it is harmless. Kept are kinds, codes, ids, models, numbers and times, and the
names of tools and fields, which are a program's own words.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, TypeVar

import msgspec

R = TypeVar("R", bound=msgspec.Struct)

_OF_ROWS: Final = frozenset(
    {
        "org_id", "call_id", "item_id", "response_id", "tool_call_id", "event_id", "key_id",
        "provider_session_id", "status", "status_reason", "end_reason", "kind", "transport",
        "provider", "model", "model_asked", "model_used", "caller_dialect", "provider_dialect",
        "voice", "vad", "language", "spoken", "spoken_by", "speech_end_by", "barge_in_kind",
        "role", "modality", "transcript_status", "name", "arguments_are", "source", "type",
        "code", "error_code", "phase", "leg", "record", "at_day", "price_version", "unpriced",
        "severity",
    }
)  # fmt: skip
"""Fields of facts whose text is kept; `name` is a tool's."""
_SAID: Final = frozenset({"text", "arguments", "output", "message", "error_message"})
"""Fields that say at least how long they were."""

_ON_THE_WIRE: Final = frozenset(
    {
        "type", "id", "event_id", "item_id", "previous_item_id", "response_id", "call_id",
        "conversation_id", "object", "status", "reason", "role", "model", "voice", "format",
        "code", "name", "phase", "modality", "modalities", "output_modalities", "include",
        "eagerness", "truncation", "tool_choice", "service_tier", "quality",
    }
)  # fmt: skip
"""Fields of events whose text is kept, where it looks like a program's."""
_NAMED_BY_CALLERS: Final = frozenset({"metadata", "variables", "properties", "headers"})
"""Objects of events whose very names may be anybody's."""
_A_PROGRAMS: Final = re.compile(r"[\w.:/+-]{1,80}", re.ASCII)


def scrubbed_row(row: R) -> R:
    """Return a row of the facts without texts that are not kept."""
    changed = {
        name: _scrubbed_field(name, value)
        for name in row.__struct_fields__
        if name not in _OF_ROWS and isinstance(value := getattr(row, name), str | dict | tuple)
    }
    if "heard_chars" in row.__struct_fields__:
        changed["heard_chars"] = None
    return msgspec.structs.replace(row, **changed)


def _scrubbed_field(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return _length(value) if name in _SAID and value else ""
    return type(value)()


def scrubbed_line(line: bytes) -> bytes:
    """Return a line of raw events, as `/v1/calls/{id}/events` has it, without texts."""
    told = msgspec.json.decode(line)
    text = told.get("text")
    if text is not None:
        told["text"] = _scrubbed_frame(text)
    told |= {"base64": None} if "base64" in told else {}
    return msgspec.json.encode(told) + b"\n"


def _scrubbed_frame(text: str) -> str:
    try:
        return json.dumps(_scrubbed("", json.loads(text)))
    except (ValueError, RecursionError):
        return _length(text)


def _scrubbed(name: str, value: Any) -> Any:
    match value:
        case dict():
            if name in _NAMED_BY_CALLERS:
                return {}
            return {key: _scrubbed(key, one) for key, one in value.items()}
        case list():
            return [_scrubbed(name, one) for one in value]
        case str():
            kept = name in _ON_THE_WIRE and _A_PROGRAMS.fullmatch(value)
            return value if kept else _length(value)
        case _:
            return value


def _length(text: str) -> str:
    return f"({len(text):,} characters)"
