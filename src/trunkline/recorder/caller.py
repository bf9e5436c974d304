"""Pure. What the caller's events mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from trunkline.protocol import events
from trunkline.recorder import cost, flowing, toolbox, tools, turns, updates
from trunkline.recorder.bounds import id_of
from trunkline.recorder.sound import Heard, Placed, Stopped
from trunkline.recorder.state import State, Step
from trunkline.recorder.stopping import stopped


def _append(state: State, step: Step, _event: events.AudioAppend, heard: Heard) -> None:
    if isinstance(heard, Placed):
        state.sums.caller_audio_us += heard.duration_us
        state.intake.hear(step.at_us, heard.starts_us, heard.duration_us, step.seq)
        if (loudness := state.hearing.loudness) is not None:
            loudness.hear(heard, state.sound.caller.appended_us - heard.duration_us)


def _commit(state: State, step: Step, _event: events.AudioCommit, _heard: Heard) -> None:
    state.commit_us, state.commit_handed_us = step.at_us, step.handed_us
    state.commit_to_us = state.sound.caller.appended_us
    loudness = state.hearing.loudness
    state.commit_loud_us = loudness.until_us if loudness is not None else None


def _clear(state: State, _step: Step, _event: events.AudioClear, _heard: Heard) -> None:
    state.commit_from_us = state.sound.caller.appended_us


def _item_create(state: State, step: Step, event: events.ItemCreate, _heard: Heard) -> None:
    if step.handed_us is None:
        return
    if event.previous_item_id == "root":
        state.lines.roots += 1
    if event.item.type == "function_call_output":
        tools.answered_by_caller(state, step, event.item)
    elif event.item.type == "message" and event.item.role == "user":
        state.typed_us, state.typed_id = step.at_us, id_of(event.item.id)
        if state.meter is not None and _is_written(event.item):
            row = cost.charge_message(state, step, id_of(event.item.id))
            step.rows.extend([row] if row is not None else [])


def _is_written(item: events.Item) -> bool:
    return any(part.type == "input_text" for part in item.content or ())


def _response_create(state: State, step: Step, event: events.ResponseCreate, _heard: Heard) -> None:
    if step.handed_us is not None:
        aside = event.response is not None and event.response.conversation == "none"
        named = toolbox.read(step.record.payload, "response")
        turns.requested(state, step, aside=aside, tools=named)


def _session_update(state: State, step: Step, event: events.SessionUpdate, _: Heard) -> None:
    # Whoever is told a model by the provider knows better than what was asked for.
    state.hearing.model = state.hearing.model or id_of(event.session.model)
    state.update_us = step.handed_us
    if step.handed_us is not None:
        updates.updating(state, step)
        named = toolbox.read(step.record.payload, "session")
        state.hearing.asked_tools = state.hearing.asked_tools if named is None else named


def _stop(state: State, step: Step, _event: Any, heard: Heard) -> None:
    turns.caller_stopped(state, step)
    if isinstance(heard, Stopped):
        stopped(state, step, heard)


def _truncate(state: State, step: Step, event: events.ItemTruncate, heard: Heard) -> None:
    play = state.sound.plays.get(event.item_id)
    if play is not None:
        turns.truncated(state, step, play.response_id)
    _stop(state, step, event, heard)


_Handler: TypeAlias = Callable[[State, Step, Any, Heard], None]
HANDLERS: Final[dict[type, _Handler]] = {
    events.AudioAppend: _append,
    events.SessionUpdate: _session_update,
    events.AudioCommit: _commit,
    events.AudioClear: _clear,
    events.ItemCreate: _item_create,
    events.ResponseCreate: _response_create,
    events.ItemTruncate: _truncate,
    events.ResponseCancel: _stop,
    events.PlayoutClear: _stop,
    **flowing.OF_CALLER,
}
