"""Pure. Protocol lint: what of a call's frames is likely not what their sender meant.

Each finding names the frame that it comes from. They are rows like all others, so that a
live page has them and a rebuild gives them again. What needs samples (clipping, a silent
microphone) is not here but read off the sealed waveform, `store/facts/loud.py`.

docs/reference/metrics.md has the list: each code with its frame and its rule.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from trunkline.protocol import retirements
from trunkline.protocol.events import ErrorDetail
from trunkline.protocol.formats import Format
from trunkline.recorder import requested
from trunkline.recorder.cost import day_of
from trunkline.recorder.intake import Intake
from trunkline.recorder.redact import redacted
from trunkline.recorder.requested import Asked
from trunkline.recorder.state import Answer, Asking, State, Step, Tool
from trunkline.store.facts.rows import FindingRow

UNANSWERED_US: Final = 5_000_000
"""Whoever hangs up sooner has not left a tool unanswered."""
MAX_ASKING: Final = 8
_SHORTEST_US: Final = 5_000_000
"""Of sound, before its pace is judged."""
_MOST_LIVE: Final = 1.2
_SHORT_GAP_US: Final = 200_000
"""A gap in a microphone that is merely slow is about as long as it takes to notice one."""
_MANY_GAPS: Final = 10
_NEAR: Final = 0.03
_RATES_HZ: Final = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


def _found(
    state: State, step: Step, code: str, severity: str, detail: str, seq: int, at_us: int
) -> None:
    row = FindingRow(
        org_id=state.opened.org_id if state.opened else "",
        call_id=state.call_id,
        version=step.seq,
        seq=seq,
        code=code,
        at_us=at_us,
        severity=severity,
        detail=redacted(detail),
    )
    step.rows.append(row)


# --- session.update


def updating(state: State, step: Step) -> None:
    """The caller sends a `session.update`, which was handed on."""
    asked = requested.read(step.record.payload)
    if asked is None:
        return
    _dialect(state, step, asked)
    state.asking.append(Asking(step.seq, step.at_us, asked))
    del state.asking[:-MAX_ASKING]


def _dialect(state: State, step: Step, asked: Asked) -> None:
    before = state.spoken_dialect
    if len(asked.dialects) == 2:
        detail = "fields of both dialects in one session"
        _found(state, step, "dialect_mixed", "warn", detail, step.seq, step.at_us)
    elif asked.dialects and before and asked.dialects[0] != before:
        detail = f"{asked.dialects[0]} after {before}"
        _found(state, step, "dialect_mixed", "warn", detail, step.seq, step.at_us)
    if len(asked.dialects) == 1:
        state.spoken_dialect = asked.dialects[0]


def updated(state: State, step: Step) -> None:
    """The provider answers a `session.update` with the session in force."""
    told = requested.read(step.record.payload)
    if not state.asking or told is None:
        return
    asking = state.asking.pop(0)
    # Translated between dialects, names differ and fields are mapped: nothing can be held
    # against anything.
    if not asking.asked.dialects or not told.dialects:
        return
    if set(asking.asked.dialects) != set(told.dialects):
        return
    missing = list(requested.differences(asking.asked.leaves, told.leaves))
    if missing:
        detail = "; ".join(f"{path}: {what}" for path, what in missing)
        _found(state, step, "update_ignored", "warn", detail, asking.seq, asking.at_us)


def refused(state: State, step: Step, detail: ErrorDetail) -> None:
    """The provider sends an error: is it the answer to a `session.update`?"""
    for asking in state.asking:
        named = bool(detail.event_id) and detail.event_id == asking.asked.event_id
        if named or (detail.param or "").startswith("session"):
            state.asking.remove(asking)
            what = ": ".join(part for part in (detail.param, detail.message) if part)
            _found(state, step, "update_refused", "bad", what, asking.seq, asking.at_us)
            return


# --- models


def model(state: State, step: Step, name: str) -> None:
    """The provider names a model of the session."""
    if not name or name in state.linted_models:
        return
    state.linted_models.append(name)
    provider = state.opened.provider if state.opened else ""
    last = retirements.retires_on(name, provider)
    if last is None:
        return
    today = date.fromisoformat(day_of(state.wall_us + step.at_us))
    if today > last:
        detail = f"{name}: retired on {last.isoformat()}"
        _found(state, step, "model_retired", "bad", detail, step.seq, step.at_us)
    elif today + retirements.SOON >= last:
        detail = f"{name}: retires on {last.isoformat()}"
        _found(state, step, "model_retires", "warn", detail, step.seq, step.at_us)


# --- responses and tools


def late(state: State, step: Step, answer: Answer) -> None:
    """A response is done: was it sent on after the caller spoke?"""
    if answer.late_audio_us:
        detail = f"{answer.late_audio_us // 1000} ms of sound"
        at_us = answer.late_at_us
        _found(state, step, "late_audio", "note", detail, answer.late_seq, at_us)


def _unanswered(state: State, step: Step, tool: Tool) -> None:
    if tool.function and step.at_us - tool.called_us >= UNANSWERED_US:
        _found(state, step, "tool_unanswered", "bad", tool.name, tool.seq, tool.called_us)


def _unheeded(state: State, step: Step, asking: Asking) -> None:
    if step.at_us - asking.at_us >= UNANSWERED_US:
        detail = "no session.updated came"
        _found(state, step, "update_ignored", "warn", detail, asking.seq, asking.at_us)


# --- sound


def rate_of(intake: Intake, format_: Format) -> int | None:
    """Return the sample rate that live sound seems to have, where it is not that of the session.

    A microphone at rate r that is taken for rate s brings r/s seconds of sound a second, evenly:
    within 3 % over all of the call, gaps shorter than 200 ms apart from nothing else. None:
    it is as it should be, or no rate fits.
    """
    elapsed_us = intake.received_us - intake.captured_us
    if intake.appended_us < _SHORTEST_US or elapsed_us < _SHORTEST_US:
        return None
    if intake.gaps and intake.gap_us / intake.gaps > _SHORT_GAP_US:
        return None
    pace = intake.appended_us / elapsed_us
    for rate_hz in _RATES_HZ:
        expected = rate_hz / format_.rate_hz
        if rate_hz != format_.rate_hz and abs(pace / expected - 1) <= _NEAR:
            return rate_hz
    return None


def _pace(state: State, step: Step) -> None:
    intake, format_ = state.intake, state.sound.caller_format
    if intake.appended_us < _SHORTEST_US:
        return
    elapsed_us = max(1, intake.received_us - intake.captured_us)
    pace = intake.appended_us / elapsed_us
    first = (intake.first_seq, intake.captured_us)
    rate_hz = rate_of(intake, format_)
    if rate_hz is not None:
        detail = f"it comes as {rate_hz} Hz would, the session has {format_.rate_hz}"
        _found(state, step, "sample_rate", "bad", detail, *first)
    elif pace > _MOST_LIVE:
        detail = f"{pace:.1f} s of sound a second"
        _found(state, step, "audio_fast", "note", detail, *first)
    elif intake.gaps >= _MANY_GAPS and intake.gap_us <= intake.gaps * _SHORT_GAP_US:
        detail = f"{intake.gaps} gaps, {intake.gap_us // 1000} ms together"
        _found(state, step, "audio_slow", "warn", detail, intake.gap_seq, intake.gap_at_us)


def end(state: State, step: Step) -> None:
    """The call is over."""
    for tool in state.tools.values():
        _unanswered(state, step, tool)
    for asking in state.asking:
        _unheeded(state, step, asking)
    if state.hearing.kind not in ("translation", "live"):
        _pace(state, step)
