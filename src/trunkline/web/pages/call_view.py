"""Pure. One call as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

from trunkline.protocol.incoming import FROM
from trunkline.store.facts.rows import CallRow, ErrorRow
from trunkline.web.pages import text
from trunkline.web.pages.call_facts import Fact, Facts, call_facts
from trunkline.web.pages.findings import Finding, findings
from trunkline.web.pages.measures_view import Measure, measures
from trunkline.web.pages.timeline import timeline
from trunkline.web.pages.trace_view import Traced, traced
from trunkline.web.pages.transcript import Line, Tool, lines, tool_view
from trunkline.web.pages.turns_view import Turn, turn_views
from trunkline.web.pages.usage_view import ModelUsage, usage_views

_SEALED_WITHIN_US = 60_000_000
"""A recording that has not come by then is not coming: do not ask for ever."""


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
    phase: str
    closed: str
    """The code of the close, where the call ended by it."""


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
    has_flame: bool
    """Several turns are billed, so that one may be billed for what another brought."""
    details: tuple[tuple[str, str], ...]
    trace: tuple[Traced, ...]
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
    return CallView(
        call_id=call.call_id,
        version=call.version,
        title=call.session_name or call.user_id or _telephone(call) or call.model_asked or "Call",
        subtitle=call.session_path if call.session_name else "",
        status=_status(call),
        status_tone=text.status_tone(call.status),
        live=call.status == "live",
        refresh=_refresh(call, now_us),
        has_audio=call.has_audio,
        silent=not _sounded(call),
        direct=call.direct,
        opened_at_iso=text.iso(call.opened_at_us),
        opened_at=text.when(call.opened_at_us),
        chips=tuple(_chips(call)),
        facts=call_facts(facts, duration_us),
        lines=lines(facts.items, facts.tool_calls, facts.turns, facts.own),
        turns=turn_views(facts.turns, facts.tool_calls, facts.responses, facts.own),
        tools=tuple(tool_view(row) for row in facts.tool_calls),
        errors=tuple(_error(row) for row in facts.errors),
        findings=findings(call, facts.turns, facts.tool_calls, facts.lint, facts.errors, facts.own),
        measures=_measures(facts),
        usage=usage_views(facts.usage),
        cost=text.money(call.cost_usd),
        has_flame=len({row.turn for row in facts.responses if row.turn and row.tokens.input}) > 1,
        details=tuple(_details(call)),
        trace=traced(call),
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
            own=facts.own,
        ),
    )


def _telephone(call: CallRow) -> str:
    """Return who called, as their telephone says; empty when it says nothing."""
    return call.properties.get(FROM, "").removeprefix("sip:")


def _measures(facts: Facts) -> tuple[Measure, ...]:
    if facts.call.kind != "realtime" or facts.call.status == "refused":
        return ()
    parts = facts.turns, facts.responses, facts.items, facts.tool_calls
    return measures(facts.call, *parts, facts.own)


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
        Chip(
            "prompt",
            call.prompt,
            "/calls?" + urlencode({"prompt": call.prompt}),
            title="Calls with the same instructions",
        ),
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


def _error(row: ErrorRow) -> Error:
    return Error(
        at=text.clock(row.at_us),
        start_ms=row.at_us // 1000,
        source=row.source,
        code=row.code or row.type or "error",
        message=row.message,
        param=row.param,
        phase=row.phase,
        closed="" if row.close_code is None else str(row.close_code),
    )


def _close(code: int | None, reason: str) -> str:
    return "no close frame" if code is None else f"{code} {reason}".strip()


def _details(call: CallRow) -> list[tuple[str, str]]:
    if call.status == "live":
        closes: list[tuple[str, str]] = []
    elif call.direct:
        # Whoever called was never connected here.
        end = _close(call.provider_close_code, call.provider_close_reason)
        closes = [("Sideband’s close", end)]
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
