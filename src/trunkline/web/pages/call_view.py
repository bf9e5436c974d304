"""Pure. One call as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

from trunkline.store.facts import ratios
from trunkline.store.facts.flame import flame
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
from trunkline.web.lint import Lint
from trunkline.web.pages import text
from trunkline.web.pages.findings import SIDEBAND_GAP, Finding, findings
from trunkline.web.pages.flame_view import Flame, dearest, flame_views
from trunkline.web.pages.measures_view import Measure, measures
from trunkline.web.pages.timeline import timeline
from trunkline.web.pages.transcript import Line, Tool, lines, tool_view
from trunkline.web.pages.turns_view import Turn, turn_views
from trunkline.web.pages.usage_view import ModelUsage, usage_views
from trunkline.web.vad import Detected

_SEALED_WITHIN_US = 60_000_000
"""A recording that has not come by then is not coming: do not ask for ever."""


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


@dataclass(frozen=True, slots=True)
class Chip:
    """One label under the title."""

    label: str
    value: str
    href: str = ""
    tone: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Error:
    """One error, wherever it came from."""

    at: str
    start_ms: int
    source: str
    code: str
    message: str
    param: str


@dataclass(frozen=True, slots=True)
class CallView:
    """Everything that `call.html` needs."""

    call_id: str
    version: int
    title: str
    subtitle: str
    status: str
    status_tone: str
    live: bool
    refresh: bool
    """More is to come: the call is live, or its recording is being written."""
    has_audio: bool
    silent: bool
    """Neither side made a sound."""
    direct: bool
    """Sound went past the gateway."""
    opened_at_iso: str
    opened_at: str
    chips: tuple[Chip, ...]
    facts: tuple[Fact, ...]
    lines: tuple[Line, ...]
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...]
    errors: tuple[Error, ...]
    findings: tuple[Finding, ...]
    measures: tuple[Measure, ...]
    usage: tuple[ModelUsage, ...]
    cost: str
    flames: tuple[Flame, ...]
    dearest: str
    """Which turn was billed again for the most, in words."""
    details: tuple[tuple[str, str], ...]
    refusal: str
    """Why there was no conversation; empty when there was one."""
    has_turns: bool
    """A conversation; other kinds of session have neither turns nor responses."""
    answers: str
    """Who speaks on the provider's side."""
    timeline: dict[str, Any] = field(hash=False)


def call_view(facts: Facts, *, now_us: int) -> CallView:
    """Return one call's page. `now_us` is wall time: the age of a live call."""
    call = facts.call
    age_us = max(0, now_us - call.opened_at_us)
    duration_us = age_us if call.duration_us is None else call.duration_us
    costs = flame(facts.turns, facts.responses, facts.usage)
    return CallView(
        call_id=call.call_id,
        version=call.version,
        title=call.session_name or call.user_id or call.model_asked or "Call",
        subtitle=call.session_path if call.session_name else "",
        status=_status(call),
        status_tone=text.status_tone(call.status),
        live=call.status == "live",
        refresh=_refresh(call, now_us),
        has_audio=call.has_audio,
        silent=not _sounded(call),
        direct=call.transport != "websocket",
        opened_at_iso=text.iso(call.opened_at_us),
        opened_at=text.when(call.opened_at_us),
        chips=tuple(_chips(call)),
        facts=_top(facts, duration_us) if call.kind == "realtime" else _flow(facts, duration_us),
        lines=lines(facts.items, facts.tool_calls, facts.turns),
        turns=turn_views(facts.turns, facts.tool_calls),
        tools=tuple(tool_view(row) for row in facts.tool_calls),
        errors=tuple(_error(row) for row in facts.errors),
        findings=findings(call, facts.turns, facts.tool_calls, facts.lint, facts.errors),
        measures=_measures(facts),
        usage=usage_views(facts.usage),
        cost=text.money(call.cost_usd),
        flames=flame_views(costs),
        dearest=dearest(costs),
        details=tuple(_details(call)),
        refusal=_refusal(call),
        has_turns=call.kind == "realtime",
        answers="Translation" if call.kind == "translation" else "Assistant",
        timeline=timeline(
            call,
            facts.turns,
            facts.responses,
            facts.items,
            facts.tool_calls,
            facts.errors,
            duration_us=duration_us,
            vad=facts.vad,
        ),
    )


