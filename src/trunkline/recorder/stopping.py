"""Pure. What changes when the assistant's sound is stopped before its end."""

from __future__ import annotations

from trunkline.recorder import lines, turns
from trunkline.recorder.sound import Stopped
from trunkline.recorder.state import State, Step


def stopped(state: State, step: Step, stop: Stopped) -> None:
    """Emit anew what was said to be heard: items, and responses that are done."""
    for item_id in stop.item_ids:
        play = state.sound.plays[item_id]
        line = state.lines.kept.get(item_id)
        if line is not None:
            line.dirty = True
            lines.emit(state, step, line)
        answer = state.answers.get(play.response_id)
        if answer is None:
            continue
        if answer.done_us is not None:
            step.rows.append(turns.response_row(state, answer, step.seq))
        turn = turns.turn_of(state, answer.turn)
        if turn is not None and play.heard_us < play.audio_us:
            turn.interrupted = True
