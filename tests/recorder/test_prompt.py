"""Which instructions a call had, without a word of them."""

import hashlib
from typing import Any

from tests.recorder.folding import restored, run, saved
from tests.recorder.script import Told, begin, caller, done, provider, records

from trunkline.recorder.prompt import hash_of
from trunkline.recorder.summary import call_row

FIRST, SECOND = "You are a receptionist.", "Du bist am Empfang: höflich."


def told(at_ms: float, type_: str = "session.updated", **session: Any) -> Told:
    about = {"id": "s", "model": "gpt-realtime-2.1", **session}
    return provider(at_ms, type_, session=about)


def prompt(*said: Told, over: bool = True) -> str:
    return call_row(run(records(list(said)), over=over).state).prompt


def test_it_is_the_beginning_of_a_hash_that_anybody_can_make() -> None:
    assert hash_of(SECOND) == hashlib.sha256(SECOND.encode()).hexdigest()[:12]
    assert hash_of("") == ""
    # Half of a pair is no text that UTF-8 has; JSON may say it.
    assert len(hash_of("\ud83d")) == 12


def test_the_one_in_force_when_the_first_response_began() -> None:
    created = told(0, "session.created", instructions="Default.")
    later = told(30, instructions=SECOND)
    assert prompt(created, told(10, instructions=FIRST), begin(20, "r1"), later) == hash_of(FIRST)


def test_until_there_is_a_response_the_one_in_force_now() -> None:
    first, second = told(0, instructions=FIRST), told(10, instructions=SECOND)
    assert prompt(first, over=False) == hash_of(FIRST)
    assert prompt(first, second) == hash_of(SECOND)


def test_what_is_not_said_again_stays() -> None:
    assert prompt(told(0, instructions=FIRST), told(10), begin(20, "r1")) == hash_of(FIRST)


def test_a_session_without_instructions_has_none_even_if_some_come_later() -> None:
    assert prompt(told(0), begin(10, "r1"), told(20, instructions=FIRST)) == ""


def test_a_response_aside_is_not_the_first() -> None:
    said = [
        told(0, instructions=FIRST),
        caller(10, "response.create", response={"conversation": "none"}),
        begin(20, "r9", None),
        done(30, "r9"),
        told(40, instructions=SECOND),
        begin(50, "r1"),
    ]
    assert prompt(*said) == hash_of(SECOND)


def test_a_restart_between_changes_nothing_and_no_word_is_kept() -> None:
    all_of = records([told(0, instructions=FIRST), begin(10, "r1"), told(20, instructions=SECOND)])
    for cut in range(len(all_of)):
        half = run(all_of[:cut], over=False)
        assert FIRST.encode() not in saved(half.state)
        rest = run(all_of[cut:], restored(saved(half.state)))
        assert call_row(rest.state).prompt == hash_of(FIRST)
