"""Every number of a call's page is one that the API gives: of all golden calls, and one in full."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

import pytest
from msgspec import structs
from tests.support import golden
from tests.support.web import Member, Site
from tests.web import sample
from tests.web.folded import events_of, facts_of
from tests.web.shown import Fact, Shown, api, page, us, usd

from trunkline.store.facts.medians import median
from trunkline.store.facts.queries_traffic import slices_of
from trunkline.store.facts.rows import CallRow, Row
from trunkline.web.pages import text

Told = dict[str, Any]


def share(part: float | None) -> str:
    return text.percent(part)


def waited(of: float | None) -> str:
    return text.wait(us(of))


def in_seconds(ms: float | None) -> str:
    return text.seconds(us(ms))


def in_millis(ms: float | None) -> str:
    return text.millis(us(ms))


def monologue_at(lines: list[Told]) -> str:
    """Return where one side spoke longest before the other began, by the transcript."""
    heard = sorted((o for o in lines if o["ends_ms"] is not None), key=lambda o: o["starts_ms"])
    alone = [list(lines) for _, lines in groupby(heard, key=lambda one: one["role"])]
    begins = [lines[0]["starts_ms"] for lines in alone]
    nexts = [*begins[1:], heard[-1]["ends_ms"]] if heard else []
    lasts = [max(one["ends_ms"] for one in lines) for lines in alone]
    lengths = [
        min(last, next_) - begin for begin, last, next_ in zip(begins, lasts, nexts, strict=True)
    ]
    longest = max(zip(lengths, begins, strict=True), default=None)
    return f"at {text.clock(us(longest[1]))}" if longest else ""


def known(of: list[Told], field: str) -> list[int]:
    return [value for row in of if (value := us(row[field])) is not None]


def middle(of: list[Told], field: str) -> tuple[str, str]:
    """Return the median of a field of parts, and of how many."""
    found = known(of, field)
    return text.wait(median(found)), f"n = {len(found)}"


def first_answers(told: Told) -> list[Told]:
    return [one for one in told["responses"] if not one["after_tool"]]


def counted(number: int | None) -> str:
    return text.count(number) if number else text.UNKNOWN


def false_ones(told: Told) -> tuple[str, str]:
    of = told["interruptions"]
    kinds = sorted(
        turn["barge_in_kind"]
        for turn in told["turns"]
        if turn["barge_in_kind"] not in ("", "speech")
    )
    parts = [f"{len(list(same))} {kind}" for kind, same in groupby(kinds)]
    words = ", ".join([f"of {text.plural(of['barge_ins'], 'barge-in')}", *parts])
    if not of["barge_ins"] or of["false_barge_ins"] is None:
        return text.UNKNOWN, ""
    return text.count(of["false_barge_ins"]), words


def pace(words_per_minute: float | None) -> str:
    return text.UNKNOWN if words_per_minute is None else f"{words_per_minute:.0f} words a minute"


def factor(told: Told) -> str:
    found = [
        one["stream_ms"] / one["audio_ms"]
        for one in told["responses"]
        if one["stream_ms"] is not None and one["audio_ms"]
    ]
    return f"{max(found):.2f}" if found else text.UNKNOWN


def dead_tools(told: Told) -> tuple[str, str]:
    if not told["tool_ms"]:
        return text.UNKNOWN, ""
    part = text.percent(told["tool_dead_ms"] / told["tool_ms"])
    return in_seconds(told["tool_dead_ms"]), f"{part} of their time"


def unheard_cost(told: Told) -> tuple[str, str]:
    paid, cost = usd(told["unheard_usd"]), usd(told["cost_usd"])
    if paid is None:
        return text.UNKNOWN, ""
    part = text.share(float(paid), float(cost or 0))
    return text.money(paid), f"{part} of the cost"


def of_call(part: float | None) -> str:
    return "" if part is None else f"{share(part)} of the call"


MEASURES: dict[str, Callable[[Told], tuple[str, str]]] = {
    "Assistant’s part of the talking": lambda t: (
        share(t["talk"]["ratio"]),
        f"{in_seconds(t['talk']['assistant_ms'])} of it,"
        f" {in_seconds(t['talk']['caller_ms'])} of the caller",
    ),
    "Both at once": lambda t: (
        in_seconds(t["talk"]["overlap_ms"]), of_call(t["talk"]["overlap_share"]),
    ),
    "Silence": lambda t: (
        in_seconds(t["talk"]["silence_ms"]), of_call(t["talk"]["silence_share"]),
    ),
    "Longest silence": lambda t: (
        in_seconds(t["talk"]["longest_silence_ms"]),
        f"at {text.clock(us(t['talk']['longest_silence_at_ms']))}",
    ),
    "Longest monologue": lambda t: (
        in_seconds(t["talk"]["longest_monologue_ms"]), monologue_at(t["transcript"]),
    ),
    "Caller’s pace": lambda t: (pace(t["talk"]["caller_words_per_minute"]), "n"),
    "Assistant’s pace": lambda t: (pace(t["talk"]["assistant_words_per_minute"]), "n"),
    "False barge-ins": false_ones,
    "Gap before the answer, p50": lambda t: middle(t["turns"], "gap_ms"),
    "Gap before the caller, p50": lambda t: middle(t["turns"], "caller_gap_ms"),
    "Stopped in, p50": lambda t: middle(t["turns"], "stop_ms"),
    "Your application stopped in, p50": lambda t: middle(t["turns"], "caller_stop_ms"),
    "Missed truncates": lambda t: (counted(t["interruptions"]["missed_truncates"]), ""),
    "Provider stopped in, p50": lambda t: middle(t["turns"], "provider_stop_ms"),
    "Spoke into the caller": lambda t: (counted(t["interruptions"]["cut_ins"]), ""),
    "Answered too early": lambda t: (counted(t["interruptions"]["premature_endpoints"]), ""),
    "Sent after a barge-in": lambda t: (
        in_seconds(t["interruptions"]["late_audio_ms"] or None), "",
    ),
    "First sound of the call": lambda t: (waited(t["time_to_first_audio_ms"]), ""),
    "Endpointing, p50": lambda t: middle(t["turns"], "endpoint_ms"),
    "Of that, VAD lag, p50": lambda t: middle(t["turns"], "vad_lag_ms"),
    "Dispatch, p50": lambda t: middle(t["turns"], "dispatch_ms"),
    "To first text, p50": lambda t: middle(first_answers(t), "to_first_text_ms"),
    "To first audio, p50": lambda t: middle(first_answers(t), "to_first_audio_ms"),
    "Slowest answer’s real-time factor": lambda t: (factor(t), ""),
    "Player ran dry": lambda t: (
        in_seconds(t["delivery"]["stalls_ms"] if t["audio"]["assistant_ms"] else None), "",
    ),
    "Answers without sound": lambda t: (counted(t["interruptions"]["silent_responses"]), ""),
    "Abandoned": lambda t: (
        ("yes", "the caller gave up waiting") if t["interruptions"]["abandoned"]
        else (text.UNKNOWN, "")
    ),
    "Context drops": lambda t: (counted(t["context_drops"]), ""),
    "Tool latency, p50": lambda t: middle(t["tool_calls"], "latency_ms"),
    "Tool to answer, p50": lambda t: middle(t["responses"], "tool_round_trip_ms"),
    "Silence while tools ran": dead_tools,
    "Tools that failed": lambda t: (
        f"{n} of {len(t['tool_calls'])}" if (n := sum(c["failed"] for c in t["tool_calls"]))
        else text.UNKNOWN, "",
    ),
    "Transcribed after, p50": lambda t: middle(t["transcript"], "transcription_ms"),
    "Transcribed after silence, p50": lambda t: middle(
        t["transcript"], "transcription_from_speech_ms"
    ),
    "Input jitter": lambda t: (in_millis(t["delivery"]["input_jitter_ms"]), ""),
    "Input drift": lambda t: (
        text.UNKNOWN
        if (ppm := t["delivery"]["input_drift_ppm"]) is None
        else f"{ppm:+d} ppm".replace("-", "−"),
        "",
    ),
    "Input gaps": lambda t: (
        text.plural(n, "gap") if (n := t["delivery"]["input_gaps"]) else text.UNKNOWN,
        in_seconds(t["delivery"]["input_gap_ms"]),
    ),
    "Connected in": lambda t: (in_millis(t["connect_ms"]), ""),
    "Configured in": lambda t: (in_millis(t["configure_ms"]), ""),
    "Least left of a rate limit": lambda t: (share(t["delivery"]["rate_limit_left"]), ""),
    "Paid for what nobody heard": unheard_cost,
}  # fmt: skip
"""Each line of the measures of a call's page, by what the API says of the call."""


