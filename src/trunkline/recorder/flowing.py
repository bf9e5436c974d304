"""Pure. Sessions that flow: sound and words go both ways at once, and nothing ends a turn.

Translation and GPT-Live have no items (protocol.md 2.4, 2.5): their words come piece by
piece, and nobody says where a line of the transcript ends. Here it ends with a sentence,
with a pause, or when it gets long. Such lines are ours: their ids are `caller_1`,
`assistant_1`, and so on, and they belong to no turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from trunkline.protocol import flow
from trunkline.recorder import lines, meter
from trunkline.recorder.bounds import clamped
from trunkline.recorder.sound import FLOWING, Heard, Placed
from trunkline.recorder.speech import REACH_BACK_US
from trunkline.recorder.state import Line, State, Step, Stream

PAUSE_US: Final = 1_500_000
"""Words that come later than this after the words before them begin a line."""
LONG_CHARS: Final = 600
"""A line does not get longer than this."""
TOLD_US: Final = 1_000_000
"""While a line grows its row is written so often, for whoever watches."""
FRAME_US: Final = 200_000
"""What translation works on at once: words of its `elapsed_ms` were said in that before it."""

_ENDS: Final = ".?!…。？！؟।"
"""What sentences end with, in the scripts that live translation speaks most."""


def appended(state: State, step: Step, _event: Any, heard: Heard) -> None:
    """The caller's sound, which needs no place in any item."""
    if isinstance(heard, Placed):
        state.sums.caller_audio_us += heard.duration_us
        track = state.sound.caller
        track.forget_before(track.appended_us - track.origin_us - _REMEMBERED_US)


_REMEMBERED_US: Final = 30_000_000 + REACH_BACK_US
"""How far behind the caller's sound its words may come and still find their place."""


def sounded(state: State, step: Step, _event: flow.FlowAudio, heard: Heard) -> None:
    """A piece of what is said to the caller."""
    if isinstance(heard, Placed):
        state.sums.assistant_audio_us += heard.duration_us


def heard_words(state: State, step: Step, event: flow.HeardWords, _heard: Heard) -> None:
    """What the caller said, placed where it was said if the provider tells."""
    starts_us, ends_us = _said_at(state, step, event)
    _words(state, step, "caller", event.delta, starts_us, ends_us)


def dictated_words(state: State, step: Step, event: flow.DictatedWords, _heard: Heard) -> None:
    """What the caller said, as far as it is known: the line is over when the provider says so."""
    line = _dictation(state, step)
    lines.append(line, 0, event.delta)
    _tell(state, step, line)


def dictated(state: State, step: Step, event: flow.Dictated, _heard: Heard) -> None:
    """All that the caller said since the line before."""
    line = _dictation(state, step)
    line.parts = {0: event.text} if event.text else line.parts
    lines.emit(state, step, line)
    stream = state.streams["caller"]
    stream.item_id, stream.from_us = "", state.sound.caller.appended_us


def _dictation(state: State, step: Step) -> Line:
    """Return the line that the caller's words go to, which lies where its sound does."""
    state.hearing.kind, state.hearing.only_listens = "transcription", True
    stream, track = state.streams.setdefault("caller", Stream()), state.sound.caller
    line = state.lines.kept.get(stream.item_id)
    if line is None:
        line = _begin(state, step, stream, "caller", track.placed_at(stream.from_us))
    line.ends_us = max(track.placed_at(track.appended_us), line.starts_us or 0)
    return line


def spoken_words(state: State, step: Step, event: flow.SpokenWords, _heard: Heard) -> None:
    """What is said to the caller, placed where its sound is being played."""
    play = state.sound.plays.get(FLOWING)
    ends_us = step.heard_us if play is None else max(step.heard_us, play.ends_us)
    _words(state, step, "assistant", event.delta, step.heard_us, ends_us)


