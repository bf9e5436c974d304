"""Pure. How a call went, in numbers that do not fit at the top of its page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from trunkline.store.facts import ratios
from trunkline.store.facts.attention import DEAD_AIR_US
from trunkline.store.facts.medians import median
from trunkline.store.facts.rows import CallRow, ItemRow, ResponseRow, ToolCallRow, TurnRow
from trunkline.web.pages import text

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Measure:
    """One number. `metric` names its definition in the glossary."""

    metric: str
    label: str
    value: str
    detail: str = ""
    tone: str = "none"
    start_ms: int | None = None
    """Where to hear it."""


_SHOWN_US = 50_000
"""Less is `0.0 s` here, and no player lacks a buffer for it."""
_SLOW_STOP_US = 700_000
_LITTLE_LEFT_PERMILLE = 200


def measures(
    call: CallRow,
    turns: Sequence[TurnRow],
    responses: Sequence[ResponseRow],
    items: Sequence[ItemRow],
    tools: Sequence[ToolCallRow],
) -> tuple[Measure, ...]:
    """Return all that are known of a conversation, in the order in which they are read."""
    found = (
        *_talk(call),
        *_interruptions(call, turns),
        *_answers(call, turns, responses),
        *_tools(call, tools, responses),
        *_delivery(call, items),
    )
    return tuple(measure for measure in found if measure.value != text.UNKNOWN)


def _talk(call: CallRow) -> Iterable[Measure]:
    caller, assistant = text.seconds(call.caller_talk_us), text.seconds(call.assistant_talk_us)
    yield Measure(
        "talk_ratio",
        "Assistant’s part of the talking",
        text.percent(ratios.talk_ratio(call)),
        f"{assistant} of it, {caller} of the caller",
    )
    for metric, label, us, part in (
        ("overlap", "Both at once", call.overlap_us, ratios.overlap_share(call)),
        ("silence", "Silence", call.silence_us, ratios.silence_share(call)),
    ):
        of = "" if part is None else f"{text.percent(part)} of the call"
        yield Measure(metric, label, text.seconds(us), of)
    long_us, at_us = call.longest_silence_us, call.longest_silence_at_us
    tone = "warn" if (long_us or 0) > DEAD_AIR_US else "none"
    at_ms = None if at_us is None else at_us // 1000
    where = "" if at_us is None else f"at {text.clock(at_us)}"
    yield Measure("dead_air", "Longest silence", text.seconds(long_us), where, tone, at_ms)
    yield Measure("monologue", "Longest monologue", text.seconds(call.longest_monologue_us))
    for side, words, spoken_us in (
        ("Caller’s", call.caller_words, call.caller_worded_us),
        ("Assistant’s", call.assistant_words, call.assistant_worded_us),
    ):
        pace = ratios.words_per_minute(words, spoken_us)
        value = text.UNKNOWN if pace is None else f"{pace:.0f} words a minute"
        yield Measure("pace", f"{side} pace", value, f"n = {text.plural(words or 0, 'word')}")


def _interruptions(call: CallRow, turns: Sequence[TurnRow]) -> Iterable[Measure]:
    if call.barge_ins and call.false_barge_ins is not None:
        of = f"of {text.plural(call.barge_ins, 'barge-in')}"
        kinds = Counter(t.barge_in_kind for t in turns if t.barge_in_kind not in ("", "speech"))
        detail = ", ".join([of, *(f"{kinds[kind]} {kind}" for kind in sorted(kinds))])
        value = text.count(call.false_barge_ins)
        yield Measure("false_barge_ins", "False barge-ins", value, detail)
    gap = _middle(turns, lambda turn: turn.gap_us)
    yield Measure("gap", "Gap before the answer, p50", text.wait(gap[0]), _n(gap[1]))
    pause = _middle(turns, lambda turn: turn.caller_gap_us)
    yield Measure("caller_gap", "Gap before the caller, p50", text.wait(pause[0]), _n(pause[1]))
    stop = _middle(turns, lambda turn: turn.stop_us)
    tone = "warn" if (stop[0] or 0) > _SLOW_STOP_US else "none"
    yield Measure("stop", "Stopped in", text.wait(stop[0]), _n(stop[1]), tone)
    told = _middle(turns, lambda turn: turn.caller_stop_us)
    yield Measure("caller_stop", "Your application stopped in", text.wait(told[0]), _n(told[1]))
    if call.missed_truncates:
        value = text.count(call.missed_truncates)
        yield Measure("missed_truncates", "Missed truncates", value, "", "warn")
    provider = _middle(turns, lambda turn: turn.provider_stop_us)
    yield Measure("provider_stop", "Provider stopped in", text.wait(provider[0]), _n(provider[1]))
    if call.cut_ins:
        yield Measure("cut_ins", "Spoke into the caller", text.count(call.cut_ins), "", "warn")
    if call.premature_endpoints:
        value = text.count(call.premature_endpoints)
        yield Measure("premature", "Answered too early", value, "", "warn")
    if call.late_audio_us:
        yield Measure("late_audio", "Sent after a barge-in", text.seconds(call.late_audio_us))


def _answers(
    call: CallRow, turns: Sequence[TurnRow], responses: Sequence[ResponseRow]
) -> Iterable[Measure]:
    first = text.wait(call.time_to_first_audio_us)
    yield Measure("time_to_first_audio", "First sound of the call", first)
    for metric, label, (time_us, n) in (
        ("endpoint", "Endpointing, p50", _middle(turns, lambda turn: turn.endpoint_us)),
        ("vad_lag", "Of that, VAD lag, p50", _middle(turns, lambda turn: turn.vad_lag_us)),
        ("dispatch", "Dispatch, p50", _middle(turns, lambda turn: turn.dispatch_us)),
        ("to_first_text", "To first text, p50", _first(responses, "to_first_text_us")),
        ("to_first_audio", "To first audio, p50", _first(responses, "to_first_audio_us")),
    ):
        yield Measure(metric, label, text.wait(time_us), _n(n))
    factors = [f for f in map(ratios.real_time_factor, responses) if f is not None]
    slowest = max(factors, default=None)
    value = text.UNKNOWN if slowest is None else f"{slowest:.2f}"
    tone = "warn" if slowest is not None and slowest > 1 else "none"
    yield Measure("real_time_factor", "Slowest answer’s real-time factor", value, "", tone)
    stalls = text.seconds(call.stalls_us) if call.assistant_audio_us else text.UNKNOWN
    tone = "warn" if (call.stalls_us or 0) >= _SHOWN_US else "none"
    yield Measure("stalls", "Player ran dry", stalls, "", tone)
    if call.silent_responses:
        silent = text.count(call.silent_responses)
        yield Measure("silent_responses", "Answers without sound", silent, "", "warn")
    if call.abandoned:
        yield Measure("abandoned", "Abandoned", "yes", "the caller gave up waiting", "warn")
    if call.context_drops:
        yield Measure("context_drops", "Context drops", text.count(call.context_drops), "", "warn")


def _first(responses: Sequence[ResponseRow], name: str) -> tuple[int | None, int]:
    """Of first answers only: what follows a tool's output does not begin with the caller."""
    return _middle([r for r in responses if not r.after_tool], lambda row: getattr(row, name))


