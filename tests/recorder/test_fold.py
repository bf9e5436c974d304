"""The laws of folding: restart anywhere, redelivery, any bytes in any order."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recorder.folding import restored, run, saved
from tests.support import golden

from trunkline.journal.record import Flag, Kind, Leg, Record
from trunkline.recorder.fold import call_row, finish, fold
from trunkline.recorder.state import State
from trunkline.store.facts.rows import CallRow, ErrorRow, EventRow

NAMES = golden.names()
MAX_INT64 = 2**63 - 1


@given(st.sampled_from(NAMES), st.data())
@settings(max_examples=40)
def test_a_restart_anywhere_changes_nothing(name: str, data: st.DataObject) -> None:
    """A checkpoint written and read back mid-call is invisible in the rows and the state."""
    records = golden.records(name)
    cut = data.draw(st.integers(0, len(records)))
    first = run(records[:cut], over=False)
    second = run(records[cut:], restored(saved(first.state)))
    whole = run(records)
    assert first.rows + second.rows == whole.rows
    assert second.state == whole.state


@pytest.mark.parametrize("name", NAMES)
def test_a_restart_after_every_record_changes_nothing(name: str) -> None:
    state, rows = State.new(), []
    for record in golden.records(name):
        state, new = fold(restored(saved(state)), record)
        rows += new
    assert rows == run(golden.records(name), over=False).rows


@given(st.sampled_from(NAMES), st.data())
@settings(max_examples=40)
def test_a_record_delivered_again_changes_nothing(name: str, data: st.DataObject) -> None:
    records = golden.records(name)
    cut = data.draw(st.integers(0, len(records)))
    again = data.draw(st.integers(0, cut))
    twice = (*records[:cut], *records[again:])
    assert run(twice) == run(records)


def test_a_record_delivered_again_gives_no_rows() -> None:
    records = golden.records("clean_turns")
    state = run(records, over=False).state
    before = saved(state)
    for record in records:
        state, rows = fold(state, record)
        assert rows == ()
    assert saved(state) == before


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["item_u1", "item_a1", "resp_1", "call_f1", "failed", "none", "root"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
"""What a hostile or strange provider may put into a field."""


def damaged(draw: Any, record: Record) -> Record:
    """Return `record` with something changed that a real one could never have."""
    match draw(st.sampled_from(["same", "bytes", "field", "times", "flags", "kind", "leg"])):
        case "bytes":
            payload = bytearray(record.payload[:4000])
            for _ in range(draw(st.integers(1, 4))):
                at = draw(st.integers(0, len(payload)))
                payload[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
            return msgspec.structs.replace(record, payload=bytes(payload))
        case "field":
            return msgspec.structs.replace(record, payload=_changed(draw, record.payload))
        case "times":
            times = st.integers(-(2**63), MAX_INT64)
            return msgspec.structs.replace(record, received_ns=draw(times), handed_ns=draw(times))
        case "flags":
            return msgspec.structs.replace(record, flags=Flag(draw(st.integers(0, 7))))
        case "kind":
            return msgspec.structs.replace(record, kind=draw(st.sampled_from(Kind)))
        case "leg":
            return msgspec.structs.replace(record, leg=draw(st.sampled_from(Leg)))
        case _:
            return record


def _changed(draw: Any, payload: bytes) -> bytes:
    """Return `payload` with one field, at any depth, replaced or removed."""
    fields = json.loads(payload)
    place = fields
    while isinstance(place, dict) and place:
        key = draw(st.sampled_from(sorted(place)))
        if isinstance(place[key], dict) and draw(st.booleans()):
            place = place[key]
            continue
        if draw(st.booleans()):
            place[key] = draw(VALUES)
        else:
            del place[key]
        break
    return json.dumps(fields).encode()


@st.composite
def strange_calls(draw: Any) -> list[Record]:
    """Records of a golden call, without most of its sound, damaged and out of order."""
    told = [
        record
        for place, record in enumerate(golden.records(draw(st.sampled_from(NAMES))))
        if b"input_audio_buffer.append" not in record.payload or place % 50 == 0
    ]
    chosen = draw(st.lists(st.sampled_from(told), min_size=1, max_size=30))
    if draw(st.booleans()):
        start = draw(st.integers(0, len(told) - 1))
        chosen = told[: start + 1] + chosen
    return [
        msgspec.structs.replace(damaged(draw, record), seq=seq) for seq, record in enumerate(chosen)
    ]


@given(strange_calls())
@settings(max_examples=150)
def test_any_record_in_any_state_is_taken(records: list[Record]) -> None:
    """Nothing raises, rows can be stored, the state can be saved, and the call ends."""
    folded = run(records)
    assert restored(saved(folded.state)) == folded.state
    assert all(fits(row) for row in folded.rows)
    last = folded.rows[-1]
    assert isinstance(last, CallRow)
    assert last.status != "live"
    assert not folded.state.turns


def fits(row: Any) -> bool:
    """Whether `row` can be stored: 64-bit numbers, text in UTF-8."""
    msgspec.json.encode(row)
    return all(
        -MAX_INT64 <= value <= MAX_INT64
        for value in msgspec.structs.asdict(row).values()
        if isinstance(value, int)
    )


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all numbers and texts in `value`."""
    if not isinstance(value, dict | list):
        return [path]
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    return [found for key, part in inner for found in _places(part, (*path, key))]


