"""Pure. The numbers at the top of a call's page, and the rows that they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from trunkline.store.facts import ratios
from trunkline.store.facts.measure import FEW
from trunkline.store.facts.medians import median
from trunkline.store.facts.rows import (
    CallRow,
    ErrorRow,
    ItemRow,
    ResponseRow,
    ToolCallRow,
    TurnRow,
    UsageRow,
)
from trunkline.store.thresholds import DEFAULT, Thresholds
from trunkline.web.lint import Lint
from trunkline.web.pages import text
from trunkline.web.pages.findings import SIDEBAND_GAP
from trunkline.web.pages.moments import Span, first, first_unheard_ms, wait_span
from trunkline.web.vad import Detected


@dataclass(frozen=True, slots=True)
class Facts:
    """The rows of one call, as the facts store returns them."""

    call: CallRow
    turns: Sequence[TurnRow] = ()
    responses: Sequence[ResponseRow] = ()
    items: Sequence[ItemRow] = ()
    tool_calls: Sequence[ToolCallRow] = ()
    errors: Sequence[ErrorRow] = ()
    usage: Sequence[UsageRow] = ()
    lint: Sequence[Lint] = ()
    vad: Sequence[Detected] = ()
    own: Thresholds = DEFAULT
    """Of its organisation."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One number at the top of the page. `metric` names its definition in the glossary."""

    metric: str
    label: str
    value: str
    detail: str = ""
    tone: str = "none"
    start_ms: int | None = None
    """Where to hear it."""
    until_ms: int | None = None
    """Until when, where it is a wait."""


def call_facts(facts: Facts, duration_us: int) -> tuple[Fact, ...]:
    """Return the numbers of one call. `duration_us` is its length, or its age while live."""
    return _top(facts, duration_us) if facts.call.kind == "realtime" else _flow(facts, duration_us)


def _duration(facts: Facts, duration_us: int, contents: str) -> Fact:
    missing = facts.call.lost_frames + facts.call.damaged_records
    gaps = sum(error.code == SIDEBAND_GAP for error in facts.errors)
    lost = f"{text.plural(missing, 'frame')} lost" if missing else ""
    if gaps:
        lost = ", ".join(filter(None, (lost, f"cut off {text.plural(gaps, 'time')}")))
    detail, tone = lost or f"{contents}, nothing lost", "bad" if lost else "none"
    return Fact("duration", "Duration", text.clock(duration_us), detail, tone)


def _gateway(call: CallRow) -> Fact:
    if call.direct:
        return Fact("gateway", "Gateway added", text.UNKNOWN, "its sound went past the gateway")
    n = call.caller_frames + call.provider_frames
    frames = text.plural(n, "frame")
    # The p99 of fewer is their maximum.
    detail = frames if n < FEW else f"p99 {text.millis(call.relay_p99_us)}, {frames}"
    return Fact("gateway", "Gateway added", text.millis(call.relay_p50_us), detail)


def _flow(facts: Facts, duration_us: int) -> tuple[Fact, ...]:
    """Return the numbers of a session without turns."""
    call = facts.call
    lines = text.plural(sum(item.kind == "message" for item in facts.items), "line")
    heard = Fact("caller_audio", "Caller’s sound", text.seconds(call.caller_audio_us))
    said = Fact("assistant_audio", "Said in answer", text.seconds(call.assistant_audio_us))
    return (
        _duration(facts, duration_us, lines),
        heard,
        *(() if call.kind == "transcription" else (said,)),
        _cost(call),
        _gateway(call),
    )


def _top(facts: Facts, duration_us: int) -> tuple[Fact, ...]:
    call = facts.call
    return (
        _duration(facts, duration_us, text.plural(call.turns, "turn")),
        _wait_p50(facts),
        _wait_max(facts),
        _barge_ins(facts),
        _unheard(facts),
        _cost(call),
        _gateway(call),
    )


def _wait_p50(facts: Facts) -> Fact:
    waited = [turn for turn in facts.turns if turn.wait_us is not None]
    none = "no answer with audio" + (" yet" if facts.call.status == "live" else "")
    detail = f"from true end of speech, n = {len(waited)}" if waited else none
    p50 = facts.call.wait_p50_us
    turn = next((turn for turn in waited if turn.wait_us == p50), None)
    fact = Fact(
        "wait_p50", "Caller waited, p50", text.wait(p50), detail, text.wait_tone(p50, facts.own)
    )
    return _heard_at(fact, turn and wait_span(turn))


def _wait_max(facts: Facts) -> Fact:
    longest_us = facts.call.wait_max_us
    turn = next((turn for turn in facts.turns if turn.wait_us == longest_us), None)
    if longest_us is None or turn is None:
        return Fact("wait_max", "Longest wait", text.wait(longest_us))
    names = sorted({tool.name for tool in facts.tool_calls if tool.turn == turn.turn})
    where = ", ".join([f"turn {turn.turn}", *names])
    tone = text.wait_tone(longest_us, facts.own)
    fact = Fact("wait_max", "Longest wait", text.wait(longest_us), where, tone)
    return _heard_at(fact, wait_span(turn))


def _heard_at(fact: Fact, span: Span | None) -> Fact:
    return replace(fact, start_ms=span.start_ms, until_ms=span.end_ms) if span else fact


def _barge_ins(facts: Facts) -> Fact:
    stops = [turn.stop_us for turn in facts.turns if turn.stop_us is not None]
    if not facts.call.barge_ins:
        detail = "nobody was interrupted" if facts.call.turns else ""
    elif stops:
        middle = "stopped in" if len(stops) == 1 else "stopped in, median"
        detail = f"{middle} {text.wait(median(stops))}"
    else:
        detail = ""
    at_ms = first(facts.turns, lambda turn: turn.barge_in)
    count = text.count(facts.call.barge_ins)
    return Fact("barge_ins", "Barge-ins", count, detail, start_ms=at_ms)


def _unheard(facts: Facts) -> Fact:
    call = facts.call
    if call.direct:
        return Fact("unheard", "Never heard", text.UNKNOWN, "its sound went past the gateway")
    whole_us = call.assistant_audio_us
    unheard_us, part = max(0, whole_us - call.heard_audio_us), ratios.unheard_ratio(call)
    if call.status == "live":
        # What is being played now will be heard: only what was cut off will not.
        unheard_us = sum(row.audio_us - row.heard_us for row in facts.responses)
        part = unheard_us / whole_us if whole_us else None
    detail = f"{text.percent(part)} of {text.seconds(whole_us)} generated" if whole_us else ""
    at_ms = first_unheard_ms(facts.responses)
    return Fact("unheard", "Never heard", text.seconds(unheard_us), detail, start_ms=at_ms)


def _cost(call: CallRow) -> Fact:
    value = text.money(call.cost_usd)
    if call.unpriced:
        detail = "no price for " + ", ".join(call.unpriced)
        return Fact("cost", "Cost", value, detail, "warn")
    if call.cost_usd is None:
        return Fact("cost", "Cost", text.UNKNOWN if not call.responses else value, "nothing billed")
    minute = ratios.usd_per_minute(call)
    rate = "so far" if minute is None else f"{text.money(minute)} a minute"
    cached = f", {text.percent(ratios.cache_ratio(call.tokens))} cached" if call.responses else ""
    return Fact("cost", "Cost", value, f"{rate}{cached}")
