"""Calls whose sound goes past the gateway: what a sideband tells is a whole conversation."""

from typing import Any

import msgspec
from tests.recorder.folding import run
from tests.recorder.script import (
    SESSION,
    Told,
    begin,
    call,
    done,
    ended,
    provider,
    records,
    session,
    speech,
)
from tests.support.golden import latest

from trunkline.journal.record import Kind, Record
from trunkline.protocol.call import Note
from trunkline.store.facts.rows import CallRow, ErrorRow, ItemRow, Row, ToolCallRow, TurnRow

S = 1_000_000


def heard_beside(*told: Told | list[Told]) -> list[Row]:
    """Fold what was told as a sideband's journal has it."""
    return latest(run(beside(*told)).rows)


def beside(*told: Told | list[Told]) -> list[Record]:
    """Return what was told as a sideband's journal has it: handed to nobody."""
    first, *frames = records(told)
    opened = msgspec.json.decode(first.payload) | {"transport": "webrtc"}
    head = Record(
        first.kind, first.call, 0, received_ns=first.received_ns,
        payload=msgspec.json.encode(opened),
    )  # fmt: skip
    handed = [
        Record(one.kind, one.call, one.seq, one.leg, one.flags, one.received_ns, 0, one.payload)
        for one in frames
    ]
    return [head, *handed]


def rows_of(kind: type[Row], *told: Told | list[Told]) -> list[Any]:
    return [row for row in heard_beside(*told) if isinstance(row, kind)]


def playing(at_ms: float, response: str) -> Told:
    return provider(at_ms, "output_audio_buffer.started", response_id=response)


def words(at_ms: float, response: str, item: str, delta: str) -> Told:
    where = {"response_id": response, "item_id": item, "content_index": 0}
    return provider(at_ms, "response.output_audio_transcript.delta", **where, delta=delta)


TURN = (
    session(), speech(1_000, 2_000, "u1"), begin(2_650, "r1"), words(2_700, "r1", "a1", "Hello."),
    playing(2_900, "r1"), done(3_100, "r1"),
)  # fmt: skip


def test_the_wait_is_told_by_what_the_provider_plays() -> None:
    """The silence window, 500 ms, lies behind the speech that ended at 2.1 s; noticed at 2.6 s."""
    (turn,) = rows_of(TurnRow, *TURN)
    assert (turn.kind, turn.status, turn.item_id) == ("speech", "completed", "u1")
    assert (turn.speech_ended_us, turn.first_audio_us) == (2_100_000, 2_900_000)
    assert (turn.wait_us, turn.wait_from_stopped_us) == (800_000, 300_000)
    assert turn.endpoint_us == 500_000


def test_lines_lie_where_they_were_said() -> None:
    lines = {row.item_id: row for row in rows_of(ItemRow, *TURN)}
    assert (lines["u1"].starts_us, lines["u1"].ends_us) == (1_100_000, 2_100_000)
    assert lines["a1"].text == "Hello."
    assert lines["a1"].heard_chars is None


def test_the_call_says_how_its_sound_went() -> None:
    (row,) = rows_of(CallRow, *TURN)
    assert (row.transport, row.turns, row.responses) == ("webrtc", 1, 1)
    assert (row.caller_audio_us, row.assistant_audio_us) == (0, 0)
    assert row.sideband_gap_us == 0


def test_who_spoke_and_what_was_not_heard_is_not_known() -> None:
    """Silence would be the whole call, and the longest monologue nothing."""
    (row,) = rows_of(CallRow, *TURN)
    talk = (row.caller_talk_us, row.assistant_talk_us, row.overlap_us, row.silence_us)
    assert talk == (None, None, None, None)
    assert (row.longest_silence_us, row.longest_monologue_us) == (None, None)
    assert row.unheard_usd is None


def test_a_semantic_end_is_not_guessed() -> None:
    detection = {"type": "semantic_vad", "silence_duration_ms": None, "prefix_padding_ms": None}
    told = provider(
        0, "session.updated", session={**SESSION, "audio": {"input": {"turn_detection": detection}}}
    )
    (turn,) = rows_of(
        TurnRow, told,
        provider(1_000, "input_audio_buffer.speech_started", item_id="u1", audio_start_ms=700),
        ended(2_600, 2_500, "u1"), begin(2_650, "r1"), playing(2_900, "r1"), done(3_000, "r1"),
    )  # fmt: skip
    assert (turn.speech_ended_us, turn.wait_us) == (None, None)
    assert turn.wait_from_stopped_us == 300_000


def test_a_tools_output_is_known_by_the_item_that_it_became() -> None:
    asked = {"id": "f1", "object": "realtime.item", **call("f1", "c1")}
    told = {"id": "o1", "type": "function_call_output", "call_id": "c1", "output": "42"}
    (tool,) = rows_of(
        ToolCallRow, *TURN[:2], begin(2_650, "r1"),
        provider(2_700, "response.output_item.done", response_id="r1", item=asked),
        done(2_800, "r1", output=[asked]),
        provider(3_300, "conversation.item.added", item=told, previous_item_id="f1"),
    )  # fmt: skip
    assert (tool.output, tool.answered_us) == ("42", 3_300_000)
    assert tool.latency_us == 3_300_000 - tool.called_us


def test_what_was_not_heard_while_it_was_away_is_told_as_an_error() -> None:
    told = beside(*TURN)
    data = {"gap_ns": 3_240_000_000, "why": "provider_lost", "code": None}
    payload = msgspec.json.encode(Note(kind="sideband_again", data=data))
    last = told[-1]
    note = Record(
        Kind.NOTE, last.call, last.seq + 1, received_ns=last.received_ns + S, payload=payload
    )
    rows = latest(run([*told, note]).rows)
    (error,) = (row for row in rows if isinstance(row, ErrorRow))
    assert (error.source, error.code) == ("gateway", "sideband_gap")
    assert error.message == "the sideband broke off: of 3.2 s nothing is recorded"
    (row,) = (row for row in rows if isinstance(row, CallRow))
    assert row.sideband_gap_us == 3_240_000
    for junk in ({}, {"gap_ns": "x"}, {"gap_ns": -5}, {"gap_ns": 10**30}):
        damaged = msgspec.json.encode(Note(kind="sideband_again", data=junk))
        run([*told, Record(Kind.NOTE, last.call, last.seq + 1, payload=damaged)])
