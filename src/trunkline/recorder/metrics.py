"""Pure. What every number about a turn means.

Clock of all of them: the call's clock, which is the gateway's monotonic clock since the
call was opened. Unit: µs. None: an event that the number needs was never seen. Symbols
are those of protocol.md 6.1: `up` received from the caller, `fw` handed to the provider,
`dn` received from the provider, `dl` handed to the caller, `A(x)` when sample x was spoken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from trunkline.protocol.events import RateLimit
from trunkline.recorder import spans
from trunkline.recorder.spans import Span
from trunkline.recorder.state import Answer, Line, Turn
from trunkline.recorder.timeline import Play

PLACES: Final = Decimal("1e-9")
"""Money is kept to so many places."""

UNANSWERED_US: Final = 5_000_000
"""An answer that has not begun then is none (protocol.md 6.4)."""
AGAIN_US: Final = 500_000
"""Whoever speaks again so soon after `speech_stopped` had not finished (protocol.md 6.3)."""


def origin_us(turn: Turn) -> int | None:
    """Return where the waiting for `turn`'s answer begins.

    Speech: the true end, `A(audio_end_ms - S)` with the silence window S of the session in
    force; for semantic_vad, which tells no window, and where the caller commits by hand, `A` of
    the caller's last loud sound; `up(commit)` where none was loud. Sound that came faster than
    real time was spoken by nobody: then the end is when the append that holds it came. Text and
    tool output: `fw(response.create)`. None for a turn that the assistant began, and before
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
    processing. Where the caller commits by hand, to `up(commit)`: how long the button was still
    pressed. None where `origin_us` is, and where the commit is all that tells the end.
    Source: protocol.md 6.2, product.md 1b.
    """
    stopped_us = turn.speech_stopped_us
    return _between(turn.speech_ended_us, turn.handed_in_us if stopped_us is None else stopped_us)


def vad_lag_us(turn: Turn) -> int | None:
    """Return what of `endpoint_us` is not the silence window: network and processing.

    From `A(audio_end_ms)`, when the sound was spoken by which the provider noticed the end, to
    `dn(speech_stopped)`. Needs no window, so `semantic_vad` has it too. None without voice
    activity detection, and where the sound goes past the gateway: there is no `A` then.
    Source: protocol.md 6.2, VAD lag without the window.
    """
    return _between(turn.told_by_us, turn.speech_stopped_us)


def gap_us(turn: Turn, spoken: Sequence[Span]) -> int | None:
    """Return how long nobody spoke before the answer: `p - user_end`.

    From the true end of the caller's speech, as `origin_us`, to `dl(F)`. Negative where `dl(F)`
    lies within one of the caller's speeches, `spoken`: then it is how long the caller went on.
    None: it has no sound; or the assistant, text or a tool's output began the turn, and the
    caller was silent. Source: protocol.md 6.4, turn gap.
    """
    first_us = turn.first_audio_us
    if first_us is None:
        return None
    over_us = [end_us for start_us, end_us in spoken if start_us < first_us < end_us]
    if over_us:
        return first_us - max(over_us)
    if turn.kind != "speech" or turn.speech_ended_us is None:
        return None
    return first_us - turn.speech_ended_us


def caller_gap_us(turn: Turn, said: Sequence[Span]) -> int | None:
    """Return how long nobody spoke before the caller did.

    From the end of the last sound of the assistant that was heard, of the spans `said` that began
    before, to the true start of the caller's speech. Negative: the caller spoke over it, and so
    long was it still heard. None: the assistant had not been heard, or nobody said when the
    caller began. Source: protocol.md 6.4, turn gap, the other way round.
    """
    start_us = turn.speech_started_us
    if start_us is None:
        return None
    ends_us = [until_us for from_us, until_us in said if from_us < min(start_us, until_us)]
    return start_us - max(ends_us) if ends_us else None


def dispatch_us(turn: Turn) -> int | None:
    """Return what it took the provider to begin.

    From the last of `dn(committed)` and `fw(response.create)` before it to
    `dn(response.created)` of the turn's first response. Contained in `wait_us`. None: nothing
    was committed or asked for, or no response was created. Source: product.md 1b.
    """
    if turn.response_created_us is None:
        return None
    asked = [turn.committed_us, turn.requested_us]
    before = [us for us in asked if us is not None and us <= turn.response_created_us]
    return turn.response_created_us - max(before) if before else None


def gateway_us(turn: Turn) -> int | None:
    """Return what of `wait_us` the gateway made.

    The time, counted once, in which a frame that the answer waited for was in the gateway,
    received to handed: the append before `speech_stopped`, the commit by hand,
    `response.create`, a tool's arguments and output, and `F` itself. What passes beside them,
    as the sound of a microphone that is left open, delays nothing and does not count. None
    where `wait_us` is, and where `F` did not pass the gateway. Contained in `wait_us`.
    Source: product.md 1b, gateway overhead.
    """
    came_us = turn.audio_came_us if turn.first_audio_us is not None else turn.text_came_us
    start_us, end_us = origin_us(turn), answered_us(turn)
    if came_us is None or start_us is None or end_us is None or wait_us(turn) is None:
        return None
    frames = [*turn.passed, (came_us, end_us)]
    return spans.measure(spans.union(spans.within(frames, start_us, end_us)))


def is_premature(turn: Turn) -> bool:
    """Whether the provider took a pause for the end of the caller's speech.

    The next `dn(speech_started)` comes within 500 ms of `dn(speech_stopped)`, and the response is
    cancelled before its first sound. Source: protocol.md 6.3.
    """
    again_us = _between(turn.speech_stopped_us, turn.resumed_us)
    unheard = turn.first_audio_us is None and turn.status == "cancelled"
    return again_us is not None and again_us <= AGAIN_US and unheard


def caller_stop_us(turn: Turn) -> int | None:
    """Return how fast the application reacted to the barge-in that began `turn`.

    From `dl(speech_started)` to `up` of the first `response.cancel`,
    `conversation.item.truncate` or `output_audio_buffer.clear` behind it. None: it told nothing,
    or there was no barge-in. Source: protocol.md 6.3, client stop latency.
    """
    return _between(turn.barged_us, turn.caller_stopped_us)


def truncate_stop_us(turn: Turn) -> int | None:
    """Return how long after the caller began to speak the application told what had been heard.

    From the true start of the speech, `A(audio_start_ms + P)`, to `up` of the first
    `conversation.item.truncate` behind the barge-in that began `turn`. Contains what it took to
    notice the speech, which `caller_stop_us` leaves out. None: nothing was truncated, or there
    was no barge-in. Source: protocol.md 6.3, user-side stop latency.
    """
    return _between(turn.speech_started_us, turn.truncated_us)


def provider_stop_us(turn: Turn) -> int | None:
    """Return how fast the provider stopped the answer that `turn` began over.

    From `dn(speech_started)` to `dn(response.done)` with status `cancelled`. None: that came
    before, or never. Source: protocol.md 6.3, server stop latency.
    """
    return _between(turn.noticed_us, turn.provider_stopped_us)


def is_cut_in(turn: Turn, spoken: Iterable[Span]) -> bool:
    """Whether the assistant interrupted the caller, who spoke during `spoken`.

    `dl(F)` lies within one of the caller's speeches, or at most 500 ms before one. True starts and
    ends, as in `origin_us`. Source: product.md 1b, `turn.agent_interrupted_user`.
    """
    first_us = turn.first_audio_us
    if first_us is None:
        return False
    return any(start_us - AGAIN_US <= first_us < end_us for start_us, end_us in spoken)


def is_unanswered(turn: Turn, at_us: int, *, creates: bool) -> bool:
    """Whether an answer to `turn` was due, and none was begun for 5 s until `at_us`.

    Due since `dn(committed)` where the session answers unasked (`creates`), else since
    `fw(response.create)`. Source: protocol.md 6.4.
    """
    due_us = turn.requested_us
    if due_us is None and creates:
        due_us = turn.committed_us
    return turn.phase == "waiting" and due_us is not None and at_us - due_us >= UNANSWERED_US


def to_first_text_us(answer: Answer) -> int | None:
    """Return `dl(first output_text.delta or output_audio_transcript.delta) - dn(response.created)`.

    None: it wrote nothing. Do not mix `after_tool` with others. Source: protocol.md 6.2.
    """
    return _between(answer.created_us, answer.first_text_us)


def to_first_audio_us(answer: Answer) -> int | None:
    """Return `dl(F) - dn(response.created)`: time to first audio without endpoint and dispatch.

    None: it made no sound. Do not mix `after_tool` with others. Source: protocol.md 6.2.
    """
    return _between(answer.created_us, answer.first_audio_us)


def tool_round_trip_us(answer: Answer) -> int | None:
    """Return how long the caller waited for what a tool was needed for.

    From `dl(arguments.done)`, of parallel calls the first, to `dl(F)` of the response that goes on
    with the output. Contains the application's time. None: it goes on after none, or is not heard.
    Source: protocol.md 6.2.
    """
    return _between(answer.tool_called_us, answer.first_audio_us)


def truncate_error_us(items: Sequence[str], plays: Mapping[str, Play]) -> int | None:
    """Return how much more the caller's player says it has played than the model has it.

    `audio_end_ms - heard(up(truncate))`, of the last item that was truncated, as if nothing else
    had stopped it. Where it is always the same, the application counts wrongly, or buffers.
    Negative: less. None: not truncated. Source: protocol.md 6.3.
    """
    errors = [plays[item].truncate_error_us for item in items if item in plays]
    return next((error for error in reversed(errors) if error is not None), None)


def first_words_us(line: Line) -> int | None:
    """Return `dn(first transcription.delta)` less the true start of the speech.

    Where transcription streams, it is before the commit. None: it came whole, or there was no
    speech. Source: protocol.md 6.2, first partial.
    """
    return _between(line.starts_us, line.worded_us)


def stream_us(answer: Answer) -> int | None:
    """Return what the real-time factor is a fraction of: `dl(L) - dl(F)`.

    RTF = `stream_us / audio_us`; below 1 is faster than real time. It is told by the times at
    which sound was handed on, so that what we add is in it. None with less than two deltas.
    Source: protocol.md 6.2.
    """
    span_us = _between(answer.first_audio_us, answer.last_audio_us)
    return span_us or None


def stalls_us(items: Sequence[str], plays: Mapping[str, Play]) -> int:
    """Return how long the caller's player had run dry in the middle of `items`.

    Sum over their deltas of `dl - due`, where it is positive and the item was not cut; due is
    the end of the sound before. A player with a buffer of its own may have hidden it.
    Source: protocol.md 6.3.
    """
    return sum(plays[item].stalls_us for item in items if item in plays)


def unheard_usd(audio_usd: Decimal | None, audio_us: int, heard_us: int) -> Decimal | None:
    """Return what was paid for sound that nobody heard: `audio_usd * (1 - heard / D)`.

    The billed tokens of sound are shared out evenly over the sound; protocol.md 6.3 takes 20
    tokens a second, which is the same where the provider bills so. None: unpriced.
    """
    if audio_usd is None:
        return None
    share = unheard_tokens(1_000_000_000, audio_us, heard_us)
    return (audio_usd * share / 1_000_000_000).quantize(PLACES, ROUND_HALF_EVEN)


def unheard_tokens(tokens: int, audio_us: int, heard_us: int) -> int:
    """Return how many of `tokens`, billed for `audio_us` of sound, nobody heard: rounded down."""
    return tokens * max(0, audio_us - heard_us) // audio_us if audio_us else 0


def dropped_tokens(before: int, now: int) -> int | None:
    """Return by how much the context shrank between two responses: silent truncation.

    `input_tokens` of the one, less those of the next in the conversation. None: it grew, or
    something was deleted, truncated or updated between them (`before` is 0 then).
    Source: protocol.md 6.4.
    """
    return before - now if 0 < now < before else None


def transcription_us(line: Line) -> int | None:
    """Return how late what the caller said was known: `dn(completed) - dn(committed)`.

    Negative where the transcript came first. None: not committed, or not transcribed.
    Source: protocol.md 6.2.
    """
    if line.committed_us is None or line.transcribed_us is None:
        return None
    return line.transcribed_us - line.committed_us


def transcription_from_speech_us(line: Line) -> int | None:
    """Return how long the caller had been silent when what was said was known.

    `dn(completed)` less the true end of the speech, as the turn's `speech_ended_us`: of the
    provider's window, else of our own detector. Contains what it took to notice the end, which
    `transcription_us` leaves out. Negative where the transcript came first. None: not
    transcribed, or only the commit tells an end. Source: protocol.md 6.2, transcription delay.
    """
    if line.silent_us is None or line.transcribed_us is None:
        return None
    return line.transcribed_us - line.silent_us


def left_permille(limits: Iterable[RateLimit]) -> int | None:
    """Return the least of `remaining / limit` of one `rate_limits.updated`, in thousandths.

    None: no limit is told. Source: protocol.md 6.4, headroom.
    """
    left = [
        max(0, min(limit.remaining, limit.limit)) * 1000 // limit.limit
        for limit in limits
        if limit.limit is not None and limit.limit > 0 and limit.remaining is not None
    ]
    return min(left, default=None)


def stop_us(turn: Turn, plays: Mapping[str, Play]) -> int | None:
    """Return how long the assistant was still heard when the caller spoke over it.

    From the true start of the caller's speech, `A(audio_start_ms + P)` with the prefix P of
    the session in force, to the end of the last sound that was heard, by the playback
    model or, better, by the caller's own `truncate`. None for a turn that began otherwise.
    Source: protocol.md 6.3.
    """
    ends_us = _heard_until_us(turn.over, plays)
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
    sounds = _heard_until_us(turn.items, plays)
    if sounds:
        return max(turn.started_us, *sounds)
    known = (
        turn.done_us, turn.response_created_us, turn.requested_us, turn.committed_us,
        turn.speech_stopped_us, turn.started_us,
    )  # fmt: skip
    return next(time_us for time_us in known if time_us is not None)


def _heard_until_us(items: Iterable[str], plays: Mapping[str, Play]) -> list[int]:
    """Return where those of `items` stopped being heard that were heard at all."""
    found = (plays[item] for item in items if item in plays)
    return [play.heard_until_us for play in found if play.heard_us]


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


def _between(start_us: int | None, end_us: int | None) -> int | None:
    """Return the time between; 0 when the end came first, which only rounding can do."""
    if start_us is None or end_us is None:
        return None
    return max(0, end_us - start_us)
