import dataclasses
import json
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest
from tests.support import golden
from tests.web import sample
from tests.web.folded import facts_of

from trunkline.store.facts.amounts import Money, Tokens
from trunkline.store.facts.rows import EventRow, ToolCallRow, TurnRow, UsageRow
from trunkline.web.pages import events_view, moments, text
from trunkline.web.pages.call_facts import Facts
from trunkline.web.pages.call_view import CallView, call_view
from trunkline.web.pages.measures_view import Measure
from trunkline.web.pages.render import json_block
from trunkline.web.pages.timeline import timeline
from trunkline.web.pages.transcript import lines
from trunkline.web.pages.turns_view import HEARD_X, WAIT_WIDTH, WIDTH, segments, turn_views
from trunkline.web.pages.usage_view import usage_views
from trunkline.web.vad import Detected, detected

replace = msgspec.structs.replace


def view(facts: Facts = sample.FACTS, now_us: int = sample.OPENED_AT_US) -> CallView:
    return call_view(facts, now_us=now_us)


def test_the_facts_at_the_top_say_what_the_rows_say() -> None:
    told = {fact.metric: (fact.value, fact.detail) for fact in view().facts}
    assert told == {
        "duration": ("1:36", "5 turns, nothing lost"),
        "wait_p50": ("1.10 s", "from true end of speech, n = 5"),
        "wait_max": ("4.40 s", "turn 4, find_slot"),
        "barge_ins": ("1", "stopped in 0.28 s"),
        "unheard": ("6.4 s", "10% of 61.6 s generated"),
        "cost": ("$0.111", "$0.0693 a minute, 60% cached"),
        "gateway": ("0.04 ms", "p99 0.31 ms, 4,812 frames"),
    }


def test_a_model_without_a_price_is_unpriced_and_named() -> None:
    call = replace(sample.CALL_ROW, cost_usd=None, unpriced=("acme-voice-3",))
    shown = view(Facts(call))
    cost = next(fact for fact in shown.facts if fact.metric == "cost")
    assert (cost.value, cost.detail, cost.tone) == (
        "unpriced",
        "no price for acme-voice-3",
        "warn",
    )
    assert "No price is known for acme-voice-3." in [found.what for found in shown.findings]


def test_properties_are_chips_that_filter_and_helicones_own_are_not() -> None:
    properties = {"tenant": "north clinic", "Helicone-Session-Path": "/x"}
    chips = view(Facts(replace(sample.CALL_ROW, properties=properties))).chips
    assert [chip.href for chip in chips if chip.label == "tenant"] == [
        "/calls?property=tenant%3Dnorth+clinic"
    ]
    assert not [chip for chip in chips if chip.label.startswith("Helicone-")]


def test_unheard_words_are_split_off_at_a_word() -> None:
    line = view().lines[3]
    assert line.heard.endswith("on Mondays we open at ")
    assert line.unheard.startswith("eight thirty")
    whole = lines([replace(sample.ITEMS[3], heard_chars=0)], (), ())[0]
    assert (whole.heard, whole.unheard) == ("", sample.READ_HOURS)


def test_the_barge_in_is_told_where_the_caller_spoke_and_waits_where_they_ended() -> None:
    told = {line.item_id: (line.barge_in, line.wait) for line in view().lines}
    assert told["item_5"] == ("barge-in, stopped in 0.28 s", "")
    assert told["item_10"] == ("", "4.40 s")
    assert sum(1 for _, wait in told.values() if wait) == 5


def test_a_tool_call_stands_where_it_was_made() -> None:
    order = [line.item_id for line in view().lines]
    assert order.index("call_fs_1") == order.index("item_7") + 1
    assert "item_9" not in order


def test_a_tool_call_that_no_item_announces_is_not_lost() -> None:
    found = lines(sample.ITEMS[:7], sample.TOOLS, ())
    assert found[-1].tool is not None


def test_a_missing_transcript_says_why() -> None:
    notes = {}
    for status in ("pending", "failed", "none"):
        item = replace(sample.ITEMS[0], text="", transcript_status=status)
        notes[status] = lines([item], (), ())[0].note
    assert notes == {
        "pending": "being transcribed …",
        "failed": "transcription failed",
        "none": "not transcribed",
    }


