"""Pure. The row of the call itself: live, and when it is over."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from trunkline.protocol import trace
from trunkline.protocol.call import Closed, Opened
from trunkline.protocol.session import Tracing
from trunkline.recorder import gathering, histogram, intake, interruptions, lines, metrics, turns
from trunkline.recorder.bounds import MAX_MESSAGE_CHARS, clamped
from trunkline.recorder.redact import redacted
from trunkline.recorder.state import State
from trunkline.recorder.talk import assistant_spans, caller_spans, talk_of
from trunkline.store.facts.medians import median
from trunkline.store.facts.rows import CallRow, Relayed


def call_row(state: State) -> CallRow:
    """Return what is known of the call now. `has_audio` and `expires_at_us` are not known here."""
    opened = state.opened or Opened(call_id=state.call_id, wall_ns=0, opened_ns=0, org_id="")
    closed = state.closed or Closed(status="live", end_reason="internal_error")
    hearing, sums, plays = state.hearing, state.sums, state.sound.plays
    waits_us = waits(state)
    spoken = talk_of(state)
    said = _paces(state)
    return CallRow(
        org_id=opened.org_id,
        call_id=state.call_id,
        version=max(0, state.last_seq),
        opened_at_us=state.wall_us,
        ended_at_us=None if state.ended_us is None else state.wall_us + state.ended_us,
        duration_us=state.ended_us,
        status=closed.status,
        end_reason=closed.end_reason if state.closed else "",
        http_status=closed.http_status,
        error_code=closed.error_code,
        error_message=redacted(closed.error_message),
        provider=opened.provider,
        provider_url=opened.provider_url,
        provider_session_id=hearing.provider_session_id,
        model_asked=opened.model_asked,
        kind=kind_of(state),
        transport=opened.transport,
        language=hearing.language,
        spoken=hearing.spoken or hearing.expected,
        spoken_by="transcript" if hearing.spoken else "session" if hearing.expected else "",
        model_used=opened.model_used or hearing.model or _transcriber(state),
        caller_dialect=state.caller_dialect or opened.caller_dialect,
        provider_dialect=opened.provider_dialect,
        voice=hearing.voice,
        vad=hearing.vad,
        key_id=opened.key_id,
        key_name=opened.key_name,
        user_id=opened.user_id,
        session_id=opened.session_id,
        session_name=opened.session_name,
        session_path=opened.session_path,
        properties=opened.properties,
        user_agent=opened.user_agent[:MAX_MESSAGE_CHARS],
        **_trace(opened, hearing.tracing),
        prompt=hearing.prompt if state.prompt is None else state.prompt,
        caller_close_code=closed.caller_close_code,
        caller_close_reason=redacted(closed.caller_close_reason),
        provider_close_code=closed.provider_close_code,
        provider_close_reason=redacted(closed.provider_close_reason),
        caller_frames=sums.caller_frames,
        provider_frames=sums.provider_frames,
        caller_bytes=sums.caller_bytes,
        provider_bytes=sums.provider_bytes,
        lost_frames=sums.lost_frames,
        lost_bytes=sums.lost_bytes,
        damaged_records=sums.damaged_records,
        connect_us=state.connect_us,
        turns=sums.turns + sum(turn.phase != "hearing" for turn in state.turns),
        responses=sums.responses,
        barge_ins=sums.barge_ins,
        tool_calls=sums.tool_calls,
        errors=sums.errors,
        caller_audio_us=sums.caller_audio_us,
        assistant_audio_us=sums.assistant_audio_us,
        heard_audio_us=heard_audio_us(state),
        tokens=sums.tokens,
        transcription_input_tokens=sums.transcription_input_tokens,
        transcription_output_tokens=sums.transcription_output_tokens,
        transcription_us=sums.transcription_us,
        session_us=sums.session_us,
        cost_usd=sums.cost_usd,
        unpriced=tuple(sums.unpriced),
        wait_p50_us=median(waits_us),
        wait_max_us=max(waits_us, default=None),
        relay_p50_us=_relay_us(state, 0.5),
        relay_p99_us=_relay_us(state, 0.99),
        configure_us=state.configure_us,
        time_to_first_audio_us=_time_to_first_audio_us(state),
        caller_talk_us=spoken.caller_us if spoken else None,
        assistant_talk_us=spoken.assistant_us if spoken else None,
        overlap_us=spoken.overlap_us if spoken else None,
        silence_us=spoken.silence_us if spoken else None,
        longest_silence_us=spoken.longest_silence_us if spoken else None,
        longest_silence_at_us=spoken.longest_silence_at_us if spoken else None,
        longest_monologue_us=spoken.longest_monologue_us if spoken else None,
        caller_words=said[0],
        caller_worded_us=said[1],
        assistant_words=said[2],
        assistant_worded_us=said[3],
        cut_ins=sums.cut_ins,
        silent_responses=sums.silent,
        abandoned=_is_abandoned(state),
        false_barge_ins=interruptions.false_ones(state),
        missed_truncates=sums.missed_truncates,
        premature_endpoints=sums.premature,
        unanswered_turns=sums.unanswered,
        failed_responses=sums.failed_responses,
        context_drops=sums.context_drops,
        unheard_usd=_unheard_usd(state),
        stalls_us=sums.stalls_us + metrics.stalls_us(tuple(plays), plays),
        late_audio_us=sums.late_audio_us,
        tool_us=sums.tool_us,
        tool_dead_us=sums.tool_dead_us,
        input_jitter_us=intake.jitter_us(state.intake),
        input_drift_ppm=intake.drift_ppm(state.intake),
        input_gaps=intake.gaps(state.intake),
        input_gap_us=intake.gap_us(state.intake),
        left_permille=sums.left_permille,
        gathered=gathering.gathered(state.parts),
        gateway=opened.gateway,
        sideband_gap_us=sums.away_us if state.direct else None,
        relayed=_relayed(state),
    )


def kind_of(state: State) -> str:
    """Return what sort of session it is: the provider's word, else what was asked for."""
    return state.hearing.kind or (state.opened.kind if state.opened else "realtime")


