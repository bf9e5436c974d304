"""Which schema a tool call's arguments are held against: that of the tools in force."""

import json
from typing import Any

import pytest
from tests.recorder.finding import found
from tests.recorder.script import SESSION, Told, begin, caller, done, provider, rows_of

from trunkline.recorder import toolbox
from trunkline.store.facts.rows import ToolCallRow

DONE = "response.function_call_arguments.done"


def tool(name: str = "look_up", **kinds: str) -> dict[str, Any]:
    """A tool whose arguments all are needed, each of one type."""
    properties = {field: {"type": kind} for field, kind in kinds.items()}
    parameters = {"type": "object", "properties": properties, "required": [*kinds]}
    return {"type": "function", "name": name, "parameters": parameters}


def told(at_ms: float, *tools: dict[str, Any], event: str = "session.updated") -> Told:
    return provider(at_ms, event, session={**SESSION, "tools": tools})


def updating(at_ms: float, *tools: dict[str, Any]) -> Told:
    return caller(at_ms, "session.update", session={"type": "realtime", "tools": tools})


def asking(at_ms: float, **response: Any) -> Told:
    return caller(at_ms, "response.create", response=response)


def called(at_ms: float, arguments: str, response: str = "resp_1", **more: str) -> Told:
    where = {"response_id": response, "item_id": f"item_{response}", "call_id": f"call_{response}"}
    return provider(at_ms, DONE, **{**where, "name": "look_up", "arguments": arguments, **more})


SILENT = provider(1, "session.updated", session=SESSION)
"""It does not tell the tools."""
CITY, DAY = tool(city="string"), tool(day="string")
SCENARIOS: dict[str, tuple[list[Told], str, str]] = {
    "the session's": ([told(0, CITY), begin(5, "resp_1")], "misfit", '$: lacks "city"'),
    "those it begins with": (
        [told(0, CITY, event="session.created"), begin(5, "resp_1")], "misfit", '$: lacks "city"',
    ),
    "those that were asked for, where the provider does not tell": (
        [updating(0, CITY), SILENT, begin(5, "resp_1")], "misfit", '$: lacks "city"',
    ),
    "not yet those that were asked for": (
        [told(0, CITY), updating(2, DAY), begin(5, "resp_1")], "misfit", '$: lacks "city"',
    ),
    "the later ones": (
        [told(0, CITY), updating(2, DAY), told(3, DAY), begin(5, "resp_1")], "valid", "",
    ),
    "those of before, of an answer that runs": (
        [told(0, CITY), begin(5, "resp_1"), told(6, DAY)], "misfit", '$: lacks "city"',
    ),
    "those of the response": (
        [told(0, CITY), asking(2, tools=[DAY]), begin(5, "resp_1")], "valid", "",
    ),
    "those of a response that says nothing of tools": (
        [told(0, CITY), asking(2, instructions="x"), begin(5, "resp_1")],
        "misfit", '$: lacks "city"',
    ),
    "those of a response out of band": (
        [told(0, CITY), asking(2, conversation="none", tools=[DAY]), begin(5, "resp_1", None)],
        "valid", "",
    ),
    "a response without tools": (
        [told(0, CITY), asking(2, tools=[]), begin(5, "resp_1")], "json", "",
    ),
    "taken away": ([told(0, CITY), told(1), begin(5, "resp_1")], "json", ""),
    "kept, where an update is of something else": (
        [told(0, CITY), caller(1, "session.update", session={"voice": "x"}), SILENT,
         begin(5, "resp_1")], "misfit", '$: lacks "city"',
    ),
    "another tool": ([told(0, tool("other", city="string")), begin(5, "resp_1")], "json", ""),
    "a tool without a schema": (
        [told(0, {"type": "function", "name": "look_up"}), begin(5, "resp_1")], "json", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "are", "why"), SCENARIOS.values(), ids=SCENARIOS.keys())
def test_arguments_are_held_against_the_tools_in_force(
    before: list[Told], are: str, why: str
) -> None:
    (row,) = rows_of(ToolCallRow, before, called(10, '{"day": "Monday"}'), done(20, "resp_1"))
    assert (row.arguments_are, row.arguments_error) == (are, why)


def test_what_is_wrong_with_arguments_is_found_at_their_frame() -> None:
    before = [told(0, CITY), begin(5, "resp_1")]
    assert found(*before, called(10, '{"city": 7}'), done(20, "resp_1")) == [
        ("arguments_misfit", DONE, "look_up: $.city: is an integer, not a string")
    ]
    assert found(*before, called(10, '{"city": "Par'), done(20, "resp_1", "incomplete")) == [
        ("arguments_no_json", DONE, "look_up: not JSON: it ends too early")
    ]
    assert found(*before, called(10, '{"city": "Paris"}'), done(20, "resp_1")) == []


def test_arguments_that_come_four_times_are_judged_once() -> None:
    item = {"id": "item_resp_1", "type": "function_call", "call_id": "call_resp_1"}
    again = {**item, "name": "look_up", "arguments": "{}"}
    findings = found(
        told(0, CITY), begin(5, "resp_1"), called(10, "{}"),
        provider(11, "conversation.item.done", item=again),
        provider(12, "response.output_item.done", response_id="resp_1", item=again),
        done(20, "resp_1", output=[again]),
    )  # fmt: skip
    assert findings == [("arguments_misfit", DONE, 'look_up: $: lacks "city"')]


def test_the_arguments_of_an_mcp_tool_are_its_servers_to_judge() -> None:
    event = provider(
        10, "response.mcp_call_arguments.done", response_id="resp_1", item_id="item_2",
        arguments="{}",
    )  # fmt: skip
    (row,) = rows_of(ToolCallRow, told(0, CITY), begin(5, "resp_1"), event, done(20, "resp_1"))
    assert row.arguments_are == "json"


def test_a_toolbox_is_bounded_and_small() -> None:
    """It is written with the state, every second."""
    long = {**tool("long"), "parameters": {"description": "x" * toolbox.MAX_BYTES}}
    many = [tool(f"tool_{number}", city="string", day="string") for number in range(60)]
    frame = json.dumps({"type": "session.updated", "session": {"tools": [long, *many]}}).encode()
    packed = toolbox.read(frame, "session")
    assert packed is not None
    assert len(packed) < 1000 < len(frame)
    assert toolbox.schema_of(packed, "long") is None
    assert (
        toolbox.schema_of(packed, "tool_59")
        == json.dumps(many[59]["parameters"], separators=(",", ":")).encode()
    )


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b'{"tools"',
        b'{"session": {"tools": 3}}',
        b'{"session": {"tools": null}}',
        b'{"session": []}',
    ],
)
def test_frames_without_tools_say_nothing_of_them(frame: bytes) -> None:
    assert toolbox.read(frame, "session") is None


def test_tools_that_are_none_are_left_out() -> None:
    frame = b'{"session": {"tools": [3, {}, {"name": 7}, {"name": "a", "parameters": []}]}}'
    assert toolbox.read(frame, "session") == toolbox.NONE
    assert toolbox.schema_of(toolbox.NONE, "a") is None
