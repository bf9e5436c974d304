"""Pure. All sound of one call, placed on its clock as the events tell it.

`observe` every event of the call in the order of the journal, and each chunk of audio
comes back with its place. Facts and recording both do exactly this, so they cannot
differ. What a barge-in, a cancel or a truncate keeps from being heard is `Stopped`;
an item's last word on it is its `ItemRow`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from trunkline.journal.record import Leg
from trunkline.protocol import events, flow
from trunkline.protocol.audio import duration_us
from trunkline.protocol.events import Event
from trunkline.protocol.formats import PCM_24K, Format
from trunkline.protocol.session import Session
from trunkline.recorder.bounds import clamped
from trunkline.recorder.timeline import AssistantTrack, CallerTrack, Play

FLOWING: Final = "assistant"
"""In the place of an item's id: sound of a session that flows is of no item."""


class Placed(msgspec.Struct, frozen=True, gc=False):
    """One chunk of audio and where it belongs."""

    leg: str
    """`caller` or `provider`: who sounds."""
    starts_us: int
    duration_us: int
    format: Format
    base64: str
    item_id: str = ""
    """The assistant's item; for the caller it is not known yet."""


class Stopped(msgspec.Struct, frozen=True):
    """These items' sound ends here for the caller, though more was sent."""

    item_ids: tuple[str, ...]
    at_us: int


Heard: TypeAlias = Placed | Stopped | None


class Sound(msgspec.Struct):
    """Both tracks of one call, and what decides how they are played."""

    caller: CallerTrack = msgspec.field(default_factory=CallerTrack)
    assistant: AssistantTrack = msgspec.field(default_factory=AssistantTrack)
    plays: dict[str, Play] = {}
    """By item."""
    caller_format: Format = PCM_24K
    assistant_format: Format = PCM_24K
    interrupts: bool = True
    """A barge-in cancels the answer, so the caller's player stops."""
    sessions: int = 0
    session_id: str = ""
    running: list[str] = []
    """Responses that may still send audio."""
    silenced: list[str] = []
    """Of those, the ones that were interrupted: what else they send is not heard."""
    appended: tuple[int, int] | None = None
    """The caller's latest sound: received, and handed to the provider."""

    def observe(self, leg: Leg, event: Event, received_us: int, handed_us: int | None) -> Heard:
        """Take notice of `event` of `leg`, handed to the other leg at `handed_us`, or never."""
        observer = _OBSERVERS[leg].get(type(event))
        return observer(self, event, received_us, handed_us) if observer else None

    def playing(self, at_us: int) -> tuple[str, ...]:
        """Return the items whose sound the caller hears, or has queued, at `at_us`."""
        return tuple(
            item_id
            for item_id, play in self.plays.items()
            if play.cut_us is None and play.ends_us > at_us
        )

    def stop(self, at_us: int) -> Stopped | None:
        """Stop the caller's player, whatever it plays."""
        item_ids = self.playing(at_us)
        for item_id in item_ids:
            self.assistant.stop(self.plays[item_id], at_us)
        return Stopped(item_ids, at_us) if item_ids else None


_Append: TypeAlias = events.AudioAppend | flow.FlowAppend | flow.LiveAppend


def _append(sound: Sound, event: _Append, received_us: int, handed: int | None) -> Heard:
    if handed is None:
        # The provider never got it, so its offsets do not count it.
        return None
    sound.appended = received_us, handed
    length_us = duration_us(sound.caller_format, event.audio)
    starts_us = sound.caller.append(received_us, length_us)
    return Placed("caller", starts_us, length_us, sound.caller_format, event.audio)


def _delta(sound: Sound, event: events.AudioDelta, received_us: int, handed: int | None) -> Heard:
    item_id = event.item_id or event.response_id
    length_us = duration_us(sound.assistant_format, event.delta)
    at_us = received_us if handed is None else handed
    play, starts_us = sound.assistant.place(sound.plays.get(item_id), at_us, length_us)
    play.response_id = event.response_id
    sound.plays[item_id] = play
    if play.cut_us is None and (handed is None or event.response_id in sound.silenced):
        sound.assistant.stop(play, starts_us)
    return Placed("provider", starts_us, length_us, sound.assistant_format, event.delta, item_id)


