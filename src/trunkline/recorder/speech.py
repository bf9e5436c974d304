"""Pure. The caller's speech: when it truly began and ended, and the item that it becomes.

The provider tells offsets in the sound that it got, with prefix padding before and the
silence window behind. The map of `CallerTrack` turns them into times (protocol.md 6.1).
"""

from __future__ import annotations

from typing import Final

from trunkline.protocol import events
from trunkline.recorder import lines, turns
from trunkline.recorder.bounds import clamped, id_of
from trunkline.recorder.sound import Heard, Stopped
from trunkline.recorder.state import Line, Speech, State, Step
from trunkline.recorder.stopping import stopped

MAX_SPEECHES: Final = 8
"""Announced and not committed yet. More than one at a time is rare."""

REACH_BACK_US: Final = 2_000_000
"""How far before the end of an item the next one may begin: prefix padding, with room."""


def started(state: State, step: Step, event: events.SpeechStarted, heard: Heard) -> None:
    """The caller speaks: the true start is `A(audio_start_ms + P)`, at the latest now."""
    item_id = id_of(event.item_id)
    starts_us = step.at_us
    speech = Speech(item_id)
    if event.audio_start_ms is not None:
        speech.starts_us = clamped(event.audio_start_ms) * 1000 + (state.hearing.prefix_us or 0)
        spoken_us = state.sound.caller.spoken_at(speech.starts_us)
        starts_us = step.at_us if spoken_us is None else min(step.at_us, spoken_us)
    speech.began_us = starts_us
    state.speeches.append(speech)
    del state.speeches[:-MAX_SPEECHES]
    over = heard.item_ids if isinstance(heard, Stopped) else state.sound.playing(step.at_us)
    if not state.hearing.only_listens:
        turns.speech_started(state, step, item_id, starts_us, over)
    if isinstance(heard, Stopped):
        stopped(state, step, heard)


def ended(state: State, step: Step, event: events.SpeechStopped, _heard: Heard) -> None:
    """The provider noticed an end: the true one is `A(audio_end_ms - S)`, at the latest now.

    Where the session has no silence window, as with semantic_vad, it is the end of the last
    loud sound instead. None when that is not known either.
    """
    speech = _speech_of(state, id_of(event.item_id))
    speech.ends_us = _true_end(state, speech, event.audio_end_ms)
    spoken_us = None
    if speech.ends_us is not None:
        spoken_us = state.sound.caller.spoken_at(speech.ends_us)
    if _unheard(state) and state.hearing.silence_us is not None:
        # Sound that goes past us: what the provider notices now was over a window ago.
        spoken_us = max(speech.began_us or 0, step.at_us - state.hearing.silence_us)
    ends_us = None if spoken_us is None else min(step.at_us, spoken_us)
    speech.silent_us = ends_us
    speech.told_over_us = step.at_us if ends_us is None else ends_us
    _spoken(state, speech, speech.told_over_us)
    by = "window" if state.hearing.silence_us is not None else "loudness"
    turns.speech_stopped(state, step, turns.Ended(ends_us, by), _told_by(state, event))


def _told_by(state: State, event: events.SpeechStopped) -> int | None:
    """Return when the sound was spoken by whose end the provider noticed: `A(audio_end_ms)`."""
    if event.audio_end_ms is None:
        return None
    return state.sound.caller.spoken_at(clamped(event.audio_end_ms) * 1000)


def _spoken(state: State, speech: Speech, ends_us: int) -> None:
    """Keep when the caller spoke; once for each speech."""
    if speech.began_us is not None and not speech.over:
        speech.over = True
        state.sums.caller_spans.append((speech.began_us, max(speech.began_us, ends_us)))


def end(state: State, step: Step) -> None:
    """The call is over: whoever still spoke has spoken until now."""
    for speech in state.speeches:
        _spoken(state, speech, step.at_us)


def _unheard(state: State) -> bool:
    """Whether the caller's sound does not pass the gateway, so that there is none to point at."""
    return state.sound.caller.appended_us == 0