@pytest.mark.parametrize("turn", sample.TURNS, ids=lambda turn: str(turn.turn))
def test_the_parts_of_a_wait_add_up_to_it(turn: TurnRow) -> None:
    tools = [tool for tool in sample.TOOLS if tool.turn == turn.turn]
    found = segments(turn, tools)
    assert sum(end - start for _, start, end in found) == turn.wait_us
    assert all(a[2] == b[1] for a, b in pairwise(found))


def test_tools_that_ran_at_the_same_time_are_not_counted_twice() -> None:
    turn = sample.TURNS[3]
    both = [sample.TOOLS[0], replace(sample.TOOLS[0], tool_call_id="call_2")]
    spent = sum(end - start for kind, start, end in segments(turn, both) if kind == "tool")
    assert spent == sample.TOOLS[0].latency_us


def test_a_waterfall_goes_on_with_what_was_heard_and_what_was_not() -> None:
    turns = [replace(turn, gateway_us=740) for turn in sample.TURNS]
    shown = {turn.number: turn for turn in turn_views(turns, sample.TOOLS)}
    cut, whole = shown[2], shown[4]
    assert cut.spoken.endswith("gateway 0.74 ms, heard 7.7 s, never heard 6.4 s")
    assert whole.spoken.endswith("gateway 0.74 ms, heard 16.1 s")
    heard, unheard = cut.bars[-2:]
    assert heard.x == HEARD_X
    assert heard.x + heard.width == pytest.approx(unheard.x, abs=0.02)
    # The longest answer of the call fills its part of the picture.
    assert whole.bars[-1].x + whole.bars[-1].width == pytest.approx(WIDTH, abs=0.02)
    assert unheard.x + unheard.width < WIDTH


def test_the_gateway_has_a_line_of_its_own_on_the_scale_of_the_waits() -> None:
    turn = replace(sample.TURNS[0], gateway_us=sample.TURNS[0].wait_us)
    bars = turn_views([turn], ())[0].bars
    waits = [bar for bar in bars if bar.kind in ("endpoint", "dispatch", "model")]
    line = next(bar for bar in bars if bar.kind == "gateway")
    assert line.width == pytest.approx(WAIT_WIDTH)
    assert line.x == min(bar.x for bar in waits)
    assert all(bar.x + bar.width < HEARD_X for bar in waits)


def test_what_nobody_measured_is_not_drawn_for_the_gateway() -> None:
    turn = replace(sample.TURNS[0], gateway_us=None)
    assert "gateway" not in turn_views([turn], ())[0].spoken


def test_a_turn_without_an_answer_has_no_waterfall() -> None:
    turn = replace(sample.TURNS[0], wait_us=None, first_audio_us=None, status="unanswered")
    turn = replace(turn, audio_us=0, heard_us=0)
    shown = turn_views([turn], ())[0]
    assert (shown.bars, shown.spoken, shown.outcome) == ((), "no answer", "unanswered")


@pytest.mark.parametrize(("status", "end_ms"), [("completed", 58_600), ("live", 70_000)])
def test_a_tool_that_nobody_answered_hides_none_that_came_later(status: str, end_ms: int) -> None:
    tool: ToolCallRow = replace(sample.TOOLS[0], output=None, answered_us=None, latency_us=None)
    call = replace(sample.CALL_ROW, status=status)
    drawn = timeline(call, (), (), (), [tool], (), duration_us=70_000_000)["tools"]
    assert [(one["start_ms"], one["end_ms"]) for one in drawn] == [(58_600, end_ms)]


def test_unanswered_tools_and_lost_frames_are_pointed_out() -> None:
    tool: ToolCallRow = replace(sample.TOOLS[0], output=None, answered_us=None, latency_us=None)
    call = replace(sample.CALL_ROW, lost_frames=3, lost_bytes=9000, status="recovered")
    found = {remark.what: remark.tone for remark in view(Facts(call, tool_calls=[tool])).findings}
    assert found["find_slot was never answered."] == "bad"
    assert found["3 frames, 9.0 kB relayed but not recorded."] == "bad"
    assert found["The gateway died during this call."] == "warn"


