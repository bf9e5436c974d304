"""Pure. The transcript: items in the order of the conversation, and their rows.

Text comes from deltas, which `.done` events confirm; what `response.done` repeats is
never added to it (protocol.md 7, 14). Items are announced, placed, filled, transcribed,
truncated and deleted in any order, and each change emits the item's row again.
"""

from __future__ import annotations

from typing import Final

from trunkline.protocol.events import Item
from trunkline.recorder import metrics, words
from trunkline.recorder.bounds import clamped, id_of
from trunkline.recorder.state import Line, Lines, State, Step
from trunkline.recorder.timeline import Play
from trunkline.store.facts.rows import ItemRow

STEP: Final = 1 << 20
"""Between neighbours, so that others can be put between them."""

KEPT_LINES: Final = 128
"""How far back an item's text is kept for what comes late."""

_ROLES: Final = {"user": "caller", "assistant": "assistant", "system": "system", "tool": "tool"}
_ROLES_OF_KINDS: Final = {
    "function_call": "assistant",
    "function_call_output": "tool",
    "mcp_call": "assistant",
    "mcp_list_tools": "tool",
    "mcp_approval_request": "assistant",
    "mcp_approval_response": "caller",
}


def line_of(state: State, item_id: str, at_us: int, response_id: str = "") -> Line:
    """Return the line of `item_id`, begun now if it is new, at the end for the time being."""
    item_id = id_of(item_id)
    line = state.lines.kept.get(item_id)
    if line is None:
        line = Line(item_id, at_us, response_id=id_of(response_id))
        state.lines.kept[item_id] = line
        place(state.lines, item_id, "")
        _forget_oldest(state)
    return line


def has_left(state: State, item_id: str) -> bool:
    """Whether the item is known and its text no longer: its row must stay as it is."""
    item_id = id_of(item_id)
    return item_id in state.lines.order and item_id not in state.lines.kept


def _forget_oldest(state: State) -> None:
    if len(state.lines.kept) <= KEPT_LINES:
        return
    oldest = next(iter(state.lines.kept))
    line = state.lines.kept.pop(oldest)
    play = state.sound.plays.pop(oldest, None)
    sums, (spoken, lasted_us) = state.sums, pace(line, play)
    if line.role == "caller":
        sums.caller_words += spoken
        sums.caller_worded_us += lasted_us
    else:
        sums.assistant_words += spoken
        sums.assistant_worded_us += lasted_us
    if play is not None:
        sums.heard_us += play.heard_us
        sums.stalls_us += play.stalls_us
        sums.assistant_spans.append((play.starts_us, play.heard_until_us))


def pace(line: Line, play: Play | None) -> tuple[int, int]:
    """Return how many words `line` has, and in how long, µs, they were spoken.

    Of the caller: the transcript, from the true start to the true end of the speech. Of the
    assistant: all that was generated, in the sound of it. Nothing where either is missing, or
    the script shows no words. Words per minute are the quotient of sums. Source: product.md 1b.
    """
    lasted_us = play.audio_us if play else (line.ends_us or 0) - (line.starts_us or 0)
    unknown = line.role == "caller" and line.transcript_status != "completed"
    if unknown or lasted_us <= 0 or line.kind != "message":
        return 0, 0
    spoken = words.count(" ".join(line.parts.values()))
    return (spoken, lasted_us) if spoken else (0, 0)


def describe(line: Line, item: Item) -> None:
    """Take over what `item` says of `line`; words that are known already stay."""
    line.kind = id_of(item.type) or line.kind
    line.role = _ROLES_OF_KINDS.get(line.kind) or _ROLES.get(item.role or "", line.role)
    line.call_id = id_of(item.call_id) or line.call_id
    line.name = id_of(item.name) or line.name
    if any(part.is_audio for part in item.content):
        line.modality = "audio"
    for index, part in enumerate(item.content):
        write(line, index, part.words)
    write(line, 0, item.output or "" if line.kind != "mcp_call" else "")
    write(line, 0, item.arguments or "")


