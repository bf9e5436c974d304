"""Pure. Errors across the bridge: their `param` in the caller's words, and errors of our own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Final, cast

from trunkline.protocol.bridge.shapes import RESPONSE, SESSION, Shape
from trunkline.protocol.call import Dialect
from trunkline.protocol.objects import Fields, write

NOT_EXPRESSIBLE: Final[dict[Dialect, str]] = {
    "ga": "not_expressible_in_ga",
    "beta": "not_expressible_in_beta",
}
"""Code of the error that names what the provider's dialect has no place for."""
_SHOWN: Final[dict[Dialect, str]] = {"ga": "GA", "beta": "beta"}


def _paths(parent: str, shape: Shape) -> dict[str, str]:
    nested = {
        f"{parent}.audio.{side}.{place}": f"{parent}.{name}"
        for name, (side, place) in shape.nested.items()
    }
    return nested | {f"{parent}.{ga}": f"{parent}.{name}" for name, ga in shape.renamed.items()}


_BETA_OF_GA = _paths("session", SESSION) | _paths("response", RESPONSE)
_GA_OF_BETA = {beta: ga for ga, beta in _BETA_OF_GA.items()}


def beta_path(path: str) -> str:
    """Return what a beta caller calls the field that a GA provider calls `path`.

    A format is an object in GA and a string in beta: paths into it end at it.
    """
    found = _mapped(path, _BETA_OF_GA)
    head, format_, _ = found.partition("_format")
    return head + format_ if found != path else path


def ga_path(path: str) -> str:
    """Return what a GA caller calls the field that a beta provider calls `path`."""
    return _mapped(path, _GA_OF_BETA)


def _mapped(path: str, table: Mapping[str, str]) -> str:
    for known, other in table.items():
        rest = path.removeprefix(known)
        if path.startswith(known) and rest[:1] in ("", ".", "["):
            return other + rest
    return path


def error_to_beta(error: Any) -> Any:
    """Return the beta form of an `error` object: its param, and where the message quotes it."""
    return _with_path(error, beta_path)


def error_to_ga(error: Any) -> Any:
    """Return the GA form of an `error` object: its param, and where the message quotes it."""
    return _with_path(error, ga_path)


def _with_path(error: Any, named: Callable[[str], str]) -> Any:
    if not isinstance(error, dict):
        return error
    fields = cast("Fields", error)
    param, message = fields.get("param"), fields.get("message")
    if not isinstance(param, str) or (path := named(param)) == param:
        return fields
    told = message.replace(param, path) if isinstance(message, str) else message
    return {name: {"param": path, "message": told}.get(name, v) for name, v in fields.items()}


class Teller:
    """Tells one caller what was left out of what it asked for: each path once in a call."""

    def __init__(self, provider: Dialect, new_event_id: Callable[[], str] | None) -> None:
        """`new_event_id` names our own events; by default they are counted."""
        numbers = count(1)
        self.new_event_id = new_event_id or (lambda: f"event_trunkline_{next(numbers)}")
        self._provider: Dialect = provider
        self._told: set[str] = set()

    def tell(self, lost: tuple[str, ...], event_id: object, *, sent: bool) -> tuple[bytes, ...]:
        """Return an error for each path of `lost` that was not told yet.

        `event_id` is the caller's event's own; it was `sent`, unless nothing was left of it.
        """
        new = [path for path in lost if path not in self._told or not sent]
        self._told.update(new)
        told = (write(self._lost(path, event_id, sent=sent)) for path in new)
        return tuple(frame for frame in told if frame is not None)

    def _lost(self, path: str, event_id: object, *, sent: bool) -> Fields:
        other = _SHOWN["beta" if self._provider == "ga" else "ga"]
        ending = (
            "The rest of the event was sent. Remove it, or use the "
            f"{_SHOWN[self._provider]} form of the event. This is said once in a call."
            if sent
            else "Nothing was left of the event, so it was not sent."
        )
        return {
            "type": "error",
            "event_id": self.new_event_id(),
            "error": {
                "type": "invalid_request_error",
                "code": NOT_EXPRESSIBLE[self._provider],
                "message": (
                    f"Trunkline left out `{path}` of {other}: the provider speaks the "
                    f"{_SHOWN[self._provider]} dialect, which has no place for it. {ending}"
                ),
                "param": path,
                "event_id": event_id if isinstance(event_id, str) else None,
            },
        }