def test_what_a_kind_of_token_cost_has_its_cached_part_in_it() -> None:
    tokens = Tokens(
        input_text=1000, cached_text=200, input_audio=500, output_audio=300, output_text=50
    )
    parts = Money(
        input_text=Decimal("0.0032"), cached_text=Decimal("0.00008"), input_audio=Decimal("0.016"),
        output_audio=Decimal("0.0192"), output_text=Decimal("0.0008"),
    )  # fmt: skip
    row: UsageRow = replace(
        sample.USAGE[0], tokens=tokens, cost_usd=Decimal("0.03928"), parts=parts
    )
    (shown,) = usage_views([row])
    assert [(part.label, part.fresh, part.cached, part.cost) for part in shown.parts] == [
        ("Audio in", "500", "0", "$0.0160"),
        ("Text in", "800", "200", "$0.00328"),
        ("Audio out", "300", "", "$0.0192"),
        ("Text out", "50", "", "$0.000800"),
    ]
    assert shown.cost == "$0.0393"
    (unpriced,) = usage_views([replace(row, cost_usd=None, parts=Money())])
    assert [part.cost for part in unpriced.parts] == ["", "", "", ""]
    assert (unpriced.cost, unpriced.priced) == ("unpriced", False)


def translated() -> Facts:
    """A minute of translation, as the recorder leaves it."""
    call = replace(
        sample.CALL_ROW, kind="translation", language="fr", turns=0, responses=0, barge_ins=0,
        wait_p50_us=None, wait_max_us=None, cost_usd=Decimal("0.034"), tokens=Tokens(),
    )  # fmt: skip
    row = replace(
        sample.USAGE[0], kind="session", model="gpt-realtime-translate", tokens=Tokens(),
        seconds_us=60_000_000, cost_usd=Decimal("0.034"), estimated=True,
    )  # fmt: skip
    items = tuple(replace(item, turn=0) for item in sample.ITEMS)
    return Facts(call, items=items, usage=(row,))


def test_a_session_without_turns_is_shown_without_them() -> None:
    shown = view(translated())
    assert (shown.has_turns, shown.answers, shown.timeline["has_turns"]) == (
        False, "Translation", False,
    )  # fmt: skip
    chips = {chip.label: chip.value for chip in shown.chips}
    assert (chips["kind"], chips["translated into"]) == ("translation", "fr")
    told = {fact.metric: fact.detail for fact in shown.facts}
    assert set(told) == {"duration", "caller_audio", "assistant_audio", "cost", "gateway"}
    assert told["cost"] == "$0.0212 a minute"
    (group,) = shown.usage
    assert [(part.label, part.fresh) for part in group.parts] == [("Session", "60.0 s")]
    assert (group.kind, group.estimated) == ("session", "time measured here")


def test_a_call_whose_sound_went_past_us_says_what_is_not_seen() -> None:
    call = replace(
        sample.CALL_ROW, transport="webrtc", has_audio=False, caller_audio_us=0,
        assistant_audio_us=0, heard_audio_us=0,
    )  # fmt: skip
    shown = view(Facts(call, sample.TURNS))
    assert (shown.direct, shown.has_turns) == (True, True)
    assert {chip.label: chip.value for chip in shown.chips}["media"] == "WebRTC"
    unheard = next(fact for fact in shown.facts if fact.metric == "unheard")
    assert (unheard.value, unheard.detail) == ("–", "its sound went past the gateway")
    gateway = next(fact for fact in shown.facts if fact.metric == "gateway")
    assert (gateway.value, gateway.detail) == ("–", "its sound went past the gateway")
    (finding,) = [one for one in shown.findings if "past the gateway" in one.what]
    assert "not seen here" in finding.advice
    # Nobody was connected here whose connection could have been closed.
    closes = [name for name, _ in shown.details if "close" in name]
    assert closes == ["Sideband’s close"]
    plain = view()
    assert not plain.direct
    assert not [one for one in plain.findings if "past the gateway" in one.what]


def test_a_call_that_nobody_took_is_called_by_its_telephone() -> None:
    call = replace(
        sample.CALL_ROW, transport="sip", status="refused", end_reason="rejected", user_id="",
        session_name="", model_asked="", properties={"Sip-From": "sip:+15550123@sip.example.com"},
    )  # fmt: skip
    assert view(Facts(call)).title == "+15550123@sip.example.com"


