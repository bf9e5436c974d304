"""Pure. How a turn begins, is answered and ends. The whole machine is in this file.

    speech_started ──▶ hearing ──committed──▶ waiting ──response.created──▶ answering
    committed by hand, response.create for a typed item ──▶ waiting            │  ▲
                                                              response.done    ▼  │ tool output,
    response.created that nothing asked for ──────────────────────────▶    answered  another try

Input without an answer between is one turn. A tool's output goes on with the turn
that called it. A turn's row is emitted when its answer is done, so that a live page has
it, and once more when it is final: when the next turn's input is complete, by which time
a barge-in's truncate has come. Then it leaves the state.

Ties between turns and responses: protocol.md 6.1.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from trunkline.recorder import interruptions, metrics, spans, talk
from trunkline.recorder.state import Answer, Request, State, Step, Turn
from trunkline.store.facts.rows import ResponseRow, TurnRow

MAX_REQUESTS = 16
MAX_FINISHED = 32
MAX_PASSED = 64
LATELY = 32
"""Of the caller's speeches: those that a turn may have to do with."""


def begin(state: State, kind: str, phase: str, at_us: int) -> Turn:
    """Return a new turn, the latest of `state`."""
    state.turns_begun += 1
    turn = Turn(state.turns_begun, kind, "hearing", at_us)
    turn.phase = "waiting" if phase == "waiting" else "hearing"
    state.turns.append(turn)
    return turn


def upcoming(state: State) -> int:
    """Return the number of the turn that input arriving now belongs to; 0 where there are none."""
    if state.hearing.only_listens:
        return 0
    turn = open_input(state)
    return turn.turn if turn else state.turns_begun + 1


def open_input(state: State) -> Turn | None:
    """Return the latest turn that takes input: it is spoken, or waits for its answer."""
    turn = state.turns[-1] if state.turns else None
    return turn if turn and turn.phase in ("hearing", "waiting") else None


def _being_said(state: State) -> Turn | None:
    """Return the turn whose input ends now: the assistant may have begun another one meanwhile."""
    said = (turn for turn in reversed(state.turns) if turn.phase == "hearing")
    return open_input(state) or next(said, None)


def speech_started(
    state: State, step: Step, item_id: str, starts_us: int, over: tuple[str, ...]
) -> None:
    """The caller speaks, since `starts_us`, perhaps over the items `over`."""
    turn = open_input(state)
    merged = turn is not None and turn.phase == "waiting" and not state.hearing.creates
    before = state.turns[-1] if state.turns and not merged else None
    if before is not None and before.speech_stopped_us is not None and before.resumed_us is None:
        before.resumed_us = step.at_us
    if turn is None or (turn.phase == "waiting" and not merged):
        turn = begin(state, "speech", "hearing", starts_us)
    if not merged:
        # Speech that never became an item leaves its number to the next.
        turn.item_id, turn.started_us, turn.speech_started_us = item_id, starts_us, starts_us
        turn.barge_in, turn.over = False, []
        turn.barged_us = turn.caller_stopped_us = None
        turn.noticed_us = turn.provider_stopped_us = None
    if over:
        turn.barge_in, turn.over, turn.barged_us = True, list(over), step.heard_us
        turn.noticed_us = step.at_us
        state.sums.barge_ins += 1


def passes(turn: Turn, received_us: int | None, handed_us: int | None) -> None:
    """A frame that the answer waits for passes the gateway, until the answer is there."""
    if received_us is not None and handed_us is not None and turn.first_audio_us is None:
        turn.passed.append((received_us, handed_us))
        del turn.passed[:-MAX_PASSED]


def caller_stopped(state: State, step: Step) -> None:
    """The application stops its player."""
    turn = state.turns[-1] if state.turns else None
    if turn is not None and turn.barge_in and turn.caller_stopped_us is None:
        turn.caller_stopped_us = step.at_us


def truncated(state: State, step: Step, response_id: str) -> None:
    """The application says how much of a response was heard."""
    turn = state.turns[-1] if state.turns else None
    if turn is not None and turn.barge_in and turn.truncated_us is None:
        turn.truncated_us = step.at_us
    state.cut.pop(response_id, None)
    if (answer := state.answers.get(response_id)) is not None:
        answer.truncated = True


class Ended(NamedTuple):
    """When the caller had spoken, in truth."""

    at_us: int | None
    by: str
    """How that is known."""
    handed_in_us: int | None = None
    """When it was committed by hand, where that is later."""


