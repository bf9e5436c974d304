"""Errors: what the call was at, and the code of the close that they ended it with."""

import json
from typing import Any

import pytest
from tests.recorder.folding import run
from tests.recorder.script import Told, begin, done, provider, records, session, sound, speech
from tests.support import golden

from trunkline.journal.record import Kind, Record
from trunkline.recorder.summary import call_row
from trunkline.store.facts.rows import ErrorRow


def failing(at_ms: float, code: str = "server_error") -> Told:
    about = {"type": "server_error", "code": code, "message": "It failed."}
    return provider(at_ms, "error", error=about)


def errors(*told: Told | list[Told], **closed: Any) -> list[ErrorRow]:
    """The errors of a call that is closed a second after what was told, as `closed` says."""
    frames = records(list(told))
    ends_ns = frames[-1].received_ns + closed.pop("after_ms", 1000) * 1_000_000
    if closed:
        payload = json.dumps({"status": "failed", **closed}).encode()
        last = frames[-1]
        frames.append(
            Record(Kind.CLOSED, last.call, last.seq + 1, received_ns=ends_ns, payload=payload)
        )
    folded = run(frames)
    found = [row for row in golden.latest(folded.rows) if isinstance(row, ErrorRow)]
    assert call_row(folded.state).errors == len(found)
    return sorted(found, key=lambda row: row.seq)


CREATED = provider(0, "session.created", session={"id": "s", "model": "gpt-realtime-2.1"})
TRANSCRIBES = provider(0, "session.created", session={"id": "s", "type": "transcription"})
PHASES = {
    "connecting": [failing(0)],
    "starting": [CREATED, failing(10)],
    "answering": [CREATED, begin(10, "r1"), failing(20)],
    "idle": [CREATED, begin(10, "r1"), done(20, "r1"), failing(30)],
    "streaming": [TRANSCRIBES, failing(10)],
}


@pytest.mark.parametrize(("phase", "told"), PHASES.items(), ids=PHASES)
def test_what_the_call_was_at(phase: str, told: list[Told]) -> None:
    (row,) = errors(told)
    assert (row.phase, row.close_code) == (phase, None)


def test_a_response_that_fails_fails_while_it_answers() -> None:
    details = {"type": "failed", "error": {"type": "server_error", "code": "overloaded"}}
    (row,) = errors(
        CREATED, begin(10, "r1"), done(20, "r1", status="failed", status_details=details)
    )
    assert (row.code, row.phase) == ("overloaded", "answering")


def test_what_the_caller_waits_for_does_not_make_it_answer() -> None:
    told = [session(), *speech(100, 600, "in1"), failing(1300)]
    assert errors(CREATED, told)[0].phase == "starting"


CLOSED = {"end_reason": "provider_closed", "provider_close_code": 3000}


def test_the_error_that_a_call_ended_by_has_the_code_of_the_close() -> None:
    first, last = errors(CREATED, failing(10, "early"), failing(5000, "late"), **CLOSED)
    assert (first.close_code, last.close_code) == (None, 3000)


def test_an_error_long_before_is_not_what_it_ended_by() -> None:
    """The provider closes all the same, without a word: that is an error of its own."""
    told = [CREATED, failing(10), begin(20, "r1"), sound(30, "r1", "i1", 100)]
    reason = {**CLOSED, "provider_close_reason": "overloaded, sk-live-secret"}
    first, last = errors(told, **reason, after_ms=5000)
    assert first.close_code is None
    assert (last.source, last.type, last.close_code) == ("provider", "closed", 3000)
    assert (last.message, last.phase) == ("overloaded, [hidden]", "answering")


@pytest.mark.parametrize(
    "closed",
    [
        {"status": "completed", "end_reason": "provider_closed", "provider_close_code": 1000},
        {"status": "completed", "end_reason": "caller_closed", "caller_close_code": 1000},
        {"end_reason": "caller_lost", "caller_close_code": 1006, "provider_close_code": 1011},
        {"end_reason": "provider_lost"},
    ],
)
def test_other_ends_are_no_close_by_an_error(closed: dict[str, Any]) -> None:
    assert [row.close_code for row in errors(CREATED, failing(10), **closed)] == [None]
    assert errors(CREATED, **closed) == []


def test_the_gateways_own_error_has_the_code_that_the_caller_was_told() -> None:
    closed = {"end_reason": "key_revoked", "caller_close_code": 1008, "provider_close_code": 1001}
    (row,) = errors(CREATED, failing(10), **closed)
    assert row.close_code == 1008
