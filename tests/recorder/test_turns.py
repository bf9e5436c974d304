"""How turns begin, are answered and end, told as short calls. Times in ms."""

from base64 import b64encode
from typing import Any

import pytest
from tests.recorder.folding import run
from tests.recorder.script import (
    Told,
    begin,
    call,
    caller,
    done,
    ended,
    mic,
    output,
    provider,
    records,
    rows_of,
    session,
    sound,
    speech,
    text,
    typed,
)

from trunkline.store.facts.rows import ItemRow, ResponseRow, ToolCallRow, TurnRow

S1, S2 = speech(1000, 2000, "u1"), speech(5000, 6000, "u2", "a1")
ANSWER_1 = [begin(2700, "r1"), sound(3000, "r1", "a1", 1000), done(3100, "r1")]
ANSWER_2 = [begin(6700, "r2"), sound(7000, "r2", "a2", 1000), done(7100, "r2")]
LONG_1 = [begin(2700, "r1"), sound(3000, "r1", "a1", 5000), done(3100, "r1")]

SCENARIOS: dict[str, tuple[list[Told | list[Told]], list[tuple[str, str, float | None]]]] = {
    "two clean turns": (
        [session(), mic(0, 9000), S1, ANSWER_1, S2, ANSWER_2],
        [("speech", "completed", 1000), ("speech", "completed", 1000)],
    ),
    "speech that nobody answers": (
        [session(), mic(0, 9000), S1],
        [("speech", "unanswered", None)],
    ),
    "speech that was going on when the call ended": (
        [session(), mic(0, 9000), S1, ANSWER_1, S2[:1]],
        [("speech", "completed", 1000), ("speech", "unanswered", None)],
    ),
    "speech that is cleared is no turn": (
        [
            session(), mic(0, 9000), S1, ANSWER_1, S2[:1],
            provider(5500, "input_audio_buffer.cleared"),
        ],
        [("speech", "completed", 1000)],
    ),
    "speech that never became an item leaves its number to the next": (
        [session(), mic(0, 9000), speech(200, 300, "u0")[:1], S1, ANSWER_1],
        [("speech", "completed", 1000)],
    ),
    "an answer cut before its first sound": (
        [
            session(), mic(0, 9000), S1, begin(2700, "r1"), speech(2750, 6000, "u2", "u1"),
            done(2860, "r1", "cancelled"), begin(6700, "r2"), sound(7000, "r2", "a2", 500),
            done(7100, "r2"),
        ],
        [("speech", "interrupted", None), ("speech", "completed", 1000)],
    ),
    "speech over an answer that plays on after it is done": (
        [session(), mic(0, 9000), S1, LONG_1, S2, ANSWER_2],
        [("speech", "interrupted", 1000), ("speech", "completed", 1000)],
    ),
    "several utterances before the application asks are one turn": (
        [
            session(create_response=False), mic(0, 9000), S1, speech(3000, 4000, "u2", "u1"),
            caller(4700, "response.create"), begin(4750, "r1"), sound(5000, "r1", "a1", 500),
            done(5100, "r1"),
        ],
        [("speech", "completed", 1000)],
    ),
    "several texts before the application asks are one turn": (
        [
            session(), typed(1000, "One."), typed(1100, "Two."), caller(1200, "response.create"),
            begin(1300, "r1"), text(1500, "r1", "a1", "Three."), done(1600, "r1"),
        ],
        [("text", "completed", 300)],
    ),
    "a greeting that nobody asked for": (
        [session(), caller(500, "response.create"), begin(600, "r1"), sound(900, "r1", "a1", 500),
         done(1000, "r1")],
        [("assistant", "completed", None)],
    ),
    "a failed answer that is tried again is one turn": (
        [
            session(), mic(0, 9000), S1, begin(2700, "r1"), done(2800, "r1", "failed"),
            caller(3000, "response.create"), begin(3100, "r2"), sound(3500, "r2", "a2", 500),
            done(3600, "r2"),
        ],
        [("speech", "completed", 1500)],
    ),
    "a failed answer": (
        [session(), mic(0, 9000), S1, begin(2700, "r1"), done(2800, "r1", "failed")],
        [("speech", "failed", None)],
    ),
    "an answer that never ended": (
        [session(), mic(0, 9000), S1, begin(2700, "r1"), sound(3000, "r1", "a1", 500)],
        [("speech", "incomplete", 1000)],
    ),
    "a response out of band is no turn": (
        [
            session(), mic(0, 9000), S1, ANSWER_1,
            caller(4000, "response.create", response={"conversation": "none"}),
            begin(4100, "side", None), text(4200, "side", "x1", "{}"),
            done(4300, "side", conversation_id=None),
        ],
        [("speech", "completed", 1000)],
    ),
    "a silence that the assistant breaks": (
        [
            session(), mic(0, 9000),
            provider(5000, "input_audio_buffer.timeout_triggered", item_id="u1"),
            provider(5001, "input_audio_buffer.committed", item_id="u1"),
            begin(5100, "r1"), sound(5400, "r1", "a1", 500), done(5500, "r1"),
        ],
        [("assistant", "completed", None)],
    ),
    "a request that is refused because an answer runs": (
        [
            session(), mic(0, 9000), S1, begin(2700, "r1"), caller(2710, "response.create"),
            provider(
                2750, "error", error={"code": "conversation_already_has_active_response"}
            ),
            sound(3000, "r1", "a1", 500), done(3100, "r1"), S2, ANSWER_2,
        ],
        [("speech", "completed", 1000), ("speech", "completed", 1000)],
    ),
    "a silence in which the provider hears speech": (
        [
            session(type="semantic_vad", silence_duration_ms=None, prefix_padding_ms=None),
            mic(0, 9000), S1, ANSWER_1,
        ],
        [("speech", "completed", None)],
    ),
    "a file pushed faster than real time is waited for from when it came": (
        [
            session(), caller(500, "input_audio_buffer.append", audio="AAAA" * 48_000),
            provider(520, "input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0),
            provider(540, "input_audio_buffer.speech_stopped", item_id="u1", audio_end_ms=2800),
            provider(541, "input_audio_buffer.committed", item_id="u1"),
            begin(600, "r1"), sound(1200, "r1", "a1", 500), done(1300, "r1"),
        ],
        [("speech", "completed", 700)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("told", "expected"), SCENARIOS.values(), ids=SCENARIOS.keys())
def test_turns(
    told: list[Told | list[Told]], expected: list[tuple[str, str, float | None]]
) -> None:
    found = [
        (turn.kind, turn.status, None if turn.wait_us is None else turn.wait_us / 1000)
        for turn in rows_of(TurnRow, *told)
    ]
    assert found == expected
    assert [turn.turn for turn in rows_of(TurnRow, *told)] == list(range(1, len(found) + 1))


def turns(*told: Told | list[Told]) -> list[TurnRow]:
    return rows_of(TurnRow, *told)


def test_speech_over_an_answer_stops_it_when_the_caller_is_told() -> None:
    """Spoken from 5000, told at 5100: of 5000 ms from 3000 on, 2100 were heard."""
    first, second = turns(session(), mic(0, 9000), S1, LONG_1, S2, ANSWER_2)
    assert (first.audio_us, first.heard_us) == (5_000_000, 2_100_000)
    assert (second.barge_in, second.stop_us) == (True, 100_000)


def test_an_answer_that_may_not_be_interrupted_is_heard_to_its_end() -> None:
    told = [session(interrupt_response=False), mic(0, 9000), S1, LONG_1, S2, ANSWER_2]
    first, second = turns(*told)
    assert (first.status, first.heard_us) == ("completed", 5_000_000)
    # It ended at 8000; the second answer was queued behind it.
    assert (second.barge_in, second.stop_us) == (True, 3_000_000)
    answer = next(row for row in rows_of(ResponseRow, *told) if row.response_id == "r2")
    assert answer.play_start_us == 8_000_000


def test_a_truncate_tells_better_what_was_heard() -> None:
    truncate = caller(
        5200, "conversation.item.truncate", item_id="a1", content_index=0, audio_end_ms=1900
    )
    first, second = turns(session(), mic(0, 9000), S1, LONG_1, S2, truncate, ANSWER_2)
    assert first.heard_us == 1_900_000
    assert second.stop_us == 0


def test_a_truncate_that_keeps_all_of_an_answer_interrupts_nothing() -> None:
    whole = {"item_id": "a1", "content_index": 0, "audio_end_ms": 999}
    truncate = caller(5100, "conversation.item.truncate", **whole)
    first, second = turns(session(), mic(0, 9000), S1, ANSWER_1, S2, truncate, ANSWER_2)
    assert (first.status, first.heard_us) == ("completed", 1_000_000)
    assert second.barge_in is False


def test_a_truncate_of_all_that_came_lets_nothing_more_be_heard() -> None:
    told = [begin(2700, "r1"), sound(3000, "r1", "a1", 1000)]
    whole = {"item_id": "a1", "content_index": 0, "audio_end_ms": 1000}
    truncate = caller(4500, "conversation.item.truncate", **whole)
    late = [sound(4600, "r1", "a1", 1000), done(4700, "r1")]
    (first,) = turns(session(), mic(0, 9000), S1, told, truncate, late)
    assert (first.audio_us, first.heard_us) == (2_000_000, 1_000_000)


def test_sound_that_comes_after_the_barge_in_is_not_heard() -> None:
    told = [begin(2700, "r1"), sound(3000, "r1", "a1", 1500)]
    late = [sound(4105, "r1", "a1", 3000), done(4120, "r1", "cancelled")]
    (first, _) = turns(session(), mic(0, 9000), S1, told, late, speech(4000, 4400, "u2", "a1"))
    assert (first.audio_us, first.heard_us) == (4_500_000, 1_100_000)


def test_speech_between_two_answers_is_no_barge_in() -> None:
    _, second = turns(session(), mic(0, 9000), S1, ANSWER_1, S2, ANSWER_2)
    assert second.barge_in is False
    assert second.stop_us is None


TOOL = [begin(2700, "r1"), done(2900, "r1", output=[call("f1", "c1")])]


def test_a_tool_that_answers_goes_on_with_its_turn() -> None:
    told = [session(), mic(0, 9000), S1, TOOL, output(3300, "c1"), caller(3301, "response.create")]
    (turn,) = turns(*told, begin(3400, "r2"), sound(3900, "r2", "a1", 500), done(4000, "r2"))
    assert (turn.status, turn.wait_us, turn.response_id) == ("completed", 1_900_000, "r1")


def test_a_tool_that_answers_after_the_next_turn_begins_one() -> None:
    told = [session(), mic(0, 12000), S1, TOOL, S2, ANSWER_2, output(9000, "c1")]
    told += [caller(9001, "response.create"), begin(9100, "r3"), sound(9400, "r3", "a3", 500)]
    last = turns(*told, done(9500, "r3"))[-1]
    assert (last.turn, last.kind, last.wait_us) == (3, "tool", 399_000)
    (tool,) = rows_of(ToolCallRow, *told)
    assert (tool.turn, tool.output, tool.latency_us) == (1, "ok", 6_100_000)


def test_a_tool_that_never_answers_has_no_output() -> None:
    told: list[Any] = [session(), mic(0, 9000), S1, TOOL]
    (tool,) = rows_of(ToolCallRow, *told)
    assert (tool.output, tool.latency_us, tool.arguments) == (None, None, "{}")


def test_a_transcription_session_has_items_and_no_turns() -> None:
    only = provider(0, "session.created", session={"type": "transcription"})
    told: list[Any] = [only, session(), mic(0, 9000), S1, S2]
    assert turns(*told) == []
    assert [item.turn for item in rows_of(ItemRow, *told)] == [0, 0]


def test_a_turn_is_told_when_its_answer_is_done() -> None:
    """A live page has it before it is final."""
    (turn,) = rows_of(TurnRow, session(), mic(0, 9000), S1, ANSWER_1, over=False)
    assert (turn.status, turn.wait_us) == ("completed", 1_000_000)


@pytest.mark.parametrize("added_ms", [1050, 1150], ids=["before", "after"])
def test_a_typed_turn_knows_its_item_whenever_it_is_confirmed(added_ms: int) -> None:
    """The provider's word for it may come before or after the application asks, at 1100."""
    item = {"id": "u1", "type": "message", "role": "user"}
    (turn,) = turns(
        session(),
        typed(1000, "One."),
        provider(added_ms, "conversation.item.added", item=item),
        caller(1100, "response.create"),
        begin(1300, "r1"),
        text(1500, "r1", "a1", "Two."),
        done(1600, "r1"),
    )
    assert turn.item_id == "u1"


SEMANTIC = session(type="semantic_vad", silence_duration_ms=None, prefix_padding_ms=None)


def tone(length_ms: int, peak: int) -> str:
    """Base64 of a square wave of `peak`, 24 kHz PCM: as loud as it is high."""
    wave = peak.to_bytes(2, "little", signed=True) + (-peak).to_bytes(2, "little", signed=True)
    return b64encode(wave * (length_ms * 12)).decode()


def microphone(loud_ms: range) -> list[Told]:
    quiet, loud = tone(100, 20), tone(100, 6000)
    return [
        caller(at + 100, "input_audio_buffer.append", audio=loud if at in loud_ms else quiet)
        for at in range(0, 9000, 100)
    ]


def test_without_a_window_the_sound_tells_when_the_caller_fell_silent() -> None:
    """semantic_vad: loud from 1000 to 2000, noticed at 4600, answered at 5000."""
    sound_in = microphone(range(1000, 2000))
    noticed = [
        provider(1200, "input_audio_buffer.speech_started", item_id="u1", audio_start_ms=900),
        *ended(4600, 4500, "u1"),
    ]
    (turn,) = turns(
        SEMANTIC,
        sound_in,
        noticed,
        begin(4700, "r1"),
        sound(5000, "r1", "a1", 500),
        done(5100, "r1"),
    )
    assert (turn.speech_ended_us, turn.wait_us) == (2_000_000, 3_000_000)
    assert turn.endpoint_us == 2_600_000


def by_hand(loud_ms: range, commit_ms: int, window: Told) -> TurnRow:
    """A microphone that is loud during `loud_ms`, committed at `commit_ms`, answered 1 s later."""
    (turn,) = turns(
        window,
        microphone(loud_ms),
        caller(commit_ms, "input_audio_buffer.commit"),
        caller(commit_ms, "response.create"),
        provider(commit_ms + 50, "input_audio_buffer.committed", item_id="u1"),
        begin(commit_ms + 100, "r1"),
        sound(commit_ms + 1000, "r1", "a1", 500),
        done(commit_ms + 1100, "r1"),
    )
    return turn


NO_VAD = provider(0, "session.updated", session={"audio": {"input": {"turn_detection": None}}})
BY_HAND = {
    "the button was held for a second longer": (range(1000, 2000), NO_VAD, "loudness", 2000, 1000),
    "let go of in the middle of a word": (range(1000, 9000), NO_VAD, "loudness", 3000, 0),
    "nothing was loud": (range(0), NO_VAD, "commit", 3000, None),
    "the provider listens too, and its window is known": (
        range(1000, 2000), session(), "commit", 3000, None,
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("loud_ms", "window", "by", "ends_ms", "endpoint_ms"), BY_HAND.values(), ids=BY_HAND.keys()
)
def test_who_commits_by_hand_waits_from_the_last_loud_sound(
    loud_ms: range, window: Told, by: str, ends_ms: int, endpoint_ms: int | None
) -> None:
    """Committed at 3000 ms, answered at 4000."""
    turn = by_hand(loud_ms, 3000, window)
    assert (turn.speech_end_by, turn.speech_ended_us) == (by, ends_ms * 1000)
    assert turn.wait_us == (4000 - ends_ms) * 1000
    assert turn.endpoint_us == (None if endpoint_ms is None else endpoint_ms * 1000)


COMMITTED = [
    caller(3000, "input_audio_buffer.commit"),
    provider(3050, "input_audio_buffer.committed", item_id="u1"),
]
NOTICED = [
    provider(1200, "input_audio_buffer.speech_started", item_id="u1", audio_start_ms=900),
    *ended(2600, 2500, "u1"),
]
WRITTEN_DOWN: dict[str, tuple[list[Told], Told, int, int | None, int | None]] = {
    "the window tells the end": (NOTICED, session(), 2900, 300, 900),
    "before the end was noticed": (NOTICED, session(), 1900, -700, -100),
    "the loudness tells the end": (NOTICED, SEMANTIC, 2900, 300, 900),
    "by hand, a second after the last word": (COMMITTED, NO_VAD, 3550, 500, 1550),
    "the commit is all that tells an end": (COMMITTED, session(), 3550, 500, None),
    "nothing was committed": ([], session(), 2900, None, None),
}


@pytest.mark.parametrize(
    ("said", "window", "at_ms", "late_ms", "from_speech_ms"),
    WRITTEN_DOWN.values(),
    ids=WRITTEN_DOWN.keys(),
)
def test_how_late_a_transcript_is_after_the_commit_and_after_the_speech(
    said: list[Told], window: Told, at_ms: int, late_ms: int | None, from_speech_ms: int | None
) -> None:
    """The caller is loud from 1000 to 2000 ms."""
    name = "conversation.item.input_audio_transcription.completed"
    words = provider(at_ms, name, item_id="u1", content_index=0, transcript="Hi")
    (row,) = rows_of(ItemRow, window, microphone(range(1000, 2000)), said, words)
    expected = [None if ms is None else ms * 1000 for ms in (late_ms, from_speech_ms)]
    assert [row.transcription_us, row.transcription_from_speech_us] == expected


def test_what_was_loud_before_the_last_commit_does_not_end_the_next() -> None:
    """Two commits; only the first has speech. A microphone that stays on brings silence."""
    quiet, loud = tone(100, 20), tone(100, 6000)
    told = [NO_VAD]
    told += [
        caller(at + 100, "input_audio_buffer.append", audio=loud if at < 1000 else quiet)
        for at in range(0, 5000, 100)
    ]
    for number, at in enumerate((1500, 4000)):
        told += [
            caller(at, "input_audio_buffer.commit"),
            caller(at, "response.create"),
            provider(at + 50, "input_audio_buffer.committed", item_id=f"u{number}"),
            begin(at + 100, f"r{number}"),
            sound(at + 500, f"r{number}", f"a{number}", 100),
            done(at + 600, f"r{number}"),
        ]
    first, second = turns(*told)
    assert (first.speech_end_by, first.speech_ended_us) == ("loudness", 1_000_000)
    assert (second.speech_end_by, second.speech_ended_us) == ("commit", 4_000_000)


BY_ITSELF = [begin(1200, "r0"), sound(1500, "r0", "a0", 300), done(1600, "r0")]


def test_speech_that_the_assistant_begins_by_itself_over_is_one_turn() -> None:
    said = turns(session(), mic(0, 9000), S1, BY_ITSELF, ANSWER_1, S2, ANSWER_2)
    told = {turn.turn: (turn.kind, turn.status, turn.wait_us) for turn in said}
    assert told == {
        1: ("speech", "completed", 1_000_000),
        2: ("assistant", "completed", None),
        3: ("speech", "completed", 1_000_000),
    }


def test_speech_that_is_cleared_then_is_no_turn() -> None:
    cleared = provider(1550, "input_audio_buffer.cleared")
    said = turns(session(), mic(0, 9000), S1[:1], BY_ITSELF, cleared, S2, ANSWER_2)
    assert {turn.turn: turn.kind for turn in said} == {2: "assistant", 3: "speech"}


def test_speech_that_never_ends_does_not_pile_up() -> None:
    told: list[Told] = []
    for number in range(40):
        at = 200 * number
        told += [
            speech(at + 10, at + 20, f"u{number}")[0],
            begin(at + 120, f"r{number}"),
            sound(at + 130, f"r{number}", f"a{number}", 10),
            done(at + 140, f"r{number}"),
        ]
    state = run(records([session(), mic(0, 9000), *told]), over=False).state
    assert len(state.turns) <= 4