def top(told: Told, cost: Told) -> dict[str, str]:
    """Return the values at the top of a conversation's page, by what the API says."""
    audio = told["audio"]
    unheard_ms = audio["assistant_ms"] - audio["heard_ms"]
    return {
        "Duration": text.clock(us(told["duration_ms"])),
        "Caller waited, p50": waited(told["wait_p50_ms"]),
        "Longest wait": waited(told["wait_max_ms"]),
        "Barge-ins": text.count(told["counts"]["barge_ins"]),
        "Never heard": in_seconds(unheard_ms),
        "Cost": text.money(usd(told["cost_usd"])) if cost["usage"] else text.UNKNOWN,
        "Gateway added": in_millis(told["relay_p50_ms"]),
    }


def details(told: Told, cost: Told) -> dict[str, str]:
    """Return the small print below them."""
    audio, counts = told["audio"], told["counts"]
    frames = told["caller_leg"]["frames"] + told["provider_leg"]["frames"]
    waits = known(told["turns"], "wait_ms")
    n = f"from true end of speech, n = {len(waits)}" if waits else "no answer with audio"
    made = f"{share(audio['unheard_share'])} of {in_seconds(audio['assistant_ms'])} generated"
    minute = f"{text.money(usd(cost['per_minute_usd']))} a minute"
    cached = f", {share(told['cached_share'])} cached" if counts["responses"] else ""
    p99 = "" if frames < 100 else f"p99 {in_millis(told['relay_p99_ms'])}, "
    return {
        "Duration": f"{text.plural(counts['turns'], 'turn')}, nothing lost",
        "Caller waited, p50": n,
        "Never heard": made if audio["assistant_ms"] else "",
        "Cost": minute + cached if cost["usage"] else "nothing billed",
        "Gateway added": f"{p99}{text.plural(frames, 'frame')}",
    }


