"""Pure. Who spoke, who listened, and when nobody did.

Clock: the call's clock. Unit: µs. The caller speaks from the true start to the true end of
each speech (`metrics.origin_us`); one who commits by hand, from the first to the last
sound of what was committed. The assistant speaks while its sound is heard by the playback model
(`metrics.heard_us`), not while it is generated. Source: protocol.md 6.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trunkline.recorder.spans import Span, common, measure, union, within
from trunkline.recorder.state import State


class Talk(NamedTuple):
    """How the time of one call was spent. Ratios of several calls are ratios of sums."""

    caller_us: int
    """Measure of the caller's spans."""
    assistant_us: int
    """Measure of the assistant's spans."""
    overlap_us: int
    """Measure of what both have in common."""
    silence_us: int
    """The call from `session.created` to its end, less the union of both."""
    longest_silence_us: int | None
    """Largest gap of the union, from the first sound on: what comes before it is
    `time_to_first_audio_us`. The end of the call closes the last gap. None: nobody spoke."""
    longest_silence_at_us: int | None
    """Where that gap begins."""
    longest_monologue_us: int
    """Longest stretch in which one side spoke and the other did not begin to: its own
    pauses are part of it."""


def talk(caller: Sequence[Span], assistant: Sequence[Span], start_us: int, end_us: int) -> Talk:
    """Return how the time from `start_us` to `end_us` was spent.

    Spans may overlap and come in any order; what of them is outside is left out.
    """
    heard = union(within(caller, start_us, end_us))
    said = union(within(assistant, start_us, end_us))
    both = union([*heard, *said])
    gaps = _gaps(both, end_us)
    longest = max(gaps, key=lambda gap: gap[1] - gap[0], default=None)
    return Talk(
        caller_us=measure(heard),
        assistant_us=measure(said),
        overlap_us=measure(common(heard, said)),
        silence_us=max(0, end_us - start_us) - measure(both),
        longest_silence_us=longest[1] - longest[0] if longest else None,
        longest_silence_at_us=longest[0] if longest else None,
        longest_monologue_us=_longest_monologue(heard, said),
    )


def _gaps(joined: list[Span], end_us: int) -> list[Span]:
    starts_us = [start for start, _ in joined[1:]] + [end_us]
    return [(span[1], next_us) for span, next_us in zip(joined, starts_us, strict=False)]


def _longest_monologue(caller: list[Span], assistant: list[Span]) -> int:
    marked = sorted([(*span, False) for span in caller] + [(*span, True) for span in assistant])
    longest_us, begun_us, until_us, speaker = 0, 0, 0, None
    for start_us, end_us, who in marked:
        if who is not speaker:
            # Whoever is spoken over has held the floor until then.
            longest_us = max(longest_us, min(until_us, start_us) - begun_us)
            begun_us, speaker, until_us = start_us, who, end_us
        until_us = max(until_us, end_us)
    return max(longest_us, until_us - begun_us)


def caller_spans(state: State) -> list[Span]:
    """Return when the caller spoke until now; what is not over lasts until the last record."""
    spoken = [
        (speech.began_us, state.last_us)
        for speech in state.speeches
        if speech.began_us is not None and not speech.over
    ]
    return state.sums.caller_spans + spoken


def assistant_spans(state: State) -> list[Span]:
    """Return when the assistant was heard until the last record."""
    heard = [
        (play.starts_us, min(play.heard_until_us, state.last_us))
        for play in state.sound.plays.values()
    ]
    return state.sums.assistant_spans + heard


def talk_of(state: State) -> Talk | None:
    """Return how the time of the call was spent until its last record.

    None for sessions that flow, where nobody says who speaks when, for calls whose sound goes
    past the gateway, and before `session.created`.
    """
    if state.direct or state.ready_us is None or state.hearing.kind in ("translation", "live"):
        return None
    return talk(caller_spans(state), assistant_spans(state), state.ready_us, state.last_us)


def dead_air_us(state: State, spans: Sequence[Span]) -> int:
    """Return how much of `spans`, all of them past, was silent: neither side was heard."""
    wanted = union(spans)
    if not wanted:
        return 0
    # Nothing that is long over can reach into them.
    lately = [*caller_spans(state)[-64:], *assistant_spans(state)[-128:]]
    return measure(wanted) - measure(common(wanted, union(lately)))
