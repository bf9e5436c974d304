"""Pure. How a call went, in numbers that do not fit at the top of its page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from trunkline.store.facts import ratios
from trunkline.store.facts.rows import CallRow, ItemRow, ResponseRow, ToolCallRow, TurnRow
from trunkline.store.thresholds import DEFAULT, Thresholds
from trunkline.web.pages import text
from trunkline.web.pages.moments import (
    Middle,
    Row,
    first,
    first_unheard_ms,
    middle,
    monologue_span,
    start_ms,
    turn_us,
)


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
_LITTLE_LEFT_PERMILLE = 200


def measures(
    call: CallRow,
    turns: Sequence[TurnRow],
    responses: Sequence[ResponseRow],
    items: Sequence[ItemRow],
    tools: Sequence[ToolCallRow],
    own: Thresholds = DEFAULT,
) -> tuple[Measure, ...]:
    """Return all that are known of a conversation, in the order in which they are read."""
    found = (
        *_talk(call, items, own),
        *_interruptions(call, turns, own),
        *_answers(call, turns, responses),
        *_tools(call, tools, responses),
        *_delivery(call, items, responses),
    )
    return tuple(measure for measure in found if measure.value != text.UNKNOWN)


def _talk(call: CallRow, items: Sequence[ItemRow], own: Thresholds) -> Iterable[Measure]:
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
    tone = "warn" if (long_us or 0) > own.dead_air_us else "none"
    at_ms = None if at_us is None else at_us // 1000
    where = "" if at_us is None else f"at {text.clock(at_us)}"
    yield Measure("dead_air", "Longest silence", text.seconds(long_us), where, tone, at_ms)
    alone = monologue_span(call, items)
    yield Measure(
        "monologue",
        "Longest monologue",
        text.seconds(call.longest_monologue_us),
        f"at {text.clock(alone.start_ms * 1000)}" if alone else "",
        start_ms=alone.start_ms if alone else None,
    )
    for side, words, spoken_us in (
        ("Caller’s", call.caller_words, call.caller_worded_us),
        ("Assistant’s", call.assistant_words, call.assistant_worded_us),
    ):
        pace = ratios.words_per_minute(words, spoken_us)
        value = text.UNKNOWN if pace is None else f"{pace:.0f} words a minute"
        yield Measure("pace", f"{side} pace", value, f"n = {text.plural(words or 0, 'word')}")


def _interruptions(call: CallRow, turns: Sequence[TurnRow], own: Thresholds) -> Iterable[Measure]:
    if call.barge_ins and call.false_barge_ins is not None:
        of = f"of {text.plural(call.barge_ins, 'barge-in')}"
        false = [turn for turn in turns if turn.barge_in_kind not in ("", "speech")]
        kinds = Counter(turn.barge_in_kind for turn in false)
        detail = ", ".join([of, *(f"{kinds[kind]} {kind}" for kind in sorted(kinds))])
        value, at = text.count(call.false_barge_ins), first(false, bool)
        yield Measure("false_barge_ins", "False barge-ins", value, detail, "none", at)
    yield _p50("gap", "Gap before the answer, p50", turns, lambda turn: turn.gap_us)
    yield _p50("caller_gap", "Gap before the caller, p50", turns, lambda turn: turn.caller_gap_us)
    stop = middle(turns, lambda turn: turn.stop_us)
    tone = "warn" if (stop.us or 0) > own.slow_stop_us else "none"
    yield _of("stop", "Stopped in, p50", stop, tone)
    told = middle(turns, lambda turn: turn.caller_stop_us)
    yield _of("caller_stop", "Your application stopped in, p50", told)
    cut = middle(turns, lambda turn: turn.provider_stop_us)
    yield _of("provider_stop", "Provider stopped in, p50", cut)
    if call.cut_ins:
        at = first(turns, lambda turn: turn.cut_in)
        value = text.count(call.cut_ins)
        yield Measure("cut_ins", "Spoke into the caller", value, "", "warn", at)
    if call.premature_endpoints:
        at = first(turns, lambda turn: turn.premature)
        value = text.count(call.premature_endpoints)
        yield Measure("premature", "Answered too early", value, "", "warn", at)


def _answers(
    call: CallRow, turns: Sequence[TurnRow], responses: Sequence[ResponseRow]
) -> Iterable[Measure]:
    heard = min((r.first_audio_us for r in responses if r.first_audio_us is not None), default=None)
    soonest = text.wait(call.time_to_first_audio_us)
    at = None if heard is None else heard // 1000
    yield Measure("time_to_first_audio", "First sound of the call", soonest, start_ms=at)
    yield _p50("endpoint", "Endpointing, p50", turns, lambda turn: turn.endpoint_us)
    yield _p50("vad_lag", "Of that, VAD lag, p50", turns, lambda turn: turn.vad_lag_us)
    yield _p50("dispatch", "Dispatch, p50", turns, lambda turn: turn.dispatch_us)
    # Of first answers only: what follows a tool's output does not begin with the caller.
    own = [row for row in responses if not row.after_tool]
    yield _p50("to_first_text", "To first text, p50", own, lambda row: row.to_first_text_us)
    yield _p50("to_first_audio", "To first audio, p50", own, lambda row: row.to_first_audio_us)
    yield _slowest(responses)
    stalls = text.seconds(call.stalls_us) if call.assistant_audio_us else text.UNKNOWN
    dry = (call.stalls_us or 0) >= _SHOWN_US
    at = first(responses, lambda row: row.stalls_us) if dry else None
    yield Measure("stalls", "Player ran dry", stalls, "", "warn" if dry else "none", at)
    yield from _amiss(call, turns, responses)


def _slowest(responses: Sequence[ResponseRow]) -> Measure:
    known = [(f, row) for row in responses if (f := ratios.real_time_factor(row)) is not None]
    factor, row = max(known, key=lambda pair: pair[0], default=(None, None))
    value = text.UNKNOWN if factor is None else f"{factor:.2f}"
    tone = "warn" if factor is not None and factor > 1 else "none"
    at = None if row is None else start_ms(row)
    return Measure("real_time_factor", "Slowest answer’s real-time factor", value, "", tone, at)


def _amiss(
    call: CallRow, turns: Sequence[TurnRow], responses: Sequence[ResponseRow]
) -> Iterable[Measure]:
    """Yield what should not be, as far as it is."""
    if call.missed_truncates:
        value, at = text.count(call.missed_truncates), first(responses, lambda r: r.missed_truncate)
        yield Measure("missed_truncates", "Missed truncates", value, "", "warn", at)
    if call.late_audio_us:
        value, at = text.seconds(call.late_audio_us), first(responses, lambda r: r.late_audio_us)
        yield Measure("late_audio", "Sent after a barge-in", value, start_ms=at)
    if call.silent_responses:
        value, at = text.count(call.silent_responses), first(responses, lambda row: row.silent)
        yield Measure("silent_responses", "Answers without sound", value, "", "warn", at)
    if call.abandoned:
        at = max((turn_us(turn) // 1000 for turn in turns), default=None)
        yield Measure("abandoned", "Abandoned", "yes", "the caller gave up waiting", "warn", at)
    if call.context_drops:
        at = first(responses, lambda row: row.context_dropped_tokens)
        value = text.count(call.context_drops)
        yield Measure("context_drops", "Context drops", value, "", "warn", at)


def _tools(
    call: CallRow, tools: Sequence[ToolCallRow], responses: Sequence[ResponseRow]
) -> Iterable[Measure]:
    yield _p50("tool", "Tool latency, p50", tools, lambda tool: tool.latency_us)
    trip = middle(responses, lambda row: row.tool_round_trip_us)
    yield _of("tool_round_trip", "Tool to answer, p50", trip)
    if call.tool_us:
        dead = text.seconds(call.tool_dead_us)
        part = text.share(call.tool_dead_us or 0, call.tool_us)
        at = first(tools, lambda tool: tool.latency_us) if call.tool_dead_us else None
        detail = f"{part} of their time"
        yield Measure("tool_dead_air", "Silence while tools ran", dead, detail, start_ms=at)
    failed = [tool for tool in tools if tool.failed]
    if failed:
        value, at = f"{len(failed)} of {len(tools)}", first(failed, bool)
        yield Measure("tool_failed", "Tools that failed", value, "", "warn", at)


def _delivery(
    call: CallRow, items: Sequence[ItemRow], responses: Sequence[ResponseRow]
) -> Iterable[Measure]:
    late = middle(items, lambda item: item.transcription_us)
    yield _of("transcription", "Transcribed after, p50", late)
    silent = middle(items, lambda item: item.transcription_from_speech_us)
    yield _of("transcription_from_speech", "Transcribed after silence, p50", silent)
    yield Measure("input_jitter", "Input jitter", text.millis(call.input_jitter_us))
    if call.input_drift_ppm is not None:
        yield Measure(
            "input_drift", "Input drift", f"{call.input_drift_ppm:+d} ppm".replace("-", "−")
        )
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
        at = first_unheard_ms(responses)
        detail = f"{part} of the cost"
        yield Measure("unheard_cost", "Paid for what nobody heard", value, detail, start_ms=at)


def _p50(metric: str, label: str, rows: Sequence[Row], of: Callable[[Row], int | None]) -> Measure:
    return _of(metric, label, middle(rows, of))


def _of(metric: str, label: str, of: Middle, tone: str = "none") -> Measure:
    return Measure(metric, label, text.wait(of.us), f"n = {of.n}", tone, of.start_ms)
