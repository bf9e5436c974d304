"""Pure. Lets a caller that speaks GA talk with a provider that speaks beta.

Where the dialects do not match one to one:

    caller -> provider
    session.update                nested to flat; `type` is dropped, or makes it a
                                  transcription_session.update
    truncation, reasoning, prompt and others in `shapes`, images in content
                                  left out, and said by an `error` event. A message of which
                                  nothing is left is not sent at all

    provider -> caller
    conversation.item.created     conversation.item.added, and .done at once, because GA says
                                  when an item is whole; an item that a response is still
                                  making is done when response.output_item.done says so, or
                                  response.done at the latest
    session.type                  added, from the event's name
    function_call_arguments.done  gets the function's name, which beta tells in the item alone
    temperature and whatever else GA never had
                                  stays under its name
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from trunkline.protocol.bridge.errors import Teller, error_to_ga
from trunkline.protocol.bridge.frames import (
    AS_RECEIVED,
    Bridged,
    changed,
    fields_if,
    under,
    written,
)
from trunkline.protocol.bridge.items import (
    asked_of_beta,
    input_to_beta,
    item_to_ga,
    items_to_ga,
)
from trunkline.protocol.bridge.shapes import (
    RESPONSE,
    RESPONSE_TOLD,
    SESSION,
    TRANSCRIPTION,
    to_beta,
    to_ga,
)
from trunkline.protocol.names import GA_OF_BETA, renamed
from trunkline.protocol.objects import Fields

MAX_REMEMBERED = 64
"""Items in the making: those of a response or two. More is a provider that finishes none."""

_RENAME_ONLY = {
    beta.encode(): ga.encode() for beta, ga in GA_OF_BETA.items() if beta.startswith("response.")
}
"""Events of which only the name differs. The audio deltas among them are most of a call."""

_FROM_CALLER = frozenset({"session.update", "response.create", "conversation.item.create"})
_SESSIONS = frozenset(
    {
        "session.created",
        "session.updated",
        "transcription_session.created",
        "transcription_session.updated",
    }
)
_RESPONSES = frozenset({"response.created", "response.done"})
_ARGUMENTS = "response.function_call_arguments.done"
_FROM_PROVIDER = frozenset(
    {
        *_SESSIONS,
        *_RESPONSES,
        *GA_OF_BETA,
        "conversation.item.retrieved",
        "response.output_item.added",
        "response.output_item.done",
        _ARGUMENTS,
        "error",
    }
)
_Value = TypeVar("_Value")


class GaCaller:
    """One call's bridge. Remembers items in the making, of which GA wants to hear the end."""

    def __init__(self, new_event_id: Callable[[], str] | None = None) -> None:
        """`new_event_id` names our own events; by default they are counted."""
        self._teller = Teller("beta", new_event_id)
        self._making: dict[str, Fields | None] = {}
        """By id, items of responses: None until announced, then the announcement."""
        self._functions: dict[str, str] = {}
        """Names of functions that are being called, by the item's id."""

    def to_provider(self, frame: bytes) -> Bridged:
        """Return what the provider gets of a caller's `frame`. Never raises."""
        fields = fields_if(frame, _FROM_CALLER)
        if fields is None:
            return AS_RECEIVED
        made, lost = _up(fields)
        event_id = fields.get("event_id")
        if made is None:
            return Bridged((), self._teller.tell(lost, event_id, sent=False), True)
        up = None if made == fields else written((made,))
        if up is None:
            return AS_RECEIVED
        return Bridged(up, self._teller.tell(lost, event_id, sent=True), True)

    def to_caller(self, frame: bytes) -> Bridged:
        """Return what the caller gets of a provider's `frame`. Never raises."""
        quick = renamed(frame, _RENAME_ONLY)
        if quick is not None:
            return Bridged((), (quick,), True)
        fields = fields_if(frame, _FROM_PROVIDER)
        if fields is None:
            return AS_RECEIVED
        made = self._down(fields)
        down = None if made == (fields,) else written(made)
        return AS_RECEIVED if down is None else Bridged((), down, True)

    def _down(self, fields: Fields) -> tuple[Fields, ...]:
        """Return the GA form of a provider's event, with the events that only GA has."""
        name = fields["type"]
        made = {**fields, "type": GA_OF_BETA.get(name, name)}
        if name in _SESSIONS:
            return (_session_to_ga(made, name),)
        if name in _RESPONSES:
            return self._response(changed(made, "response", _response_to_ga))
        if isinstance(made.get("item"), dict):
            return self._item(changed(made, "item", item_to_ga))
        if name == _ARGUMENTS:
            return (self._named(made),)
        return (changed(made, "error", error_to_ga),)

    def _item(self, made: Fields) -> tuple[Fields, ...]:
        name, id_ = made["type"], _id_of(made["item"])
        if name == "response.output_item.added" and id_:
            self._making.setdefault(id_, None)
            self._name(id_, made["item"])
        elif name == "response.output_item.done":
            self._functions.pop(id_, None)
            return (*self._finished(made["item"]), made)
        elif name == "conversation.item.added":
            if id_ not in self._making and made["item"].get("status") != "in_progress":
                return made, self._done(made, made["item"])
            self._making[id_] = made
        _forget_oldest(self._making)
        return (made,)

    def _name(self, id_: str, item: Fields) -> None:
        if isinstance(name := item.get("name"), str):
            self._functions[id_] = name
            _forget_oldest(self._functions)

    def _named(self, made: Fields) -> Fields:
        name = self._functions.get(str(made.get("item_id")))
        return made if name is None or "name" in made else {**made, "name": name}

    def _response(self, made: Fields) -> tuple[Fields, ...]:
        response = made.get("response")
        output = cast("Fields", response).get("output") if isinstance(response, dict) else None
        if made["type"] != "response.done" or not isinstance(output, list):
            return (made,)
        items = cast("list[Any]", output)
        return (*(event for item in items for event in self._finished(item)), made)

    def _finished(self, item: Any) -> tuple[Fields, ...]:
        """Return the event that says that an item which was announced is whole, once."""
        announced = self._making.pop(_id_of(item), None)
        return () if announced is None else (self._done(announced, item),)

    def _done(self, announced: Fields, item: Any) -> Fields:
        ours = {"type": "conversation.item.done", "event_id": self._teller.new_event_id()}
        rest = {name: value for name, value in announced.items() if name not in ours}
        return {**ours, **rest, "item": item}