def _said_at(state: State, step: Step, event: flow.Words) -> tuple[int, int]:
    """Return from when to when words were said. Without times from the provider: now."""
    track = state.sound.caller
    if event.start_ms is not None:
        starts_us = clamped(event.start_ms) * 1000
        ends_us = max(starts_us, clamped(event.end_ms) * 1000)
    elif event.elapsed_ms is not None:
        ends_us = clamped(event.elapsed_ms) * 1000
        starts_us = max(0, ends_us - FRAME_US)
    else:
        return step.at_us, step.at_us
    return track.placed_at(starts_us), track.placed_at(ends_us)


def _words(state: State, step: Step, role: str, delta: str, starts_us: int, ends_us: int) -> None:
    stream = state.streams.setdefault(role, Stream())
    line = state.lines.kept.get(stream.item_id)
    if line is not None and _is_over(stream, line, delta, step.heard_us):
        lines.emit(state, step, line)
        line = None
    if line is None:
        line = _begin(state, step, stream, role, starts_us)
    lines.append(line, 0, delta)
    line.ends_us = max(line.ends_us or 0, ends_us, line.starts_us or 0)
    stream.words_us = step.heard_us
    _tell(state, step, line)


def _tell(state: State, step: Step, line: Line) -> None:
    """Write the row of a line that grows, now and then."""
    stream = state.streams[line.role]
    if step.heard_us - stream.told_us >= TOLD_US:
        stream.told_us = step.heard_us
        lines.emit(state, step, line)


def _is_over(stream: Stream, line: Line, delta: str, at_us: int) -> bool:
    said = line.parts.get(0, "")
    if at_us - stream.words_us > PAUSE_US or len(said) + len(delta) > LONG_CHARS:
        return True
    # A full stop inside 3.5 has no blank behind it; sentences of some scripts have none either.
    bare = said.rstrip()
    parted = bare != said or delta[:1].isspace() or bare[-1:] in "。？！"
    return bare[-1:] != "" and bare[-1:] in _ENDS and parted


def _begin(state: State, step: Step, stream: Stream, role: str, starts_us: int) -> Line:
    stream.lines += 1
    stream.item_id = f"{role}_{stream.lines}"
    stream.told_us = step.heard_us - TOLD_US
    line = lines.line_of(state, stream.item_id, step.at_us)
    line.role, line.modality, line.placed = role, "audio", True
    line.transcript_status = "completed"
    line.starts_us = starts_us
    return line


def closed(state: State, step: Step, event: flow.FlowClosed, _heard: Heard) -> None:
    """The session is over, though its connection may not be."""
    if event.usage is not None:
        meter.told(state, step, event.usage)
    meter.end(state, step)


def usage_updated(state: State, step: Step, event: flow.UsageUpdated, _heard: Heard) -> None:
    """The provider tells what was used so far."""
    if event.usage is not None:
        meter.told(state, step, event.usage)


def muted(state: State, step: Step, _event: flow.InputMuted, _heard: Heard) -> None:
    """The caller is not heard any more."""
    meter.stand_by(state, step)


def unmuted(state: State, step: Step, _event: flow.InputUnmuted, _heard: Heard) -> None:
    """The caller is heard again."""
    meter.resume(state, step)


_Handler: TypeAlias = Callable[[State, Step, Any, Heard], None]
OF_CALLER: Final[dict[type, _Handler]] = {
    flow.FlowAppend: appended,
    flow.LiveAppend: appended,
}
OF_PROVIDER: Final[dict[type, _Handler]] = {
    flow.FlowAudio: sounded,
    flow.LiveAppend: appended,
    flow.HeardWords: heard_words,
    flow.DictatedWords: dictated_words,
    flow.Dictated: dictated,
    flow.SpokenWords: spoken_words,
    flow.FlowClosed: closed,
    flow.UsageUpdated: usage_updated,
    flow.InputMuted: muted,
    flow.InputUnmuted: unmuted,
}
