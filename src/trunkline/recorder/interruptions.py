"""Pure. Barge-ins: what they were, and what of them the provider was not told.

A turn knows what began it. A transcript that comes when the turn is final writes its row again;
so does the sound of both sides, which is looked at when the call is over (`echo`). Answers that
a barge-in cancelled wait here for their truncate until the next answer begins.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Final

import msgspec

from trunkline.recorder import words
from trunkline.recorder.echo import Suspect
from trunkline.recorder.state import Line, State, Step, Turn
from trunkline.store.facts.rows import CallRow, ResponseRow, TurnRow

NOISE_US: Final = 300_000
"""Speech shorter than this is no word (protocol.md 6.3)."""
MAX_WAITING: Final = 16
MAX_SUSPECTS: Final = 512
"""Of a call with more barge-ins, the first are not looked at for echoes."""


def kind_of(turn: Turn, line: Line | None) -> str:
    """Return what the barge-in that began `turn` was; empty when none did.

    `noise`: the provider transcribed nothing; or, where there is no transcript (yet), it was
    shorter than 300 ms. `backchannel`: at most three words that only say "I listen".
    `speech`: all else. Known finally when the transcript is. Source: protocol.md 6.3, where a
    short word counts as noise too: but "no" takes 200 ms and means it.
    """
    if not turn.barge_in:
        return ""
    if line is not None and line.transcript_status == "completed":
        return _kind_of_words("\n".join(line.parts.values()))
    ends_us, starts_us = turn.speech_ended_us, turn.speech_started_us
    if ends_us is not None and starts_us is not None and ends_us - starts_us < NOISE_US:
        return "noise"
    return "speech"


def _kind_of_words(said: str) -> str:
    if not said.strip():
        return "noise"
    return "backchannel" if words.is_backchannel(said) else "speech"


def counted(state: State, row: TurnRow) -> None:
    """A turn is final: count its barge-in, and keep its row while its transcript is to come."""
    if not row.barge_in:
        return
    state.sums.barge_kinds[row.barge_in_kind] = state.sums.barge_kinds.get(row.barge_in_kind, 0) + 1
    if row.speech_started_us is not None:
        state.suspects.append(Suspect(row.turn, row.speech_started_us, row.speech_ended_us))
        del state.suspects[:-MAX_SUSPECTS]
    line = state.lines.kept.get(row.item_id)
    if line is not None and line.transcript_status == "pending":
        state.barged[row.item_id] = row
        while len(state.barged) > MAX_WAITING:
            del state.barged[next(iter(state.barged))]


def transcribed(state: State, step: Step, line: Line) -> None:
    """What a barge-in said is known, after its turn was final."""
    row = state.barged.pop(line.item_id, None)
    if row is None:
        return
    kind = _kind_of_words("\n".join(line.parts.values()))
    kinds = state.sums.barge_kinds
    kinds[row.barge_in_kind] = kinds.get(row.barge_in_kind, 1) - 1
    kinds[kind] = kinds.get(kind, 0) + 1
    step.rows.append(msgspec.structs.replace(row, version=step.seq, barge_in_kind=kind))


def echoed(
    call: CallRow, turns: Iterable[TurnRow], echoes: Container[int]
) -> list[CallRow | TurnRow]:
    """Return the row of `call` now that it is known which of its turns' barge-ins are `echoes`.

    And theirs. An echo is none of the caller's doing, whatever was understood of it. `call` is
    the call's last row, above all that the fold gave, and so is what is returned.
    """
    found = [turn for turn in turns if turn.turn in echoes]
    believed = sum(turn.barge_in_kind == "speech" for turn in found)
    false_ones = (call.false_barge_ins or 0) + believed
    return [
        msgspec.structs.replace(call, version=call.version + 1, false_barge_ins=false_ones),
        *(
            msgspec.structs.replace(turn, version=call.version + 1, barge_in_kind="echo")
            for turn in found
        ),
    ]


def false_ones(state: State) -> int:
    """Return how many barge-ins of final turns were none: noise, or backchannel."""
    kinds = state.sums.barge_kinds
    return sum(count for kind, count in kinds.items() if kind != "speech")


def cut(state: State, row: ResponseRow) -> None:
    """A response was cancelled by a barge-in, and some of its sound was made: await a truncate."""
    detected = row.status == "cancelled" and row.status_reason == "turn_detected"
    if detected and row.audio_us and not row.truncated:
        state.cut[row.response_id] = row
        while len(state.cut) > MAX_WAITING:
            del state.cut[next(iter(state.cut))]


def missed(state: State, step: Step) -> None:
    """The next answer begins: what was cut and not truncated, the model believes was heard."""
    for row in state.cut.values():
        state.sums.missed_truncates += 1
        answer = state.answers.get(row.response_id)
        if answer is not None:
            answer.missed_truncate = True
        step.rows.append(msgspec.structs.replace(row, version=step.seq, missed_truncate=True))
    state.cut.clear()
