"""What the numbers about a response, a tool and an item are, in short calls; times in ms."""

from decimal import Decimal
from typing import Any

import pytest
from tests.recorder.script import (
    begin,
    call,
    caller,
    done,
    mic,
    output,
    provider,
    rows_of,
    session,
    sound,
    speech,
    text,
    typed,
)  # fmt: skip

from trunkline.protocol.events import RateLimit
from trunkline.recorder import metrics
from trunkline.recorder.tools import says_error
from trunkline.store.facts.rows import CallRow, ItemRow, ResponseRow, ToolCallRow, TurnRow

ASKED = [
    provider(0, "session.created", session={"id": "s"}),
    session(0),
    mic(0, 6000),
    speech(1000, 2000, "item_1"),
]


def usage(text_in: int = 0, audio_out: int = 0) -> dict[str, Any]:
    return {
        "usage": {
            "input_tokens": text_in,
            "output_tokens": audio_out,
            "input_token_details": {"text_tokens": text_in},
            "output_token_details": {"audio_tokens": audio_out},
        }
    }


def test_a_response_is_timed_from_its_creation() -> None:
    """Created 2700, text 2900, sound 3000, 3100 and 3400 ms, 200 ms each: 100 late for the last."""
    (row,) = rows_of(
        ResponseRow,
        *ASKED,
        begin(2700, "resp_1"),
        text(2900, "resp_1", "item_2", "Hi"),
        sound(3000, "resp_1", "item_2", 200),
        sound(3100, "resp_1", "item_2", 100),
        sound(3400, "resp_1", "item_2", 200),
        done(3500, "resp_1"),
    )
    assert (row.to_first_text_us, row.to_first_audio_us) == (200_000, 300_000)
    assert (row.stream_us, row.audio_us) == (400_000, 500_000)
    assert row.stalls_us == 100_000


def test_one_delta_has_no_rate() -> None:
    told = [begin(2700, "resp_1"), sound(3000, "resp_1", "item_2", 200), done(3500, "resp_1")]
    (row,) = rows_of(ResponseRow, *ASKED, *told)
    assert row.stream_us is None


def test_a_written_answer_has_no_sound_to_measure() -> None:
    (row,) = rows_of(
        ResponseRow, typed(0, "Hi"), caller(1, "response.create"),
        begin(100, "resp_1"), text(200, "resp_1", "item_2", "Hi"), done(300, "resp_1"),
    )  # fmt: skip
    assert (row.to_first_audio_us, row.stalls_us, row.late_audio_us) == (None, None, None)


def test_dispatch_is_from_the_commit_or_a_later_request() -> None:
    told = [begin(2650, "resp_1"), done(2700, "resp_1")]
    (row,) = rows_of(TurnRow, *ASKED, *told)
    assert row.dispatch_us == 50_000
    (row,) = rows_of(TurnRow, *ASKED, caller(2630, "response.create"), *told)
    assert row.dispatch_us == 20_000


def test_unheard_sound_costs_its_share() -> None:
    """1000 ms made and paid with 20 tokens at 64 dollars a million; heard 400 ms, 12 tokens not."""
    told = [
        *ASKED,
        begin(2700, "resp_1"),
        sound(3000, "resp_1", "item_2", 1000),
        done(3100, "resp_1", **usage(audio_out=20)),
        caller(3400, "response.cancel"),
    ]
    (row,) = rows_of(ResponseRow, *told)
    assert (row.heard_us, row.unheard_tokens) == (400_000, 12)
    assert row.unheard_usd == Decimal("0.000768000")
    (turn,) = rows_of(TurnRow, *told)
    (whole,) = rows_of(CallRow, *told)
    assert turn.unheard_usd == whole.unheard_usd == row.unheard_usd


UNHEARD = {
    "all heard": (Decimal(1), 500, 500, Decimal(0)),
    "half": (Decimal(1), 500, 250, Decimal("0.5")),
    "a player that says more than there was": (Decimal(1), 500, 900, Decimal(0)),
    "no sound": (Decimal(0), 0, 0, Decimal(0)),
    "unpriced": (None, 500, 0, None),
}


@pytest.mark.parametrize(
    ("usd", "audio_us", "heard_us", "expected"), UNHEARD.values(), ids=UNHEARD.keys()
)
def test_unheard_money(
    usd: Decimal | None, audio_us: int, heard_us: int, expected: Decimal | None
) -> None:
    assert metrics.unheard_usd(usd, audio_us, heard_us) == expected


def asking(at_ms: int, response: str, tokens: int) -> list[Any]:
    return [
        typed(at_ms, "Hi"),
        caller(at_ms + 1, "response.create"),
        begin(at_ms + 100, response),
        done(at_ms + 200, response, **usage(tokens)),
    ]