def _transcriber(state: State) -> str:
    """A session that only transcribes has no model but the one that does so."""
    return state.hearing.transcription_model if state.hearing.only_listens else ""


def _time_to_first_audio_us(state: State) -> int | None:
    """Return `dl(first sound of the call) - dn(session.created)`, gateway monotonic clock, µs.

    How long a caller waits for a greeting, where the assistant is to speak first; else it
    contains the caller's first turn. None: no sound, or no session. Source: product.md 1b.
    """
    if state.ready_us is None or state.first_audio_us is None:
        return None
    return max(0, state.first_audio_us - state.ready_us)


WAITED_US: Final = 3_000_000
GIVEN_UP_US: Final = 5_000_000


def _is_abandoned(state: State) -> bool | None:
    """Whether the caller gave up: hung up before any response, or within 5 s of a silence of more
    than 3 s that followed what the caller had said.

    product.md 1b takes every silence; but who hangs up a while after the last answer has got it.
    None: not over, no conversation, or nobody hung up.
    """
    ready_us, ended_us = state.ready_us, state.ended_us
    known = ready_us is not None and ended_us is not None and kind_of(state) == "realtime"
    if not known or state.closed is None or state.closed.status == "recovered":
        return None
    if state.closed.end_reason != "caller_closed":
        return False
    if not state.sums.responses:
        return True
    if not state.sums.assistant_audio_us:
        # Written, or past the gateway: nobody heard silence here.
        return None if state.direct else False
    spoken, heard = caller_spans(state)[-4:], assistant_spans(state)
    starts_us = [start_us for start_us, _ in (*spoken, *heard)]
    for _, spoken_us in spoken:
        until_us = min((us for us in starts_us if us >= spoken_us), default=ended_us or 0)
        if until_us - spoken_us > WAITED_US and (ended_us or 0) - until_us <= GIVEN_UP_US:
            return True
    return False


def _trace(opened: Opened, tracing: Tracing | None) -> dict[str, Any]:
    """Return the trace of the caller's that the call belongs to, and what the provider traces.

    The upgrade request names the trace, or else the metadata of what the provider traces.
    """
    told = tracing.metadata.get(trace.NAME, "") if tracing else ""
    parent = trace.parse(opened.traceparent) or trace.parse(told)
    found: dict[str, Any] = {}
    if parent is not None:
        found |= {"trace_id": parent.trace_id, "parent_span_id": parent.span_id}
        found["trace_sampled"] = parent.sampled
    if tracing is not None:
        found |= {"tracing": tracing.mode, "tracing_workflow": tracing.workflow_name}
        found |= {"tracing_group": tracing.group_id, "tracing_metadata": tracing.metadata}
    return found


def _paces(state: State) -> tuple[int, int, int, int]:
    """Return words and time spoken, µs, of the caller, and of the assistant (`lines.pace`)."""
    sums, plays = state.sums, state.sound.plays
    caller = [sums.caller_words, sums.caller_worded_us]
    assistant = [sums.assistant_words, sums.assistant_worded_us]
    for line in state.lines.kept.values():
        spoken, lasted_us = lines.pace(line, plays.get(line.item_id))
        side = caller if line.role == "caller" else assistant
        side[0] += spoken
        side[1] += lasted_us
    return caller[0], caller[1], assistant[0], assistant[1]


def _unheard_usd(state: State) -> Decimal | None:
    """Return what was paid for sound that nobody heard, until the last record. None: nothing is
    billed, or who heard what is not seen here."""
    if state.direct:
        return None
    found = state.sums.unheard_usd
    for answer in state.answers.values():
        found = turns.plus(found, turns.unheard_usd(state, answer))
    return found


def waits(state: State) -> list[int]:
    """Return `wait_us` of every turn so far, final or not."""
    open_waits = (metrics.wait_us(turn) for turn in state.turns)
    return state.sums.waits_us + [wait_us for wait_us in open_waits if wait_us is not None]


def heard_audio_us(state: State) -> int:
    """Return how much of the assistant's sound was heard until the last record."""
    plays = state.sound.plays
    # When the call is over all of it is cut, and the caller's own player may have said more.
    by_us = state.last_us if state.closed is None else None
    return state.sums.heard_us + metrics.heard_us(tuple(plays), plays, by_us)


def _relayed(state: State) -> Relayed:
    """Return how long frames were in the gateway, all of them, when they are all known.

    Received to handed, of frames that were handed on as received, both directions; gateway
    monotonic clock. Empty while the call is live. Source: product.md 1b, `gateway.overhead`.
    """
    if state.closed is None:
        return Relayed()
    times_ns, frames = histogram.packed(state.sums.relayed_ns)
    return Relayed(times_ns=times_ns, frames=frames)


def _relay_us(state: State, share: float) -> int | None:
    """Return the time in the gateway, received to handed, that `share` of frames stay within.

    Of frames that were handed on as received. Gateway monotonic clock, µs, rounded up;
    from a histogram, so within 3.2 %. Source: protocol.md 6.1.
    """
    time_ns = histogram.quantile_ns(state.sums.relayed_ns, share)
    return None if time_ns is None else clamped(-(-time_ns // 1000))