async def stored(site: Site, member: Member, name: str) -> CallRow:
    """Store the golden call `name`, or the sample that has everything; return its row."""
    facts = sample.FACTS if name == "in full" else facts_of(name)
    rows: list[Row] = [
        facts.call, *facts.turns, *facts.responses, *facts.items, *facts.tool_calls,
        *facts.errors, *facts.usage,
        *(sample.EVENTS if name == "in full" else events_of(name)),
    ]  # fmt: skip
    await site.facts.insert([structs.replace(row, org_id=member.org_id) for row in rows])
    return facts.call


@pytest.mark.parametrize("name", [*golden.names(), "in full"])
async def test_a_calls_page_has_the_numbers_of_the_api(site: Site, name: str) -> None:
    member = await site.join()
    call = await stored(site, member, name)
    html = await page(site, member, f"/calls/{call.call_id}")
    shown = Shown(html)
    told = await api(site, member, f"/v1/calls/{call.call_id}")
    cost = await api(site, member, f"/v1/calls/{call.call_id}/cost")
    if told["status"] == "refused" or told["kind"] != "realtime":
        return
    check_lanes(html, told)
    traffic = await api(site, member, f"/v1/calls/{call.call_id}/traffic")
    assert json.loads(await page(site, member, f"/calls/{call.call_id}/traffic")) == traffic
    if name != "in full":
        check_traffic(traffic, told)
    expected = {label: of(told) for label, of in MEASURES.items()}
    measured = {label: pair for label, pair in expected.items() if pair[0] != text.UNKNOWN}
    assert len(measured) > 3
    for label, (value, detail) in measured.items():
        fact = shown.facts.pop(label)
        assert fact.value == value, label
        assert fact.detail == detail or detail == "n", label
    for label, value in top(told, cost).items():
        assert shown.facts[label].value == value, label
    for label, detail in details(told, cost).items():
        assert shown.facts.pop(label).detail == detail, label
    left = {label for label in shown.facts if label not in NO_NUMBERS}
    assert left <= {"Longest wait", "Barge-ins"}
    check_turns(shown, told)
    check_usage(shown, cost)
    again = await page(site, member, f"/calls/{call.call_id}/flame")
    check_flame(Shown(again), cost)


NO_NUMBERS = {
    "Call", "Session path", "Model asked for", "Model used", "Provider’s address",
    "Provider’s session", "Caller’s close", "Provider’s close", "Frames from the caller",
    "Frames from the provider", "Caller’s software", "Gateway", "Trace id", "Parent span",
    "Workflow", "Group id", "tenant",
}  # fmt: skip
"""What the Details say: fields of the call as they are, not worked out of anything."""