@pytest.mark.parametrize(
    ("between", "dropped"),
    [
        (None, 700),
        (provider(500, "conversation.item.deleted", item_id="x"), None),
        (provider(500, "conversation.item.truncated", item_id="x"), None),
        (session(500), None),
    ],
    ids=["silently", "deleted", "truncated", "updated"],
)
def test_a_context_that_shrinks_by_itself_was_dropped(between: Any, dropped: int | None) -> None:
    told = [asking(0, "resp_1", 1000), asking(1000, "resp_2", 300), asking(2000, "resp_3", 400)]
    rows = rows_of(ResponseRow, *told, *([between] if between else []))
    assert [row.context_dropped_tokens for row in rows] == [None, dropped, None]
    (whole,) = rows_of(CallRow, *told, *([between] if between else []))
    assert whole.context_drops == int(dropped is not None)


def test_a_tool_is_dead_air_while_nobody_is_heard() -> None:
    """It runs from 3000 to 5000 ms; "one moment" is heard from 2900 to 3400."""
    item = call("item_3", "call_1")
    told = [
        *ASKED,
        begin(2700, "resp_1"),
        sound(2900, "resp_1", "item_2", 500),
        provider(3000, "response.output_item.done", response_id="resp_1", item=item),
        done(3010, "resp_1"),
        output(5000, "call_1"),
        caller(5001, "response.create"),
        begin(5100, "resp_2"),
        sound(5200, "resp_2", "item_4", 100),
        done(5300, "resp_2"),
    ]
    (tool,) = rows_of(ToolCallRow, *told)
    assert (tool.latency_us, tool.dead_air_us, tool.failed) == (2_000_000, 1_600_000, False)
    (turn,) = rows_of(TurnRow, *told)
    assert (turn.tool_us, turn.tool_dead_us) == (2_000_000, 1_600_000)
    assert [row.after_tool for row in rows_of(ResponseRow, *told)] == [False, True]


def test_parallel_tools_count_once() -> None:
    """One from 3000 to 5000, one from 3000 to 4000 ms: two seconds in all."""
    first, second = call("item_2", "call_1"), call("item_3", "call_2")
    (turn,) = rows_of(
        TurnRow, *ASKED, begin(2700, "resp_1"),
        provider(3000, "response.output_item.done", response_id="resp_1", item=first),
        provider(3000, "response.output_item.done", response_id="resp_1", item=second),
        done(3010, "resp_1"), output(4000, "call_2"), output(5000, "call_1"),
    )  # fmt: skip
    assert turn.tool_us == 2_000_000


@pytest.mark.parametrize(
    ("output", "failed"),
    [
        ('{"error": "no such slot"}', True),
        ('{"is_error": true}', True),
        ('{"error": null, "slots": []}', False),
        ('{"error": ""}', False),
        ("an error occurred", False),
        ('["error"]', False),
        ("", False),
    ],
)
def test_an_output_says_that_its_tool_failed(output: str, failed: bool) -> None:
    assert says_error(output) is failed


def test_a_transcript_may_come_before_the_commit() -> None:
    name = "conversation.item.input_audio_transcription.completed"
    for at_ms, late_us in ((2900, 300_000), (2500, -100_000)):
        told = provider(at_ms, name, item_id="item_1", content_index=0, transcript="Hi")
        rows = rows_of(ItemRow, *ASKED, told)
        assert [row.transcription_us for row in rows] == [late_us]


LIMITS = {
    "the least counts": ([(100, 90), (1000, 200)], 200),
    "more than there is": ([(100, 120)], 1000),
    "not told": ([(None, 5), (0, 0)], None),
    "none": ([], None),
}


@pytest.mark.parametrize(("limits", "expected"), LIMITS.values(), ids=LIMITS.keys())
def test_what_is_left_of_a_limit(
    limits: list[tuple[int | None, int]], expected: int | None
) -> None:
    told = [RateLimit(name="tokens", limit=limit, remaining=left) for limit, left in limits]
    assert metrics.left_permille(told) == expected


def test_a_session_takes_so_long_to_be_changed() -> None:
    told = [caller(100, "session.update", session={}), session(180)]
    (row,) = rows_of(CallRow, *told)
    assert row.configure_us == 80_000


def test_words_are_spoken_at_a_pace() -> None:
    """Four words in the second from 1000 to 2000 ms."""
    name = "conversation.item.input_audio_transcription.completed"
    said = provider(2900, name, item_id="item_1", transcript="Go forward ten meters.")
    (row,) = rows_of(CallRow, *ASKED, said)
    assert (row.caller_words, row.caller_worded_us) == (4, 1_000_000)
    assert (row.assistant_words, row.assistant_worded_us) == (0, 0)