def speech_stopped(state: State, step: Step, ended: Ended, told_by_us: int | None) -> None:
    """The provider noticed that the caller was done, by sound until `told_by_us`."""
    turn = _being_said(state)
    if turn is not None:
        turn.end_by = "" if ended.at_us is None else ended.by
        turn.speech_stopped_us = step.at_us
        turn.speech_ended_us = ended.at_us
        turn.told_by_us = told_by_us
        passes(turn, *(state.sound.appended or (None, None)))


def committed(state: State, step: Step, item_id: str, starts_us: int, ended: Ended) -> Turn:
    """Return the turn whose input `item_id` is now. The turns before it are final.

    `ended` matters where nobody else tells it.
    """
    turn = _being_said(state)
    if turn is None:
        turn = begin(state, "assistant" if state.idle else "speech", "waiting", starts_us)
        turn.item_id = item_id
    if turn.speech_stopped_us is None and not state.idle:
        turn.kind, turn.speech_ended_us = "speech", ended.at_us
        turn.end_by = "" if ended.at_us is None else ended.by
        turn.handed_in_us = ended.handed_in_us
        passes(turn, state.commit_us, state.commit_handed_us)
    turn.phase = "waiting"
    turn.committed_us = step.at_us
    finish_before(state, step, turn)
    return turn


def drop_unheard(state: State) -> None:
    """The caller's sound was cleared: what was being said is no turn."""
    turn = _being_said(state)
    if turn is not None and turn.phase == "hearing":
        state.turns.remove(turn)
        # A number is given again unless there is a later one.
        state.turns_begun -= turn.turn == state.turns_begun


def requested(state: State, step: Step, *, aside: bool, tools: bytes | None = None) -> None:
    """The caller asks for a response, which may have `tools` of its own."""
    at_us = step.heard_us
    state.requests.append(Request(at_us, aside, step.at_us, tools))
    del state.requests[:-MAX_REQUESTS]
    if aside:
        return
    turn = open_input(state)
    if turn is None and state.typed_us is not None:
        turn = begin(state, "text", "waiting", state.typed_us)
        turn.item_id = state.typed_id
    if turn is not None and turn.phase == "waiting":
        turn.requested_us = at_us
        state.typed_us, state.typed_id = None, ""


def refused_request(state: State) -> None:
    """The provider refused the last `response.create`: a response runs already."""
    if state.requests:
        state.requests.pop()


def answering(state: State, step: Step, response_id: str, conversation_id: str | None) -> Answer:
    """Return the response that begins, tied to its turn."""
    request = _request_of(state, conversation_id)
    if request is not None and request.aside:
        return Answer(response_id, 0, step.at_us, aside=True, tools=request.tools)
    if state.prompt is None:
        state.prompt = state.hearing.prompt
    interruptions.missed(state, step)
    turn = _turn_for(state, step, request)
    after_tool = turn.told or turn.kind == "tool"
    turn.phase, turn.told = "answering", False
    tools = None
    if request is not None:
        tools = request.tools
        passes(turn, request.came_us, request.at_us)
    turn.responses.append(response_id)
    turn.response_id = turn.response_id or response_id
    if turn.response_created_us is None:
        turn.response_created_us = step.at_us
    state.typed_us, state.typed_id = None, ""
    finish_before(state, step, turn)
    answer = Answer(response_id, turn.turn, step.at_us, after_tool=after_tool, tools=tools)
    if after_tool:
        answer.tool_called_us, turn.tool_called_us = turn.tool_called_us, None
    return answer


def _request_of(state: State, conversation_id: str | None) -> Request | None:
    """Take the request that a response with `conversation_id` answers."""
    for place, request in enumerate(state.requests):
        if not (request.aside and conversation_id):
            return state.requests.pop(place)
    return None


def _turn_for(state: State, step: Step, request: Request | None) -> Turn:
    for turn in reversed(state.turns):
        if turn.phase == "waiting" or (turn.phase == "answered" and _goes_on(turn, request)):
            return turn
    at_us = request.at_us if request else step.at_us
    told = state.tool_told_us is not None
    turn = begin(state, "tool" if told else "assistant", "waiting", at_us)
    turn.requested_us = request.at_us if request else None
    turn.tool_called_us = state.tool_asked_us if told else None
    state.tool_told_us = state.tool_asked_us = None
    return turn