def _true_end(state: State, speech: Speech, audio_end_ms: int | None) -> int | None:
    """Return the offset at which the caller fell silent."""
    if audio_end_ms is None:
        return None
    told_us = clamped(audio_end_ms) * 1000
    if state.hearing.silence_us is not None:
        return max(0, told_us - state.hearing.silence_us)
    loudness = state.hearing.loudness
    if loudness is None or loudness.until_us is None:
        return None
    quiet_us = min(told_us, loudness.until_us - state.sound.caller.origin_us)
    # Loud before it began: what was heard as speech is not what we hear as loud.
    return quiet_us if quiet_us > (speech.starts_us or 0) else None


def _speech_of(state: State, item_id: str) -> Speech:
    for speech in state.speeches:
        if speech.item_id == item_id:
            return speech
    state.speeches.append(Speech(item_id))
    return state.speeches[-1]


def committed(state: State, step: Step, event: events.Committed, _heard: Heard) -> None:
    """What was said is an item now. Without speech events the caller committed by hand."""
    item_id = id_of(event.item_id)
    by_hand = not any(speech.item_id == item_id for speech in state.speeches)
    speech = _speech_of(state, item_id)
    state.speeches.remove(speech)
    track, ended = state.sound.caller, turns.Ended(None, "")
    if by_hand:
        committed_us = state.commit_to_us or track.appended_us
        speech.starts_us = state.commit_from_us - track.origin_us
        speech.ends_us = max(speech.starts_us, committed_us - track.origin_us)
        ended = _handed_in(state, speech)
        speech.silent_us = ended.at_us if ended.by == "loudness" else None
    starts_us = track.placed_at(speech.starts_us or 0)
    ends_us = track.cursor_us if speech.ends_us is None else track.placed_at(speech.ends_us)
    if _unheard(state):
        starts_us = step.at_us if speech.began_us is None else speech.began_us
        ends_us = step.at_us if speech.told_over_us is None else speech.told_over_us
    if by_hand and not state.idle:
        speech.began_us = starts_us
    _spoken(state, speech, ends_us)
    number = 0
    if not state.hearing.only_listens:
        number = turns.committed(state, step, item_id, starts_us, ended).turn
    if item_id and not lines.has_left(state, item_id):
        line = lines.line_of(state, item_id, step.at_us)
        line.turn, line.starts_us, line.ends_us = number, starts_us, max(starts_us, ends_us)
        line.committed_us, line.silent_us = step.at_us, speech.silent_us
        _heard_as_item(state, line)
        lines.settle_place(state, line, event.previous_item_id)
        lines.emit(state, step, line)
    _next(state, speech.ends_us or speech.starts_us or 0)


def _handed_in(state: State, speech: Speech) -> turns.Ended:
    """Return when the caller fell silent who commits by hand: when the sound does, or else then.

    What was committed ends there, too.
    """
    loud_us, track = state.commit_loud_us, state.sound.caller
    quiet_us = None if loud_us is None else loud_us - track.origin_us
    if state.commit_us is None or quiet_us is None or quiet_us <= (speech.starts_us or 0):
        return turns.Ended(state.commit_us, "commit")
    speech.ends_us = min(quiet_us, speech.ends_us or quiet_us)
    spoken_us = track.spoken_at(speech.ends_us)
    ended_us = state.commit_us if spoken_us is None else min(state.commit_us, spoken_us)
    return turns.Ended(ended_us, "loudness", state.commit_us)


def _heard_as_item(state: State, line: Line) -> None:
    line.role, line.modality, line.dirty = "caller", "audio", True
    if line.transcript_status == "none" and state.hearing.transcription_model:
        line.transcript_status = "pending"


def _next(state: State, ends_us: int) -> None:
    """What comes now is another item."""
    track = state.sound.caller
    state.commit_from_us = state.commit_to_us or track.appended_us
    state.commit_us = state.commit_to_us = state.commit_loud_us = None
    state.idle = False
    track.forget_before(ends_us - REACH_BACK_US)


def cleared(state: State, step: Step, _event: events.Cleared, _heard: Heard) -> None:
    """The caller's sound was discarded before it became an item."""
    end(state, step)
    state.speeches.clear()
    turns.drop_unheard(state)


def timed_out(state: State, step: Step, _event: events.TimeoutTriggered, _heard: Heard) -> None:
    """Nobody spoke: the item that comes now is a silence, and the assistant begins."""
    state.idle = True
