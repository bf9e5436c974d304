"""The transcript in the order of the conversation."""

from typing import Any

from tests.recorder.folding import run
from tests.recorder.script import (
    Told,
    begin,
    call,
    caller,
    done,
    mic,
    provider,
    records,
    rows_of,
    session,
    sound,
    speech,
    text,
)

from trunkline.recorder.lines import KEPT_LINES, place
from trunkline.recorder.state import Lines
from trunkline.store.facts.rows import ItemRow, ToolCallRow


def added(
    at_ms: float, item: str, previous: str | None, words: str = "", role: str = "user"
) -> Told:
    content = [{"type": "input_text", "text": words}]
    about = {"id": item, "type": "message", "role": role, "content": content}
    return provider(at_ms, "conversation.item.added", previous_item_id=previous, item=about)


def order(*told: Told | list[Told]) -> list[str]:
    rows = sorted(rows_of(ItemRow, *told), key=lambda row: row.position)
    return [row.item_id for row in rows]


def test_items_are_a_linked_list() -> None:
    assert order(
        added(1, "a", None), added(2, "b", "a"), added(3, "c", "b"), added(4, "between", "a")
    ) == ["a", "between", "b", "c"]


def test_an_item_that_the_caller_wants_first_is_first() -> None:
    root = caller(2, "conversation.item.create", previous_item_id="root", item={"id": "z"})
    assert order(added(1, "a", None), root, added(3, "z", None)) == ["z", "a"]


def test_an_item_whose_place_is_not_told_is_last() -> None:
    assert order(added(1, "a", None), added(2, "b", None), added(3, "c", "lost")) == ["a", "b", "c"]


def test_a_hundred_items_fit_into_one_place() -> None:
    lines = Lines()
    place(lines, "first", "")
    place(lines, "last", "first")
    for number in range(100):
        place(lines, f"item{number}", "first")
    found = sorted(lines.order, key=lambda item: lines.order[item])
    assert found == ["first", *(f"item{number}" for number in reversed(range(100))), "last"]


def test_words_are_not_added_twice() -> None:
    where = {"response_id": "r1", "item_id": "a1", "content_index": 0}
    message = {"id": "a1", "type": "message", "role": "assistant"}
    whole = {**message, "content": [{"type": "output_text", "text": "One two."}]}
    (row,) = rows_of(
        ItemRow,
        begin(1, "r1"), text(2, "r1", "a1", "One"), text(3, "r1", "a1", " two."),
        provider(4, "response.output_text.done", **where, text="One two."),
        provider(5, "conversation.item.done", item=whole),
        provider(6, "response.output_item.done", response_id="r1", item=whole),
        done(7, "r1", output=[whole]),
    )  # fmt: skip
    assert row.text == "One two."


def test_words_that_were_lost_come_from_the_end() -> None:
    where = {"response_id": "r1", "item_id": "a1", "content_index": 0}
    (row,) = rows_of(
        ItemRow, begin(1, "r1"), text(2, "r1", "a1", "One"),
        provider(4, "response.output_text.done", **where, text="One two."), done(7, "r1"),
    )  # fmt: skip
    assert row.text == "One two."


def test_a_response_that_was_seen_only_at_its_end_still_has_its_words() -> None:
    part = {"type": "output_audio", "transcript": "All of it."}
    item = {"id": "a1", "type": "message", "role": "assistant", "content": [part]}
    (row,) = rows_of(ItemRow, done(7, "r1", output=[item]))
    assert (row.text, row.modality, row.response_id) == ("All of it.", "audio", "r1")


def test_two_items_of_one_response_are_kept_apart() -> None:
    rows = rows_of(
        ItemRow, begin(1, "r1"), text(2, "r1", "a1", "One"), text(3, "r1", "a2", "Two"),
        text(4, "r1", "a1", " more"), done(5, "r1"),
    )  # fmt: skip
    assert [row.text for row in rows] == ["One more", "Two"]