def _goes_on(turn: Turn, request: Request | None) -> bool:
    """A tool's output is answered, or a failed answer is tried again."""
    return turn.told or (request is not None and turn.status in ("failed", "incomplete"))


def answered(state: State, step: Step, answer: Answer) -> None:
    """A response is done."""
    _provider_stopped(state, step, answer)
    turn = turn_of(state, answer.turn)
    if turn is None:
        return
    turn.status, turn.done_us = answer.status, step.at_us
    turn.interrupted = turn.interrupted or answer.status == "cancelled"
    running = (state.answers.get(response_id) for response_id in turn.responses)
    if all(other is None or other.done_us is not None for other in running):
        turn.phase = "answered"
    if turn.phase == "answered" and not turn.asked:
        step.rows.append(turn_row(state, turn, step.seq))
    later = [other for other in state.turns if other.turn > turn.turn and other.phase != "hearing"]
    if later:
        finish_before(state, step, later[-1])


def _provider_stopped(state: State, step: Step, answer: Answer) -> None:
    """The provider has cancelled an answer: was it spoken over?"""
    for turn in state.turns if answer.status == "cancelled" else ():
        if turn.provider_stopped_us is None and not set(turn.over).isdisjoint(answer.items):
            turn.provider_stopped_us = step.at_us


def turn_of(state: State, number: int) -> Turn | None:
    """Return the turn `number` if it is not final."""
    for turn in state.turns:
        if turn.turn == number:
            return turn
    return None


def finish_before(state: State, step: Step, turn: Turn) -> None:
    """Emit and let go the turns before `turn` that are neither said, answered nor heard now."""
    said = _being_said(state)
    for earlier in [other for other in state.turns if other.turn < turn.turn and other is not said]:
        if earlier.phase != "answering" and not _is_heard(state, earlier, step.at_us):
            finish(state, step, earlier)


def _is_heard(state: State, turn: Turn, at_us: int) -> bool:
    """Whether sound that `turn`'s numbers are about plays on, and may be cut yet."""
    plays = state.sound.plays
    found = (plays[item] for item in (*turn.items, *turn.over) if item in plays)
    return any(play.cut_us is None and play.ends_us > at_us for play in found)


def finish(state: State, step: Step, turn: Turn) -> None:
    """Emit the final row of `turn` and let it go, with its responses."""
    state.turns.remove(turn)
    row = turn_row(state, turn, step.seq)
    step.rows.append(row)
    interruptions.counted(state, row)
    sums = state.sums
    sums.premature += row.premature
    sums.cut_ins += row.cut_in
    sums.unanswered += metrics.is_unanswered(turn, step.at_us, creates=state.hearing.creates)
    sums.tool_us += row.tool_us or 0
    sums.tool_dead_us += row.tool_dead_us or 0
    wait_us = metrics.wait_us(turn)
    if wait_us is not None:
        sums.waits_us.append(wait_us)
    sums.turns += 1
    for response_id in turn.responses:
        finish_answer(state, step, response_id)


def finish_answer(state: State, step: Step, response_id: str) -> None:
    """Let a response go; what comes late of it is not a new one."""
    answer = state.answers.pop(response_id, None)
    if answer is None:
        return
    if answer.went_on:
        step.rows.append(response_row(state, answer, step.seq))
    state.finished.append(response_id)
    del state.finished[:-MAX_FINISHED]
    if response_id in state.cut:
        # Its truncate may still come, and change what was heard.
        state.cut[response_id] = response_row(state, answer, step.seq)
    state.sums.unheard_usd = plus(state.sums.unheard_usd, unheard_usd(state, answer))


