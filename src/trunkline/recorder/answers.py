"""Pure. What a response says and sounds like, from its first event to `response.done`."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

import msgspec

from trunkline.protocol import events
from trunkline.protocol.usage import WireUsage
from trunkline.recorder import cost, interruptions, lines, lint, metrics, tools, turns
from trunkline.recorder.bounds import MAX_MESSAGE_CHARS, id_of
from trunkline.recorder.errors import error
from trunkline.recorder.redact import redacted
from trunkline.recorder.sound import Placed
from trunkline.recorder.state import Answer, Line, State, Step

Words: TypeAlias = events.TextDelta | events.TranscriptDelta


def created(state: State, step: Step, event: events.ResponseCreated) -> None:
    """The provider begins to answer."""
    answer = answer_of(state, step, event.response.id, event.response.conversation_id)
    if answer is not None:
        answer.metadata = _json(event.response.metadata)


def answer_of(
    state: State, step: Step, response_id: str, conversation_id: str | None = None
) -> Answer | None:
    """Return the response `response_id`, begun now if its `response.created` was lost.

    None for one that is long over, and for an event that names none.
    """
    response_id = id_of(response_id)
    answer = state.answers.get(response_id)
    if answer is None and response_id and response_id not in state.finished:
        answer = turns.answering(state, step, response_id, conversation_id)
        state.answers[response_id] = answer
        state.sums.responses += 1
    return answer


def item_added(state: State, step: Step, event: events.OutputItemAdded) -> None:
    """The response begins an item. Its place follows in `conversation.item.added`."""
    answer = answer_of(state, step, event.response_id)
    line = _line(state, step, event.item.id, event.response_id, answer)
    lines.describe(line, event.item)


def item_done(state: State, step: Step, event: events.OutputItemDone) -> None:
    """The response has finished an item."""
    answer = answer_of(state, step, event.response_id)
    line = _line(state, step, event.item.id, event.response_id, answer)
    lines.describe(line, event.item)
    tools.asked(state, step, line, answer)
    tools.finished_by_provider(state, step, event.item)
    lines.emit(state, step, line)


def line_of(state: State, step: Step, item_id: str, response_id: str) -> Line:
    """Return the line of an item that a response makes, tied to the response's turn."""
    return _line(state, step, item_id, response_id, answer_of(state, step, response_id))


def _line(state: State, step: Step, item_id: str, response_id: str, answer: Answer | None) -> Line:
    line = lines.line_of(state, item_id or response_id, step.at_us, response_id)
    line.role = line.role or "assistant"
    line.response_id = line.response_id or id_of(response_id)
    if answer is not None:
        line.turn = answer.turn or line.turn
    return line


def words(state: State, step: Step, event: Words) -> None:
    """A piece of what is said, or written."""
    answer = answer_of(state, step, event.response_id)
    line = _line(state, step, event.item_id, event.response_id, answer)
    lines.append(line, event.content_index, event.delta)
    if answer is None or answer.first_text_us is not None:
        return
    answer.first_text_us = step.heard_us
    turn = turns.turn_of(state, answer.turn)
    if turn is not None and turn.first_text_us is None:
        turn.first_text_us, turn.text_came_us = step.heard_us, step.at_us


def words_done(state: State, step: Step, event: events.TextDone | events.TranscriptDone) -> None:
    """All of what is said: it confirms the pieces, and outdoes them where some were lost."""
    line = state.lines.kept.get(id_of(event.item_id or event.response_id))
    if line is not None:
        said = event.text if isinstance(event, events.TextDone) else event.transcript
        lines.settle(line, event.content_index, said)


def sounded(state: State, step: Step, event: events.AudioDelta, placed: Placed) -> None:
    """A piece of sound, at its place."""
    state.sums.assistant_audio_us += placed.duration_us
    answer = answer_of(state, step, event.response_id)
    if answer is None:
        return
    line = state.lines.kept.get(placed.item_id)
    if line is None or line.modality != "audio":
        line = _line(state, step, event.item_id, event.response_id, answer)
        line.modality = "audio"
    line.dirty = True
    if placed.item_id not in answer.items:
        answer.items.append(placed.item_id)
        if (turn := turns.turn_of(state, answer.turn)) is not None:
            turn.items.append(placed.item_id)
    if answer.response_id in state.sound.silenced:
        if not answer.late_audio_us:
            answer.late_seq, answer.late_at_us = step.seq, step.at_us
        answer.late_audio_us += placed.duration_us
        state.sums.late_audio_us += placed.duration_us
    if answer.first_audio_us is None:
        answer.first_audio_us = step.heard_us
        if state.first_audio_us is None:
            state.first_audio_us = step.heard_us
    answer.last_audio_us = step.heard_us
    answer.went_on = answer.done_us is not None
    turn = turns.turn_of(state, answer.turn)
    if turn is not None and turn.first_audio_us is None:
        turn.first_audio_us, turn.audio_came_us = step.heard_us, step.at_us


