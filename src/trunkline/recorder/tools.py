"""Pure. Function calls, which the application answers, and MCP calls, which the provider does.

Arguments come four times; the first makes the row. MCP events name no response, so
they are tied by their item.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from trunkline.protocol import events
from trunkline.recorder import arguments, lint, talk, toolbox, turns
from trunkline.recorder.bounds import id_of
from trunkline.recorder.state import Answer, Line, State, Step, Tool
from trunkline.store.facts.rows import ToolCallRow

MAX_OPEN_TOOLS: Final = 64
MAX_SCANNED: Final = 4096
"""Characters of an output that are searched for an error's name."""


def named(state: State, step: Step) -> None:
    """The provider tells the session in force: its tools too, or those that were asked for.

    A response that runs goes on with those that it began with.
    """
    hearing = state.hearing
    told = toolbox.read(step.record.payload, "session")
    asked_for, hearing.asked_tools = hearing.asked_tools, None
    told = asked_for if told is None else told
    if told is None or told == hearing.tools:
        return
    for answer in state.answers.values():
        if answer.tools is None and answer.done_us is None:
            answer.tools = hearing.tools
    hearing.tools = told


def asked(state: State, step: Step, line: Line, answer: Answer | None) -> None:
    """The call in `line` is complete, unless it was already, or is no call."""
    if line.kind == "mcp_call":
        _call(state, step, line, line.item_id, answer)
    elif line.kind == "function_call":
        _call(state, step, line, line.call_id or line.item_id, answer)


def arguments_done(state: State, step: Step, event: events.ArgumentsDone, line: Line) -> None:
    """A function's arguments are complete."""
    line.kind = "function_call"
    line.call_id = id_of(event.call_id) or line.call_id
    line.name = id_of(event.name) or line.name
    asked(state, step, line, state.answers.get(line.response_id))


def _call(state: State, step: Step, line: Line, id_: str, answer: Answer | None) -> None:
    if line.called:
        return
    line.called = True
    turn = answer.turn if answer else line.turn
    tool = Tool(id_, turn, line.response_id, line.name, line.parts.get(0, ""), step.heard_us)
    tool.seq, tool.function = step.seq, line.kind == "function_call"
    tool.judged = arguments.judge(tool.arguments, _schema(state, tool, answer))
    lint.arguments(state, step, tool)
    state.tools[id_] = tool
    state.sums.tool_calls += 1
    if answer is not None:
        answer.called = True
    if (open_turn := turns.turn_of(state, turn)) is not None and line.kind == "function_call":
        open_turn.asked += 1
        turns.passes(open_turn, step.at_us, step.handed_us)
        if open_turn.tool_called_us is None:
            open_turn.tool_called_us = step.heard_us
    step.rows.append(tool_row(state, tool, step.seq))
    while len(state.tools) > MAX_OPEN_TOOLS:
        del state.tools[next(iter(state.tools))]


def _schema(state: State, tool: Tool, answer: Answer | None) -> bytes | None:
    """Return what a function's arguments must be; an MCP tool's schema is its server's."""
    if not tool.function:
        return None
    own = answer.tools if answer is not None else None
    return toolbox.schema_of(state.hearing.tools if own is None else own, tool.name)


def answered_by_caller(state: State, step: Step, item: events.Item) -> None:
    """The application sends a function's output: received from the caller now."""
    tool = state.tools.pop(id_of(item.call_id), None)
    if tool is None:
        return
    tool.output, tool.answered_us = item.output or "", step.at_us
    tool.failed = says_error(tool.output)
    _ran(state, tool)
    step.rows.append(tool_row(state, tool, step.seq))
    turn = turns.turn_of(state, tool.turn)
    if turn is None:
        state.tool_told_us, state.tool_asked_us = step.at_us, tool.called_us
        return
    turns.passes(turn, step.at_us, step.handed_us)
    turn.asked = max(0, turn.asked - 1)
    turn.told = True


def finished_by_provider(state: State, step: Step, item: events.Item) -> None:
    """An MCP call's item is done: it has the output, or why there is none."""
    tool = state.tools.get(id_of(item.id)) if item.type == "mcp_call" else None
    if tool is None:
        return
    failed = msgspec.json.encode(item.error).decode() if item.error else ""
    tool.output = item.output or failed
    tool.answered_us = step.at_us if tool.answered_us is None else tool.answered_us
    tool.failed = tool.failed or item.error is not None
    _ran(state, tool)
    del state.tools[tool.tool_call_id]
    step.rows.append(tool_row(state, tool, step.seq))


def mcp_ended(state: State, step: Step, item_id: str, *, failed: bool) -> None:
    """The provider's tool has answered, or failed; its item follows with the output."""
    tool = state.tools.get(id_of(item_id))
    if tool is not None and tool.answered_us is None:
        tool.answered_us, tool.failed = step.at_us, failed


def _ran(state: State, tool: Tool) -> None:
    """A tool has answered: keep when it ran, and how much of that nobody was heard."""
    span = (tool.called_us, tool.answered_us or tool.called_us)
    tool.dead_air_us = talk.dead_air_us(state, [span])
    turn = turns.turn_of(state, tool.turn)
    if turn is not None:
        turn.tools.append(span)


class _Output(msgspec.Struct, frozen=True):
    error: Any = None
    is_error: Any = None


def says_error(output: str) -> bool:
    """Whether a function's output says that it failed.

    The wire has no word for it. Taken for one is what most applications send: a JSON object
    with an `error` or `is_error` that is neither empty nor false.
    """
    if "error" not in output[:MAX_SCANNED]:
        return False
    try:
        said = msgspec.json.decode(output, type=_Output)
    except (msgspec.DecodeError, UnicodeDecodeError, UnicodeEncodeError, RecursionError):
        return False
    return bool(said.error) or bool(said.is_error)


def tool_row(state: State, tool: Tool, version: int) -> ToolCallRow:
    """Return what is known of a tool call now.

    `latency_us` is the application's time: from the arguments, handed to it, to its output,
    received. Of an MCP call it is the provider's own. Source: protocol.md 6.2.
    """
    late = tool.answered_us is None
    return ToolCallRow(
        org_id=state.opened.org_id if state.opened else "",
        call_id=state.call_id,
        version=version,
        tool_call_id=tool.tool_call_id,
        turn=tool.turn,
        response_id=tool.response_id,
        name=tool.name,
        arguments=tool.arguments,
        arguments_are=tool.judged.are,
        arguments_error=tool.judged.why,
        output=tool.output,
        called_us=tool.called_us,
        answered_us=tool.answered_us,
        latency_us=None if late else max(0, (tool.answered_us or 0) - tool.called_us),
        dead_air_us=tool.dead_air_us,
        failed=tool.failed,
    )
