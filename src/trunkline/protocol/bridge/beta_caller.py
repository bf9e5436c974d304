"""Pure. Lets a caller that speaks beta talk with a provider that speaks GA.

Where the dialects do not match one to one:

    caller -> provider
    session.update                flat to nested; `type` is added, GA requires it
    transcription_session.update  session.update of type `transcription`
    temperature, client_secret,   left out, and said by an `error` event; `session.updated`
      modalities of a             goes on to show the caller the temperature it asked for, or
      transcription session       beta's default
    reference inside content      becomes an item_reference before its message

    provider -> caller
    conversation.item.done        dropped: beta has one event per item, `created`, and the
                                  final content comes in response.output_item.done
    session.type                  dropped: beta tells it by the event's name
    input_audio_buffer.timeout_triggered, .dtmf_event_received, mcp_list_tools.*,
      response.mcp_call*, *.input_audio_transcription.segment
                                  pass as they are: beta has no other name for them
    truncation, reasoning and other session fields that beta never had
                                  stay in the flat session under their names
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from trunkline.protocol.bridge.errors import Teller, error_to_beta
from trunkline.protocol.bridge.frames import (
    AS_RECEIVED,
    Bridged,
    changed,
    fields_if,
    under,
    written,
)
from trunkline.protocol.bridge.items import (
    input_to_ga,
    item_to_beta,
    item_to_ga,
    items_to_beta,
    part_to_beta,
)
from trunkline.protocol.bridge.shapes import (
    RESPONSE,
    RESPONSE_TOLD,
    SESSION,
    TRANSCRIPTION,
    to_beta,
    to_ga,
)
from trunkline.protocol.names import BETA_OF_GA, renamed
from trunkline.protocol.objects import Fields

BETA_TEMPERATURE = 0.8
"""Beta's default, shown to callers that never asked for another."""

_RENAME_ONLY = {
    ga.encode(): beta.encode() for ga, beta in BETA_OF_GA.items() if ga.startswith("response.")
}
"""Events of which only the name differs. The audio deltas among them are most of a call."""

_FROM_CALLER = frozenset(
    {
        "session.update",
        "transcription_session.update",
        "response.create",
        "conversation.item.create",
    }
)
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


class BetaCaller:
    """One call's bridge. Remembers what GA cannot say but a beta caller expects to hear."""

    def __init__(self, new_event_id: Callable[[], str] | None = None) -> None:
        """`new_event_id` names our own events; by default they are counted."""
        self._teller = Teller("ga", new_event_id)
        self._temperature: Any = BETA_TEMPERATURE

    def to_provider(self, frame: bytes) -> Bridged:
        """Return what the provider gets of a caller's `frame`. Never raises."""
        fields = fields_if(frame, _FROM_CALLER)
        if fields is None:
            return AS_RECEIVED
        made, lost = self._up(fields)
        up = None if made == fields else written((made,))
        if up is None:
            return AS_RECEIVED
        return Bridged(up, self._teller.tell(lost, fields.get("event_id"), sent=True), True)

    def to_caller(self, frame: bytes) -> Bridged:
        """Return what the caller gets of a provider's `frame`. Never raises."""
        quick = renamed(frame, _RENAME_ONLY)
        if quick is not None:
            return Bridged((), (quick,), True)
        fields = fields_if(frame, _FROM_PROVIDER)
        if fields is None:
            return AS_RECEIVED
        if fields["type"] == "conversation.item.done":
            return Bridged((), (), True)
        made = self._down(fields)
        down = None if made == fields else written((made,))
        return AS_RECEIVED if down is None else Bridged((), down, True)

    def _up(self, fields: Fields) -> tuple[Fields, tuple[str, ...]]:
        """Return the GA form of a caller's event, and the paths that it has no place for."""
        name = fields["type"]
        if name == "conversation.item.create":
            return changed(fields, "item", item_to_ga), ()
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
        made = to_ga(flat, shape, asked=True)
        ga = made.fields if "type" in flat else {"type": type_, **made.fields}
        return {**fields, "type": "session.update", "session": ga}, under("session", made.lost)

    def _down(self, fields: Fields) -> Fields:
        """Return the beta form of a provider's event."""
        name = fields["type"]
        made = {**fields, "type": BETA_OF_GA.get(name, name)}
        if name in _SESSIONS:
            return self._session_to_beta(made)
        if name in _RESPONSES:
            return changed(made, "response", self._response_to_beta)
        if name in _ITEMS:
            return changed(made, "item", item_to_beta)
        if name in _PARTS:
            return changed(made, "part", part_to_beta)
        return changed(made, "error", error_to_beta)

    def _session_to_beta(self, fields: Fields) -> Fields:
        session = fields.get("session")
        if not isinstance(session, dict):
            return fields
        ga = cast("Fields", session)
        kind = ga.get("type")
        untyped = {name: value for name, value in ga.items() if name != "type"}
        if kind == "transcription":
            flat = to_beta(untyped, TRANSCRIPTION, asked=False).fields
            return {**fields, "type": f"transcription_{fields['type']}", "session": flat}
        return {**fields, "session": self._warmed(to_beta(untyped, SESSION, asked=False).fields)}

    def _response_to_beta(self, response: Any) -> Any:
        if not isinstance(response, dict):
            return response
        flat = to_beta(cast("Fields", response), RESPONSE_TOLD, asked=False).fields
        return self._warmed(changed(flat, "output", items_to_beta))

    def _warmed(self, flat: Fields) -> Fields:
        return flat if "temperature" in flat else {**flat, "temperature": self._temperature}


def _response_to_ga(fields: Fields) -> tuple[Fields, tuple[str, ...]]:
    response = fields.get("response")
    if not isinstance(response, dict):
        return fields, ()
    made = to_ga(cast("Fields", response), RESPONSE, asked=True)
    ga = changed(made.fields, "input", input_to_ga)
    return {**fields, "response": ga}, under("response", made.lost)
