"""What is left of a call that goes to somebody who fixes bugs: its shape, and nobody's words."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import golden
from tests.support.facts import a_call, parts_of
from tests.web.folded import facts_of

from trunkline.protocol.decode import peek
from trunkline.store.facts.rows import Row
from trunkline.web.scrubbing import scrubbed_line, scrubbed_row

PLANTED = "the canary sings at noon"


def line(text: str | None, base64: str | None = None) -> bytes:
    return msgspec.json.encode({"seq": 1, "record": "frame", "text": text, "base64": base64})


@pytest.mark.parametrize("name", golden.names())
def test_a_frame_keeps_its_shape_and_no_words(name: str) -> None:
    words = {item.text for item in facts_of(name).items if " " in item.text}
    for record in golden.records(name):
        if record.kind.name != "FRAME":
            continue
        text = record.payload.decode()
        told = json.loads(scrubbed_line(line(text)))["text"]
        assert not [said for said in words if said in told]
        assert peek(told.encode()).type == peek(text.encode()).type
        assert shape(json.loads(told)) == shape(json.loads(text))


def shape(value: Any) -> Any:
    """Return what of a frame is no text: its fields, numbers, and how many there are of each."""
    match value:
        case dict():
            named = {"metadata", "variables", "properties", "headers"}
            return {key: {} if key in named and one else shape(one) for key, one in value.items()}
        case list():
            return [shape(one) for one in value]
        case str():
            return ""
        case _:
            return value


PLACES = (
    '{"type": "x", "item": {"content": [{"transcript": "%s"}]}}',
    '{"type": "x", "session": {"instructions": "%s", "tools": [{"description": "%s"}]}}',
    '{"type": "%s", "id": "%s", "name": "%s", "model": "%s", "voice": {"id": "%s"}}',
    '{"type": "x", "response": {"metadata": {"%s": "a"}, "prompt": {"variables": {"%s": "b"}}}}',
    '["%s"]', '"%s"', "%s",
)  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_words_are_nowhere_in_a_frame(place: str) -> None:
    told = scrubbed_line(line(place.replace("%s", PLANTED)))
    assert PLANTED not in told.decode()


def test_a_program_s_words_are_kept() -> None:
    frame = {"type": "response.done", "response": {"id": "resp_1", "status": "failed", "n": [1, 2]}}
    assert json.loads(json.loads(scrubbed_line(line(json.dumps(frame))))["text"]) == frame


def test_binary_frames_and_lines_without_a_frame_have_nothing() -> None:
    assert json.loads(scrubbed_line(line(None, "c2VjcmV0")))["base64"] is None
    damaged = b'{"record":"damaged","first_seq":4,"last_seq":null,"message":"gone"}'
    assert json.loads(scrubbed_line(damaged)) == json.loads(damaged)


@given(st.text())
def test_any_frame_can_be_scrubbed(text: str) -> None:
    told = json.loads(scrubbed_line(line(text)))["text"]
    assert isinstance(told, str)


def test_rows_keep_kinds_and_numbers_and_no_words() -> None:
    for row in (*facts_of("tool_call").turns, facts_of("tool_call").call):
        numbers = [one for one in msgspec.structs.astuple(row) if isinstance(one, int)]
        kept = scrubbed_row(row)
        assert [one for one in msgspec.structs.astuple(kept) if isinstance(one, int)] == numbers
    call = scrubbed_row(facts_of("tool_call").call)
    assert call.status == "completed"
    assert call.model_used
    (error,) = facts_of("text_only").errors
    assert scrubbed_row(error).phase == error.phase != ""


def test_what_is_planted_in_any_row_is_gone() -> None:
    """In every text that is anybody's: fields that are kept hold words of the wire and ours."""
    call = a_call("org")
    for row in (call, *parts_of(call)):
        kept = scrubbed_row(planted(row))
        assert PLANTED not in repr(kept), type(row).__name__


FREE = {
    "user_id", "session_id", "session_name", "session_path", "user_agent", "key_name",
    "provider_url", "error_message", "caller_close_reason", "provider_close_reason", "gateway",
    "text", "arguments", "output", "arguments_error", "message", "param", "metadata", "detail",
}  # fmt: skip


def planted(row: Row) -> Row:
    fields: dict[str, Any] = {}
    for name in row.__struct_fields__:
        if name in FREE:
            fields[name] = PLANTED
        elif name in ("properties", "scores"):
            fields[name] = {PLANTED: PLANTED if name == "properties" else 1.0}
        elif name == "tags":
            fields[name] = (PLANTED,)
    return msgspec.structs.replace(row, **fields)