def _frames_with(records: Sequence[Record], extreme: Any) -> Iterator[tuple[int, bytes]]:
    """Yield once for each field of each type of event: which record, and its new payload."""
    seen: set[tuple[Any, ...]] = set()
    for at, record in enumerate(records):
        if record.kind is not Kind.FRAME:
            continue
        for path in _places(json.loads(record.payload)):
            event = json.loads(record.payload)
            if (event["type"], path) in seen or path == ("type",):
                continue
            seen.add((event["type"], path))
            place = event
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = extreme
            yield at, json.dumps(event).encode()


@pytest.mark.parametrize("extreme", [10**30, -(10**30), 1e300, "\ud800\x00"])
def test_no_field_holds_more_than_can_be_stored(extreme: Any) -> None:
    """One such frame must not stop the recording of every call."""
    short = [record for record in golden.records("tool_call") if len(record.payload) < 900]
    records = [msgspec.structs.replace(record, seq=seq) for seq, record in enumerate(short)]
    for at, payload in _frames_with(records, extreme):
        strange = msgspec.structs.replace(records[at], payload=payload)
        folded = run([*records[:at], strange, *records[at + 1 :]], over=False)
        assert restored(saved(folded.state)) == folded.state
        assert all(fits(row) for row in folded.rows)


@given(st.lists(st.binary(max_size=60), max_size=5), st.sampled_from([Leg.CALLER, Leg.PROVIDER]))
@settings(max_examples=50)
def test_any_bytes_are_an_event_of_the_index(payloads: list[bytes], leg: Leg) -> None:
    records = [Record(Kind.FRAME, bytes(16), seq, leg, payload=p) for seq, p in enumerate(payloads)]
    rows = run(records, over=False).rows
    assert [row.size_bytes for row in rows if isinstance(row, EventRow)] == list(map(len, payloads))


def test_every_frame_has_its_event_row() -> None:
    records = golden.records("clean_turns")
    rows = run(records).rows
    frames = [record.seq for record in records if record.kind is Kind.FRAME]
    assert [row.seq for row in rows if isinstance(row, EventRow)] == frames


def test_a_call_whose_opening_was_lost_still_has_a_row() -> None:
    rows = run(golden.records("clean_turns")[1:]).rows
    row = rows[-1]
    assert isinstance(row, CallRow)
    assert row.call_id == call_row(run(golden.records("clean_turns")).state).call_id
    assert row.turns == 2


def test_a_call_whose_gateway_died_is_recovered_at_its_last_record() -> None:
    records = golden.records("clean_turns")[:200]
    state = run(records, over=False).state
    state, rows = finish(state)
    row = rows[-1]
    assert isinstance(row, CallRow)
    assert (row.status, row.end_reason) == ("recovered", "gateway_died")
    assert row.duration_us == (records[-1].received_ns - golden.OPENED_NS) // 1000
    assert row.version == records[-1].seq + 1


def test_a_call_that_is_over_cannot_be_finished_again() -> None:
    state = run(golden.records("clean_turns")).state
    assert finish(state)[1] == ()


def test_nothing_follows_the_last_record() -> None:
    records = golden.records("clean_turns")
    state = run(records).state
    stray = msgspec.structs.replace(records[5], seq=records[-1].seq + 1)
    assert fold(state, stray)[1] == ()
    assert call_row(state).status == "completed"


