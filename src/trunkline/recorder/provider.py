"""Pure. What the provider's events mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias, get_args

import msgspec

from trunkline.protocol import events, flow, trace
from trunkline.protocol.call import CallKind
from trunkline.protocol.session import Session, Tracing, languages_of
from trunkline.recorder import (
    answers,
    cost,
    flowing,
    interruptions,
    lines,
    lint,
    meter,
    metrics,
    speech,
    tools,
    turns,
    updates,
)
from trunkline.recorder.bounds import clamped, id_of
from trunkline.recorder.errors import error
from trunkline.recorder.loudness import Loudness
from trunkline.recorder.prompt import hash_of
from trunkline.recorder.redact import redacted
from trunkline.recorder.sound import Heard, Placed, Stopped
from trunkline.recorder.state import Line, State, Step
from trunkline.recorder.stopping import stopped

# --- session, errors


def _session_created(state: State, step: Step, event: events.SessionCreated, _heard: Heard) -> None:
    """Connect time: from the dial, else from the opening, to `dn(session.created)`."""
    if state.connect_us is None:
        state.connect_us = max(0, step.at_us - (state.dialled_us or 0))
    if state.ready_us is None:
        state.ready_us = step.at_us
    _session(state, event.session)
    tools.named(state, step)
    _lint_models(state, step)
    lint.traced(state, step)
    if state.hearing.kind == "translation" or _conversation_paid_by_time(state, step):
        meter.begin(state, step)


def _conversation_paid_by_time(state: State, step: Step) -> bool:
    asked = state.opened.kind if state.opened is not None else ""
    return (state.hearing.kind or asked) == "realtime" and cost.is_paid_by_time(state, step)


def _session_started(state: State, step: Step, event: flow.SessionStarted, _heard: Heard) -> None:
    """GPT-Live has begun: from here on it is paid by the second."""
    if state.connect_us is None:
        state.connect_us = max(0, step.at_us - (state.dialled_us or 0))
    _session(state, event.session)
    state.hearing.kind = "live"
    # Whoever listens beside is told the usage too, and pays none of it.
    if state.opened is None or not state.opened.path.endswith("/attach"):
        meter.begin(state, step)


def _session_updated(state: State, step: Step, event: events.SessionUpdated, _heard: Heard) -> None:
    """Configuration time: `dn(session.updated) - fw(session.update)` (protocol.md 6.2)."""
    if state.update_us is not None:
        state.configure_us = max(0, step.at_us - state.update_us)
        state.update_us = None
    updates.updated(state, step)
    # Instructions and tools are part of the context.
    state.context_tokens = 0
    _session(state, event.session)
    tools.named(state, step)
    _lint_models(state, step)
    lint.traced(state, step)


def _session(state: State, session: Session) -> None:
    hearing, detection = state.hearing, session.turn_detection
    hearing.provider_session_id = id_of(session.id) or hearing.provider_session_id
    hearing.model = id_of(session.model) or hearing.model
    hearing.voice = id_of(session.voice) or hearing.voice
    hearing.transcription_model = id_of(session.transcription_model) or hearing.transcription_model
    hearing.language = id_of(session.language) or hearing.language
    hearing.expected = _languages(session.spoken) or hearing.expected
    hearing.prompt = hash_of(session.instructions) or hearing.prompt
    hearing.tracing = _tracing(session.tracing) or hearing.tracing
    hearing.kind = session.type if session.type in get_args(CallKind) else hearing.kind
    hearing.only_listens = hearing.only_listens or session.type == "transcription"
    if detection is not None:
        hearing.vad = id_of(detection.type)
        hearing.silence_us = _us(detection.silence_duration_ms)
        hearing.prefix_us = _us(detection.prefix_padding_ms)
        hearing.creates = detection.create_response is not False
        # Of sessions without turns nobody asks how long they waited.
        told = hearing.only_listens or hearing.silence_us is not None
        hearing.loudness = None if told else hearing.loudness or Loudness()


MAX_LANGUAGES: Final = 8
MAX_METADATA: Final = 16
"""Of what a session is traced under."""


def _tracing(told: Tracing | None) -> Tracing | None:
    if told is None:
        return None
    named = [(id_of(name), _metadata(name, value)) for name, value in told.metadata.items()]
    return msgspec.structs.replace(
        told,
        workflow_name=id_of(redacted(told.workflow_name)),
        group_id=id_of(redacted(told.group_id)),
        metadata=dict(named[:MAX_METADATA]),
    )


def _metadata(name: str, value: str) -> str:
    """Return a value without what looks like a credential, which a trace's id does, too."""
    parent = trace.parse(value) if name == trace.NAME else None
    return parent.text if parent else id_of(redacted(value))