def write(line: Line, index: int, words: str) -> None:
    """Give part `index` of `line` its words, unless it has some."""
    if words and not line.parts.get(index):
        line.parts[index] = words
        line.dirty = True


def append(line: Line, index: int, delta: str) -> None:
    """Add to part `index` of `line`; its row is written when the part is done."""
    index = clamped(index)
    line.parts[index] = line.parts.get(index, "") + delta
    line.dirty = True


def settle(line: Line, index: int, words: str) -> None:
    """Replace part `index` of `line` by its final words; empty ones replace nothing."""
    index = clamped(index)
    if words and line.parts.get(index) != words:
        line.parts[index] = words
        line.dirty = True


def settle_place(state: State, line: Line, previous: str | None) -> None:
    """Put `line` where the provider says it is, once; empty: where it is already."""
    if line.placed:
        return
    line.placed = True
    front = previous is None and state.lines.roots > 0
    if front:
        state.lines.roots -= 1
    before = state.lines.order.get(line.item_id)
    place(state.lines, line.item_id, id_of(previous), front=front)
    line.dirty = line.dirty or before != state.lines.order[line.item_id]


def place(lines: Lines, item_id: str, previous: str, *, front: bool = False) -> None:
    """Give `item_id` its position: behind `previous`, at the front, or at the end."""
    order = lines.order
    if front and order:
        order[item_id] = min(order.values()) - STEP
    elif previous in order and previous != item_id:
        order.pop(item_id, None)
        order[item_id] = _behind(lines, order[previous])
    elif item_id not in order:
        order[item_id] = lines.last - lines.last % STEP + STEP if order else 0
    lines.last = max(lines.last, order[item_id])


def _behind(lines: Lines, position: int) -> int:
    """Return a free position behind `position` and before whatever follows it now."""
    following = min((other for other in lines.order.values() if other > position), default=None)
    if following is None:
        return position + STEP
    if following - position > 1:
        return (position + following) // 2
    _spread(lines, position)
    return position + STEP


def _spread(lines: Lines, position: int) -> None:
    """Make room behind `position`: everything there moves on. Twenty inserts at one place."""
    for item_id, other in lines.order.items():
        if other > position:
            lines.order[item_id] = other + 2 * STEP
            if item_id in lines.kept:
                lines.kept[item_id].dirty = True
    lines.last += 2 * STEP


def emit(state: State, step: Step, line: Line) -> None:
    """Emit the row of `line` if the last one does not say all."""
    if line.dirty:
        line.dirty = False
        step.rows.append(item_row(state, line, step.seq))


def emit_dirty(state: State, step: Step) -> None:
    """Emit the rows of all items that have changed."""
    for line in state.lines.kept.values():
        emit(state, step, line)


def item_row(state: State, line: Line, version: int) -> ItemRow:
    """Return what is known of `line` now."""
    play = state.sound.plays.get(line.item_id)
    text = "\n".join(words for _, words in sorted(line.parts.items()) if words)
    return ItemRow(
        org_id=state.opened.org_id if state.opened else "",
        call_id=state.call_id,
        version=version,
        item_id=line.item_id,
        position=state.lines.order.get(line.item_id, 0),
        kind=line.kind,
        role=line.role,
        modality="audio" if play else line.modality,
        turn=line.turn,
        response_id=line.response_id,
        text=text,
        heard_chars=heard_chars(text, play),
        transcript_status=line.transcript_status,
        transcription_us=metrics.transcription_us(line),
        transcription_from_speech_us=metrics.transcription_from_speech_us(line),
        first_words_us=metrics.first_words_us(line) if line.role == "caller" else None,
        added_us=line.added_us,
        starts_us=play.starts_us if play else line.starts_us,
        ends_us=play.heard_until_us if play else line.ends_us,
        generated_ends_us=play.ends_us if play else line.ends_us,
        deleted=line.deleted,
    )


def heard_chars(text: str, play: Play | None) -> int | None:
    """Return how many characters of `text` were heard, by share of its sound; None: all."""
    if play is None or play.heard_us >= play.audio_us:
        return None
    return len(text) * play.heard_us // play.audio_us