def _tools(
    call: CallRow, tools: Sequence[ToolCallRow], responses: Sequence[ResponseRow]
) -> Iterable[Measure]:
    latency = _middle(tools, lambda tool: tool.latency_us)
    yield Measure("tool", "Tool latency, p50", text.wait(latency[0]), _n(latency[1]))
    trip = _middle(responses, lambda row: row.tool_round_trip_us)
    yield Measure("tool_round_trip", "Tool to answer, p50", text.wait(trip[0]), _n(trip[1]))
    if call.tool_us:
        dead = text.seconds(call.tool_dead_us)
        part = text.share(call.tool_dead_us or 0, call.tool_us)
        yield Measure("tool_dead_air", "Silence while tools ran", dead, f"{part} of their time")
    failed = sum(tool.failed for tool in tools)
    if failed:
        yield Measure("tool_failed", "Tools that failed", f"{failed} of {len(tools)}", "", "warn")


def _delivery(call: CallRow, items: Sequence[ItemRow]) -> Iterable[Measure]:
    late = _middle(items, lambda item: item.transcription_us)
    yield Measure("transcription", "Transcribed after, p50", text.wait(late[0]), _n(late[1]))
    silent = _middle(items, lambda item: item.transcription_from_speech_us)
    words = "Transcribed after silence, p50"
    yield Measure("transcription_from_speech", words, text.wait(silent[0]), _n(silent[1]))
    yield Measure("input_jitter", "Input jitter", text.millis(call.input_jitter_us))
    if call.input_drift_ppm is not None:
        yield Measure("input_drift", "Input drift", f"{call.input_drift_ppm:+d} ppm")
    if call.input_gaps:
        gaps = text.plural(call.input_gaps, "gap")
        yield Measure("input_gaps", "Input gaps", gaps, text.seconds(call.input_gap_us))
    yield Measure("connect", "Connected in", text.millis(call.connect_us))
    yield Measure("configure", "Configured in", text.millis(call.configure_us))
    if call.left_permille is not None:
        tone = "warn" if call.left_permille < _LITTLE_LEFT_PERMILLE else "none"
        left = text.percent(call.left_permille / 1000)
        yield Measure("rate_limit_left", "Least left of a rate limit", left, "", tone)
    if call.unheard_usd is not None:
        part = text.share(float(call.unheard_usd), float(call.cost_usd or 0))
        value = text.money(call.unheard_usd)
        yield Measure("unheard_cost", "Paid for what nobody heard", value, f"{part} of the cost")


def _middle(rows: Sequence[Row], of: Callable[[Row], int | None]) -> tuple[int | None, int]:
    """Return the median of what is known, and of how many."""
    known = [value for row in rows if (value := of(row)) is not None]
    return median(known), len(known)


def _n(count: int) -> str:
    return f"n = {count}"