def test_a_live_call_has_a_row_at_any_time() -> None:
    state = State.new()
    for record in golden.records("barge_in")[:-1]:
        state, _ = fold(state, record)
        row = call_row(state)
        assert (row.status, row.version, row.duration_us) == ("live", record.seq, None)
        assert 0 <= row.heard_audio_us <= row.assistant_audio_us


def test_what_is_heard_of_a_live_call_grows_with_its_clock() -> None:
    records = golden.records("clean_turns")
    # The answer of 2094 ms plays since 3671 ms.
    at_us = 4_700_000
    seen = [r for r in records if r.received_ns <= golden.OPENED_NS + at_us * 1000]
    row = call_row(run(seen, over=False).state)
    first = next(r for r in seen if b'"response.output_audio.delta"' in r.payload)
    assert row.heard_audio_us == seen[-1].received_ns // 1000 - first.handed_ns // 1000
    assert 0 < row.heard_audio_us < row.assistant_audio_us


PLAIN = Flag(0)


def frame(seq: int, leg: Leg, event: dict[str, Any], flags: Flag = PLAIN) -> Record:
    at_ns = golden.OPENED_NS + seq * 1_000_000
    payload = json.dumps(event).encode()
    return Record(Kind.FRAME, bytes(16), seq, leg, flags, at_ns, at_ns + 1000, payload)


def errors_of(records: Sequence[Record]) -> list[ErrorRow]:
    return [row for row in run(records).rows if isinstance(row, ErrorRow)]


def test_an_error_that_quotes_a_key_is_stored_without_it() -> None:
    message = "Incorrect API key provided: sk-proj-abc***xyz. Find yours in the settings."
    event = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    (error,) = errors_of([frame(0, Leg.PROVIDER, event)])
    assert error.message == ("Incorrect API key provided: [hidden] Find yours in the settings.")


def test_our_own_error_is_an_error_of_the_gateway_and_no_frame_of_a_peer() -> None:
    event = {"type": "error", "error": {"type": "server_error", "code": "provider_lost"}}
    ours = frame(0, Leg.PROVIDER, event, Flag.OURS)
    bridged = msgspec.structs.replace(ours, kind=Kind.BRIDGED, seq=1)
    assert [error.source for error in errors_of([ours, bridged])] == ["gateway", "gateway"]
    assert call_row(run([ours, bridged]).state).provider_frames == 0


def test_events_from_the_wrong_leg_mean_nothing() -> None:
    done = {"type": "response.done", "response": {"id": "resp_x", "status": "completed"}}
    append = {"type": "input_audio_buffer.append", "audio": "AAAA" * 100}
    row = call_row(run([frame(0, Leg.CALLER, done), frame(1, Leg.PROVIDER, append)]).state)
    assert (row.responses, row.caller_audio_us) == (0, 0)


def test_the_state_of_a_long_call_stays_small() -> None:
    """Two hundred turns: sums and positions remain, the rest leaves."""
    state, seq = State.new(), 0
    for number in range(200):
        for event in one_turn(number):
            state, _ = fold(state, frame(seq, Leg.PROVIDER, event))
            seq += 1
    assert len(saved(state)) < 60_000
    assert len(state.turns) <= 2
    assert len(state.answers) <= 2
    assert call_row(state).turns == 200


def one_turn(number: int) -> list[dict[str, Any]]:
    user, answer = f"item_user_{number:08}", f"item_answer_{number:08}"
    part = {"response_id": f"resp_{number:08}", "item_id": answer, "content_index": 0}
    response = {"id": f"resp_{number:08}", "status": "completed", "conversation_id": "conv"}
    before = f"item_answer_{number - 1:08}" if number else None
    said = "Something that takes about as long to say as this does. " * 2
    return [
        {"type": "input_audio_buffer.speech_started", "item_id": user, "audio_start_ms": 0},
        {"type": "input_audio_buffer.speech_stopped", "item_id": user, "audio_end_ms": 0},
        {
            "type": "input_audio_buffer.committed",
            "item_id": user,
            "previous_item_id": before,
        },
        {"type": "response.created", "response": {**response, "status": "in_progress"}},
        {"type": "response.output_audio_transcript.delta", **part, "delta": said},
        {"type": "response.output_audio.delta", **part, "delta": "AAAA" * 400},
        {"type": "response.done", "response": response},
    ]