def test_a_call_whose_sideband_was_away_does_not_say_that_nothing_was_lost() -> None:
    call = replace(sample.CALL_ROW, transport="sip", has_audio=False)
    gap = replace(
        sample.ERRORS[0], source="gateway", code="sideband_gap", at_us=9_000_000,
        message="the sideband broke off: of 3.2 s nothing is recorded",
    )  # fmt: skip
    shown = view(Facts(call, sample.TURNS, errors=(gap,)))
    duration = next(fact for fact in shown.facts if fact.metric == "duration")
    assert (duration.detail, duration.tone) == ("cut off 1 time", "bad")
    (finding,) = [one for one in shown.findings if "broke off" in one.what]
    assert (finding.tone, finding.start_ms) == ("bad", 9_000)


def test_of_gpt_live_past_the_gateway_both_voices_are_recorded() -> None:
    call = replace(sample.CALL_ROW, transport="webrtc", kind="live")
    (finding,) = [one for one in view(Facts(call)).findings if "past the gateway" in one.what]
    assert "reflects" in finding.what


def test_time_on_standby_is_told_and_paid_once() -> None:
    (row,) = translated().usage
    shown = usage_views([replace(row, standby_us=20_000_000)])[0]
    assert [(part.label, part.fresh, part.cost) for part in shown.parts] == [
        ("Session", "60.0 s", "$0.0340"),
        ("of it on standby", "20.0 s", ""),
    ]


def test_a_live_call_ages_and_asks_again() -> None:
    call = replace(sample.CALL_ROW, status="live", end_reason="", duration_us=None, has_audio=False)
    shown = view(Facts(call), sample.OPENED_AT_US + 61_000_000)
    assert (shown.live, shown.refresh, shown.facts[0].value) == (True, True, "1:01")
    assert shown.status == "live"


def test_a_call_asks_again_until_its_recording_is_there_but_not_for_ever() -> None:
    over = replace(sample.CALL_ROW, has_audio=False, ended_at_us=sample.OPENED_AT_US)
    assert view(Facts(over), sample.OPENED_AT_US + 1_000_000).refresh
    assert not view(Facts(over), sample.OPENED_AT_US + 61_000_000).refresh
    assert not view(Facts(replace(over, has_audio=True))).refresh


def test_a_refused_call_says_why_there_was_no_conversation() -> None:
    call = replace(
        sample.CALL_ROW,
        status="refused",
        end_reason="refused_by_gateway",
        http_status=401,
        error_message="The key is revoked.",
    )
    assert view(Facts(call)).refusal == "The gateway answered 401. The key is revoked."


def test_the_timeline_marks_what_nobody_heard() -> None:
    told = view().timeline
    (unheard,) = told["unheard"]
    assert (unheard["start_ms"], unheard["end_ms"]) == (34_600, 41_000)
    assert unheard["label"] == "generated, never heard: 6.4 s"
    assert told["barge_ins_ms"] == [34_300]
    assert [wait["tone"] for wait in told["waits"]] == ["good", "warn", "good", "bad", "good"]


def test_json_cannot_leave_its_block() -> None:
    wicked = {"text": "</script><!-- \u2028 & 'x'"}
    block = str(json_block(wicked))
    assert "<" not in block
    assert ">" not in block
    assert json.loads(block) == wicked


def test_audio_frames_are_left_out_unless_they_are_asked_for() -> None:
    row = _event("response.output_audio.delta")
    assert not events_view.Wanted().fits(row)
    assert events_view.Wanted(audio=True).fits(row)
    assert events_view.Wanted(contains="audio.delta").fits(row)
    assert events_view.Wanted().fits(_event("response.output_audio_transcript.delta"))


def test_a_part_of_the_events_goes_on_behind_its_last_one() -> None:
    rows = [replace(_event("x"), seq=seq) for seq in range(5)]
    first = events_view.part(rows, 3, 4, more=False)
    assert ([entry.seq for entry in first.events], first.after, first.more) == ([0, 1, 2], 2, True)
    last = events_view.part(rows[3:], 3, 4, more=False)
    assert (last.after, last.more) == (4, False)


def _event(kind: str) -> EventRow:
    return EventRow(
        org_id="o", call_id="c", seq=1, at_us=0, handed_us=None, leg="caller",
        record="frame", type=kind, size_bytes=10,
    )  # fmt: skip


@pytest.mark.parametrize("name", golden.names())
def test_a_golden_conversation_is_shown_whole(name: str) -> None:
    facts = facts_of(name)
    shown = view(facts)
    said = [line.heard + line.unheard for line in shown.lines if line.tool is None]
    meant = [
        item.text
        for item in sorted(facts.items, key=lambda item: (item.position, item.added_us))
        if item.kind == "message" and not item.deleted
    ]
    assert said == meant
    assert len(shown.turns) == facts.call.turns
    assert len([line for line in shown.lines if line.tool]) == facts.call.tool_calls
    json_block(shown.timeline)


