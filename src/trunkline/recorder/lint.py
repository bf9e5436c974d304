"""Pure. Protocol lint: what of a call's frames is likely not what their sender meant.

Each finding names the frame that it comes from. They are rows like all others, so that a
live page has them and a rebuild gives them again. What needs samples (clipping, a silent
microphone) is not here but read off the sealed waveform, `store/facts/loud.py`.

docs/reference/metrics.md has the list: each code with its frame and its rule.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from trunkline.protocol import retirements, trace
from trunkline.protocol.formats import Format
from trunkline.recorder import updates
from trunkline.recorder.arguments import MISFIT, NO_JSON
from trunkline.recorder.cost import day_of
from trunkline.recorder.findings import found
from trunkline.recorder.intake import Intake
from trunkline.recorder.state import Answer, State, Step, Tool

UNANSWERED_US: Final = 5_000_000
"""Whoever hangs up sooner has not left a tool unanswered."""
_MAX_HEADER_CHARS: Final = 100
_SHORTEST_US: Final = 5_000_000
"""Of sound, before its pace is judged."""
_MOST_LIVE: Final = 1.2
_SHORT_GAP_US: Final = 200_000
"""A gap in a microphone that is merely slow is about as long as it takes to notice one."""
_MANY_GAPS: Final = 10
_NEAR: Final = 0.03
_RATES_HZ: Final = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


# --- models and prices


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
        found(state, step, "model_retired", "bad", detail, step.seq, step.at_us)
    elif today + retirements.SOON >= last:
        detail = f"{name}: retires on {last.isoformat()}"
        found(state, step, "model_retires", "warn", detail, step.seq, step.at_us)


def price(state: State, step: Step, header: str) -> None:
    """The gateway could not read a price that the caller gave for this call."""
    name = "-".join(word.capitalize() for word in header[:_MAX_HEADER_CHARS].split("-"))
    found(state, step, "bad_price", "warn", name, step.seq, step.at_us)


# --- traces


def no_traceparent(state: State, step: Step) -> None:
    """The caller opened the call with a `traceparent` that is none."""
    found(state, step, "bad_traceparent", "note", "", step.seq, step.at_us)


def traced(state: State, step: Step) -> None:
    """The provider tells what it traces: is a `traceparent` in its metadata one?"""
    hearing = state.hearing
    said = hearing.tracing.metadata.get(trace.NAME, "") if hearing.tracing else ""
    if said and not hearing.misnamed_trace and trace.parse(said) is None:
        hearing.misnamed_trace = True
        no_traceparent(state, step)


# --- responses and tools


def late(state: State, step: Step, answer: Answer) -> None:
    """A response is done: was it sent on after the caller spoke?"""
    if answer.late_audio_us:
        detail = f"{answer.late_audio_us // 1000} ms of sound"
        at_us = answer.late_at_us
        found(state, step, "late_audio", "note", detail, answer.late_seq, at_us)


def arguments(state: State, step: Step, tool: Tool) -> None:
    """A tool is called: can its arguments be read, and are they what it asks for?"""
    code = _OF_ARGUMENTS.get(tool.judged.are)
    if code is not None:
        detail = f"{tool.name}: {tool.judged.why}" if tool.name else tool.judged.why
        found(state, step, *code, detail, tool.seq, tool.called_us)


_OF_ARGUMENTS: Final = {
    NO_JSON: ("arguments_no_json", "bad"),
    MISFIT: ("arguments_misfit", "warn"),
}


def _unanswered(state: State, step: Step, tool: Tool) -> None:
    if tool.function and step.at_us - tool.called_us >= UNANSWERED_US:
        found(state, step, "tool_unanswered", "bad", tool.name, tool.seq, tool.called_us)


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
        found(state, step, "sample_rate", "bad", detail, *first)
    elif pace > _MOST_LIVE:
        detail = f"{pace:.1f} s of sound a second"
        found(state, step, "audio_fast", "note", detail, *first)
    elif intake.gaps >= _MANY_GAPS and intake.gap_us <= intake.gaps * _SHORT_GAP_US:
        detail = f"{intake.gaps} gaps, {intake.gap_us // 1000} ms together"
        found(state, step, "audio_slow", "warn", detail, intake.gap_seq, intake.gap_at_us)


def end(state: State, step: Step) -> None:
    """The call is over."""
    for tool in state.tools.values():
        _unanswered(state, step, tool)
    updates.end(state, step)
    if state.hearing.kind not in ("translation", "live"):
        _pace(state, step)