def playing(state: State, step: Step, response_id: str) -> None:
    """The provider plays it out to the caller itself: what is heard does not pass here."""
    answer = state.answers.get(id_of(response_id))
    if answer is None or answer.first_audio_us is not None:
        return
    answer.first_audio_us = step.at_us
    turn = turns.turn_of(state, answer.turn)
    if turn is not None and turn.first_audio_us is None:
        turn.first_audio_us = step.at_us


def done(state: State, step: Step, event: events.ResponseDone) -> None:
    """The response is over, whatever the outcome, and has its bill."""
    answer = answer_of(state, step, event.response.id, event.response.conversation_id)
    if answer is None or answer.done_us is not None:
        return
    answer.done_us = step.at_us
    answer.metadata = _json(event.response.metadata) or answer.metadata
    _outcome(state, step, answer, event.response)
    _output(state, step, answer, event.response)
    answer.silent = _is_silent(state, answer, event.response)
    state.sums.silent += answer.silent
    if event.response.usage is not None:
        _bill(state, step, answer, event.response.usage)
    lines.emit_dirty(state, step)
    row = turns.response_row(state, answer, step.seq)
    step.rows.append(row)
    interruptions.cut(state, row)
    lint.late(state, step, answer)
    turns.answered(state, step, answer)
    if answer.aside:
        turns.finish_answer(state, step, answer.response_id)


def _outcome(state: State, step: Step, answer: Answer, response: events.Response) -> None:
    details = response.status_details or events.StatusDetails()
    answer.status = id_of(response.status) or "completed"
    answer.status_reason = id_of(details.reason)
    if details.error is not None:
        answer.error_code = id_of(details.error.code or details.error.type)
        answer.error_message = redacted(details.error.message)
    if answer.status == "failed":
        state.sums.failed_responses += 1
        error(state, step, "provider", details.error or events.ErrorDetail(), "answering")


def _is_silent(state: State, answer: Answer, response: events.Response) -> bool:
    """Whether something was to be heard, and is not: audio modality, completed, D = 0, no call.

    Where the provider does not say what was to be made, nothing written counts as well. False
    where sound goes past the gateway. Source: protocol.md 6.4.
    """
    if state.direct or answer.status != "completed" or answer.called or answer.items:
        return False
    wanted = response.output_modalities or response.modalities
    return "audio" in wanted if wanted else answer.first_text_us is None


def _output(state: State, step: Step, answer: Answer, response: events.Response) -> None:
    """Take what only `response.done` has, when the events before it were lost."""
    for item in response.output:
        line = state.lines.kept.get(id_of(item.id))
        if item.id and line is None:
            line = _line(state, step, item.id, answer.response_id, answer)
        if line is not None:
            lines.describe(line, item)
            tools.asked(state, step, line, answer)


def _bill(state: State, step: Step, answer: Answer, usage: WireUsage) -> None:
    row = cost.charge_response(state, step, answer, usage)
    step.rows.append(row)
    answer.tokens, answer.cost_usd = row.tokens, row.cost_usd
    answer.audio_usd = cost.audio_usd(row)
    if not answer.aside:
        _context(state, answer)
    turn = turns.turn_of(state, answer.turn)
    if turn is not None and row.cost_usd is not None:
        turn.cost_usd = (turn.cost_usd or Decimal(0)) + row.cost_usd


def _context(state: State, answer: Answer) -> None:
    """Hold the input of a response in the conversation against that of the one before."""
    now = answer.tokens.input
    answer.context_dropped_tokens = metrics.dropped_tokens(state.context_tokens, now)
    state.sums.context_drops += answer.context_dropped_tokens is not None
    state.context_tokens = now or state.context_tokens


def _json(metadata: dict[str, object] | None) -> str:
    """Return `metadata` as JSON; empty when there is none."""
    return msgspec.json.encode(metadata).decode()[:MAX_MESSAGE_CHARS] if metadata else ""