def test_arguments_are_recorded_once() -> None:
    ids = {"response_id": "r1", "item_id": "f1", "call_id": "c1"}
    told: list[Any] = [
        begin(1, "r1"),
        provider(2, "response.output_item.added", response_id="r1", item=call("f1", "c1")),
        provider(3, "response.function_call_arguments.done", **ids, arguments="{}"),
        provider(4, "conversation.item.done", item=call("f1", "c1")),
        provider(5, "response.output_item.done", response_id="r1", item=call("f1", "c1")),
        done(6, "r1", output=[call("f1", "c1")]),
    ]
    state = run(records(told)).state
    assert state.sums.tool_calls == 1
    (tool,) = rows_of(ToolCallRow, *told)
    assert (tool.name, tool.called_us) == ("look_up", 3000)


def test_a_tool_of_the_provider_is_answered_by_the_provider() -> None:
    item = {"id": "m1", "type": "mcp_call", "name": "search", "arguments": "{}"}
    (tool,) = rows_of(
        ToolCallRow, begin(1, "r1"),
        provider(2, "response.output_item.added", response_id="r1", item={**item, "arguments": ""}),
        provider(3, "response.mcp_call_arguments.done", response_id="r1", item_id="m1",
                 arguments='{"q":1}'),
        provider(9, "response.mcp_call.completed", item_id="m1"),
        provider(10, "response.output_item.done", response_id="r1", item={**item, "output": "42"}),
        done(11, "r1"),
    )  # fmt: skip
    assert (tool.arguments, tool.output, tool.latency_us) == ('{"q":1}', "42", 6000)


def test_words_that_come_before_the_item_wait_for_its_place() -> None:
    delta = "conversation.item.input_audio_transcription.delta"
    told: list[Any] = [
        session(), mic(0, 4000), provider(1500, delta, item_id="u1", delta="Good "),
        provider(1800, delta, item_id="u1", delta="day"), speech(1000, 2000, "u1"),
    ]  # fmt: skip
    (row,) = rows_of(ItemRow, *told, over=False)
    assert (row.text, row.transcript_status, row.turn) == ("Good day", "pending", 1)


def test_a_transcript_that_never_came_failed() -> None:
    told = session()
    told[2]["session"]["audio"]["input"]["transcription"] = {"model": "whisper-1"}
    waiting = rows_of(ItemRow, told, mic(0, 4000), speech(1000, 2000, "u1"), over=False)
    assert [row.transcript_status for row in waiting] == ["pending"]
    over = rows_of(ItemRow, told, mic(0, 4000), speech(1000, 2000, "u1"))
    assert [row.transcript_status for row in over] == ["failed"]


def test_a_deleted_item_stays_in_the_record() -> None:
    deleted = provider(5, "conversation.item.deleted", item_id="a")
    (row,) = rows_of(ItemRow, added(1, "a", None, "Forget this."), deleted)
    assert (row.text, row.deleted) == ("Forget this.", True)


def test_what_comes_for_an_item_that_has_left_does_not_wipe_its_row() -> None:
    many = [added(n, f"item{n}", f"item{n - 1}", "words") for n in range(1, KEPT_LINES + 3)]
    late = provider(
        9999, "conversation.item.input_audio_transcription.completed", item_id="item1",
        transcript="late",
    )  # fmt: skip
    rows = rows_of(
        ItemRow, many, late, provider(10_000, "conversation.item.deleted", item_id="item1")
    )
    first = next(row for row in rows if row.item_id == "item1")
    assert (first.text, first.deleted) == ("words", False)


def test_an_item_sounds_where_it_is_played() -> None:
    (row,) = rows_of(ItemRow, begin(1, "r1"), sound(1000, "r1", "a1", 500), done(1100, "r1"),
                     added(3000, "b", "a1"), over=False)[:1]  # fmt: skip
    assert (row.starts_us, row.ends_us, row.heard_chars) == (1_000_000, 1_500_000, None)