@pytest.mark.parametrize("name", golden.names())
def test_every_measure_of_a_golden_call_is_one_of_its_rows(name: str) -> None:
    """Each that is shown is known, and opens a moment at which one of the call's parts begins."""
    facts = facts_of(name)
    shown = view(facts)
    assert all(measure.value and measure.value != text.UNKNOWN for measure in shown.measures)
    parts = (*facts.turns, *facts.responses, *facts.items, *facts.tool_calls)
    begun = {moments.start_ms(part) for part in parts}
    begun |= {span.start_ms for row in facts.responses if (span := moments.unheard_span(row))}
    begun |= {(row.first_audio_us or 0) // 1000 for row in facts.responses}
    begun.add((facts.call.longest_silence_at_us or 0) // 1000)
    assert {m.start_ms for m in shown.measures if m.start_ms is not None} <= begun
    alone = [m.start_ms is not None for m in shown.measures if m.metric == "monologue"]
    spoken = facts.call.longest_monologue_us
    assert alone == ([] if spoken is None else [spoken > 0])


def test_a_number_of_a_part_opens_that_part() -> None:
    opened = {fact.metric: (fact.start_ms, fact.until_ms) for fact in view().facts}
    assert opened == {
        "duration": (None, None),
        # Of turn 3, whose wait is the middle one of five.
        "wait_p50": (39_000, 40_100),
        "wait_max": (57_500, 61_900),
        "barge_ins": (34_300, None),
        "unheard": (34_600, None),
        "cost": (None, None),
        "gateway": (None, None),
    }
    measured = {measure.metric: measure.start_ms for measure in view().measures}
    assert measured["stop"] == 34_300
    assert measured["tool"] == sample.TOOLS[0].called_us // 1000
    # How long the connection took is of no moment.
    assert measured["connect"] is None


def test_the_longest_monologue_opens_where_one_side_went_on() -> None:
    facts = facts_of("barge_in")
    alone = moments.monologue_span(facts.call, facts.items)
    # The last answer: nobody spoke over it.
    assert alone == (15_220, 18_964)
    other = replace(facts.call, longest_monologue_us=9_000_000)
    assert moments.monologue_span(other, facts.items) is None


def test_an_abandoned_call_opens_the_turn_that_nobody_answered() -> None:
    facts = facts_of("barge_in")
    call = replace(facts.call, abandoned=True)
    left = dataclasses.replace(facts, call=call)
    (measure,) = (one for one in view(left).measures if one.metric == "abandoned")
    assert measure.start_ms == max(moments.turn_us(turn) for turn in facts.turns) // 1000


def test_the_parts_of_a_turn_open_where_they_begin() -> None:
    shown = {row.number: row for row in view().turns}
    assert shown[4].wait_span == (57_500, 61_900)
    starts = [(bar.kind, bar.start_ms) for bar in shown[2].bars if bar.kind != "gateway"]
    assert starts == [
        ("endpoint", 25_200), ("dispatch", 25_400), ("model", 25_510),
        ("heard", 26_900), ("unheard", 34_600),
    ]  # fmt: skip
    assert shown[2].unheard == (34_600, 41_000)
    assert shown[1].unheard is None
    waits = {line.item_id: line.wait_span for line in view().lines if line.wait}
    assert waits["item_10"] == (57_500, 61_900)


def test_a_tool_that_failed_says_so_in_its_row() -> None:
    failed = replace(sample.TOOLS[0], failed=True)
    assert [tool.failed for tool in view(Facts(sample.CALL_ROW, tool_calls=[failed])).tools] == [
        True
    ]


def test_the_p99_of_a_few_frames_is_not_told() -> None:
    call = replace(sample.CALL_ROW, caller_frames=60, provider_frames=39)
    told = {fact.metric: fact.detail for fact in view(Facts(call)).facts}
    assert told["gateway"] == "99 frames"


def test_what_nobody_heard_is_told_in_time_tokens_and_money() -> None:
    cut = replace(sample.RESPONSES[1], unheard_tokens=128, unheard_usd=Decimal("0.0082"))
    drawn = timeline(sample.CALL_ROW, (), (cut,), (), (), (), duration_us=96_400_000)
    label = "generated, never heard: 6.4 s, 128 audio tokens, $0.00820"
    assert [one["label"] for one in drawn["unheard"]] == [label]


def test_the_measures_of_a_barge_in_read_as_its_golden_facts_do() -> None:
    told = {measure.metric: (measure.value, measure.detail) for measure in measures("barge_in")}
    # 7.07 of 7.07 + 7.55 s; 0.001489 of 0.019278 dollars.
    assert told["talk_ratio"] == ("48%", "7.1 s of it, 7.6 s of the caller")
    assert told["dead_air"] == ("0.9 s", "at 0:14")
    assert told["false_barge_ins"] == ("0", "of 1 barge-in")
    assert told["unheard_cost"] == ("$0.00149", "8% of the cost")
    assert told["late_audio"] == ("0.1 s", "")
    assert told["rate_limit_left"] == ("99%", "")
    assert "missed_truncates" not in told


@pytest.mark.parametrize(
    ("stalls_us", "shown"), [(0, "none"), (49_999, "none"), (50_000, "warn"), (700_000, "warn")]
)
def test_a_warning_is_about_a_number_that_is_seen(stalls_us: int, shown: str) -> None:
    facts = facts_of("barge_in")
    call = msgspec.structs.replace(facts.call, stalls_us=stalls_us)
    told = {one.metric: one for one in view(dataclasses.replace(facts, call=call)).measures}
    assert told["stalls"].tone == shown
    assert (told["stalls"].value == "0.0 s") == (shown == "none")


def measures(name: str) -> tuple[Measure, ...]:
    return view(facts_of(name)).measures


def test_a_turns_lane_runs_from_the_callers_first_word_to_the_last_of_the_answer() -> None:
    drawn = timeline(sample.CALL_ROW, sample.TURNS, (), (), (), (), duration_us=96_400_000)
    assert [turn["label"] for turn in drawn["turns"][1:3]] == [
        "turn 2, interrupted",
        "turn 3, barge-in",
    ]
    assert (drawn["turns"][0]["start_ms"], drawn["turns"][0]["end_ms"]) == (3100, 19500)


HEARD = [Detected("a", 1_000_000, 2_500_000), Detected("b", 3_000_000, None)]


@pytest.mark.parametrize(
    ("status", "last"),
    [
        ("completed", (3000, 3000, "speech, its end was never told")),
        ("live", (3000, 9000, "speaks")),
    ],
)
def test_who_still_speaks_is_drawn_until_now(status: str, last: tuple[int, int, str]) -> None:
    call = replace(sample.CALL_ROW, status=status)
    drawn = timeline(call, (), (), (), (), (), duration_us=9_000_000, vad=HEARD)["vad"]
    assert [tuple(one.values()) for one in drawn] == [(1000, 2500, "speech 1.50 s"), last]


def test_a_speech_whose_end_is_missing_does_not_take_that_of_the_next() -> None:
    told = [("started", "a", 1), ("started", "b", 2), ("stopped", "b", 3), ("stopped", "b", 4)]
    events = [
        sample.event(n, at, "provider", f"input_audio_buffer.speech_{what}", 100, item)
        for n, (what, item, at) in enumerate(told)
    ]
    assert detected(events) == [
        Detected("a", 1_000_000, None),
        Detected("b", 2_000_000, 3_000_000),
    ]


def test_what_is_being_played_now_is_not_told_as_never_heard() -> None:
    """Of 61.6 s that are generated 20 s have been played; 6.4 s were cut off, by a barge-in."""
    live = replace(sample.CALL_ROW, status="live", duration_us=None, heard_audio_us=20_000_000)
    whole = dataclasses.replace(sample.FACTS, call=live)
    told = {fact.metric: (fact.value, fact.detail) for fact in view(whole).facts}
    assert told["unheard"] == ("6.4 s", "10% of 61.6 s generated")


def test_much_unheard_opens_the_first_turn_that_was_cut_off() -> None:
    call = replace(sample.CALL_ROW, heard_audio_us=40_000_000)
    told = view(dataclasses.replace(sample.FACTS, call=call)).findings
    (cut,) = (one for one in told if "was never heard" in one.what)
    assert (cut.what, cut.start_ms) == ("35% of the assistant’s speech was never heard.", 21_000)
