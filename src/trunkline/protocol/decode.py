"""Pure. Frames to events. Foreign input: nothing here raises."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias, cast, get_args

import msgspec

from trunkline.protocol import events, flow
from trunkline.protocol.events import (
    AudioAppend,
    AudioDelta,
    Event,
    Modelled,
    Opaque,
    TextDelta,
    TranscriptDelta,
)
from trunkline.protocol.mend import mended
from trunkline.protocol.names import GA_OF_BETA, leading_type, renamed
from trunkline.protocol.objects import BAD, read_scrubbed
from trunkline.protocol.session import WireSession, normalised
from trunkline.protocol.wire import Wire


class _SessionUpdate(Wire, frozen=True, tag="session.update"):
    session: WireSession = WireSession()
    model: str | None = None
    """vLLM: all that a session has there, and in no object."""


class _SessionCreated(Wire, frozen=True, tag="session.created"):
    session: WireSession = WireSession()


class _SessionUpdated(Wire, frozen=True, tag="session.updated"):
    session: WireSession = WireSession()


class _SessionStarted(Wire, frozen=True, tag="session.started"):
    session: WireSession = WireSession()


_Sessions: TypeAlias = _SessionUpdate | _SessionCreated | _SessionUpdated | _SessionStarted
_Public: TypeAlias = (
    events.SessionUpdate | events.SessionCreated | events.SessionUpdated | flow.SessionStarted
)
_PUBLIC: dict[type, type[_Public]] = {
    _SessionUpdate: events.SessionUpdate,
    _SessionCreated: events.SessionCreated,
    _SessionUpdated: events.SessionUpdated,
    _SessionStarted: flow.SessionStarted,
}
_ARMS: tuple[type[Wire], ...] = tuple(
    arm for arm in get_args(Modelled) if arm not in _PUBLIC.values()
) + tuple(_PUBLIC)
_BY_NAME = {cast("str", arm.__struct_config__.tag): arm for arm in _ARMS}
_BETA_DELTAS = (b'{"type":"response.audio', b'{"type":"response.text')
_TO_GA = {beta.encode(): ga.encode() for beta, ga in GA_OF_BETA.items()}


class _Id(msgspec.Struct, frozen=True, gc=False):
    id: str | None = None


class _Head(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    item_id: str | None = None
    response_id: str | None = None
    item: _Id | None = None
    response: _Id | None = None


def _union(arms: tuple[type[Wire], ...]) -> Any:
    joined: Any = arms[0]
    for arm in arms[1:]:
        joined = joined | arm
    return joined


_known = msgspec.json.Decoder[Modelled | _Sessions](_union(_ARMS))
_head = msgspec.json.Decoder(_Head)


class Peek(NamedTuple):
    """The little that an index of frames needs. Empty: not there."""

    type: str
    """As sent: beta names stay."""
    item_id: str = ""
    """Its own, or that of the item it carries."""
    response_id: str = ""


_APPENDED = Peek("input_audio_buffer.append")
_DELTAS = (AudioDelta, TranscriptDelta, TextDelta)


def decode(frame: bytes) -> Event:
    """Return the event in `frame`, or `Opaque` if it is not one that we model.

    Never raises: what we cannot read must not stop those who only carry it. A field
    of the wrong kind has its default, and the rest of the event is kept.
    """
    # Deltas are most of a beta call; any other beta name may take the slow way.
    in_ga = renamed(frame, _TO_GA) if frame.startswith(_BETA_DELTAS) else None
    try:
        return _public(_known.decode(frame if in_ga is None else in_ga))
    except BAD:
        return _mended(frame)


def peek(frame: bytes) -> Peek:
    """Return type and ids of `frame`, cheaply. Never raises; garbage has an empty type."""
    try:
        head = _head.decode(frame)
    except BAD:
        head = _mended_head(frame)
    item_id = head.item_id or (head.item.id if head.item else None)
    response_id = head.response_id or (head.response.id if head.response else None)
    return Peek(head.type, item_id or "", response_id or "")


def decode_and_peek(frame: bytes) -> tuple[Event, Peek]:
    """Return what `decode` and what `peek` return. Sound and words, nine frames of ten, are
    looked at only once.
    """
    in_ga = renamed(frame, _TO_GA) if frame.startswith(_BETA_DELTAS) else None
    try:
        event = _known.decode(frame if in_ga is None else in_ga)
    except BAD:
        return _mended(frame), peek(frame)
    if isinstance(event, AudioAppend):
        # So many quotation marks are those of type and audio, or of these and an event's id.
        if event.audio and frame.count(b'"') == (12 if event.event_id else 8):
            return event, _APPENDED
    elif isinstance(event, _DELTAS) and event.item_id and event.response_id:
        name = name_of(event) if in_ga is None else leading_type(frame).decode()
        return event, Peek(name, event.item_id, event.response_id)
    return _public(event), peek(frame)


def name_of(event: Event) -> str:
    """Return the type of `event`, in GA's name. Ask `peek` for the name on the wire."""
    if isinstance(event, Opaque):
        return event.type
    return cast("str", event.__struct_config__.tag)


def _public(event: Modelled | _Sessions) -> Event:
    made = _PUBLIC.get(type(event))
    if made is None:
        return cast("Modelled", event)
    told = cast("_Sessions", event)
    if isinstance(told, _SessionUpdate) and told.model and not told.session.model:
        told = _SessionUpdate(
            event_id=told.event_id, session=msgspec.structs.replace(told.session, model=told.model)
        )
    return made(event_id=told.event_id, session=normalised(told.session))


def _mended_head(frame: bytes) -> _Head:
    fields = read_scrubbed(frame)
    return _Head() if fields is None else mended(fields, _Head)


def _mended(frame: bytes) -> Event:
    """The slow way: beta names not in front, fields of the wrong kind, lone surrogates."""
    fields = read_scrubbed(frame)
    name = None if fields is None else fields.get("type")
    if fields is None or not isinstance(name, str):
        return Opaque("", len(frame))
    arm = _BY_NAME.get(GA_OF_BETA.get(name, name))
    if arm is None:
        return Opaque(name, len(frame))
    try:
        event = msgspec.convert({**fields, "type": arm.__struct_config__.tag}, arm)
    except BAD:
        event = mended(fields, arm)
    return _public(cast("Modelled | _Sessions", event))