def _measures(facts: Facts) -> tuple[Measure, ...]:
    if facts.call.kind != "realtime" or facts.call.status == "refused":
        return ()
    parts = facts.turns, facts.responses, facts.items, facts.tool_calls
    return measures(facts.call, *parts)


def _refresh(call: CallRow, now_us: int) -> bool:
    if call.status == "live":
        return True
    over_us = now_us - (call.ended_at_us or 0)
    return _sounded(call) and not call.has_audio and over_us < _SEALED_WITHIN_US


def _sounded(call: CallRow) -> bool:
    return call.caller_audio_us + call.assistant_audio_us > 0


def _status(call: CallRow) -> str:
    status, reason = text.status(call.status), text.end_reason(call.end_reason)
    if reason.startswith(status):
        return reason
    return f"{status} · {reason}" if reason else status


def _refusal(call: CallRow) -> str:
    if call.status != "refused":
        return ""
    if not call.http_status:
        return call.error_message or text.end_reason(call.end_reason).capitalize() + "."
    who = "The provider" if call.end_reason == "refused_by_provider" else "The gateway"
    return f"{who} answered {call.http_status}. {call.error_message}".strip()


_SPOKEN_BY: Final = {
    "transcript": "As the transcriber heard",
    "session": "As the session told the transcriber to expect",
}


def _chips(call: CallRow) -> list[Chip]:
    model = call.model_used or call.model_asked
    asked = f"asked for {call.model_asked}" if call.model_asked != model else ""
    dialects = dict.fromkeys((call.caller_dialect, call.provider_dialect))
    session = call.session_id
    damaged = text.plural(call.damaged_records, "record") if call.damaged_records else ""
    chips = [
        Chip("damaged", damaged, tone="bad", title="Damaged on the disk: see the findings"),
        Chip("kind", text.kind(call.kind)),
        Chip("media", text.transport(call.transport), title="Past the gateway: see the findings"),
        Chip("translated into", call.language),
        Chip("language", ", ".join(call.spoken), title=_SPOKEN_BY.get(call.spoken_by, "")),
        Chip("user", call.user_id, "/calls?" + urlencode({"user": call.user_id})),
        Chip("session", session, "/sessions/" + quote(session, safe="")),
        Chip(text.provider(call.provider), model, title=asked),
        Chip("dialect", " → ".join(dialects)),
        Chip("turn detection", call.vad.replace("_", " ").replace("vad", "VAD")),
        Chip("voice", call.voice),
        Chip("key", call.key_name or call.key_id, "/calls?" + urlencode({"key": call.key_id})),
        *_properties(call.properties),
    ]
    return [chip for chip in chips if chip.value]


def _properties(properties: Mapping[str, str]) -> list[Chip]:
    return [
        Chip(name, value, "/calls?" + urlencode({"property": f"{name}={value}"}))
        for name, value in sorted(properties.items())
        # Helicone counts its own headers among the properties; they have chips already.
        if not name.startswith("Helicone-")
    ]


def _duration(facts: Facts, duration_us: int, contents: str) -> Fact:
    missing = facts.call.lost_frames + facts.call.damaged_records
    gaps = sum(error.code == SIDEBAND_GAP for error in facts.errors)
    lost = f"{text.plural(missing, 'frame')} lost" if missing else ""
    if gaps:
        lost = ", ".join(filter(None, (lost, f"cut off {text.plural(gaps, 'time')}")))
    detail, tone = lost or f"{contents}, nothing lost", "bad" if lost else "none"
    return Fact("duration", "Duration", text.clock(duration_us), detail, tone)


def _gateway(call: CallRow) -> Fact:
    frames = text.plural(call.caller_frames + call.provider_frames, "frame")
    detail = f"p99 {text.millis(call.relay_p99_us)}, {frames}"
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
        _unheard(call),
        _cost(call),
        _gateway(call),
    )


