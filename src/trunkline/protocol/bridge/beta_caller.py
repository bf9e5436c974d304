"""Pure. Lets a caller that speaks beta talk with a provider that speaks GA.

By the tables of protocol.md 2.1 to 2.3, both directions, inside items and responses too.
Frames that mean the same in both dialects pass as they are, byte for byte; so
does whatever is not JSON, which the other end will answer itself.

Where the dialects do not match one to one:

    caller -> provider
    session.update                flat to nested; `type` is added, GA requires it
    transcription_session.update  session.update of type `transcription`
    temperature, client_secret,   left out, and said once in a call by an `error` event;
      modalities of a             `session.updated` goes on to show the caller the
      transcription session       temperature it asked for, or beta's default
    reference inside content      becomes an item_reference before its message

    provider -> caller
    conversation.item.done        dropped: beta has one event per item, `created`, and the
                                  final content comes in response.output_item.done
    session.type                  dropped: beta tells it by the event's name
    input_audio_buffer.timeout_triggered, .dtmf_event_received, mcp_list_tools.*,
      response.mcp_call*, *.input_audio_transcription.segment
                                  pass as they are: beta has no other name for them, and
                                  callers must ignore types that they do not know
    truncation, reasoning and other session fields that beta never had
                                  stay in the flat session under their names
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple, cast

from trunkline.protocol.bridge_errors import error_to_beta, lost_event
from trunkline.protocol.bridge_items import (
    input_to_ga,
    item_to_beta,
    item_to_ga,
    items_to_beta,
    part_to_beta,
)
from trunkline.protocol.bridge_session import (
    BETA_FIELDS,
    GA_FIELDS,
    RESPONSE,
    RESPONSE_TOLD,
    SESSION,
    TRANSCRIPTION,
    flattened,
    nested,
)
from trunkline.protocol.decode import peek
from trunkline.protocol.names import BETA_OF_GA, leading_type, renamed
from trunkline.protocol.objects import Fields, read, write

BETA_TEMPERATURE = 0.8
"""Beta's default, shown to callers that never asked for another."""


class Bridged(NamedTuple):
    """What to send in place of a frame, each in order."""

    up: tuple[bytes, ...]
    """To the provider."""
    down: tuple[bytes, ...]
    """To the caller."""
    changed: bool
    """False: send the frame itself, as received; `up` and `down` are empty."""


AS_RECEIVED = Bridged((), (), False)

_RENAME_ONLY = {
    ga.encode(): beta.encode() for ga, beta in BETA_OF_GA.items() if ga.startswith("response.")
}
"""Events of which only the name differs. The audio deltas among them are most of a call."""

_SESSION_UPDATES = ("session.update", "transcription_session.update")
_FROM_CALLER = frozenset({*_SESSION_UPDATES, "response.create", "conversation.item.create"})
_ITEMS = frozenset(
    {
        "conversation.item.added",
        "conversation.item.created",
        "conversation.item.retrieved",
        "response.output_item.added",
        "response.output_item.done",
    }
)
_PARTS = frozenset({"response.content_part.added", "response.content_part.done"})
_RESPONSES = frozenset({"response.created", "response.done"})
_SESSIONS = frozenset({"session.created", "session.updated"})
_FROM_PROVIDER = frozenset(
    {*_ITEMS, *_PARTS, *_RESPONSES, *_SESSIONS, *BETA_OF_GA, "conversation.item.done", "error"}
)


