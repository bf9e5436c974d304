"""What becomes of each `session.update`; times in ms."""

import json
from typing import Any

import pytest
from tests.recorder import script
from tests.recorder.finding import Finding, found
from tests.recorder.folding import restored, saved
from tests.recorder.script import Told, caller, provider

from trunkline.recorder import requested
from trunkline.recorder.fold import fold
from trunkline.recorder.state import State
from trunkline.store.facts.rows import FindingRow


def update(at_ms: float, **asked: Any) -> Told:
    return caller(at_ms, "session.update", session=asked)


def told_by_provider(at_ms: float, **is_now: Any) -> Told:
    return provider(at_ms, "session.updated", session=is_now)


def no(at_ms: float, **detail: str) -> Told:
    return provider(at_ms, "error", error={"message": "No.", **detail})


def inferred(why: str, frame: int) -> str:
    return f"inferred, since {why}: frame {frame} says No."


GA = {"type": "realtime"}
LATER = provider(6000, "response.created", response={"id": "r"})
NOBODY = ("update_ignored", "session.update", "no session.updated came")
UPDATES: dict[str, tuple[list[Told], list[Finding]]] = {
    "all of it is in force": (
        [update(1, **GA, instructions="x" * 99), told_by_provider(2, **GA, instructions="x" * 99)],
        [],
    ),
    "a field is dropped": (
        [
            update(1, **GA, audio={"input": {"transcription": {"delay": "low"}}}),
            told_by_provider(2, **GA, audio={"input": {"transcription": {}}}),
        ],
        [
            (
                "update_ignored",
                "session.update",
                "audio.input.transcription.delay: asked for low, is not there",
            )
        ],
    ),
    "a field is something else": (
        [
            update(1, **GA, audio={"output": {"voice": "alloy", "speed": 1.5}}),
            told_by_provider(2, **GA, audio={"output": {"voice": "marin", "speed": 1.5}}),
        ],
        [("update_ignored", "session.update", "audio.output.voice: asked for alloy, is marin")],
    ),
    "a float of 32 bits is the same": (
        [
            update(1, temperature=0.8, voice="alloy"),
            told_by_provider(2, temperature=0.800000011920929, voice="alloy"),
        ],
        [],
    ),
    "null and nothing ask for nothing": (
        [
            update(1, **GA, instructions="", audio={"input": {"turn_detection": None}}),
            told_by_provider(2, **GA),
        ],
        [],
    ),
    "tools are compared by name": (
        [
            update(1, **GA, tools=[{"type": "function", "name": "a", "parameters": {}}]),
            told_by_provider(2, **GA, tools=[{"name": "a", "strict": True}]),
        ],
        [],
    ),
    "translated on the way": (
        [update(1, modalities=["text"]), told_by_provider(2, **GA, output_modalities=["text"])],
        [],
    ),
    "answered in order": (
        [
            update(1, **GA, instructions="one"),
            update(2, **GA, instructions="two"),
            told_by_provider(3, **GA, instructions="one"),
            told_by_provider(4, **GA, instructions="one"),
        ],
        [("update_ignored", "session.update", "instructions: asked for two, is one")],
    ),
    "refused, by its parameter": (
        [
            update(1, **GA, max_output_tokens=9),
            provider(2, "error", error={"message": "No.", "param": "session.max_output_tokens"}),
            told_by_provider(3, **GA),
        ],
        [("update_refused", "session.update", "session.max_output_tokens: No.")],
    ),
    "another error is no answer to it": (
        [update(1, **GA), provider(2, "error", error={"message": "No.", "param": "item"}), LATER],
        [NOBODY],
    ),
    "refused without a parameter, by a code of updates alone": (
        [
            update(1, **GA, instructions="one"),
            update(2, **GA, audio={"output": {"voice": "alloy"}}),
            told_by_provider(3, **GA, instructions="one"),
            no(4, code="cannot_update_voice"),
        ],
        [("update_refused", "session.update", "No.")],
    ),
    "that code finds the one of two that asks for a voice": (
        [
            update(1, **GA, instructions="one"),
            update(2, **GA, audio={"output": {"voice": "alloy"}}),
            no(3, code="cannot_update_voice"),
            told_by_provider(4, **GA, instructions="one"),
        ],
        [("update_refused", "session.update", "No.")],
    ),
    "a parameter finds the one of two that asks for it": (
        [
            update(1, **GA, instructions="one"),
            update(2, **GA, audio={"input": {"format": {"rate": 8000}}}),
            no(3, param="session.audio.input.format"),
            told_by_provider(4, **GA, instructions="one"),
        ],
        [("update_refused", "session.update", "session.audio.input.format: No.")],
    ),
    "a parameter that nobody asked for is the first one's": (
        [update(1, **GA), update(2, **GA), no(3, param="session.type"), told_by_provider(4, **GA)],
        [("update_refused", "session.update", "session.type: No.")],
    ),
    "a session without a type": (
        [update(1, instructions="one"), no(2, code="missing_required_parameter", param="session")],
        [("update_refused", "session.update", "session: No.")],
    ),
    "named by another's id, it is not the update's, whatever its parameter": (
        [update(1, **GA), no(2, event_id="other", param="session.type"), told_by_provider(3, **GA)],
        [],
    ),
    "it names nothing, and no session.updated comes": (
        [update(1, **GA), no(2), LATER],
        [("update_refused", "session.update", inferred("no session.updated came", 2))],
    ),
    "it names nothing, and session.updated comes": (
        [update(1, **GA), no(2), told_by_provider(3, **GA), LATER],
        [],
    ),
    "it names nothing, and came before": ([no(1), update(2, **GA), LATER], [NOBODY]),
    "it names nothing, and nobody waited": ([update(1, **GA), no(2)], []),
    "its code is of other events": (
        [update(1, **GA), no(2, code="response_cancel_not_active"), LATER],
        [NOBODY],
    ),
    "two errors that name nothing, and one update": (
        [update(1, **GA), no(2), no(3), LATER],
        [("update_refused", "session.update", inferred("no session.updated came", 2))],
    ),
    "one error that names nothing, and two updates": (
        [update(1, **GA), update(2, **GA), no(3), LATER],
        [("update_refused", "session.update", inferred("no session.updated came", 3)), NOBODY],
    ),
    "what is told next is what a later one asked for": (
        [
            update(1, **GA, instructions="one"),
            update(2, **GA, instructions="two"),
            no(3),
            told_by_provider(4, **GA, instructions="two"),
            LATER,
        ],
        [
            (
                "update_refused",
                "session.update",
                inferred("the next session.updated is a later one's", 3),
            )
        ],
    ),
    "what is told next is what neither asked for": (
        [
            update(1, **GA, instructions="one"),
            update(2, **GA, instructions="two"),
            no(3),
            told_by_provider(4, **GA, instructions="three"),
            told_by_provider(5, **GA, instructions="two"),
        ],
        [("update_ignored", "session.update", "instructions: asked for one, is three")],
    ),
    "an answer takes away what came before it": (
        [
            update(1, **GA, instructions="one"),
            update(2, **GA, instructions="two"),
            no(3),
            told_by_provider(4, **GA, instructions="one"),
            LATER,
        ],
        [NOBODY],
    ),
    "it says nothing at all": (
        [update(1, **GA), provider(2, "error", error={}), LATER],
        [
            (
                "update_refused",
                "session.update",
                "inferred, since no session.updated came: frame 2 says nothing",
            )
        ],
    ),
    "nobody answers": (
        [update(1, **GA), provider(5001, "response.created", response={"id": "r"})],
        [("update_ignored", "session.update", "no session.updated came")],
    ),
    "nobody had the time to answer": (
        [update(1, **GA), provider(5000, "response.created", response={"id": "r"})],
        [],
    ),
    "fields of both dialects": (
        [update(1, **GA, voice="alloy")],
        [("dialect_mixed", "session.update", "fields of both dialects in one session")],
    ),
    "one dialect, then the other": (
        [update(1, voice="alloy"), update(2, **GA)],
        [("dialect_mixed", "session.update", "ga after beta")],
    ),
}


