"""Pure. What a call is at this moment, for whoever watches it."""

from __future__ import annotations

from typing import Final, Literal

from trunkline.live.running import Doing, Running, Said
from trunkline.protocol.call import Opened
from trunkline.recorder.state import Line, State
from trunkline.recorder.summary import kind_of

MAX_LINE_CHARS: Final = 280
"""Of the last line: what fits on a card."""


def now_us(state: State, now_ns: int) -> int:
    """Return `now_ns`, gateway monotonic clock, on the call's; never before its last record."""
    return max(state.last_us, (now_ns - state.opened_ns) // 1000)


def running(state: State, at_us: int, stored: int) -> Running:
    """Return the call as it is at `at_us` of its clock; `stored` is the version of its facts."""
    opened = state.opened or Opened(call_id=state.call_id, wall_ns=0, opened_ns=0, org_id="")
    sums = state.sums
    return Running(
        call_id=state.call_id,
        org_id=opened.org_id,
        opened_at_us=state.wall_us,
        doing=doing(state, at_us),
        kind=kind_of(state),
        transport=opened.transport,
        model=opened.model_used or state.hearing.model or opened.model_asked,
        provider=opened.provider,
        user_id=opened.user_id,
        session_id=opened.session_id,
        session_name=opened.session_name,
        key_id=opened.key_id,
        key_name=opened.key_name,
        last_line=last_line(state),
        turns=sums.turns + sum(turn.phase != "hearing" for turn in state.turns),
        barge_ins=sums.barge_ins,
        errors=sums.errors,
        cost_usd=sums.cost_usd,
        unpriced=tuple(sums.unpriced),
        stored=stored,
    )


def doing(state: State, at_us: int) -> Doing:
    """Return what goes on at `at_us` of the call's clock.

    The assistant speaks while the caller's player has sound of it, whether or not the caller
    speaks too: that is a barge-in soon, or overlap.
    """
    if state.ready_us is None:
        return "connecting"
    if state.sound.playing(at_us):
        return "speaking"
    if state.turns and state.turns[-1].phase == "hearing":
        # Whatever runs still, an answer that was barged in on or a tool: the caller has the floor.
        return "listening"
    if any(turn.asked for turn in state.turns):
        return "tool"
    answering = any(
        answer.done_us is None and not answer.aside for answer in state.answers.values()
    )
    waiting = any(turn.phase in ("waiting", "answering") for turn in state.turns)
    return "thinking" if answering or waiting else "listening"


def last_line(state: State) -> Said | None:
    """Return the last line of the transcript that has words; None: nobody has said any."""
    order = state.lines.order
    spoken = [line for line in state.lines.kept.values() if _who(line) and not line.deleted]
    for line in sorted(spoken, key=lambda line: order.get(line.item_id, 0), reverse=True):
        if words := _words(line):
            return Said("caller" if line.role == "caller" else "assistant", words)
    return None


def _who(line: Line) -> Literal["caller", "assistant", ""]:
    if line.kind != "message" or line.role not in ("caller", "assistant"):
        return ""
    return "caller" if line.role == "caller" else "assistant"


def _words(line: Line) -> str:
    text = " ".join(part for _, part in sorted(line.parts.items()) if part)
    text = " ".join(text.split())
    return text if len(text) <= MAX_LINE_CHARS else "…" + text[1 - MAX_LINE_CHARS :]
