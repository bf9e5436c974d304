"""The recording has every sound where the facts say it is."""

import io

import pytest
from tests.support import golden

from trunkline.protocol import prices
from trunkline.recorder.fold import call_row, finish, fold
from trunkline.recorder.kept import Chunk
from trunkline.recorder.playback import Playback, playback
from trunkline.recorder.state import State
from trunkline.store.facts.rows import CallRow, ItemRow, Row


def folded(name: str) -> tuple[CallRow, list[ItemRow]]:
    state, rows = State.new(), list[Row]()
    for record in golden.records(name):
        state, found = fold(state, record, prices.shipped())
        rows += found
    state, found = finish(state)
    rows += found
    return call_row(state), [row for row in golden.latest(rows) if isinstance(row, ItemRow)]


def heard(name: str) -> tuple[Playback, list[Chunk]]:
    found = playback(golden.records(name), io.BytesIO())
    return found, list(found.chunks)


def length_us(chunk: Chunk) -> int:
    return len(chunk.data) * 1_000_000 // chunk.format.bytes_per_second


@pytest.mark.parametrize("name", golden.names())
def test_the_recording_is_as_long_as_the_call(name: str) -> None:
    call, _ = folded(name)
    found, chunks = heard(name)
    caller_ends_us = max((c.starts_us + length_us(c) for c in chunks if c.caller), default=0)
    assert found.ends_us == max(call.duration_us or 0, caller_ends_us)


@pytest.mark.parametrize("name", golden.names())
def test_as_much_is_heard_as_the_facts_say(name: str) -> None:
    call, _ = folded(name)
    _, chunks = heard(name)
    assert sum(length_us(c) for c in chunks if c.caller) == call.caller_audio_us
    assistant = [c for c in chunks if not c.caller]
    assert sum(length_us(c) for c in assistant) == call.assistant_audio_us
    heard_us = sum(
        length_us(c)
        if c.heard_until_us is None
        else min(length_us(c), max(0, c.heard_until_us - c.starts_us))
        for c in assistant
    )
    assert heard_us == call.heard_audio_us


@pytest.mark.parametrize("name", golden.names())
def test_an_item_of_the_assistant_sounds_where_its_row_says(name: str) -> None:
    _, items = folded(name)
    _, chunks = heard(name)
    assistant = [c for c in chunks if not c.caller]
    starts_us = {c.starts_us for c in assistant}
    ends_us = {c.starts_us + length_us(c) for c in assistant}
    cuts_us = {c.heard_until_us for c in assistant}
    for item in items:
        if item.role == "assistant" and item.modality == "audio" and item.starts_us is not None:
            assert item.starts_us in starts_us
            assert item.ends_us in ends_us | cuts_us
            if item.ends_us != item.generated_ends_us:
                assert item.ends_us in cuts_us