@pytest.mark.parametrize(("told", "expected"), UPDATES.values(), ids=UPDATES.keys())
def test_what_becomes_of_an_update(told: list[Told], expected: list[Finding]) -> None:
    assert found(*told) == expected


def test_a_refusal_may_name_the_update_by_its_id() -> None:
    asked = caller(1, "session.update", event_id="mine", session=GA)
    error = {"message": "No.", "event_id": "mine"}
    assert found(asked, provider(2, "error", error=error)) == [
        ("update_refused", "session.update", "No.")
    ]


def test_no_long_text_and_no_secret_of_a_tool_is_kept() -> None:
    tool = {"type": "mcp", "server_label": "crm", "authorization": "hunter2-secret"}
    frame = {"type": "session.update", "session": {"tools": [tool], "instructions": "y" * 5000}}
    asked = requested.read(json.dumps(frame).encode())
    assert asked is not None
    assert asked.leaves["tools"] == "crm"
    assert str(asked.leaves["instructions"]).startswith("5000 characters, ")


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{", b'{"session": 3}', b'{"session": {"a": "\xff"}}']
)
def test_what_cannot_be_read_asks_for_nothing(payload: bytes) -> None:
    assert requested.read(payload) is None


@pytest.mark.parametrize("value", [10**30, -(10**30), 10**5000], ids=["big", "small", "long"])
def test_a_number_that_nobody_can_write_is_told_by_its_length(value: int) -> None:
    digits = "9" * 5001 if value > 10**40 else str(value)
    payload = f'{{"session": {{"type": "realtime", "speed": {digits}}}}}'.encode()
    asked = requested.read(payload)
    assert asked is None or str(asked.leaves["speed"]).endswith(" bits")


@pytest.mark.parametrize("odd", ["{n}", "[{n}]", '{{"name": {n}}}', '{{"a": {deep}}}'])
def test_whatever_is_in_a_list_is_read(odd: str) -> None:
    n, deep = "9" * 4500, '{"a": ' * 20 + "9" * 4500 + "}" * 20
    member = odd.format(n=n, deep=deep)
    for told in (f'{{"tools": [{member}]}}', f'{{"tools": {member}}}'):
        requested.read(f'{{"session": {told}}}'.encode())


def test_an_update_is_held_against_its_answer_across_a_restart() -> None:
    told = UPDATES["a field is dropped"][0]
    state, rows = State.new(), list[Any]()
    for record in script.records(told):
        state, new = fold(restored(saved(state)), record)
        rows += new
    assert [row.code for row in rows if isinstance(row, FindingRow)] == ["update_ignored"]
