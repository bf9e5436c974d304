"""What a call does at each moment, told as a story."""

from decimal import Decimal
from typing import Any

import pytest
from tests.recorder.folding import run
from tests.recorder.script import (
    Told,
    begin,
    call,
    caller,
    done,
    mic,
    output,
    provider,
    records,
    session,
    sound,
    speech,
    typed,
)
from tests.support import golden

from trunkline.live.running import Said
from trunkline.recorder.present import MAX_LINE_CHARS, doing, last_line, now_us, running
from trunkline.recorder.state import State
from trunkline.recorder.summary import call_row

MS = 1000


def created(at_ms: float = 0) -> Told:
    return provider(at_ms, "session.created", session={"id": "sess_1", "model": "gpt-realtime-2.1"})


def state_of(*told: Told | list[Told]) -> State:
    return run(records(told), over=False).state


TALK = [created(), session(10), mic(0, 2000), speech(400, 1000, "item_1")]
ASKED = [*TALK, begin(1700, "resp_1")]
TOOL = provider(
    1900,
    "response.output_item.done",
    response_id="resp_1",
    item=call("item_2", "fc_1"),
)  # fmt: skip
SCENARIOS: dict[str, tuple[list[Any], float, str]] = {
    "there is no session yet": ([], 100, "connecting"),
    "nobody has said anything": ([created()], 100, "listening"),
    "the caller speaks": (
        [created(), session(10), mic(0, 900), speech(400, 1000, "item_1")[:1]], 900, "listening",
    ),
    "the input is complete": (TALK, 1650, "thinking"),
    "a response has begun": (ASKED, 1750, "thinking"),
    "its sound is heard": ([*ASKED, sound(1800, "resp_1", "item_2", 3000)], 1900, "speaking"),
    "it was sent, and is heard still": (
        [*ASKED, sound(1800, "resp_1", "item_2", 3000), done(1900, "resp_1")], 4700, "speaking",
    ),
    "it was heard": (
        [*ASKED, sound(1800, "resp_1", "item_2", 3000), done(1900, "resp_1")], 4900, "listening",
    ),
    "a barge-in cuts it": (
        [*ASKED, sound(1800, "resp_1", "item_2", 3000), speech(2500, 3500, "item_3", "item_2")[:1]],
        2700, "listening",
    ),
    "a tool has to answer": ([*ASKED, TOOL, done(2000, "resp_1")], 2500, "tool"),
    "a tool has answered": (
        [*ASKED, TOOL, done(2000, "resp_1"), output(2600, "fc_1"), begin(2700, "resp_2")],
        2800, "thinking",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("told", "at_ms", "expected"), SCENARIOS.values(), ids=SCENARIOS.keys())
def test_what_goes_on(told: list[Any], at_ms: float, expected: str) -> None:
    state = state_of(*told)
    at_us = now_us(state, state.opened_ns + round(at_ms * 1_000_000))
    assert doing(state, at_us) == expected


def test_the_last_line_is_what_was_said_last() -> None:
    assert last_line(state_of(created())) is None
    heard = state_of(
        created(),
        typed(100, "hello"),
        provider(
            120,
            "conversation.item.added",
            item={"id": "item_1", "type": "message", "role": "user",
                  "content": [{"type": "input_text", "text": "hello"}]},
            previous_item_id=None,
        ),
    )  # fmt: skip
    assert last_line(heard) == Said("caller", "hello")


def test_a_line_grows_while_it_is_said() -> None:
    told = [
        provider(1800 + at, "response.output_audio_transcript.delta", response_id="resp_1",
                 item_id="item_2", content_index=0, delta=words)
        for at, words in enumerate(("What ", "can I", " do?"))
    ]  # fmt: skip
    added = provider(
        1790,
        "response.output_item.added",
        response_id="resp_1",
        item={"id": "item_2", "type": "message", "role": "assistant", "content": []},
    )
    for some, text in ((1, "What"), (2, "What can I"), (3, "What can I do?")):
        assert last_line(state_of(*ASKED, added, *told[:some])) == Said("assistant", text)


def test_a_long_line_shows_its_end() -> None:
    text = provider(
        120,
        "conversation.item.added",
        item={"id": "item_1", "type": "message", "role": "user",
              "content": [{"type": "input_text", "text": "word " * 1000 + "end"}]},
        previous_item_id=None,
    )  # fmt: skip
    line = last_line(state_of(created(), text))
    assert line is not None
    assert (len(line.text), line.text[0], line.text[-3:]) == (MAX_LINE_CHARS, "…", "end")


def test_a_caller_whose_session_was_never_opened_is_shown() -> None:
    shown = running(state_of(caller(5, "input_audio_buffer.clear")), 10, -1)
    assert (shown.doing, shown.turns, shown.cost_usd, shown.last_line) == (
        "connecting", 0, None, None,
    )  # fmt: skip


@pytest.mark.parametrize("name", golden.names())
def test_what_is_shown_of_a_whole_call_is_what_its_row_says(name: str) -> None:
    """Up to the record before the last: then it does not run any more."""
    state = run(golden.records(name)[:-1], over=False).state
    row = call_row(run(golden.records(name)).state)
    shown = running(state, state.last_us, 7)
    assert (shown.turns, shown.barge_ins, shown.errors) == (row.turns, row.barge_ins, row.errors)
    assert (shown.cost_usd or Decimal(0)) <= (row.cost_usd or Decimal(0))
    assert shown.stored == 7
