"""Findings, each with its frame; times in ms."""

import json
from datetime import date
from typing import Any

import pytest
from tests.recorder import script
from tests.recorder.folding import restored, run, saved
from tests.recorder.script import (
    Told,
    begin,
    call,
    caller,
    done,
    mic,
    output,
    pcm,
    provider,
    session,
    sound,
    speech,
)  # fmt: skip

from trunkline.protocol.retirements import retires_on
from trunkline.recorder import requested
from trunkline.recorder.fold import fold
from trunkline.recorder.state import State
from trunkline.store.facts.loud import loud
from trunkline.store.facts.rows import FindingRow

Finding = tuple[str, str, str]
"""Code, type of the frame, detail."""


def found(*told: Told | list[Told], provider_name: str = "openai") -> list[Finding]:
    """Fold what was told; return the findings, each with the frame that its number leads to."""
    first, *frames = script.records(told)
    about = {**json.loads(first.payload), "provider": provider_name}
    from msgspec.structs import replace

    records = [replace(first, payload=json.dumps(about).encode()), *frames]
    types = {record.seq: json.loads(record.payload).get("type", "") for record in records}
    rows = [row for row in run(records).rows if isinstance(row, FindingRow)]
    assert all(row.org_id == "org_x" for row in rows)
    return [(row.code, types[row.seq], row.detail) for row in rows]


def update(at_ms: float, **asked: Any) -> Told:
    return caller(at_ms, "session.update", session=asked)


def told_by_provider(at_ms: float, **is_now: Any) -> Told:
    return provider(at_ms, "session.updated", session=is_now)


GA = {"type": "realtime"}
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
        [update(1, **GA), provider(2, "error", error={"message": "No.", "param": "item"})],
        [],
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


DONE = "response.output_item.done"
ASKED = [session(0), mic(0, 4000), speech(1000, 2000, "item_1"), begin(2700, "resp_1")]
CALLED = [
    provider(3000, DONE, response_id="resp_1", item=call("item_2", "call_1")),
    done(3010, "resp_1"),
]  # fmt: skip


def test_a_function_that_nobody_answers_is_found_at_its_arguments() -> None:
    on = provider(9000, "rate_limits.updated", rate_limits=[])
    assert found(*ASKED, *CALLED, on) == [("tool_unanswered", DONE, "look_up")]
    assert found(*ASKED, *CALLED) == []
    assert found(*ASKED, *CALLED, output(4000, "call_1"), on) == []


def test_sound_after_a_barge_in_is_found_at_its_first_delta() -> None:
    told = [
        *ASKED,
        sound(2800, "resp_1", "item_2", 3000),
        speech(3400, 3900, "item_3"),
        sound(3600, "resp_1", "item_2", 200),
        sound(3610, "resp_1", "item_2", 200),
        done(3650, "resp_1", "cancelled"),
    ]
    assert found(*told) == [("late_audio", "response.output_audio.delta", "400 ms of sound")]


def sending(every_ms: float, length_ms: float, seconds: float) -> list[Told]:
    return [
        caller(n * every_ms, "input_audio_buffer.append", audio=pcm(length_ms))
        for n in range(1, int(seconds * 1000 / every_ms))
    ]


PACES: dict[str, tuple[list[Told], str | None, str]] = {
    "a microphone": (sending(100, 100, 8), None, ""),
    "a file": (
        sending(100, 370, 6), "audio_fast", "3.5 s of sound a second",
    ),
    "16 kHz taken for 24": (
        sending(30, 20, 12), "sample_rate", "it comes as 16000 Hz would, the session has 24000",
    ),
    "48 kHz taken for 24": (
        sending(20, 40, 6), "sample_rate", "it comes as 48000 Hz would, the session has 24000",
    ),
    "a loop that is too slow": (sending(23.5, 20, 12), "audio_slow", ""),
    "muted now and then": (
        [*sending(100, 100, 6), *mic(10_000, 12_000), *mic(15_000, 20_000)], None, "",
    ),
    "too short to tell": (sending(100, 370, 1), None, ""),
}  # fmt: skip


@pytest.mark.parametrize(("told", "code", "detail"), PACES.values(), ids=PACES.keys())
def test_the_pace_of_sound(told: list[Told], code: str | None, detail: str) -> None:
    findings = found(session(0), *told)
    assert [finding[0] for finding in findings] == ([code] if code else [])
    for _, type_, said in findings:
        assert type_ == "input_audio_buffer.append"
        assert said == detail or not detail


def named(model: str) -> Told:
    return provider(1, "session.created", session={"id": "s", "model": model})


MODELS = {
    # Golden calls are of 2026-11-20.
    "in service": ("gpt-realtime-2.1", "openai", []),
    "soon gone": ("gpt-realtime", "openai", ["model_retires"]),
    "a snapshot of it": ("gpt-realtime-2025-08-28", "openai", ["model_retires"]),
    "gone": ("gpt-4o-realtime-preview-2024-12-17", "openai", ["model_retired"]),
    "elsewhere for longer": ("gpt-realtime", "azure", []),
    "of nobody": ("gpt-realtime", "simulator", []),
}


@pytest.mark.parametrize(("model", "by", "codes"), MODELS.values(), ids=MODELS.keys())
def test_a_model_that_ends_is_found_where_it_is_named(
    model: str, by: str, codes: list[str]
) -> None:
    findings = found(named(model), named(model), provider_name=by)
    assert [finding[:2] for finding in findings] == [(code, "session.created") for code in codes]


def test_dates_are_those_of_the_provider() -> None:
    assert retires_on("gpt-realtime", "openai") == date(2027, 1, 20)
    assert retires_on("gpt-realtime", "azure") == date(2027, 3, 2)
    assert retires_on("gpt-realtime-mini-2025-10-06", "openai") == date(2026, 7, 23)
    assert retires_on("acme-voice-3", "openai") is None


def test_an_update_is_held_against_its_answer_across_a_restart() -> None:
    told = UPDATES["a field is dropped"][0]
    state, rows = State.new(), list[Any]()
    for record in script.records(told):
        state, new = fold(restored(saved(state)), record)
        rows += new
    assert [row.code for row in rows if isinstance(row, FindingRow)] == ["update_ignored"]


LOUD = {
    "speech": ([0, 30, 90, 60, 2] * 100, 10_000_000, None),
    "clipped": ([0, 127, 90, 60, 2] * 100, 10_000_000, ("clipping", 20_000)),
    "one click": ([0, 30, 90, 60] * 100 + [127], 10_000_000, None),
    "silence": ([0, 1] * 250, 10_000_000, ("silent_input", 0)),
    "silence, and not long": ([0] * 100, 2_000_000, None),
    "nothing was sent": ([], 0, None),
}


@pytest.mark.parametrize(("caller", "sent_us", "expected"), LOUD.values(), ids=LOUD.keys())
def test_what_the_waveform_says(
    caller: list[int], sent_us: int, expected: tuple[str, int] | None
) -> None:
    told = [(one.code, one.at_us) for one in loud(caller, 50, sent_us)]
    assert told == ([expected] if expected else [])