def check_lanes(html: str, told: Told) -> None:
    """What the timeline draws of turns and of the provider's detection is what the API tells."""
    found = re.search(r'<script type="application/json" id="timeline-data"[^>]*>(.*?)<', html)
    drawn = json.loads(found[1]) if found else {}

    def ms(value: float | None) -> int:
        return int(value or 0)

    assert [(one["turn"], one["start_ms"], one["end_ms"]) for one in drawn["turns"]] == [
        (
            turn["turn"],
            ms(turn["started_ms" if turn["speech_started_ms"] is None else "speech_started_ms"]),
            ms(turn["ended_ms"]),
        )
        for turn in told["turns"]
    ]
    assert [(one["start_ms"], one["end_ms"], one["label"]) for one in drawn["vad"]] == [
        (
            ms(one["started_ms"]),
            ms(one["stopped_ms"]),
            f"speech {waited(one['stopped_ms'] - one['started_ms'])}",
        )
        for one in told["detected"]
        if one["stopped_ms"] is not None
    ]


def check_traffic(traffic: Told, told: Told) -> None:
    """All slices together are what the call's legs have received."""
    slices = -(-int(told["duration_ms"] or 1) // traffic["slice_ms"])
    for leg in ("caller", "provider"):
        found, whole = traffic[leg], told[f"{leg}_leg"]
        assert (sum(found["frames"]), sum(found["bytes"])) == (whole["frames"], whole["bytes"])
        assert len(found["frames"]) == len(found["bytes"]) == max(1, slices)


def check_turns(shown: Shown, told: Told) -> None:
    rows = shown.tables["Turns"][1:]
    assert len(rows) == len(told["turns"]) or not told["turns"]
    for row, turn in zip(rows, told["turns"], strict=False):
        assert (row[0], row[1], row[4]) == (
            str(turn["turn"]), waited(turn["wait_ms"]), text.money(usd(turn["cost_usd"])),
        )  # fmt: skip
        drawn = shown.drawn["Turns", row[0]].split(", ")
        assert [words for words in drawn_of(turn) if words not in drawn] == []
        unheard_ms = turn["audio_ms"] - turn["heard_ms"]
        if row[3].endswith(" unheard"):
            assert row[3] == f"{in_seconds(unheard_ms)} unheard"


def drawn_of(turn: Told) -> Iterator[str]:
    """Yield what a waterfall says with a number that is one of the API's as it is."""
    if turn["gateway_ms"] is not None:
        yield f"gateway {in_millis(turn['gateway_ms'])}"
    if turn["audio_ms"]:
        yield f"heard {in_seconds(turn['heard_ms'])}"
    if turn["audio_ms"] - turn["heard_ms"] >= 50:
        yield f"never heard {in_seconds(turn['audio_ms'] - turn['heard_ms'])}"


KINDS = {
    "Audio in": ("input_audio", "cached_audio"),
    "Text in": ("input_text", "cached_text"),
    "Images in": ("input_image", "cached_image"),
    "Audio out": ("output_audio", ""),
    "Text out": ("output_text", ""),
}


def check_usage(shown: Shown, cost: Told) -> None:
    rows = iter(shown.tables["usage"][1:])
    for model in cost["models"]:
        head = next(rows)
        assert (head[0], head[-1]) == (model["model"], text.money(usd(model["cost_usd"])))
        assert [next(rows) for _ in range(len(list(parts_of(model, cost))))] == list(
            parts_of(model, cost)
        )


def parts_of(model: Told, cost: Told) -> Iterator[list[str]]:
    """Yield the lines of one model: tokens, of them cached ones, and what they cost."""
    used = [
        one for one in cost["usage"]
        if (one["kind"], one["model"]) == (model["kind"], model["model"])
    ]  # fmt: skip
    priced = any(usd(amount) for amount in model["parts_usd"].values())
    for label, (whole, cached) in KINDS.items():
        tokens = sum(one["tokens"][whole] for one in used)
        from_cache = sum(one["tokens"][cached] for one in used) if cached else 0
        paid = usd(model["parts_usd"][whole])
        assert paid is not None
        if cached:
            paid += usd(model["parts_usd"][cached]) or 0
        if tokens:
            yield [
                label, text.count(tokens - from_cache), text.count(from_cache) if cached else "",
                text.money(paid) if priced else "",
            ]  # fmt: skip
    if billed_ms := sum(one["billed_ms"] for one in used):
        paid = "" if priced else text.money(usd(model["cost_usd"]))
        yield ["Audio transcribed", in_seconds(billed_ms), "", paid]


def check_flame(shown: Shown, cost: Told) -> None:
    rows = shown.tables.get("Input of each turn", [[]])[1:]
    turns = {str(turn["turn"]): turn for turn in cost["turns"]}
    for row in rows:
        turn = turns[row[0]]
        again = [layer for layer in turn["input"] if layer["origin"] != turn["turn"]]
        amounts = [usd(layer["cost_usd"]) for layer in again]
        paid = None if None in amounts else sum(amount or 0 for amount in amounts)
        assert row[2:] == [
            text.count(turn["new_tokens"]), text.count(turn["again_tokens"]),
            text.money(paid),  # type: ignore[arg-type]  # a sum of none is an int
        ]  # fmt: skip


def test_no_line_of_the_page_is_without_its_place_in_the_api() -> None:
    """A new measure that nobody compares fails here, even if no golden call has it."""
    import ast
    import inspect

    from trunkline.web.pages import measures_view

    tree = ast.parse(inspect.getsource(measures_view))
    labels = {
        node.args[1].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") in ("Measure", "_p50", "_of")
        and isinstance(node.args[1], ast.Constant)
    }
    assert labels <= MEASURES.keys()
    assert len(labels) > 25


def test_a_fact_is_a_value_with_its_small_print() -> None:
    html = '<dl><dt><button class="why">A</button></dt><dd><b>1</b><p class="s">of 2</p></dd></dl>'
    assert Shown(html).facts == {"A": Fact("1", "of 2")}


async def test_the_detection_is_what_the_provider_told_and_not_what_was_told_in_its_place(
    site: Site,
) -> None:
    member = await site.join()
    call = structs.replace(sample.CALL_ROW, org_id=member.org_id)
    said, kind = ("started", "stopped"), "input_audio_buffer.speech_{}"
    rows = [
        sample.event(n, n, leg, kind.format(what), 100, "a", record)
        for n, (what, leg, record) in enumerate(
            [
                *((what, "provider", "frame") for what in said),
                *((what, "provider", "bridged") for what in said),
                *((what, "caller", "frame") for what in said),
            ]
        )
    ]
    await site.facts.insert([call, *(structs.replace(row, org_id=member.org_id) for row in rows)])
    told = await api(site, member, f"/v1/calls/{call.call_id}")
    assert told["detected"] == [{"item_id": "a", "started_ms": 0, "stopped_ms": 1000}]


@pytest.mark.parametrize(
    ("duration_s", "slice_s", "slices"),
    [(0, 1, 1), (0.4, 1, 1), (96.4, 1, 97), (1800, 1, 1800), (1800.1, 2, 901), (86_400, 48, 1800)],
)
def test_slices_are_whole_seconds_and_never_too_many(
    duration_s: float, slice_s: int, slices: int
) -> None:
    assert slices_of(round(duration_s * 1_000_000)) == (slice_s * 1_000_000, slices)


async def test_what_passed_is_told_by_leg_and_second_and_what_came_late_by_the_last(
    site: Site,
) -> None:
    member = await site.join()
    call = structs.replace(sample.CALL_ROW, org_id=member.org_id, duration_us=2_500_000)
    rows = [
        sample.event(n, at, leg, "x", size, "", record)
        for n, (at, leg, size, record) in enumerate(
            [
                (0, "caller", 10, "frame"),
                (0.999, "caller", 5, "frame"),
                (1, "caller", 7, "frame"),
                (1.5, "provider", 100, "frame"),
                (1.5, "provider", 90, "bridged"),
                (9, "provider", 3, "frame"),
            ]
        )
    ]
    await site.facts.insert([call, *(structs.replace(row, org_id=member.org_id) for row in rows)])
    assert await api(site, member, f"/v1/calls/{call.call_id}/traffic") == {
        "slice_ms": 1000,
        "caller": {"frames": [2, 1, 0], "bytes": [15, 7, 0]},
        "provider": {"frames": [0, 1, 1], "bytes": [0, 100, 3]},
    }