def _wait_p50(facts: Facts) -> Fact:
    waited = [turn for turn in facts.turns if turn.wait_us is not None]
    none = "no answer with audio" + (" yet" if facts.call.status == "live" else "")
    detail = f"from true end of speech, n = {len(waited)}" if waited else none
    p50 = facts.call.wait_p50_us
    return Fact("wait_p50", "Caller waited, p50", text.wait(p50), detail, text.wait_tone(p50))


def _wait_max(facts: Facts) -> Fact:
    longest_us = facts.call.wait_max_us
    turn = next((turn for turn in facts.turns if turn.wait_us == longest_us), None)
    if longest_us is None or turn is None:
        return Fact("wait_max", "Longest wait", text.wait(longest_us))
    names = sorted({tool.name for tool in facts.tool_calls if tool.turn == turn.turn})
    where = ", ".join([f"turn {turn.turn}", *names])
    tone = text.wait_tone(longest_us)
    start_ms = ((turn.first_audio_us or turn.started_us) - longest_us) // 1000
    return Fact("wait_max", "Longest wait", text.wait(longest_us), where, tone, start_ms)


def _barge_ins(facts: Facts) -> Fact:
    stops = [turn.stop_us for turn in facts.turns if turn.stop_us is not None]
    if not facts.call.barge_ins:
        detail = "nobody was interrupted" if facts.call.turns else ""
    elif stops:
        middle = "stopped in" if len(stops) == 1 else "stopped in, median"
        detail = f"{middle} {text.wait(median(stops))}"
    else:
        detail = ""
    return Fact("barge_ins", "Barge-ins", text.count(facts.call.barge_ins), detail)


def _unheard(call: CallRow) -> Fact:
    if call.transport != "websocket":
        return Fact("unheard", "Never heard", text.UNKNOWN, "its sound went past the gateway")
    whole_us = call.assistant_audio_us
    unheard_us, part = max(0, whole_us - call.heard_audio_us), ratios.unheard_ratio(call)
    detail = f"{text.percent(part)} of {text.seconds(whole_us)} generated"
    return Fact("unheard", "Never heard", text.seconds(unheard_us), detail if whole_us else "")


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


def _error(row: ErrorRow) -> Error:
    return Error(
        at=text.clock(row.at_us),
        start_ms=row.at_us // 1000,
        source=row.source,
        code=row.code or row.type or "error",
        message=row.message,
        param=row.param,
    )


def _close(code: int | None, reason: str) -> str:
    return "no close frame" if code is None else f"{code} {reason}".strip()


def _details(call: CallRow) -> list[tuple[str, str]]:
    if call.status == "live":
        closes: list[tuple[str, str]] = []
    else:
        closes = [
            ("Caller’s close", _close(call.caller_close_code, call.caller_close_reason)),
            ("Provider’s close", _close(call.provider_close_code, call.provider_close_reason)),
        ]
    pairs = [
        ("Call", call.call_id),
        ("Session path", call.session_path),
        ("Model asked for", call.model_asked),
        ("Model used", call.model_used),
        ("Provider’s address", call.provider_url),
        ("Provider’s session", call.provider_session_id),
        ("Connected in", _connected(call)),
        *(closes if call.status != "refused" else []),
        ("Frames from the caller", _frames(call.caller_frames, call.caller_bytes)),
        ("Frames from the provider", _frames(call.provider_frames, call.provider_bytes)),
        ("Caller’s software", call.user_agent),
        ("Gateway", call.gateway),
    ]
    return [(name, value) for name, value in pairs if value]


def _connected(call: CallRow) -> str:
    """A conversation has it among its measures."""
    unknown = call.connect_us is None or call.kind == "realtime"
    return "" if unknown else text.millis(call.connect_us)


def _frames(frames: int, size_bytes: int) -> str:
    return f"{text.count(frames)}, {text.size(size_bytes)}" if frames else ""