def _languages(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({id_of(name) for name in names}))[:MAX_LANGUAGES]


def _lint_models(state: State, step: Step) -> None:
    lint.model(state, step, state.hearing.model or cost.model_of(state))
    lint.model(state, step, state.hearing.transcription_model)


def _us(time_ms: int | None) -> int | None:
    return None if time_ms is None else clamped(time_ms) * 1000


def _error(state: State, step: Step, event: events.ErrorEvent, _heard: Heard) -> None:
    error(state, step, "provider", event.error)
    updates.refused(state, step, event.error)
    if event.error.code == "conversation_already_has_active_response":
        turns.refused_request(state)


# --- items


def _item_added(state: State, step: Step, event: events.ItemAdded, _heard: Heard) -> None:
    line = _item(state, step, event.item, event.previous_item_id)
    if event.item.type == "function_call_output":
        # Known already, but on a sideband, where nobody sees what the caller sends.
        tools.answered_by_caller(state, step, event.item)
    if line is not None:
        lines.emit(state, step, line)


def _item_done(state: State, step: Step, event: events.ItemDone, _heard: Heard) -> None:
    line = _item(state, step, event.item, event.previous_item_id)
    if line is not None:
        tools.asked(state, step, line, state.answers.get(line.response_id))
        tools.finished_by_provider(state, step, event.item)
        lines.emit(state, step, line)


def _item(state: State, step: Step, item: events.Item, previous: str | None) -> Line | None:
    """Return the line of `item`, placed and described; None when it has left or has no id."""
    if not item.id or lines.has_left(state, item.id):
        return None
    line = lines.line_of(state, item.id, step.at_us)
    lines.describe(line, item)
    lines.settle_place(state, line, previous)
    if line.turn == 0:
        line.turn = _turn_of_item(state, line)
        line.dirty = True
    turn = turns.turn_of(state, line.turn)
    if line.role == "caller" and turn is not None:
        turn.item_id = turn.item_id or line.item_id
    elif line.role == "caller" and state.typed_us is not None:
        # The application asks for an answer only after this: the turn is not begun yet.
        state.typed_id = line.item_id
    return line


def _turn_of_item(state: State, line: Line) -> int:
    """A tool's output belongs to the turn that called it, all else to the input coming in."""
    if line.kind == "function_call_output":
        for other in state.lines.kept.values():
            if other.kind == "function_call" and other.call_id == line.call_id:
                return other.turn
    return turns.upcoming(state)


def _item_truncated(state: State, _step: Step, _event: events.ItemTruncated, _heard: Heard) -> None:
    state.context_tokens = 0


def _rate_limits(state: State, _step: Step, event: events.RateLimitsUpdated, _heard: Heard) -> None:
    left = metrics.left_permille(event.rate_limits)
    if left is not None:
        least = state.sums.left_permille
        state.sums.left_permille = left if least is None else min(least, left)


def _item_deleted(state: State, step: Step, event: events.ItemDeleted, _heard: Heard) -> None:
    state.context_tokens = 0
    line = state.lines.kept.get(id_of(event.item_id))
    if line is not None and not line.deleted:
        line.deleted = line.dirty = True
        lines.emit(state, step, line)


# --- transcription


def _transcribed(state: State, step: Step, item_id: str) -> Line | None:
    """Return the caller's line; None when it has left. Deltas may come before the item."""
    if not item_id or lines.has_left(state, item_id):
        return None
    line = lines.line_of(state, item_id, step.at_us)
    line.role, line.modality = line.role or "caller", "audio"
    line.turn = line.turn or turns.upcoming(state)
    return line


def _transcription_delta(
    state: State, step: Step, event: events.TranscriptionDelta, _heard: Heard
) -> None:
    line = _transcribed(state, step, event.item_id)
    if line is not None and line.transcript_status != "completed":
        line.transcript_status = "pending"
        line.worded_us = step.at_us if line.worded_us is None else line.worded_us
        lines.append(line, event.content_index, event.delta)


