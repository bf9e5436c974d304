"""Pure. The conversation as lines: who said what, when, and how much of it was heard."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trunkline.store.facts.rows import ItemRow, ToolCallRow, TurnRow
from trunkline.store.thresholds import DEFAULT, Thresholds
from trunkline.web.pages import text
from trunkline.web.pages.moments import Span, wait_span

_SPOKEN_BY = {"caller": "caller", "assistant": "assistant", "system": "system", "tool": "tool"}


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool call, beneath the line that it belongs to and in the list of tool calls."""

    tool_call_id: str
    name: str
    turn: int
    at: str
    start_ms: int
    arguments: str
    """Pretty-printed when it is JSON."""
    compact: str
    """Arguments on one line, shortened."""
    output: str
    answered: bool
    latency: str
    failed: bool
    wrong: str
    """What is wrong with the arguments."""
    unchecked: str
    """Why nobody looked."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the transcript."""

    item_id: str
    who: str
    """`caller`, `assistant`, `system` or `tool`: its colour."""
    speaker: str
    at: str
    start_ms: int
    end_ms: int
    """Until when it is highlighted; `start_ms` when it made no sound."""
    heard: str
    unheard: str
    """The rest of the text: generated, never heard. Struck through."""
    note: str = ""
    """In the place of the text while there is none: why."""
    wait: str = ""
    wait_span: Span | None = None
    wait_tone: str = "none"
    barge_in: str = ""
    typed: bool = False
    """Text that nobody spoke."""
    tool: Tool | None = None


def lines(
    items: Sequence[ItemRow],
    tools: Sequence[ToolCallRow],
    turns: Sequence[TurnRow],
    own: Thresholds = DEFAULT,
) -> tuple[Line, ...]:
    """Return the transcript in conversation order, tool calls in their places."""
    answers = {turn.turn: turn for turn in turns}
    begun = {turn.item_id: turn for turn in turns if turn.item_id}
    waiting = _by_response(tools)
    found: list[Line] = []
    for item in sorted(items, key=lambda item: (item.position, item.added_us)):
        if item.deleted or item.kind == "function_call_output":
            continue
        if item.kind == "message":
            # The wait is told once, where it ended: at the first thing said in answer.
            answered = answers.pop(item.turn, None) if item.role == "assistant" else None
            found.append(_message(item, answered, begun, own))
        elif waiting[item.response_id]:
            found.append(_tool_line(waiting[item.response_id].pop(0)))
    left = [tool for rest in waiting.values() for tool in rest]
    return _with_leftover(found, left)


def tool_view(row: ToolCallRow) -> Tool:
    """Return one tool call as pages show it."""
    output = "" if row.output is None else row.output
    return Tool(
        tool_call_id=row.tool_call_id,
        name=row.name,
        turn=row.turn,
        at=text.clock(row.called_us),
        start_ms=row.called_us // 1000,
        arguments=pretty(row.arguments),
        compact=text.shorten(row.arguments, 90),
        output=pretty(output),
        answered=row.output is not None,
        latency=text.wait(row.latency_us) if row.output is not None else "never answered",
        failed=row.failed,
        wrong=row.arguments_error if row.arguments_are in ("no_json", "misfit") else "",
        unchecked=row.arguments_error if row.arguments_are == "json" else "",
    )


def pretty(source: str) -> str:
    """Return JSON indented; anything that is not JSON as it is."""
    try:
        return json.dumps(json.loads(source), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return source


def _by_response(tools: Iterable[ToolCallRow]) -> defaultdict[str, list[ToolCallRow]]:
    grouped: defaultdict[str, list[ToolCallRow]] = defaultdict(list)
    for tool in sorted(tools, key=lambda tool: tool.called_us):
        grouped[tool.response_id].append(tool)
    return grouped


def _with_leftover(found: list[Line], left: list[ToolCallRow]) -> tuple[Line, ...]:
    """Put tool calls that no item announces where their time says."""
    for tool in left:
        later = (n for n, line in enumerate(found) if line.start_ms > tool.called_us // 1000)
        found.insert(next(later, len(found)), _tool_line(tool))
    return tuple(found)


def _message(
    item: ItemRow, turn: TurnRow | None, begun: dict[str, TurnRow], own: Thresholds
) -> Line:
    start_us = item.added_us if item.starts_us is None else item.starts_us
    end_us = start_us if item.ends_us is None else item.ends_us
    cut = _heard_until(item)
    who = _SPOKEN_BY.get(item.role, "system")
    return Line(
        item_id=item.item_id,
        who=who,
        speaker=who.capitalize(),
        at=text.clock(start_us),
        start_ms=start_us // 1000,
        end_ms=max(start_us, end_us) // 1000,
        heard=item.text[:cut],
        unheard=item.text[cut:],
        note="" if item.text else _why_empty(item),
        wait=text.wait(turn.wait_us) if turn and turn.wait_us is not None else "",
        wait_span=wait_span(turn) if turn else None,
        wait_tone=text.wait_tone(turn.wait_us, own) if turn else "none",
        barge_in=_barge_in(begun.get(item.item_id)),
        typed=item.modality == "text" and who == "caller",
    )


def _heard_until(item: ItemRow) -> int:
    """Return where the unheard text begins: at a word, since nobody hears half of one."""
    if item.heard_chars is None or item.heard_chars >= len(item.text):
        return len(item.text)
    return item.text.rfind(" ", 0, item.heard_chars + 1) + 1


def _tool_line(row: ToolCallRow) -> Line:
    tool = tool_view(row)
    end_us = row.called_us if row.answered_us is None else row.answered_us
    return Line(
        item_id=row.tool_call_id,
        who="tool",
        speaker="Tool",
        at=tool.at,
        start_ms=tool.start_ms,
        end_ms=end_us // 1000,
        heard="",
        unheard="",
        tool=tool,
    )


def _barge_in(turn: TurnRow | None) -> str:
    if turn is None or not turn.barge_in:
        return ""
    kind = turn.barge_in_kind
    name = "barge-in" if kind in ("", "speech") else f"false barge-in: {kind}"
    return name if turn.stop_us is None else f"{name}, stopped in {text.wait(turn.stop_us)}"


def _why_empty(item: ItemRow) -> str:
    if item.transcript_status == "failed":
        return "transcription failed"
    if item.transcript_status == "pending":
        return "being transcribed …" if item.role == "caller" else "speaking …"
    return "not transcribed" if item.modality == "audio" else "empty"