def plus(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """Return the sum of what is priced; None when neither is."""
    return other if one is None else one + (other or Decimal(0))


def unheard_usd(state: State, answer: Answer) -> Decimal | None:
    """Return what was paid for sound of `answer` that nobody has heard until now."""
    plays = state.sound.plays
    audio_us = metrics.audio_us(answer.items, plays)
    return metrics.unheard_usd(answer.audio_usd, audio_us, metrics.heard_us(answer.items, plays))


def _unheard_usd(state: State, turn: Turn) -> Decimal | None:
    found: Decimal | None = None
    for response_id in turn.responses:
        if (answer := state.answers.get(response_id)) is not None:
            found = plus(found, unheard_usd(state, answer))
    return found


def turn_row(state: State, turn: Turn, version: int) -> TurnRow:
    """Return what is known of `turn` now."""
    plays = state.sound.plays
    spoken = talk.caller_spans(state)[-LATELY:]
    said = talk.assistant_spans(state)[-4 * LATELY :]
    return TurnRow(
        org_id=state.opened.org_id if state.opened else "",
        call_id=state.call_id,
        version=version,
        turn=turn.turn,
        kind=turn.kind,
        status=metrics.status_of(turn),
        item_id=turn.item_id,
        response_id=turn.response_id,
        started_us=turn.started_us,
        speech_started_us=turn.speech_started_us,
        speech_ended_us=turn.speech_ended_us,
        speech_stopped_us=turn.speech_stopped_us,
        speech_end_by=turn.end_by,
        committed_us=turn.committed_us,
        response_created_us=turn.response_created_us,
        first_text_us=turn.first_text_us,
        first_audio_us=turn.first_audio_us,
        ended_us=metrics.ended_us(turn, plays),
        wait_us=metrics.wait_us(turn),
        wait_from_stopped_us=metrics.wait_from_stopped_us(turn),
        endpoint_us=metrics.endpoint_us(turn),
        dispatch_us=metrics.dispatch_us(turn),
        tool_us=spans.measure(spans.union(turn.tools)) if turn.tools else None,
        tool_dead_us=talk.dead_air_us(state, turn.tools) if turn.tools else None,
        premature=metrics.is_premature(turn),
        barge_in=turn.barge_in,
        barge_in_kind=interruptions.kind_of(turn, state.lines.kept.get(turn.item_id)),
        stop_us=metrics.stop_us(turn, plays),
        audio_us=metrics.audio_us(turn.items, plays),
        heard_us=metrics.heard_us(turn.items, plays),
        caller_stop_us=metrics.caller_stop_us(turn),
        provider_stop_us=metrics.provider_stop_us(turn),
        truncate_stop_us=metrics.truncate_stop_us(turn),
        cut_in=metrics.is_cut_in(turn, spoken),
        cost_usd=turn.cost_usd,
        unheard_usd=_unheard_usd(state, turn),
        vad_lag_us=metrics.vad_lag_us(turn),
        gap_us=metrics.gap_us(turn, spoken),
        caller_gap_us=metrics.caller_gap_us(turn, said),
        gateway_us=metrics.gateway_us(turn),
    )


def response_row(state: State, answer: Answer, version: int) -> ResponseRow:
    """Return what is known of a response now."""
    plays = state.sound.plays
    starts_us = [plays[item].starts_us for item in answer.items if item in plays]
    audio_us = metrics.audio_us(answer.items, plays)
    heard_us = metrics.heard_us(answer.items, plays)
    return ResponseRow(
        org_id=state.opened.org_id if state.opened else "",
        call_id=state.call_id,
        version=version,
        response_id=answer.response_id,
        turn=answer.turn,
        status=answer.status,
        status_reason=answer.status_reason,
        error_code=answer.error_code,
        error_message=answer.error_message,
        after_tool=answer.after_tool,
        created_us=answer.created_us,
        first_text_us=answer.first_text_us,
        first_audio_us=answer.first_audio_us,
        last_audio_us=answer.last_audio_us,
        done_us=answer.done_us,
        play_start_us=min(starts_us, default=None),
        to_first_text_us=metrics.to_first_text_us(answer),
        to_first_audio_us=metrics.to_first_audio_us(answer),
        stream_us=metrics.stream_us(answer),
        stalls_us=metrics.stalls_us(answer.items, plays) if audio_us else None,
        late_audio_us=answer.late_audio_us if audio_us else None,
        truncated=answer.truncated,
        truncate_error_us=metrics.truncate_error_us(answer.items, plays),
        tool_round_trip_us=metrics.tool_round_trip_us(answer),
        silent=answer.silent,
        missed_truncate=answer.missed_truncate,
        context_dropped_tokens=answer.context_dropped_tokens,
        audio_us=audio_us,
        heard_us=heard_us,
        tokens=answer.tokens,
        cost_usd=answer.cost_usd,
        unheard_tokens=metrics.unheard_tokens(answer.tokens.output_audio, audio_us, heard_us),
        unheard_usd=metrics.unheard_usd(answer.audio_usd, audio_us, heard_us),
        metadata=answer.metadata,
    )