def _transcription_completed(
    state: State, step: Step, event: events.TranscriptionCompleted, _heard: Heard
) -> None:
    spoken = languages_of(event.languages)
    if spoken:
        state.hearing.spoken = _languages((*state.hearing.spoken, *spoken))
    line = _transcribed(state, step, event.item_id)
    if line is not None:
        line.transcript_status, line.dirty = "completed", True
        line.transcribed_us = step.at_us
        line.parts[clamped(event.content_index)] = event.transcript
        lines.emit(state, step, line)
        interruptions.transcribed(state, step, line)
    if event.usage is not None:
        billed = line or Line(id_of(event.item_id), step.at_us)
        step.rows.append(cost.charge_transcription(state, step, billed, event.usage))


def _transcription_failed(
    state: State, step: Step, event: events.TranscriptionFailed, _heard: Heard
) -> None:
    error(state, step, "provider", event.error)
    line = _transcribed(state, step, event.item_id)
    if line is not None:
        line.transcript_status, line.dirty = "failed", True
        lines.emit(state, step, line)


# --- responses


def _created(state: State, step: Step, event: events.ResponseCreated, _heard: Heard) -> None:
    answers.created(state, step, event)


def _done(state: State, step: Step, event: events.ResponseDone, heard: Heard) -> None:
    if isinstance(heard, Stopped):
        stopped(state, step, heard)
    answers.done(state, step, event)


def _output_item_added(
    state: State, step: Step, event: events.OutputItemAdded, _heard: Heard
) -> None:
    answers.item_added(state, step, event)


def _output_item_done(
    state: State, step: Step, event: events.OutputItemDone, _heard: Heard
) -> None:
    answers.item_done(state, step, event)


def _words(state: State, step: Step, event: answers.Words, _heard: Heard) -> None:
    answers.words(state, step, event)


def _words_done(
    state: State, step: Step, event: events.TextDone | events.TranscriptDone, _heard: Heard
) -> None:
    answers.words_done(state, step, event)


def _sounded(state: State, step: Step, event: events.AudioDelta, heard: Heard) -> None:
    if isinstance(heard, Placed):
        answers.sounded(state, step, event, heard)


def _playing(state: State, step: Step, event: events.PlayoutStarted, _heard: Heard) -> None:
    answers.playing(state, step, event.response_id)


def _arguments_done(state: State, step: Step, event: events.ArgumentsDone, _heard: Heard) -> None:
    line = answers.line_of(state, step, event.item_id, event.response_id)
    lines.settle(line, 0, event.arguments)
    tools.arguments_done(state, step, event, line)


def _mcp_arguments_done(
    state: State, step: Step, event: events.McpArgumentsDone, _heard: Heard
) -> None:
    line = answers.line_of(state, step, event.item_id, event.response_id)
    line.kind = "mcp_call"
    lines.settle(line, 0, event.arguments)
    tools.asked(state, step, line, state.answers.get(line.response_id))


def _mcp_ended(
    state: State, step: Step, event: events.McpCallCompleted | events.McpCallFailed, _heard: Heard
) -> None:
    failed = isinstance(event, events.McpCallFailed)
    tools.mcp_ended(state, step, event.item_id, failed=failed)


_Handler: TypeAlias = Callable[[State, Step, Any, Heard], None]
HANDLERS: Final[dict[type, _Handler]] = {
    events.AudioDelta: _sounded,
    events.TranscriptDelta: _words,
    events.TextDelta: _words,
    events.TranscriptDone: _words_done,
    events.TextDone: _words_done,
    events.SessionCreated: _session_created,
    events.SessionUpdated: _session_updated,
    flow.SessionStarted: _session_started,
    events.ErrorEvent: _error,
    events.SpeechStarted: speech.started,
    events.SpeechStopped: speech.ended,
    events.Committed: speech.committed,
    events.Cleared: speech.cleared,
    events.TimeoutTriggered: speech.timed_out,
    events.ItemAdded: _item_added,
    events.ItemDone: _item_done,
    events.ItemDeleted: _item_deleted,
    events.ItemTruncated: _item_truncated,
    events.RateLimitsUpdated: _rate_limits,
    events.TranscriptionDelta: _transcription_delta,
    events.TranscriptionCompleted: _transcription_completed,
    events.TranscriptionFailed: _transcription_failed,
    events.ResponseCreated: _created,
    events.ResponseDone: _done,
    events.OutputItemAdded: _output_item_added,
    events.OutputItemDone: _output_item_done,
    events.PlayoutStarted: _playing,
    events.ArgumentsDone: _arguments_done,
    events.McpArgumentsDone: _mcp_arguments_done,
    events.McpCallCompleted: _mcp_ended,
    events.McpCallFailed: _mcp_ended,
    **flowing.OF_PROVIDER,
}
