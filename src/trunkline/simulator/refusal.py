"""Pure. The `error` object of an event that the simulator refuses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Refused(Exception):
    """A caller's event is wrong; the session answers with an `error` event and goes on."""

    def __init__(
        self,
        code: str | None,
        message: str,
        param: str | None = None,
        *,
        type: str = "invalid_request_error",  # noqa: A002 - the wire's word
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.param, self.type = code, message, param, type

    def error(self, event_id: str | None) -> dict[str, Any]:
        """Return the `error` object; `event_id` is the offending event's own, if it had one."""
        return {
            "type": self.type,
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": event_id,
        }


def missing(param: str) -> Refused:
    """A parameter that must be there is not."""
    return Refused("missing_required_parameter", f"Missing required parameter: '{param}'.", param)


def unknown(param: str) -> Refused:
    """A parameter that nobody knows."""
    return Refused("unknown_parameter", f"Unknown parameter: '{param}'.", param)


def not_accepted(type_: object, accepted: Iterable[str]) -> Refused:
    """An event without a type, or of one that is not `accepted`."""
    if type_ is None:
        return missing("type")
    listed = ", ".join(f"'{one}'" for one in accepted)
    return invalid("type", type_, f"Supported values are: {listed}.")


def invalid(param: str, found: object, expected: str) -> Refused:
    """A parameter with a value that cannot be."""
    shown = repr(found)[:60]
    return Refused("invalid_value", f"Invalid value: {shown}. {expected}", param)
