"""Pure. What every number about a turn means.

Clock of all of them: the call's clock, which is the gateway's monotonic clock since the
call was opened. Unit: µs. None: an event that the number needs was never seen. Symbols
are those of protocol.md 6.1: `up` received from the caller, `fw` handed to the provider,
`dn` received from the provider, `dl` handed to the caller, `A(x)` when sample x was spoken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trunkline.recorder.state import Turn
from trunkline.recorder.timeline import Play


def origin_us(turn: Turn) -> int | None:
    """Return where the waiting for `turn`'s answer begins.

    Speech: the true end, `A(audio_end_ms - S)` with the silence window S of the session in
    force; for semantic_vad, which tells no window, `A` of the caller's last loud sound;
    `up(commit)` where the caller commits by hand. Sound that came faster than real time
    was spoken by nobody: then the end is when the append that holds it came. Text and tool
    output: `fw(response.create)`. None for a turn that the assistant began, and before
    there is an end. Source: protocol.md 6.1.
    """
    if turn.kind == "speech":
        return turn.speech_ended_us
    return turn.requested_us if turn.kind in ("text", "tool") else None


def wait_us(turn: Turn) -> int | None:
    """Return what the caller waited for `turn`'s answer: perceived latency.

    From `origin_us` to `dl(F)`, the first audio delta of the answer; a written answer, which
    has none, to its first text. Includes endpointing, provider and gateway; do not add
    `endpoint_us`, which it contains. With a tool call it runs to the first sound of all,
    be it before or after the call. Source: protocol.md 6.2.
    """
    return _between(origin_us(turn), answered_us(turn))


def wait_from_stopped_us(turn: Turn) -> int | None:
    """Return time to first audio as most tools report it.

    From `dn(speech_stopped)` to `dl(F)`. Leaves out the endpointing, which the caller waits
    for too. None without voice activity detection. Source: protocol.md 6.2.
    """
    return _between(turn.speech_stopped_us, turn.first_audio_us)


def endpoint_us(turn: Turn) -> int | None:
    """Return what it took to notice that the caller was done.

    From the true end of speech to `dn(speech_stopped)`: the silence window, network and
    processing. None where `origin_us` is. Source: protocol.md 6.2.
    """
    return _between(turn.speech_ended_us, turn.speech_stopped_us)


def stop_us(turn: Turn, plays: Mapping[str, Play]) -> int | None:
    """Return how long the assistant was still heard when the caller spoke over it.

    From the true start of the caller's speech, `A(audio_start_ms + P)` with the prefix P of
    the session in force, to the end of the last sound that was heard, by the playback
    model or, better, by the caller's own `truncate`. None for a turn that began otherwise.
    Source: protocol.md 6.3.
    """
    ends_us = [plays[item].heard_until_us for item in turn.over if item in plays]
    if not turn.barge_in or not ends_us:
        return None
    return _between(turn.speech_started_us, max(ends_us))


def answered_us(turn: Turn) -> int | None:
    """Return when the answer reached the caller: its first audio, or text if it has no audio."""
    return turn.first_audio_us if turn.first_audio_us is not None else turn.first_text_us


def heard_us(items: Sequence[str], plays: Mapping[str, Play], by_us: int | None = None) -> int:
    """Return how much sound of `items` was played to the caller, to the end or `by_us`.

    `clamp(t - p, 0, D)` for each item: p is `dl(F)` plus what the player stalled, or the end
    of the item before it; t is the barge-in, the cancel or the end of the call, and
    `audio_end_ms` of a truncate outdoes it. Source: protocol.md 6.3.
    """
    found = [plays[item] for item in items if item in plays]
    if by_us is None:
        return sum(play.heard_us for play in found)
    return sum(play.heard_by(by_us) for play in found)


def audio_us(items: Sequence[str], plays: Mapping[str, Play]) -> int:
    """Return how much sound the provider sent for `items`: D, decoded bytes by their rate."""
    return sum(plays[item].audio_us for item in items if item in plays)


def ended_us(turn: Turn, plays: Mapping[str, Play]) -> int:
    """Return when `turn` was over.

    The last sound that was heard; without sound `dn(response.done)`; without an answer
    the last thing that is known of the caller's input.
    """
    sounds = [plays[item].heard_until_us for item in turn.items if item in plays]
    if sounds:
        return max(sounds)
    known = (
        turn.done_us, turn.response_created_us, turn.requested_us, turn.committed_us,
        turn.speech_stopped_us, turn.started_us,
    )  # fmt: skip
    return next(time_us for time_us in known if time_us is not None)


def status_of(turn: Turn) -> str:
    """Return how `turn` ended.

    interrupted: the caller spoke over the answer, cancelled or truncated it. unanswered: no
    response was created. incomplete: the last one never ended, or was cut by a limit.
    """
    if turn.phase in ("hearing", "waiting"):
        return "unanswered"
    if turn.interrupted or turn.status == "cancelled":
        return "interrupted"
    if turn.phase == "answering":
        return "incomplete"
    return turn.status if turn.status in ("completed", "failed", "incomplete") else "incomplete"


def median_us(times_us: Sequence[int]) -> int | None:
    """Return the lower median: a time that was measured, not one between two."""
    return sorted(times_us)[(len(times_us) - 1) // 2] if times_us else None


def _between(start_us: int | None, end_us: int | None) -> int | None:
    """Return the time between; 0 when the end came first, which only rounding can do."""
    if start_us is None or end_us is None:
        return None
    return max(0, end_us - start_us)
