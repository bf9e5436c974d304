"""Pure. Errors across the bridge: their `param` in the caller's words, and errors of our own."""

from __future__ import annotations

from typing import Any, cast

from trunkline.protocol.bridge_session import RESPONSE, SESSION, Shape
from trunkline.protocol.objects import Fields

NOT_EXPRESSIBLE = "not_expressible_in_ga"
"""Code of the error that names what the provider's dialect has no place for."""


def _paths(parent: str, shape: Shape) -> dict[str, str]:
    nested = {
        f"{parent}.audio.{side}.{place}": f"{parent}.{name}"
        for name, (side, place) in shape.nested.items()
    }
    return nested | {f"{parent}.{ga}": f"{parent}.{name}" for name, ga in shape.renamed.items()}


_BETA_PATHS = _paths("session", SESSION) | _paths("response", RESPONSE)


def beta_path(path: str) -> str:
    """Return what a beta caller calls the field that a GA provider calls `path`.

    A format is an object in GA and a string in beta: paths into it end at it.
    """
    for ga, beta in _BETA_PATHS.items():
        rest = path.removeprefix(ga)
        if path.startswith(ga) and rest[:1] in ("", ".", "["):
            return beta if beta.endswith("_format") else beta + rest
    return path


def error_to_beta(error: Any) -> Any:
    """Return the beta form of an `error` object: its param, and where the message quotes it."""
    if not isinstance(error, dict):
        return error
    fields = cast("Fields", error)
    param, message = fields.get("param"), fields.get("message")
    if not isinstance(param, str) or (path := beta_path(param)) == param:
        return fields
    told = message.replace(param, path) if isinstance(message, str) else message
    return {name: {"param": path, "message": told}.get(name, v) for name, v in fields.items()}


def lost_event(event_id: str, path: str, caller_event_id: object) -> Fields:
    """Return the `error` event that tells a beta caller what was left out."""
    return {
        "type": "error",
        "event_id": event_id,
        "error": {
            "type": "invalid_request_error",
            "code": NOT_EXPRESSIBLE,
            "message": (
                f"Trunkline left out `{path}`: the provider speaks the GA dialect, which has no "
                "such field. The rest of the event was sent. Remove the field, or use the GA "
                "form of the event. This is said once in a call."
            ),
            "param": path,
            "event_id": caller_event_id if isinstance(caller_event_id, str) else None,
        },
    }
