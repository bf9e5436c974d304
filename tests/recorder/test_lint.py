"""Findings, each with its frame; times in ms."""

from datetime import date

import msgspec
import pytest
from tests.recorder.finding import found
from tests.recorder.folding import run
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
    records,
    session,
    sound,
    speech,
)  # fmt: skip

from trunkline.journal.record import Kind, Record
from trunkline.protocol.call import Note
from trunkline.protocol.retirements import retires_on
from trunkline.store.facts.loud import loud
from trunkline.store.facts.rows import FindingRow

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


def test_a_price_that_was_not_understood_is_found_where_the_gateway_noted_it() -> None:
    first, *frames = records(ASKED)

    def findings(**data: object) -> list[tuple[str, int, str, str]]:
        payload = msgspec.json.encode(Note(kind="bad_price", data=data))
        last = frames[-1]
        note = Record(Kind.NOTE, last.call, last.seq + 1, received_ns=5, payload=payload)
        rows = run([first, *frames, note]).rows
        return [
            (row.code, row.seq - last.seq, row.severity, row.detail)
            for row in rows
            if isinstance(row, FindingRow)
        ]

    expected = ("bad_price", 1, "warn", "Helicone-Input-Token-Cost")
    assert findings(header="helicone-input-token-cost") == [expected]
    assert findings(header=7) == findings() == []
    assert len(findings(header="no header " * 999)[0][3]) <= 100