def _reflected(
    sound: Sound, event: flow.LiveAppend, received_us: int, _handed: int | None
) -> Heard:
    """On a sideband the provider tells what the caller says, whatever the session's format."""
    length_us = duration_us(PCM_24K, event.audio)
    starts_us = sound.caller.append(received_us, length_us)
    return Placed("caller", starts_us, length_us, PCM_24K, event.audio)


def _flow(sound: Sound, event: flow.FlowAudio, received_us: int, handed: int | None) -> Heard:
    format_ = sound.assistant_format if event.start_ms is None else PCM_24K
    length_us = duration_us(format_, event.delta)
    at_us = received_us if handed is None else handed
    play, starts_us = sound.assistant.place(sound.plays.get(FLOWING), at_us, length_us)
    sound.plays[FLOWING] = play
    return Placed("provider", starts_us, length_us, format_, event.delta, FLOWING)


def _speech_started(sound: Sound, _event: Event, received_us: int, handed: int | None) -> Heard:
    if not sound.interrupts:
        return None
    sound.silenced = sound.running.copy()
    # Whoever plays can stop only when it has been told.
    return sound.stop(received_us if handed is None else handed)


def _cancel(sound: Sound, _event: Event, received_us: int, _handed: int | None) -> Heard:
    return sound.stop(received_us)


def _truncate(sound: Sound, event: events.ItemTruncate, received_us: int, _: int | None) -> Heard:
    play = sound.plays.get(event.item_id)
    if play is None or event.audio_end_ms is None:
        return None
    kept_us = clamped(event.audio_end_ms) * 1000
    is_over = play.cut_us is None and play.response_id not in sound.running
    if is_over and kept_us + 1000 >= play.audio_us:
        # Some players truncate what they have played whole, but for the rounding.
        return None
    sound.assistant.truncate(play, kept_us, received_us)
    return Stopped((event.item_id,), received_us)


def _created(sound: Sound, event: events.ResponseCreated, _received: int, _: int | None) -> Heard:
    if event.response.id not in sound.running:
        sound.running.append(event.response.id)
        # More than a few at once is a provider gone wild.
        del sound.running[:-16]
    return None


def _done(sound: Sound, event: events.ResponseDone, received_us: int, handed: int | None) -> Heard:
    response = event.response
    sound.running = [id_ for id_ in sound.running if id_ != response.id]
    sound.silenced = [id_ for id_ in sound.silenced if id_ != response.id]
    if response.status != "cancelled":
        return None
    at_us = received_us if handed is None else handed
    item_ids = tuple(
        item_id
        for item_id in sound.playing(at_us)
        if sound.plays[item_id].response_id == response.id
    )
    for item_id in item_ids:
        sound.assistant.stop(sound.plays[item_id], at_us)
    return Stopped(item_ids, at_us) if item_ids else None


def _session(
    sound: Sound,
    event: events.SessionCreated | events.SessionUpdated | flow.SessionStarted,
    _received: int,
    _handed: int | None,
) -> Heard:
    if not isinstance(event, events.SessionUpdated):
        sound.sessions += 1
        # Told again on a sideband that was opened again: it is the session that it was.
        if sound.sessions > 1 and (event.session.id or "") != sound.session_id:
            sound.caller.restart()
        sound.session_id = event.session.id or ""
    _configure(sound, event.session)
    return None


def _configure(sound: Sound, session: Session) -> None:
    sound.caller_format = session.input_format or sound.caller_format
    sound.assistant_format = session.output_format or sound.assistant_format
    detection = session.turn_detection
    if detection is not None and detection.interrupt_response is not None:
        sound.interrupts = detection.interrupt_response


_Observer: TypeAlias = Callable[[Sound, Any, int, int | None], Heard]
_OBSERVERS: Final[dict[Leg, dict[type, _Observer]]] = {
    Leg.NONE: {},
    Leg.CALLER: {
        events.AudioAppend: _append,
        events.ResponseCancel: _cancel,
        events.PlayoutClear: _cancel,
        events.ItemTruncate: _truncate,
        flow.FlowAppend: _append,
        flow.LiveAppend: _append,
    },
    Leg.PROVIDER: {
        events.AudioDelta: _delta,
        events.SpeechStarted: _speech_started,
        events.ResponseCreated: _created,
        events.ResponseDone: _done,
        events.SessionCreated: _session,
        events.SessionUpdated: _session,
        flow.FlowAudio: _flow,
        flow.LiveAppend: _reflected,
        flow.SessionStarted: _session,
    },
}