class Bridge:
    """One call's bridge. Remembers what GA cannot say but a beta caller expects to hear."""

    def __init__(self, new_event_id: Callable[[], str] | None = None) -> None:
        """`new_event_id` names our own events; by default they are counted."""
        numbers = count(1)
        self._new_event_id = new_event_id or (lambda: f"event_trunkline_{next(numbers)}")
        self._temperature: Any = BETA_TEMPERATURE
        self._told: set[str] = set()

    def to_provider(self, frame: bytes) -> Bridged:
        """Return what the provider gets of a caller's `frame`. Never raises."""
        fields = _fields_if(frame, _FROM_CALLER)
        if fields is None:
            return AS_RECEIVED
        made, lost = self._up(fields)
        up = None if made == fields else write(made)
        if up is None:
            return AS_RECEIVED
        return Bridged((up,), self._tell(lost, fields.get("event_id")), True)

    def to_caller(self, frame: bytes) -> Bridged:
        """Return what the caller gets of a provider's `frame`. Never raises."""
        quick = renamed(frame, _RENAME_ONLY)
        if quick is not None:
            return Bridged((), (quick,), True)
        fields = _fields_if(frame, _FROM_PROVIDER)
        if fields is None:
            return AS_RECEIVED
        if fields["type"] == "conversation.item.done":
            return Bridged((), (), True)
        made = self._down(fields)
        down = None if made == fields else write(made)
        return AS_RECEIVED if down is None else Bridged((), (down,), True)

    def _up(self, fields: Fields) -> tuple[Fields, tuple[str, ...]]:
        """Return the GA form of a caller's event, and the paths that it has no place for."""
        name = fields["type"]
        if name == "conversation.item.create":
            return _changed(fields, "item", item_to_ga), ()
        if name == "response.create":
            return _response_to_ga(fields)
        return self._session_to_ga(fields)

    def _session_to_ga(self, fields: Fields) -> tuple[Fields, tuple[str, ...]]:
        session = fields.get("session")
        if not isinstance(session, dict):
            return fields, ()
        flat = cast("Fields", session)
        type_ = flat.get("type", "realtime")
        shape = SESSION
        if fields["type"] == "transcription_session.update" or type_ == "transcription":
            type_, shape = "transcription", TRANSCRIPTION
        if isinstance(flat.get("temperature"), int | float):
            self._temperature = flat["temperature"]
        made = nested(flat, shape)
        ga = made.fields if "type" in flat else {"type": type_, **made.fields}
        return {**fields, "type": "session.update", "session": ga}, _under("session", made.lost)

    def _down(self, fields: Fields) -> Fields:
        """Return the beta form of a provider's event."""
        name = fields["type"]
        made = {**fields, "type": BETA_OF_GA.get(name, name)}
        if name in _SESSIONS:
            return self._session_to_beta(made)
        if name in _RESPONSES:
            return _changed(made, "response", self._response_to_beta)
        if name in _ITEMS:
            return _changed(made, "item", item_to_beta)
        if name in _PARTS:
            return _changed(made, "part", part_to_beta)
        return _changed(made, "error", error_to_beta)

    def _session_to_beta(self, fields: Fields) -> Fields:
        session = fields.get("session")
        if not isinstance(session, dict):
            return fields
        ga = cast("Fields", session)
        kind = ga.get("type")
        untyped = {name: value for name, value in ga.items() if name != "type"}
        if kind == "transcription":
            name = f"transcription_{fields['type']}"
            return {**fields, "type": name, "session": flattened(untyped, TRANSCRIPTION)}
        return {**fields, "session": self._warmed(flattened(untyped, SESSION))}

    def _response_to_beta(self, response: Any) -> Any:
        if not isinstance(response, dict):
            return response
        flat = flattened(cast("Fields", response), RESPONSE_TOLD)
        return self._warmed(_changed(flat, "output", items_to_beta))

    def _warmed(self, flat: Fields) -> Fields:
        return flat if "temperature" in flat else {**flat, "temperature": self._temperature}

    def _tell(self, lost: tuple[str, ...], event_id: object) -> tuple[bytes, ...]:
        """Return an error for each path of `lost` that was not told yet."""
        new = [path for path in lost if path not in self._told]
        self._told.update(new)
        told = (write(lost_event(self._new_event_id(), path, event_id)) for path in new)
        return tuple(frame for frame in told if frame is not None)


def beta_session_update(frame: bytes) -> bool:
    """Return whether `frame` is a session update that only a beta caller would send.

    GA requires `session.type`, and nests what beta has flat. An update with neither
    a type nor a word of either dialect, only instructions or tools, counts as beta: a
    GA provider would refuse it, a beta provider would not.
    """
    fields = _fields_if(frame, frozenset(_SESSION_UPDATES))
    if fields is None:
        return False
    session = fields.get("session")
    if fields["type"] == "transcription_session.update":
        return True
    if not isinstance(session, dict) or not session:
        return False
    names = cast("Fields", session).keys()
    return not names & GA_FIELDS or ("type" not in names and bool(names & BETA_FIELDS))


def _fields_if(frame: bytes, names: frozenset[str]) -> Fields | None:
    """Return the object in `frame` if its type is one of `names`, and decode no other."""
    leading = leading_type(frame)
    if leading and leading.decode("ascii", "replace") not in names:
        return None
    if not leading and peek(frame).type not in names:
        return None
    fields = read(frame)
    name = None if fields is None else fields.get("type")
    return fields if isinstance(name, str) and name in names else None


def _changed(fields: Fields, name: str, change: Callable[[Any], Any]) -> Fields:
    """Return `fields` with `name` changed, if it is there."""
    return {**fields, name: change(fields[name])} if name in fields else fields


def _response_to_ga(fields: Fields) -> tuple[Fields, tuple[str, ...]]:
    response = fields.get("response")
    if not isinstance(response, dict):
        return fields, ()
    made = nested(cast("Fields", response), RESPONSE)
    ga = _changed(made.fields, "input", input_to_ga)
    return {**fields, "response": ga}, _under("response", made.lost)


def _under(parent: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{parent}.{name}" for name in names)