def _up(fields: Fields) -> tuple[Fields | None, tuple[str, ...]]:
    """Return the beta form of a caller's event, and the paths that it has no place for."""
    match fields["type"]:
        case "conversation.item.create":
            item, lost = asked_of_beta(fields.get("item"), "item")
            return (None if lost and item is None else _with(fields, "item", item)), lost
        case "response.create":
            return _response_to_beta(fields)
        case _:
            return _session_to_beta(fields)


def _session_to_beta(fields: Fields) -> tuple[Fields, tuple[str, ...]]:
    session = fields.get("session")
    if not isinstance(session, dict):
        return fields, ()
    ga = cast("Fields", session)
    transcribes = ga.get("type") == "transcription"
    untyped = {name: value for name, value in ga.items() if name != "type"}
    made = to_beta(untyped, TRANSCRIPTION if transcribes else SESSION, asked=True)
    name = "transcription_session.update" if transcribes else "session.update"
    return {**fields, "type": name, "session": made.fields}, under("session", made.lost)


def _response_to_beta(fields: Fields) -> tuple[Fields, tuple[str, ...]]:
    response = fields.get("response")
    if not isinstance(response, dict):
        return fields, ()
    made = to_beta(cast("Fields", response), RESPONSE, asked=True)
    items, lost = input_to_beta(made.fields.get("input"), "response.input")
    beta = _with(made.fields, "input", items)
    return {**fields, "response": beta}, (*under("response", made.lost), *lost)


def _session_to_ga(made: Fields, name: str) -> Fields:
    session = made.get("session")
    if not isinstance(session, dict):
        return made
    transcribes = name.startswith("transcription_")
    shape = TRANSCRIPTION if transcribes else SESSION
    ga = to_ga(cast("Fields", session), shape, asked=False).fields
    kind = "transcription" if transcribes else "realtime"
    return {**made, "session": ga if "type" in ga else {"type": kind, **ga}}


def _response_to_ga(response: Any) -> Any:
    if not isinstance(response, dict):
        return response
    ga = to_ga(cast("Fields", response), RESPONSE_TOLD, asked=False).fields
    return changed(ga, "output", items_to_ga)


def _with(fields: Fields, name: str, value: Any) -> Fields:
    return {**fields, name: value} if name in fields else fields


def _id_of(item: Any) -> str:
    id_ = cast("Fields", item).get("id") if isinstance(item, dict) else None
    return id_ if isinstance(id_, str) else ""


def _forget_oldest(table: dict[str, _Value]) -> None:
    if len(table) > MAX_REMEMBERED:
        del table[next(iter(table))]
